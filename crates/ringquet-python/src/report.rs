//! Reports as Python's dicts: the document of `ringquet scan --json`, key by key.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use ringquet::engine::EngineOptions;
use ringquet::report::ScanReport;
use ringquet_result::path_text::serialize_paths;
use ringquet_result::{Header, document};
use serde::Serialize;

use crate::options::spell;

/// `options` of the document.
#[derive(Serialize)]
pub(crate) struct Options<'a> {
    /// As given to `open`.
    #[serde(serialize_with = "serialize_paths")]
    pub(crate) paths: &'a [PathBuf],
    /// A file that cannot be opened is an error of the whole.
    pub(crate) strict: bool,
    pub(crate) raw: bool,
    pub(crate) digest: bool,
    #[serde(flatten)]
    pub(crate) engine: &'a EngineOptions,
}

#[derive(Serialize)]
struct Report<'a> {
    files: u64,
    #[serde(flatten)]
    scan: &'a ScanReport,
}

/// The document of a scan, as `json.loads` makes it.
///
/// # Errors
/// What `json.loads` raises.
pub(crate) fn dict<'py>(
    py: Python<'py>,
    options: &Options<'_>,
    files: u64,
    scan: &Arc<ScanReport>,
) -> PyResult<Bound<'py, PyAny>> {
    let header = Header { command: "scan", argv: &[], options, warnings: &scan.warnings };
    let text = py.detach(|| {
        let mut document = document(&header, &Report { files, scan })?;
        spell(&mut document);
        serde_json::to_string(&document)
    });
    let text = text.map_err(|error| PyValueError::new_err(error.to_string()))?;
    py.import("json")?.call_method1("loads", (text,))
}
