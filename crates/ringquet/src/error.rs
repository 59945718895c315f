//! What can go wrong between a path and a batch.

use std::path::PathBuf;

use ringquet_decode::DecodeError;
use ringquet_io::IoError;

/// Why a data set cannot be opened or read. Every arm names the file where there is one.
#[derive(Debug, thiserror::Error)]
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
    #[error("{path}: no *.parquet file in this directory or below it", path = path.display())]
    NoFiles {
        /// The directory.
        path: PathBuf,
    },
    /// A file too short to be a Parquet file.
    #[error("{path}: {len} bytes long, too short for a Parquet file (at least 12 bytes: magic, footer length, magic)", path = path.display())]
    TooShort {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        len: u64,
    },
    /// Options that contradict each other or this machine.
    #[error("{0}")]
    Options(String),
    /// A reader thread panicked: a defect of ringquet.
    #[error("a reader thread panicked: {0}; this is a defect of ringquet, please report it")]
    Panicked(String),
    /// [`crate::StopFlag::stop`] was called.
    #[error("stopped before the end")]
    Stopped,
}
