//! Why a device cannot be characterised.

use std::io;
use std::path::PathBuf;

use ringquet_io::IoError;

/// Each arm names the path, what is wrong with it, and the way out.
#[derive(Debug, thiserror::Error)]
pub enum CharacterizeError {
    /// Nothing there, or not to be looked at.
    #[error("{path}: {source}", path = path.display())]
    Path {
        /// As it was given.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A pipe, a socket, a character device.
    #[error("{path}: not a directory, a regular file or a block device", path = path.display())]
    Kind {
        /// As it was given.
        path: PathBuf,
    },
    /// A test file cannot be made in this directory.
    #[error("{path}: cannot create a test file in this directory: {source}; give a directory that you may write to, or a file to read", path = path.display())]
    NotWritable {
        /// The directory.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Too little room for a test file.
    #[error("{path}: {available} bytes are free, too few for a test file of {wanted} bytes; free some space, use a smaller `test_file_bytes`, or give a file to read", path = path.display())]
    Full {
        /// The directory.
        path: PathBuf,
        /// Bytes that this user may still write.
        available: u64,
        /// Bytes needed.
        wanted: u64,
    },
    /// Writing the test file failed in the middle. It is gone.
    #[error("{path}: writing the test file failed at byte {offset} of {len}: {source}", path = path.display())]
    Write {
        /// The directory.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// Length that it should have.
        len: u64,
        /// The kernel's answer.
        source: io::Error,
    },
    /// tmpfs and the like.
    #[error("{path}: is on {file_system}, which is in memory: there is no device to measure; give a path on a device (`direct` off measures memory anyway)", path = path.display())]
    InMemory {
        /// As it was given.
        path: PathBuf,
        /// e.g. `tmpfs`.
        file_system: String,
    },
    /// O_DIRECT is refused.
    #[error("{path}: this file system refuses O_DIRECT: reads would come from the page cache; `direct` off measures that", path = path.display())]
    NoDirect {
        /// As it was given.
        path: PathBuf,
    },
    /// No permission on a device.
    #[error("{path}: no permission to read this device: run as root, or as a member of its group (often 'disk'), outside of containers that forbid devices, or give a directory on it", path = path.display())]
    Permission {
        /// The device.
        path: PathBuf,
    },
    /// Too short to measure anything on.
    #[error("{path}: {len} bytes long; at least {min} bytes are needed", path = path.display())]
    TooShort {
        /// The file or device.
        path: PathBuf,
        /// Its length in bytes.
        len: u64,
        /// The least.
        min: u64,
    },
    /// An option that cannot work.
    #[error("{0}")]
    Options(String),
    /// A read of the test file failed.
    #[error("{path}: reading the test file failed: {text}", path = path.display())]
    TestFile {
        /// The directory.
        path: PathBuf,
        /// The error of the queue.
        text: String,
    },
    /// Reads failed, or the queue cannot be made.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The data set of the Parquet line.
    #[error("the data set of the Parquet line: {0}")]
    Parquet(#[source] ringquet::Error),
    /// A file of that data set cannot be read to its end.
    #[error("the data set of the Parquet line: {0}")]
    Unreadable(String),
    /// A reader thread panicked or could not be started.
    #[error("{0}")]
    Thread(String),
    /// Ctrl-C. Test files are gone.
    #[error("stopped before the end")]
    Stopped,
}

#[cfg(test)]
mod tests;
