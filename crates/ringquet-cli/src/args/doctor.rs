//! `ringquet doctor`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// A path whose storage is to be looked at: a data set, a directory, a block device
    pub(crate) path: Option<PathBuf>,
    /// List what is as it should be, too
    #[arg(long)]
    pub(crate) all: bool,
}
