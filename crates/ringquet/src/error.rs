//! What can go wrong between a path and a batch.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_schema::ArrowError;
use ringquet_decode::DecodeError;
use ringquet_io::IoError;
use ringquet_result::OptionError;

use crate::plan::RowGroupId;

/// Why a data set cannot be opened or read. Every arm names the file where there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Storage did not give the bytes.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The bytes are not what a Parquet file may hold.
    #[error("{path}: {source}", path = path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What is wrong with its bytes.
        source: DecodeError,
    },
    /// The path cannot be looked at.
    #[error("{path}: {source}", path = path.display())]
    Path {
        /// As it was given.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// A directory without any Parquet file below it.
    #[error("{path}: no *.parquet file in this directory or below it (names that begin with '_' or '.' are skipped)", path = path.display())]
    NoFiles {
        /// The directory.
        path: PathBuf,
    },
    /// A file too short to be a Parquet file.
    #[error("{path}: {len} bytes long, too short for a Parquet file (at least 12 bytes: magic, footer length, magic){hint}", path = path.display(), hint = after_hint(.hint))]
    TooShort {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        len: u64,
        /// What it looks like, and what to do.
        hint: Option<&'static str>,
    },
    /// A file whose last bytes are not Parquet's.
    #[error("{path}: {source}{hint}", path = path.display(), hint = after_hint(.hint))]
    NotParquet {
        /// The file.
        path: PathBuf,
        /// What its last bytes are.
        source: DecodeError,
        /// What it looks like, and what to do.
        hint: Option<&'static str>,
    },
    /// Of several files none can be read.
    #[error("none of {count} files can be read; the first: {first}")]
    NoneReadable {
        /// How many.
        count: usize,
        /// The error of the first by path.
        #[source]
        first: Box<Error>,
    },
    /// The error of a file that was not opened, shared with [`Dataset::failures`](crate::Dataset::failures).
    #[error(transparent)]
    Unopened(Arc<Error>),
    /// Files whose columns differ, where all batches are to have one schema.
    #[error("{other}: {difference} in {first}; read the files of one schema at a time, or use placed_batches(), where each batch has the schema of its file", other = other.display(), first = first.display())]
    Schemas {
        /// The first file.
        first: PathBuf,
        /// The first that differs from it.
        other: PathBuf,
        /// In what.
        difference: String,
    },
    /// A row group that the data set does not have.
    #[error("no row group {row_group} of file {file}: the data set has {files} files, and this file {row_groups} row groups", row_group = id.row_group, file = id.file)]
    NoRowGroup {
        /// As requested.
        id: RowGroupId,
        /// Files of the data set.
        files: usize,
        /// Row groups of the file; 0 where there is no such file.
        row_groups: usize,
    },
    /// A row that the data set does not have.
    #[error("no row {row}: the data set has {rows} rows, numbered from 0")]
    NoRow {
        /// As requested.
        row: u64,
        /// Rows of the data set.
        rows: u64,
    },
    /// Columns that Arrow does not put together under the schema of the scan.
    #[error(transparent)]
    Arrow {
        /// Why.
        #[from]
        source: ArrowError,
    },
    /// Options that contradict each other or this machine.
    #[error("{0}")]
    Options(OptionError),
    /// A reader thread panicked: a bug in ringquet.
    #[error("a reader thread panicked: {0}; this is a bug in ringquet, please report it")]
    Panicked(String),
    /// [`StopFlag::stop`](crate::StopFlag::stop) was called.
    #[error("stopped before the end")]
    Stopped,
}

/// A file of a data set that was not opened: missing, not a Parquet file, without a selected column; or a directory
/// that cannot be listed.
#[derive(Debug, Clone)]
pub struct Unopened {
    /// As it was named or found.
    pub path: PathBuf,
    /// Why. The text names the path.
    pub error: Arc<Error>,
}

impl Unopened {
    /// The error itself.
    pub(crate) fn into_error(self) -> Error {
        Arc::try_unwrap(self.error).unwrap_or_else(Error::Unopened)
    }
}

fn after_hint(hint: &Option<&str>) -> String {
    hint.map(|hint| format!("; {hint}")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
