//! The files of a data set as DLIO finds them: by listing folders, or by name with `skip_listing`.

use std::io;
use std::path::{Path, PathBuf};

use ringquet::engine::{Listing, is_hidden, keep_each_file_once};
use ringquet_result::Warning;
use ringquet_workload::{DatasetType, Loaded, Named as _};

use crate::error::RunError;

/// The files of one half of the data set in DLIO's listing order, exactly as many as the workload
/// uses; there may be more in the folder, then the first by full path are taken.
///
/// Which names count, and that each file is read once, is as in [`ringquet::engine::find_files`]; DLIO would read a file that has
/// two names twice, the second time from the page cache.
///
/// # Errors
/// [`RunError::FewFiles`], [`RunError::List`].
pub(crate) fn list(
    loaded: &Loaded,
    data_dir: &Path,
    half: DatasetType,
) -> Result<Listing, RunError> {
    let dataset = &loaded.workload.dataset;
    let wanted = usize::try_from(dataset.num_files(half)).unwrap_or(usize::MAX);
    let folder = data_dir.join(half.name());
    let few = |found: usize, missing: String| RunError::FewFiles {
        found,
        wanted,
        folder: folder.clone(),
        missing,
        workload: loaded.source.clone(),
        data_dir: data_dir.to_owned(),
    };
    if dataset.skip_listing {
        let named: Vec<PathBuf> = dataset
            .listing_order(half)
            .map(|i| data_dir.join(dataset.file_path(half, i)))
            .collect();
        return match named.iter().position(|path| !path.is_file()) {
            None => Ok(Listing { files: named, ..Listing::default() }),
            Some(at) => {
                let missing = format!(" (first missing: {})", named[at].display());
                Err(few(named.iter().filter(|p| p.is_file()).count(), missing))
            }
        };
    }
    let list = |folder: &Path, kind| match entries(folder, kind) {
        // What is not there holds no files: the message about those is the one that helps.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(RunError::List { folder: folder.to_owned(), source }),
        Ok(entries) => Ok(entries),
    };
    let mut found = Vec::new();
    if dataset.num_subfolders(half) > 1 {
        for subfolder in list(&folder, EntryKind::Folders)? {
            found.extend(list(&subfolder, EntryKind::ParquetFiles)?);
        }
    } else {
        found = list(&folder, EntryKind::ParquetFiles)?;
    }
    // One folder is listed, or several that hold different paths: the order is that of the paths already.
    let warnings: Vec<Warning> = keep_each_file_once(&mut found).into_iter().collect();
    if found.len() < wanted {
        let twice = warnings.first().map(|warning| format!("; {}", warning.message));
        return Err(few(found.len(), twice.unwrap_or_default()));
    }
    found.truncate(wanted);
    Ok(Listing { files: found, warnings, ..Listing::default() })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum EntryKind {
    Folders,
    ParquetFiles,
}

/// Sorted by full path, without hidden names.
fn entries(folder: &Path, kind: EntryKind) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let path = entry.path();
        let fits = match kind {
            EntryKind::Folders => path.is_dir(),
            EntryKind::ParquetFiles => {
                name.as_encoded_bytes().ends_with(b".parquet") && path.is_file()
            }
        };
        if fits && !is_hidden(&name) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use ringquet_workload::load_text;

    use super::*;
    use ringquet_result::WarningCode;

    fn loaded(extra: &str) -> Loaded {
        let text = format!("dataset:\n  format: parquet\n  num_files_train: 3\n{extra}");
        load_text(&text, Path::new("w.yaml"), &[], false).expect("a sound workload")
    }

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().expect("below the folder")).unwrap();
            // A file of its own, and not another name of one: of another length.
            std::fs::write(path, file).unwrap();
        }
        dir
    }

    fn names(dir: &Path, loaded: &Loaded) -> Result<Vec<String>, String> {
        let strip = |path: PathBuf| path.strip_prefix(dir).unwrap().display().to_string();
        list(loaded, dir, DatasetType::Train)
            .map(|listing| listing.files.into_iter().map(strip).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_files_by_path_are_taken() {
        let dir = folder(&["train/c.parquet", "train/a.parquet", "train/b.parquet"]);
        std::fs::write(dir.path().join("train/.b.parquet"), "").unwrap();
        std::fs::write(dir.path().join("train/_a.parquet"), "").unwrap();
        std::fs::write(dir.path().join("train/aa.parquet"), "").unwrap();
        std::fs::write(dir.path().join("train/_manifest.json"), "").unwrap();
        let expected = ["train/a.parquet", "train/aa.parquet", "train/b.parquet"];
        assert_eq!(names(dir.path(), &loaded("")).unwrap(), expected);
    }

    #[test]
    fn a_file_with_two_names_is_one_file() {
        let dir = folder(&["train/a.parquet", "train/c.parquet"]);
        let at = |name: &str| dir.path().join("train").join(name);
        std::fs::hard_link(at("a.parquet"), at("b.parquet")).unwrap();
        let message = names(dir.path(), &loaded("")).unwrap_err();
        assert!(
            message.contains("2 of 3 files") && message.contains("b.parquet is the same"),
            "{message}"
        );
        std::fs::write(at("d.parquet"), "").unwrap();
        let listing = list(&loaded(""), dir.path(), DatasetType::Train).unwrap();
        assert_eq!(listing.files.len(), 3);
        assert_eq!(listing.warnings[0].code, WarningCode::FilesListedTwice);
    }

    #[test]
    fn one_subfolder_after_the_other() {
        let dir = folder(&["train/0/z.parquet", "train/1/a.parquet", "train/0/b.parquet"]);
        let expected = ["train/0/b.parquet", "train/0/z.parquet", "train/1/a.parquet"];
        let loaded = loaded("  num_subfolders_train: 2\n");
        assert_eq!(names(dir.path(), &loaded).unwrap(), expected);
    }

    #[test]
    fn too_few_files_say_how_many_where_and_what_to_do() {
        let dir = folder(&["train/a.parquet"]);
        let message = names(dir.path(), &loaded("")).unwrap_err();
        let place = dir.path().display();
        assert!(message.contains(&format!("1 of 3 files in {place}/train")), "{message}");
        let command = format!("ringquet datagen w.yaml dataset.data_folder={place}");
        assert!(message.contains(&command), "{message}");
        let message = names(&dir.path().join("nowhere"), &loaded("")).unwrap_err();
        assert!(message.contains("0 of 3 files"), "{message}");
        let message = names(dir.path(), &loaded("  skip_listing: true\n")).unwrap_err();
        assert!(message.contains("train/img_0_of_3.parquet"), "{message}");
    }
}
