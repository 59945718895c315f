//! `ringquet doctor`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Path on the storage to check: a data set, a directory or a block device
    pub(crate) path: Option<PathBuf>,
    /// Also list what needs no change
    #[arg(long)]
    pub(crate) all: bool,
}
