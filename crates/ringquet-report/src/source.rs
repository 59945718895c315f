//! Results as they lie on disk: one JSON document, or a folder with DLIO's files.
//!
//! | a folder holds | it is read as |
//! |---|---|
//! | `ringquet.json` | a run of ringquet; steps from `N_output.json` beside it |
//! | `ringquet-search.json` alone | a search for the most accelerators |
//! | `summary.json` alone | a run of DLIO; steps likewise. With `N_ringquet.json`, `ringquet.dlio` read for it |

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ringquet_result::regular_file::open_regular;
use serde_json::Value;

use crate::error::ReportError;

/// Bound on one file in bytes. A rank of a real DLRM epoch has 393,216 steps of three numbers:
/// 24 MB. A longer file is an error before it is read.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Ranks whose steps are read, rank 0 first: enough to see whether they differ.
pub(crate) const RANKS_MAX: u32 = 8;

/// Documents of a newer ringquet may mean something else by the same key.
const SCHEMA_VERSION_MAX: u64 = ringquet_result::SCHEMA_VERSION as u64;

/// A result as it was found.
#[derive(Debug)]
pub(crate) enum Source {
    /// What `--json` printed.
    Document(Value),
    /// A folder of results.
    Folder {
        /// `ringquet.json`, if it is there.
        document: Option<Value>,
        /// `summary.json`, if it is there.
        summary: Option<Value>,
        /// `N_output.json` of the first ranks.
        ranks: Vec<Value>,
        /// `N_ringquet.json` of the first ranks.
        readers: Vec<Value>,
    },
}

/// Reads the result at `path`.
pub(crate) fn read(path: &Path) -> Result<Source, ReportError> {
    let metadata = std::fs::metadata(path)
        .map_err(|source| ReportError::Read { path: path.to_owned(), source })?;
    if !metadata.is_dir() {
        // A pipe, as in 'report <(ringquet scan … --json)', is read like a file.
        let document = parsed(File::open(path), path)?;
        return Ok(Source::Document(checked(document, path)?));
    }
    let file = |name: &str| path.join(name);
    let mut document = optional(&file("ringquet.json"))?;
    if document.is_none() {
        document = optional(&file("ringquet-search.json"))?;
    }
    let document = document.map(|document| checked(document, path)).transpose()?;
    let summary = optional(&file("summary.json"))?;
    if document.is_none() && summary.is_none() {
        return Err(ReportError::NotAResult {
            path: path.to_owned(),
            reason: "holds none of ringquet.json, ringquet-search.json and summary.json".to_owned(),
        });
    }
    let of_ranks = |kind: &str| {
        let of_rank = |rank| optional(&file(&format!("{rank}_{kind}.json"))).transpose();
        (0..RANKS_MAX).map_while(of_rank).collect::<Result<Vec<Value>, ReportError>>()
    };
    let readers = of_ranks("ringquet")?;
    let readers = readers.into_iter().map(|reader| checked(reader, path)).collect::<Result<_, _>>();
    Ok(Source::Folder { document, summary, ranks: of_ranks("output")?, readers: readers? })
}

/// A document of ringquet that this version understands.
fn checked(document: Value, path: &Path) -> Result<Value, ReportError> {
    let not_a_result =
        |reason: String| Err(ReportError::NotAResult { path: path.to_owned(), reason });
    let Some(version) = document.get("schema_version").and_then(Value::as_u64) else {
        return not_a_result("has no schema_version".to_owned());
    };
    if version > SCHEMA_VERSION_MAX {
        return not_a_result(format!(
            "has schema_version {version}, this ringquet reads up to {SCHEMA_VERSION_MAX}"
        ));
    }
    if let Some(message) = document.pointer("/error/message").and_then(Value::as_str) {
        return not_a_result(format!("was written by a command that failed ({message})"));
    }
    Ok(document)
}

fn optional(path: &Path) -> Result<Option<Value>, ReportError> {
    match json(path) {
        Ok(value) => Ok(Some(value)),
        Err(ReportError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Reads a JSON file that was found in a folder, within bounds.
pub(crate) fn json(path: &Path) -> Result<Value, ReportError> {
    parsed(open_regular(path), path)
}

fn parsed(file: io::Result<File>, path: &Path) -> Result<Value, ReportError> {
    let fail = |source| ReportError::Read { path: path.to_owned(), source };
    let file = file.map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if metadata.is_dir() {
        return Err(fail(std::io::ErrorKind::IsADirectory.into()));
    }
    let too_large =
        |length| ReportError::TooLarge { path: path.to_owned(), length, limit: FILE_BYTES_MAX };
    if metadata.len() > FILE_BYTES_MAX {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::new();
    // A pipe has no length; it is read up to the bound.
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(too_large(bytes.len() as u64));
    }
    serde_json::from_slice(&bytes).map_err(|error| ReportError::Syntax {
        path: PathBuf::from(path),
        reason: error.to_string(),
    })
}
