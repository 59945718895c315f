//! What can be wrong with a workload, by cause.
//!
//! Every message names the place (file and line, or the override that was typed), the dotted
//! key, the value that was found and what would have been accepted.

use std::fmt;
use std::path::PathBuf;

use ringquet_result::Warning;

/// Letters of an override, or of a part of one, that a message shows.
const TEXT_SHOWN: usize = 200;

/// An override, or a part of one, as messages show it: the beginning of a long one.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Where a value comes from: a line of the file, or an override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The workload file.
    pub file: PathBuf,
    /// Line in the file, counted from 1. `None` if the value is a default or an override.
    pub line: Option<u64>,
    /// The override that set the value, as it was typed.
    pub override_text: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        match (&self.override_text, self.line) {
            (Some(text), _) => write!(f, ", override `{}`", shortened(text)),
            (None, Some(line)) => write!(f, ":{line}"),
            (None, None) => Ok(()),
        }
    }
}

/// Why a workload was refused.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// The file could not be read.
    #[error("{}: cannot read the workload: {source}", file.display())]
    Read {
        /// The workload file.
        file: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file is larger than any workload has reason to be.
    #[error("{}: {length} bytes; a workload file may have at most {limit}", file.display())]
    TooLarge {
        /// The workload file.
        file: PathBuf,
        /// Its length in bytes.
        length: u64,
        /// The bound in bytes.
        limit: u64,
    },
    /// The text is not YAML, or not one mapping.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Box<Place>,
        /// The parser's error, in one line.
        message: String,
    },
    /// An override could not be parsed or applied.
    #[error("override `{text}`: {reason}")]
    Override {
        /// The override as it was typed.
        text: String,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// A value has the wrong type, is out of range or is not one of the accepted names.
    #[error("{place}: {key}: invalid value {value}: expected {accepted}")]
    Value {
        /// Where.
        place: Box<Place>,
        /// Dotted key, e.g. `dataset.parquet.columns[3].dtype`.
        key: String,
        /// The value as found, shortened.
        value: String,
        /// What would be accepted.
        accepted: String,
    },
    /// Keys that are right one by one do not go together.
    #[error("{place}: {key}: {reason}")]
    Conflict {
        /// Where.
        place: Box<Place>,
        /// Dotted key.
        key: String,
        /// What does not fit, and what to do.
        reason: String,
    },
    /// Warnings that `strict` turned into an error.
    #[error("{}: {}", file.display(), join(warnings))]
    Strict {
        /// The workload file.
        file: PathBuf,
        /// All of them.
        warnings: Vec<Warning>,
    },
    /// The workload is valid, but contains something outside this tool.
    #[error("{key}: {value} is not supported by this command: {reason}")]
    Unsupported {
        /// Dotted key.
        key: String,
        /// The value.
        value: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A number that follows from the workload does not fit in 64 bits.
    #[error("{quantity} does not fit in 64 bits: {computation}")]
    Overflow {
        /// What was to be computed.
        quantity: &'static str,
        /// The numbers that went in.
        computation: String,
    },
}

fn join(warnings: &[Warning]) -> String {
    let messages: Vec<&str> = warnings.iter().map(|warning| warning.message.as_str()).collect();
    messages.join("; ")
}

#[cfg(test)]
mod tests;
