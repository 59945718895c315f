//! A folder that is ours: made new, and gone when it is dropped.

use std::path::{Path, PathBuf};

use crate::error::LayoutError;

/// A new folder in the data folder.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
    /// Folders above that were missing and were made, the deepest first.
    made: Vec<PathBuf>,
}

impl Scratch {
    /// Makes `.ringquet-layout-PID` in `data_dir`, which is created if it is missing. The dot keeps
    /// scans of the data folder from reading it along.
    ///
    /// # Errors
    /// [`LayoutError::Folder`], also if a folder of that name exists: it belongs to another process or user.
    pub(crate) fn new(data_dir: &Path) -> Result<Scratch, LayoutError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source| LayoutError::Folder { path, source }
        };
        let data_dir = std::path::absolute(data_dir).map_err(fail(data_dir))?;
        let made: Vec<PathBuf> = data_dir
            .ancestors()
            .take_while(|folder| !folder.exists())
            .map(Path::to_owned)
            .collect();
        let folder = data_dir.join(format!(".ringquet-layout-{}", std::process::id()));
        // From here on a drop removes what was made.
        let mut scratch = Scratch { folder: PathBuf::new(), made };
        std::fs::create_dir_all(&data_dir).map_err(fail(&data_dir))?;
        std::fs::create_dir(&folder).map_err(fail(&folder))?;
        scratch.folder = folder;
        Ok(scratch)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // An error cannot be reported any more, and nothing better can be done.
        if !self.folder.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
        for folder in &self.made {
            // Only where it is empty: others may have put something there meanwhile.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(&dir.path().join("a/b")).unwrap();
        std::fs::write(scratch.folder().join("x"), "x").unwrap();
        drop(scratch);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_others_put_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(&dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/theirs"), "x").unwrap();
        let error = Scratch::new(&dir.path().join("a")).unwrap_err().to_string();
        assert!(error.contains(".ringquet-layout-"), "{error}");
        assert!(scratch.folder().exists(), "the second call must not remove the first's");
        drop(scratch);
        assert!(dir.path().join("a/theirs").exists());
    }
}
