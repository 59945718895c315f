//! Opening files, and what is kept of it.

use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use ringquet::engine::EngineOptions;

use crate::dataset::Dataset;
use crate::error::raised;
use crate::options::{Keywords, OpenKeywords};
use crate::reading::Newest;
use crate::wait::on_thread;

/// Opens Parquet files as one data set.
///
/// Finds the files and reads their footers, all of them at the same time.
///
/// Args:
///     paths: A file, a directory that is searched for ``*.parquet``, or several of them.
///     columns: Names of the columns to read, nested ones by their root; by default all. They come in the order of the file.
///     skip_unreadable: Leave out files that cannot be opened; ``Dataset.failures`` then lists their errors. By default the
///         first such error is raised.
///     threads: Reader threads; by default one for each CPU near the device.
///     cpus: CPUs to pin the reader threads to; by default those near the device.
///     direct: Read around the page cache with O_DIRECT: ``"auto"`` where the file system supports it, ``True`` or
///         ``"on"``, ``False`` or ``"off"``.
///     memory: Memory limit of all reader threads together, in bytes or as a text like ``"1GiB"``; by default 192 MiB for each
///         thread, or 32 MiB without O_DIRECT, and room for row groups that wait for their turn. Batches that you keep
///         are not part of it.
///     driver: How reads are given to the kernel: ``"auto"``, ``"uring"``, ``"pread"`` or ``"mmap"``.
///     batch_rows: Rows of a batch at most; by default as many as fit into 4 MiB.
///     verify_crc: Check page checksums where the file has them.
///     int96: Unit of INT96 timestamps: ``"ns"`` covers the years 1677 to 2262 and refuses others, ``"us"`` covers all.
///     queue_depth: Reads in flight at most, for each thread.
///     read_size: Size of one read from the device, in bytes or as a text.
///     coalesce_gap: Read gaps up to this size instead of splitting the read, in bytes or as a text.
///     page_bytes_max: Largest page to read, in bytes or as a text.
///     row_bytes_max: Largest row of a column to decode, in bytes or as a text.
///     footer_bytes_max: Largest footer to read, in bytes or as a text.
///
/// Returns:
///     The data set. It is cheap to keep, and can be scanned any number of times.
///
/// Raises:
///     FileNotFoundError: A path does not exist, or a directory has no Parquet file.
///     OSError: Storage refused.
///     ValueError: An option is wrong, or a file has no such column.
///     CorruptFileError: A file is damaged, or is not a Parquet file.
#[pyfunction]
#[pyo3(signature = (
    paths, *, columns = None, skip_unreadable = false, threads = None, cpus = None, direct = None, memory = None,
    driver = "auto", batch_rows = None, verify_crc = false, int96 = "ns", queue_depth = None, read_size = None,
    coalesce_gap = None, page_bytes_max = None, row_bytes_max = None, footer_bytes_max = None
), text_signature = "(paths, *, columns=None, skip_unreadable=False, threads=None, cpus=None, direct='auto', memory=None, driver='auto', batch_rows=None, verify_crc=False, int96='ns', queue_depth=None, read_size=None, coalesce_gap=None, page_bytes_max=None, row_bytes_max=None, footer_bytes_max=None)")]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
pub(crate) fn open<'py>(
    py: Python<'py>,
    paths: &Bound<'py, PyAny>,
    columns: Option<Vec<String>>,
    skip_unreadable: bool,
    threads: Option<Bound<'py, PyAny>>,
    cpus: Option<Vec<usize>>,
    direct: Option<Bound<'py, PyAny>>,
    memory: Option<Bound<'py, PyAny>>,
    driver: &str,
    batch_rows: Option<Bound<'py, PyAny>>,
    verify_crc: bool,
    int96: &str,
    queue_depth: Option<Bound<'py, PyAny>>,
    read_size: Option<Bound<'py, PyAny>>,
    coalesce_gap: Option<Bound<'py, PyAny>>,
    page_bytes_max: Option<Bound<'py, PyAny>>,
    row_bytes_max: Option<Bound<'py, PyAny>>,
    footer_bytes_max: Option<Bound<'py, PyAny>>,
) -> PyResult<Dataset> {
    let paths = paths_of(paths)?;
    let (driver, verify_crc) = (Some(driver), Some(verify_crc));
    let ordered = None;
    let keywords = Keywords {
        columns,
        ordered,
        threads,
        cpus,
        direct,
        memory,
        driver,
        batch_rows,
        verify_crc,
    };
    let rest = OpenKeywords {
        int96,
        queue_depth,
        read_size,
        coalesce_gap,
        page_bytes_max,
        row_bytes_max,
        footer_bytes_max,
    };
    let defaults = EngineOptions { is_ordered: true, ..EngineOptions::default() };
    let options = rest.applied_to(keywords.applied_to(defaults)?)?;
    let found = paths.clone();
    let opened = on_thread(py, None, move || {
        let dataset = ringquet::Dataset::open_with(&found, options)?;
        if skip_unreadable { Ok(dataset) } else { dataset.require_all() }
    });
    let dataset = opened?.map_err(|error| raised(py, of_first(&error, !skip_unreadable)))?;
    let opened = Opened {
        dataset,
        paths,
        is_strict: !skip_unreadable,
        newest: Newest::default(),
        row_starts: OnceLock::new(),
    };
    Ok(Dataset::new(opened))
}

/// Where every file has to be opened, the error is that of the first one, also if none can be opened.
pub(crate) fn of_first(error: &ringquet::Error, is_strict: bool) -> &ringquet::Error {
    match error {
        ringquet::Error::NoneReadable { first, .. } if is_strict => first,
        error => error,
    }
}

/// What `open` takes as paths.
fn paths_of(paths: &Bound<'_, PyAny>) -> PyResult<Vec<PathBuf>> {
    let one = |path: &Bound<'_, PyAny>| match path.cast::<PyBytes>() {
        Ok(bytes) => Ok(PathBuf::from(std::ffi::OsString::from_vec(bytes.as_bytes().to_vec()))),
        Err(_) => path.extract::<PathBuf>(),
    };
    let is_one = paths.is_instance_of::<PyString>()
        || paths.is_instance_of::<PyBytes>()
        || paths.hasattr("__fspath__")?;
    if is_one {
        return Ok(vec![one(paths)?]);
    }
    let Ok(paths) = paths.try_iter() else {
        let found = paths.get_type();
        let text = format!("`paths`: expected a path or several paths, got {found}");
        return Err(PyTypeError::new_err(text));
    };
    let paths = paths.map(|path| one(&path?)).collect::<PyResult<Vec<PathBuf>>>()?;
    if paths.is_empty() {
        return Err(PyValueError::new_err("`paths`: there is none"));
    }
    Ok(paths)
}

/// A data set as `open` made it.
pub(crate) struct Opened {
    pub(crate) dataset: ringquet::Dataset,
    /// As given.
    pub(crate) paths: Vec<PathBuf>,
    /// All files had to be opened.
    pub(crate) is_strict: bool,
    /// The scan that ended last.
    pub(crate) newest: Newest,
    /// Number of the first row of each row group of each file.
    row_starts: OnceLock<Vec<Vec<u64>>>,
}

impl Opened {
    /// Number of the first row of a row group.
    pub(crate) fn row_start(&self, file: u32, row_group: u32) -> u64 {
        let starts = self.row_starts.get_or_init(|| {
            let mut next = 0;
            let files = self.dataset.files().iter().map(|file| {
                let rows =
                    (0..file.footer.num_row_groups()).map(|rg| file.footer.row_group_rows(rg));
                rows.map(|rows| {
                    let start = next;
                    next += rows;
                    start
                })
                .collect()
            });
            files.collect()
        });
        starts[file as usize][row_group as usize]
    }
}
