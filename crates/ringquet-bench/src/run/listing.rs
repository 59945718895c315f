//! The files of a data set as DLIO finds them: by listing folders, or by name with `skip_listing`.

use std::io;
use std::path::{Path, PathBuf};

use ringquet_workload::{DatasetType, Loaded, Named as _};

use crate::run::error::RunError;

/// The files of one half of the data set in DLIO's listing order, exactly as many as the workload
/// uses; there may be more in the folder, then the first by full path are taken.
///
/// # Errors
/// [`RunError::FewFiles`], [`RunError::List`].
pub(crate) fn list(
    loaded: &Loaded,
    data_dir: &Path,
    half: DatasetType,
) -> Result<Vec<PathBuf>, RunError> {
    let dataset = &loaded.workload.dataset;
    let wanted = usize::try_from(dataset.num_files(half)).unwrap_or(usize::MAX);
    let folder = data_dir.join(half.name());
    let few = |found: usize, missing: Option<PathBuf>| RunError::FewFiles {
        found,
        wanted,
        folder: folder.clone(),
        missing: missing.map_or_else(String::new, |path| {
            format!(" (the first that is missing: {})", path.display())
        }),
        workload: loaded.source.clone(),
        data_dir: data_dir.to_owned(),
    };
    if dataset.skip_listing {
        let named: Vec<PathBuf> = dataset
            .listing_order(half)
            .map(|i| data_dir.join(dataset.file_path(half, i)))
            .collect();
        return match named.iter().position(|path| !path.is_file()) {
            None => Ok(named),
            Some(at) => {
                Err(few(named.iter().filter(|p| p.is_file()).count(), Some(named[at].clone())))
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
        for subfolder in list(&folder, Kind::Folders)? {
            found.extend(list(&subfolder, Kind::ParquetFiles)?);
        }
    } else {
        found = list(&folder, Kind::ParquetFiles)?;
    }
    if found.len() < wanted {
        return Err(few(found.len(), None));
    }
    found.truncate(wanted);
    Ok(found)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folders,
    ParquetFiles,
}

/// Sorted by full path. Names that begin with a dot are unfinished files.
fn entries(folder: &Path, kind: Kind) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        let path = entry.path();
        let fits = match kind {
            Kind::Folders => path.is_dir(),
            Kind::ParquetFiles => name.ends_with(b".parquet") && path.is_file(),
        };
        if fits && !name.starts_with(b".") {
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

    fn loaded(extra: &str) -> Loaded {
        let text = format!("dataset:\n  format: parquet\n  num_files_train: 3\n{extra}");
        load_text(&text, Path::new("w.yaml"), &[], false).expect("a sound workload")
    }

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().expect("below the folder")).unwrap();
            std::fs::write(path, "").unwrap();
        }
        dir
    }

    fn names(dir: &Path, loaded: &Loaded) -> Result<Vec<String>, String> {
        let strip = |path: PathBuf| path.strip_prefix(dir).unwrap().display().to_string();
        list(loaded, dir, DatasetType::Train)
            .map(|paths| paths.into_iter().map(strip).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_files_by_path_are_taken() {
        let dir = folder(&["train/c.parquet", "train/a.parquet", "train/b.parquet"]);
        std::fs::write(dir.path().join("train/.b.parquet"), "").unwrap();
        std::fs::write(dir.path().join("train/aa.parquet"), "").unwrap();
        std::fs::write(dir.path().join("train/_manifest.json"), "").unwrap();
        let expected = ["train/a.parquet", "train/aa.parquet", "train/b.parquet"];
        assert_eq!(names(dir.path(), &loaded("")).unwrap(), expected);
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
