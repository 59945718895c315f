//! What is known of a row group before it is read.

use std::ffi::{OsStr, OsString};

use pyo3::prelude::*;

/// A row group of a data set, as its file describes it. From ``Dataset.row_groups``.
#[pyclass(frozen, module = "ringquet")]
pub(crate) struct RowGroup {
    /// Its number in the data set: what ``Dataset.scan(row_groups=...)`` takes.
    #[pyo3(get)]
    pub(crate) number: usize,
    pub(crate) path: OsString,
    /// Its number in the file.
    #[pyo3(get)]
    pub(crate) row_group: u32,
    /// Number of its first row in the data set: what ``Dataset.take`` takes.
    #[pyo3(get)]
    pub(crate) first_row: u64,
    /// Its rows.
    #[pyo3(get)]
    pub(crate) num_rows: u64,
    /// Bytes of its columns in the file, of those that are read.
    #[pyo3(get)]
    pub(crate) stored_bytes: u64,
    /// Bytes of their pages after decompression, as the writer states them. In memory they are often more: dictionaries are
    /// expanded.
    #[pyo3(get)]
    pub(crate) uncompressed_bytes: u64,
    /// About how many bytes they have in memory: exact for numbers without nulls, estimated from ``uncompressed_bytes`` for strings
    /// and binaries.
    #[pyo3(get)]
    pub(crate) decoded_bytes: u64,
}

#[pymethods]
impl RowGroup {
    /// Its file.
    #[getter]
    fn path(&self) -> &OsStr {
        &self.path
    }

    fn __repr__(&self) -> String {
        let RowGroup { number, row_group, num_rows, .. } = self;
        let path = self.path.display();
        format!("RowGroup({number}, '{path}', row_group={row_group}, rows={num_rows})")
    }
}
