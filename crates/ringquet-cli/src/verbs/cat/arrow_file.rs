//! An Arrow IPC file that has its name only when it is complete.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::Schema;

use crate::unfinished::unfinished;

/// Bytes written at once.
const WRITE_BYTES: usize = 1 << 20;

/// A file under a temporary name beside its final one; removed when dropped before [`ArrowFile::finish`].
pub(super) struct ArrowFile {
    path: PathBuf,
    temporary: Temporary,
    writer: FileWriter<BufWriter<File>>,
}

/// Removes the file when dropped.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // It has its final name by now, or is not needed.
        let _ = fs::remove_file(&self.0);
    }
}

impl ArrowFile {
    /// # Errors
    /// If no file can be created beside `path`.
    pub(super) fn create(path: &Path, schema: &Schema) -> Result<ArrowFile> {
        let failed = || format!("{}: cannot write", path.display());
        let temporary = unfinished(path).with_context(failed)?;
        let file = File::create_new(&temporary).with_context(failed)?;
        let temporary = Temporary(temporary);
        let writer = BufWriter::with_capacity(WRITE_BYTES, file);
        let writer = FileWriter::try_new(writer, schema).with_context(failed)?;
        Ok(ArrowFile { path: path.to_owned(), temporary, writer })
    }

    /// Adds rows of the schema.
    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.writer.write(rows).with_context(|| format!("{}: cannot write", self.path.display()))
    }

    /// Gives the file its name and replaces an existing one. Returns its path and its length in bytes.
    pub(super) fn finish(self) -> Result<(PathBuf, u64)> {
        let ArrowFile { path, temporary, writer } = self;
        let written = write_out(writer, &temporary.0, &path);
        let bytes = written.with_context(|| format!("{}: cannot write", path.display()))?;
        Ok((path, bytes))
    }
}

fn write_out(
    mut writer: FileWriter<BufWriter<File>>,
    temporary: &Path,
    path: &Path,
) -> Result<u64> {
    writer.finish()?;
    let file = writer.into_inner()?.into_inner()?;
    let bytes = file.metadata()?.len();
    fs::rename(temporary, path)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int32Array};
    use arrow_ipc::reader::FileReader;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.into_string().unwrap()).collect()
    }

    #[test]
    fn the_name_comes_last() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.arrow");
        let values: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
        let batch = RecordBatch::try_from_iter([("a", values)]).unwrap();

        let mut dropped = ArrowFile::create(&path, &batch.schema()).unwrap();
        dropped.write(&batch).unwrap();
        assert!(!path.exists() && names(dir.path()).len() == 1);
        drop(dropped);
        assert!(names(dir.path()).is_empty(), "an unfinished file is removed");

        let mut file = ArrowFile::create(&path, &batch.schema()).unwrap();
        file.write(&batch).unwrap();
        let (written, bytes) = file.finish().unwrap();
        assert_eq!((written, bytes), (path.clone(), fs::metadata(&path).unwrap().len()));
        assert_eq!(names(dir.path()), ["out.arrow"]);
        let read = FileReader::try_new(File::open(&path).unwrap(), None).unwrap();
        assert_eq!(read.map(Result::unwrap).collect::<Vec<_>>(), [batch]);
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("none").join("out.arrow");
        let error = ArrowFile::create(&path, &Schema::empty()).err().unwrap();
        assert!(format!("{error:#}").contains("none/out.arrow: cannot write"), "{error:#}");
    }
}
