//! Why there is no report, by cause.

use std::io;
use std::path::PathBuf;

/// Why results could not be read. The report of all others is then not made either: a comparison
/// with something missing would be read as one of everything.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file or folder could not be read.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file is larger than any result.
    #[error("{}: {length} bytes are too long for a result; the limit is {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        length: u64,
        /// The bound in bytes.
        limit: u64,
    },
    /// A file is no JSON.
    #[error("{}: not a JSON document: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The parser's words, with line and column.
        reason: String,
    },
    /// JSON, but nothing that is reported on.
    #[error(
        "{}: {reason}; results are what 'ringquet scan', 'run', 'characterize' and 'layout' print as JSON, and folders that 'ringquet run' or DLIO wrote",
        path.display()
    )]
    NotAResult {
        /// The file or folder.
        path: PathBuf,
        /// What is missing or other than it should be.
        reason: String,
    },
    /// More results than can be distinguished in one report.
    #[error("{given} results are too many for one report; the limit is {limit}")]
    TooMany {
        /// As given.
        given: usize,
        /// The bound.
        limit: usize,
    },
    /// No result at all.
    #[error("no result given")]
    Nothing,
}

#[cfg(test)]
mod tests;
