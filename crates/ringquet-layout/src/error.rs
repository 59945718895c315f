//! Why layouts could not be compared, by cause.

use ringquet_result::OptionError;
use std::io;
use std::path::PathBuf;

use ringquet_datagen::DatagenError;
use ringquet_workload::WorkloadError;

/// Why layouts could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// The workload's data is none that could be written.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// An option is out of range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The folder of the variants could not be made.
    #[error("{}: cannot create a folder for the variants: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A variant could not be written.
    #[error("layout '{variant}': {source}")]
    Generate {
        /// Its name.
        variant: String,
        /// Why.
        source: Box<DatagenError>,
    },
    /// A variant could not be opened or read.
    #[error("layout '{variant}': {source}")]
    Read {
        /// Its name.
        variant: String,
        /// Why.
        source: Box<ringquet::Error>,
    },
    /// A file of a variant could not be read to its end: a defect of writer or reader.
    #[error("layout '{variant}': {file}: {reason}")]
    Damaged {
        /// Its name.
        variant: String,
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// The stop flag was set.
    #[error("interrupted: the files of the variants were removed")]
    Stopped,
    /// No variant was measured.
    #[error("no layout was measured")]
    Nothing,
}

#[cfg(test)]
mod tests;
