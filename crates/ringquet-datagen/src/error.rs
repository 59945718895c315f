//! Why a data set could not be generated or verified, by cause.

use ringquet_result::OptionError;
use std::io;
use std::path::{Path, PathBuf};

use ringquet_workload::WorkloadError;

use crate::manifest_name::MANIFEST_NAME;

/// Why a data set could not be generated or verified.
#[derive(Debug, thiserror::Error)]
pub enum DatagenError {
    /// The workload has something that this tool does not write.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// An option is out of range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// One row is too large to be held in memory a few times over.
    #[error(
        "a row of {row_bytes} bytes is too large: the limit is {limit} bytes (sizes in dataset.parquet.columns)"
    )]
    RowTooLarge {
        /// Bytes of a row.
        row_bytes: u64,
        /// The bound.
        limit: u64,
    },
    /// There are files already.
    #[error(
        "{}: already exists; use `resume` to keep complete files, or `force` to write all files again",
        path.display()
    )]
    Exists {
        /// The first of them.
        path: PathBuf,
    },
    /// Resume was requested, but the existing data was generated from something else.
    #[error(
        "{}: generated with another {difference}; use the same, or `force`",
        manifest.display()
    )]
    OtherDataSet {
        /// The manifest.
        manifest: PathBuf,
        /// `seed`, `options` or `workload`, and both values where they are short.
        difference: String,
    },
    /// The file system has too little room.
    #[error(
        "{}: about {needed} bytes are needed and {available} are free; nothing was written",
        path.display()
    )]
    NoSpace {
        /// The data folder.
        path: PathBuf,
        /// Estimated bytes of all files to write.
        needed: u64,
        /// Free bytes.
        available: u64,
    },
    /// An operating system call failed.
    #[error("{}: cannot {operation}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The bytes of a file could not be written: a full disk, an error of the device, or an io_uring
    /// that was requested by name and is refused.
    #[error(transparent)]
    Write(Box<ringquet_io::IoError>),
    /// The engine cannot read.
    #[error(transparent)]
    Engine(Box<ringquet::Error>),
    /// A thread panicked.
    #[error("a thread panicked: {0}; this is a bug in ringquet, please report it")]
    Panicked(String),
    /// The stop flag was set.
    #[error(
        "stopped: {files_done} of {files} files are complete, the others were removed; \
         `resume` continues"
    )]
    Stopped {
        /// Files that are complete, kept ones included.
        files_done: u64,
        /// Files that were requested.
        files: u64,
    },
    /// There is no manifest.
    #[error(
        "{}: no manifest ({}); datagen writes it beside train/ and valid/",
        dir.display(),
        MANIFEST_NAME
    )]
    NoManifest {
        /// The data folder.
        dir: PathBuf,
    },
    /// A manifest is not what this version writes.
    #[error("{}: not a usable manifest: {reason}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl DatagenError {
    /// Whether the cause is the stop flag.
    pub fn is_stopped(&self) -> bool {
        matches!(self, Self::Stopped { .. })
    }

    /// The cause of a failure while the bytes of `path` were made and written.
    pub(crate) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| match error.downcast::<ringquet_io::IoError>() {
            Ok(error) => error.into(),
            Err(source) => Self::Io { path, operation: "write", source },
        }
    }

    pub(crate) fn io(
        path: &Path,
        operation: &'static str,
    ) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, operation, source }
    }
}

impl From<ringquet_io::IoError> for DatagenError {
    fn from(error: ringquet_io::IoError) -> Self {
        Self::Write(Box::new(error))
    }
}

#[cfg(test)]
mod tests;
