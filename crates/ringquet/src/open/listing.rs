//! Which files a data set has: paths as they were named, directories searched, each file once.

use ringquet_result::{Warning, WarningCode};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringquet_io::IoError;
use ringquet_io::file::not_seekable_kind;

use crate::error::{Error, Unopened};

/// The files that paths name.
#[derive(Debug, Default)]
pub struct Listing {
    /// Sorted by full path.
    pub files: Vec<PathBuf>,
    /// What was named and is not there or is no file, and directories that cannot be listed.
    pub failures: Vec<Unopened>,
    /// What was found and left out.
    pub warnings: Vec<Warning>,
}

/// The Parquet files that `paths` name, sorted by full path. A file is taken as it is, whatever its name. A directory is
/// searched for `*.parquet`, with everything below it, except:
///
/// - names that begin with `.` or `_`, of files and of directories ([`is_hidden`]);
/// - symbolic links to directories, which may lead round in circles;
/// - what is neither a regular file nor a block device.
///
/// A file that is named or found several times, by whatever path, is listed once. What is left out is in
/// [`Listing::warnings`].
pub fn find_files(paths: &[impl AsRef<Path>]) -> Listing {
    let mut listing = Listing::default();
    let mut left_out = LeftOut::default();
    for path in paths {
        let path = path.as_ref();
        let failed = |error| Unopened { path: path.to_owned(), error: Arc::new(error) };
        match std::fs::metadata(path) {
            Err(source) => {
                let path = path.to_owned();
                listing.failures.push(failed(Error::Path { path, source }));
            }
            Ok(metadata) if metadata.is_dir() => {
                let before = listing.files.len() + listing.failures.len();
                search(path, &mut listing, &mut left_out);
                if listing.files.len() + listing.failures.len() == before {
                    let path = path.to_owned();
                    listing.failures.push(failed(Error::NoFiles { path }));
                }
            }
            Ok(_) => match not_seekable_kind(path) {
                None => listing.files.push(path.to_owned()),
                Some(kind) => {
                    let error = IoError::NotSeekable { path: path.to_owned(), kind };
                    listing.failures.push(failed(error.into()));
                }
            },
        }
    }
    listing.warnings.extend(left_out.warnings());
    listing.warnings.extend(keep_each_file_once(&mut listing.files));
    listing
}

/// Does a name begin with `.` or `_`? Hadoop, Spark, Arrow and DuckDB pass over such names: they are files that are being
/// written (`_temporary/`, `.part-0.parquet.crc`), logs and summaries (`_SUCCESS`, `_metadata`, `_delta_log/`).
pub fn is_hidden(name: &OsStr) -> bool {
    matches!(name.as_encoded_bytes().first(), Some(b'.' | b'_'))
}

/// Does a name end in `.parquet`, in whatever case?
fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

/// What a search passes over.
#[derive(Default)]
struct LeftOut {
    hidden: FirstAndCount,
    links: FirstAndCount,
    special: FirstAndCount,
}

#[derive(Default)]
struct FirstAndCount {
    first: Option<PathBuf>,
    count: u64,
}

impl FirstAndCount {
    fn add(&mut self, path: PathBuf) {
        self.count += 1;
        // Directories come in any order; the message should not.
        if self.first.as_ref().is_none_or(|first| path < *first) {
            self.first = Some(path);
        }
    }
}

impl LeftOut {
    fn warnings(&self) -> Vec<Warning> {
        let special = self.special.first.as_deref().and_then(not_seekable_kind);
        let special = format!(
            "of which the first is {}",
            special.unwrap_or("neither a regular file nor a block device")
        );
        let all = [
            (
                WarningCode::HiddenFilesSkipped,
                &self.hidden,
                "whose names begin with '_' or '.'; name them on the command line to read them",
            ),
            (
                WarningCode::LinksNotFollowed,
                &self.links,
                "that are symbolic links to directories; name them on the command line to read their files",
            ),
            (WarningCode::SpecialFilesSkipped, &self.special, &special),
        ];
        let found = all.iter().filter_map(|(code, left_out, what)| {
            let first = left_out.first.as_ref()?.display();
            let count = left_out.count;
            let entries = if count == 1 { "entry" } else { "entries" };
            Some(Warning::new(*code, format!("skipped {count} {entries} (first: {first}) {what}")))
        });
        found.collect()
    }
}

/// Everything below `root`. A directory is closed before those in it are opened: the depth costs no descriptors.
fn search(root: &Path, listing: &mut Listing, left_out: &mut LeftOut) {
    let mut below = vec![root.to_owned()];
    while let Some(dir) = below.pop() {
        if let Err(source) = search_one(&dir, &mut below, &mut listing.files, left_out) {
            let error = Arc::new(Error::Path { path: dir.clone(), source });
            listing.failures.push(Unopened { path: dir, error });
        }
    }
}

fn search_one(
    dir: &Path,
    below: &mut Vec<PathBuf>,
    files: &mut Vec<PathBuf>,
    left_out: &mut LeftOut,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if is_hidden(&entry.file_name()) {
            if kind.is_dir() || is_parquet(&path) {
                left_out.hidden.add(path);
            }
        } else if kind.is_dir() {
            below.push(path);
        } else if kind.is_symlink() && path.is_dir() {
            left_out.links.add(path);
        } else if is_parquet(&path) {
            // A link that leads nowhere is listed: opening it says so.
            if kind.is_file() || not_seekable_kind(&path).is_none() {
                files.push(path);
            } else {
                left_out.special.add(path);
            }
        }
    }
    Ok(())
}

/// Sorts paths and leaves out those that lead to a file which an earlier one leads to: hard links, symbolic links, another
/// spelling. A path that leads nowhere is kept.
pub fn keep_each_file_once(files: &mut Vec<PathBuf>) -> Option<Warning> {
    files.sort();
    let all = files.len();
    // Length and time of change too: some network file systems number their files carelessly.
    let mut seen: HashMap<(u64, u64, u64, i64, i64), PathBuf> = HashMap::with_capacity(all);
    let mut first: Option<(PathBuf, PathBuf)> = None;
    files.retain(|path| {
        let Ok(file) = std::fs::metadata(path) else { return true };
        let identity = (file.dev(), file.ino(), file.len(), file.mtime(), file.mtime_nsec());
        match seen.get(&identity) {
            None => {
                seen.insert(identity, path.clone());
                true
            }
            Some(earlier) => {
                first.get_or_insert_with(|| (path.clone(), earlier.clone()));
                false
            }
        }
    });
    let (again, earlier) = first?;
    Some(Warning::new(
        WarningCode::FilesListedTwice,
        format!(
            "{} of {all} paths lead to a file that is listed already (first: {} is the same file as {}); each file is read once",
            all - files.len(),
            again.display(),
            earlier.display()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory with empty files of these names.
    fn dir(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, *file).unwrap();
        }
        dir
    }

    fn names(listing: &Listing, dir: &Path) -> Vec<String> {
        let strip = |path: &PathBuf| path.strip_prefix(dir).unwrap().display().to_string();
        listing.files.iter().map(strip).collect()
    }

    fn codes(listing: &Listing) -> Vec<WarningCode> {
        listing.warnings.iter().map(|warning| warning.code).collect()
    }

    #[test]
    fn hidden_names_are_passed_over_at_any_depth() {
        let dir = dir(&[
            "a.parquet",
            "_SUCCESS",
            "_metadata",
            "_b.parquet",
            ".c.parquet",
            "_temporary/0/d.parquet",
            "x.parquet/part-0.parquet",
            "x.parquet/_temporary/e.parquet",
            "y/.hidden/f.parquet",
            "y/g.PARQUET",
            "y/notes.txt",
        ]);
        let listing = find_files(&[dir.path().to_owned()]);
        let expect = ["a.parquet", "x.parquet/part-0.parquet", "y/g.PARQUET"];
        assert_eq!(names(&listing, dir.path()), expect);
        assert_eq!(codes(&listing), [WarningCode::HiddenFilesSkipped]);
        let message = &listing.warnings[0].message;
        assert!(message.starts_with("skipped 5 entries (first: "), "{message}");
        assert!(message.contains("/.c.parquet) whose names begin"), "{message}");
        // Named, they are taken as they are.
        let named = ["_b.parquet", "_temporary"].map(|name| dir.path().join(name));
        let listing = find_files(&named);
        assert_eq!(names(&listing, dir.path()), ["_b.parquet", "_temporary/0/d.parquet"]);
        assert!(listing.warnings.is_empty(), "{:?}", listing.warnings);
    }

    #[test]
    fn each_file_is_listed_once() {
        let dir = dir(&["a.parquet", "sub/b.parquet"]);
        let at = |name: &str| dir.path().join(name);
        symlink(at("a.parquet"), at("c.parquet")).unwrap();
        std::fs::hard_link(at("a.parquet"), at("sub/d.parquet")).unwrap();
        // The same content and length, but another file.
        std::fs::write(at("e.parquet"), "a.parquet").unwrap();
        let paths = [at("."), at("sub"), at("sub/../a.parquet"), at("a.parquet")];
        let listing = find_files(&paths);
        assert_eq!(listing.files.len(), 3, "{:?}", listing.files);
        assert_eq!(codes(&listing), [WarningCode::FilesListedTwice]);
        let message = &listing.warnings[0].message;
        assert!(message.starts_with("6 of 9 paths lead to a file"), "{message}");
    }

    #[test]
    fn links_and_special_files() {
        let dir = dir(&["a.parquet"]);
        let at = |name: &str| dir.path().join(name);
        symlink(dir.path(), at("round.parquet")).unwrap();
        symlink(at("nowhere"), at("nowhere.parquet")).unwrap();
        let fifo = at("fifo.parquet");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
        let listing = find_files(&[dir.path().to_owned()]);
        assert_eq!(names(&listing, dir.path()), ["a.parquet", "nowhere.parquet"]);
        assert_eq!(
            codes(&listing),
            [WarningCode::LinksNotFollowed, WarningCode::SpecialFilesSkipped]
        );
        assert!(listing.warnings[1].message.contains("a FIFO (named pipe)"));
        // Named, it is an error of its own; the others are listed.
        let listing = find_files(&[fifo, at("a.parquet"), at("none")]);
        assert_eq!(names(&listing, dir.path()), ["a.parquet"]);
        let errors: Vec<String> =
            listing.failures.iter().map(|failure| failure.error.to_string()).collect();
        assert!(errors[0].contains("fifo.parquet: is a FIFO"), "{errors:?}");
        assert!(errors[1].contains("none: No such file"), "{errors:?}");
    }

    /// Each level used to hold a descriptor; and a path longer than the kernel takes is one error.
    #[test]
    fn depth_costs_no_descriptors() {
        let dir = dir(&["z.parquet"]);
        let mut deep = dir.path().to_owned();
        for _ in 0..300 {
            deep.push("d");
        }
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("a.parquet"), "").unwrap();
        let listing = find_files(&[dir.path().to_owned()]);
        assert_eq!(listing.files.len(), 2);
        assert!(listing.failures.is_empty() && listing.warnings.is_empty());
    }

    #[test]
    fn a_directory_without_files_is_named() {
        let dir = dir(&["notes.txt"]);
        let listing = find_files(&[dir.path().to_owned()]);
        let error = &listing.failures[0].error;
        assert!(matches!(**error, Error::NoFiles { .. }), "{error}");
    }
}
