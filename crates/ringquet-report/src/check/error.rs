//! Why nothing could be checked, by cause.

use std::io;
use std::path::PathBuf;

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A folder could not be listed.
    #[error("{}: cannot list: {source}", path.display())]
    List {
        /// The folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// There is no result.
    #[error(
        "{}: no folder here or below holds a summary.json; results are what 'ringquet run' with `results_tree` and mlpstorage write",
        path.display()
    )]
    NoResults {
        /// The folder.
        path: PathBuf,
    },
    /// More folders than any tree of results.
    #[error("{}: more than {limit} folders; give the tree of results itself", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// The bound.
        limit: usize,
    },
}
