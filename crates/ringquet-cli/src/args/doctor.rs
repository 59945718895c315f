//! `ringquet doctor`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Path on the storage to check: a data set, a directory, a block device
    pub(crate) path: Option<PathBuf>,
    /// List also what needs no change
    #[arg(long)]
    pub(crate) all: bool,
}
