//! A data set: files whose footers were read.

use std::sync::Arc;

use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict};
use ringquet::epoch::EpochOptions;
use ringquet::{RowGroupId, StopFlag};

use crate::batch::Batch;
use crate::decoded_bytes;
use crate::epoch::{Epoch, shuffle_of};
use crate::error::raised;
use crate::fork::OwnProcess;
use crate::open::{Opened, of_first};
use crate::options::{self, Keywords, spelt};
use crate::report;
use crate::row_group::RowGroup;
use crate::scan::{Scan, report_of};
use crate::schema::Schema;
use crate::wait::on_thread;

/// Parquet files that are read as one table. From ``ringquet.open``.
///
/// ``len(dataset)`` is the number of rows. Arrow libraries read it as a whole, as often as they like:
/// ``pyarrow.table(dataset)``, ``duckdb.sql("from dataset")``.
#[pyclass(frozen, module = "ringquet")]
pub(crate) struct Dataset {
    native: OwnProcess<Arc<Opened>>,
}

impl Dataset {
    pub(crate) fn new(opened: Opened) -> Dataset {
        Dataset { native: OwnProcess::new(Arc::new(opened)) }
    }
}

#[pymethods]
impl Dataset {
    /// Names and types of the columns that are read.
    ///
    /// Raises:
    ///     SchemaError: The columns of two files differ.
    #[getter]
    fn schema(&self, py: Python<'_>) -> PyResult<Schema> {
        let opened = self.native.get()?;
        let schema = py.detach(|| opened.dataset.schema());
        Ok(Schema::new(schema.map_err(|error| raised(py, &error))?))
    }

    /// Paths of the files, in the order in which they are read.
    #[getter]
    fn files(&self) -> PyResult<Vec<&std::ffi::OsStr>> {
        let files = self.native.get()?.dataset.files();
        Ok(files.iter().map(|file| file.path.as_os_str()).collect())
    }

    /// Rows of all files.
    #[getter]
    fn num_rows(&self) -> PyResult<u64> {
        Ok(self.native.get()?.dataset.num_rows())
    }

    /// Row groups of all files.
    #[getter]
    fn num_row_groups(&self) -> PyResult<usize> {
        let files = self.native.get()?.dataset.files();
        Ok(files.iter().map(|file| file.footer.num_row_groups()).sum())
    }

    /// The row groups of all files, in the order of their numbers.
    #[getter]
    fn row_groups(&self) -> PyResult<Vec<RowGroup>> {
        let opened = self.native.get()?;
        let files = opened.dataset.files();
        let leaves: Vec<_> = files.iter().map(decoded_bytes::leaves_of).collect();
        let of_id = |(number, id): (usize, RowGroupId)| {
            let file = &files[id.file as usize];
            let row_group = id.row_group as usize;
            let chunks = || file.footer.column_chunks(row_group).map(|(_, chunk)| chunk);
            let leaves = &leaves[id.file as usize];
            RowGroup {
                number,
                path: file.path.as_os_str().to_owned(),
                row_group: id.row_group,
                first_row: opened.row_start(id.file, id.row_group),
                num_rows: file.footer.row_group_rows(row_group),
                stored_bytes: chunks().map(|chunk| chunk.compressed_bytes).sum(),
                uncompressed_bytes: chunks().map(|chunk| chunk.uncompressed_bytes).sum(),
                decoded_bytes: decoded_bytes::of_row_group(file, leaves, row_group),
            }
        };
        Ok(opened.dataset.row_groups_in_order().into_iter().enumerate().map(of_id).collect())
    }

    /// About how many bytes each column has in memory once all rows are decoded, in the order of ``schema``.
    #[getter]
    fn column_bytes(&self, py: Python<'_>) -> PyResult<Vec<u64>> {
        let opened = self.native.get()?;
        Ok(py.detach(|| decoded_bytes::of_columns(opened.dataset.files())))
    }

    /// What to know about the files although they can be read: dicts of ``code`` and ``message``.
    #[getter]
    fn warnings<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let dataset = &self.native.get()?.dataset;
        let entry = |code: &str, message: &str| {
            let entry = PyDict::new(py);
            entry.set_item("code", code)?;
            entry.set_item("message", spelt(message))?;
            Ok(entry)
        };
        let warnings = dataset.warnings().iter();
        let mut entries = warnings
            .map(|warning| entry(warning.code.as_str(), &warning.message))
            .collect::<PyResult<Vec<_>>>()?;
        if let Some(first) = dataset.failures().first() {
            let (count, error) = (dataset.failures().len(), &first.error);
            let text =
                format!("{count} files cannot be opened and are left out; the first: {error}");
            entries.push(entry("unreadable_files", &text)?);
        }
        Ok(entries)
    }

    /// Exceptions of the files that were left out, with ``skip_unreadable``.
    #[getter]
    fn failures(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let failures = self.native.get()?.dataset.failures().iter();
        Ok(failures.map(|file| raised(py, &file.error).into_value(py).into_any()).collect())
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.num_rows()?)?)
    }

    fn __repr__(&self) -> PyResult<String> {
        let opened = self.native.get()?;
        let path = opened.paths[0].display();
        let more = if opened.paths.len() > 1 { ", …" } else { "" };
        let files = opened.dataset.files();
        let columns = files.first().map_or(0, |file| file.footer.roots().len());
        Ok(format!(
            "Dataset('{path}'{more}, files={}, row_groups={}, rows={}, columns={columns})",
            files.len(),
            self.num_row_groups()?,
            self.num_rows()?,
        ))
    }

    /// A scan: one pass over the rows, batch by batch.
    ///
    /// Nothing is read before the first batch is asked for. Arguments that are left out are those of the data set.
    ///
    /// Args:
    ///     columns: Names of the columns to read, in the order of the file whatever their order here.
    ///     row_groups: Numbers of the row groups to read, from 0 to ``num_row_groups - 1`` over all files.
    ///     ordered: Batches come in the order of their rows. Otherwise they come as reader threads have them, with less memory.
    ///     threads: Reader threads.
    ///     cpus: CPUs to pin the reader threads to.
    ///     direct: Read around the page cache: ``"auto"``, ``True`` or ``"on"``, ``False`` or ``"off"``.
    ///     memory: Memory limit of all reader threads together, in bytes or as a text like ``"1GiB"``.
    ///     driver: How reads are given to the kernel: ``"auto"``, ``"uring"``, ``"pread"`` or ``"mmap"``.
    ///     batch_rows: Rows of a batch at most.
    ///     verify_crc: Check page checksums where the file has them.
    ///
    /// Raises:
    ///     ValueError: An option is wrong, or a file has no such column.
    ///     IndexError: There is no row group of this number.
    ///     SchemaError: The columns of two files differ.
    #[pyo3(signature = (
        columns = None, *, row_groups = None, ordered = true, threads = None, cpus = None, direct = None,
        memory = None, driver = None, batch_rows = None, verify_crc = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn scan<'py>(
        &self,
        py: Python<'py>,
        columns: Option<Vec<String>>,
        row_groups: Option<Bound<'py, PyAny>>,
        ordered: bool,
        threads: Option<Bound<'py, PyAny>>,
        cpus: Option<Vec<usize>>,
        direct: Option<Bound<'py, PyAny>>,
        memory: Option<Bound<'py, PyAny>>,
        driver: Option<&str>,
        batch_rows: Option<Bound<'py, PyAny>>,
        verify_crc: Option<bool>,
    ) -> PyResult<Scan> {
        let keywords = Keywords {
            columns,
            ordered: (!ordered).then_some(false),
            threads,
            cpus,
            direct,
            memory,
            driver,
            batch_rows,
            verify_crc,
        };
        let opened = self.native.get()?;
        let dataset = under(py, opened, keywords)?;
        let schema = py.detach(|| dataset.schema()).map_err(|error| raised(py, &error))?;
        let row_groups = row_groups.map(|numbers| chosen(opened, &numbers)).transpose()?;
        Ok(Scan::new(opened, dataset, schema, row_groups))
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        self.schema(py)?.capsule(py)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let scan = self.scan(py, None, None, true, None, None, None, None, None, None, None)?;
        let _ = requested_schema;
        scan.stream_capsule(py)
    }

    /// A pass over the data set for training: batches of ``batch_size`` rows in an order that a seed decides.
    ///
    /// Args:
    ///     number: Number of the epoch.
    ///     batch_size: Rows of a batch; the last one has the rest.
    ///     drop_last: Leave out a last batch of fewer rows.
    ///     shuffle: ``None`` for the order of the files, ``"row_groups"`` to shuffle the row groups, ``"rows"`` to shuffle the row
    ///         groups and then the rows of each ``window`` row groups among one another.
    ///     window: Row groups whose rows are mixed, for ``"rows"``. That many decoded row groups are in memory, and up to as many
    ///         that follow.
    ///     seed: Decides the order, together with ``number``.
    ///     rank: Of this process, from 0.
    ///     world_size: Ranks. Each has the same number of rows; fewer rows than there are ranks are left out.
    ///     worker: Of this process within the rank, from 0.
    ///     workers: Processes that share the batches of the rank, each a contiguous part.
    ///     threads: Reader threads; by default those of the data set.
    ///     files: Numbers of the files to read, in this order, as ``Dataset.files`` counts them; by default all of them.
    ///
    /// Raises:
    ///     ValueError: An argument is wrong.
    #[pyo3(signature = (
        number, *, batch_size, drop_last = false, shuffle = None, window = 16, seed = 0, rank = 0, world_size = 1,
        worker = 0, workers = 1, threads = None, files = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn epoch(
        &self,
        py: Python<'_>,
        number: u64,
        batch_size: usize,
        drop_last: bool,
        shuffle: Option<&str>,
        window: u32,
        seed: u64,
        rank: u32,
        world_size: u32,
        worker: u32,
        workers: u32,
        threads: Option<usize>,
        files: Option<Vec<u32>>,
    ) -> PyResult<Epoch> {
        let shuffle = shuffle_of(shuffle, window)?;
        let mut options = EpochOptions::of_batches(batch_size);
        options.files = files;
        options.drop_last = drop_last;
        options.shuffle = shuffle;
        options.seed = seed;
        (options.rank, options.world_size) = (rank, world_size);
        (options.worker, options.workers) = (worker, workers);
        Epoch::new(py, self.native.get()?, options, number, threads)
    }

    /// A text that changes when the files do: their names without folders, their lengths, the rows of their row groups.
    #[getter]
    fn fingerprint(&self) -> PyResult<String> {
        Ok(format!("{:032x}", self.native.get()?.dataset.fingerprint()))
    }

    /// Rows by their numbers, as one batch in the order asked for.
    ///
    /// The row groups that hold them are read and decoded. Only the rows asked for stay in memory.
    ///
    /// Args:
    ///     rows: Numbers from 0 to ``len(dataset) - 1``, over all files in their order. A row that is asked for twice comes twice.
    ///     columns: Names of the columns to read; by default those of the data set.
    ///
    /// Raises:
    ///     IndexError: There is no row of this number.
    ///     ValueError: A file has no such column.
    ///     SchemaError: The columns of two files differ.
    #[pyo3(signature = (rows, columns = None))]
    fn take(
        &self,
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        columns: Option<Vec<String>>,
    ) -> PyResult<Batch> {
        let rows = options::numbers("rows", rows)?;
        let opened = self.native.get()?;
        let dataset = under(py, opened, Keywords { columns, ..Keywords::default() })?;
        let stop = StopFlag::new();
        let scan = dataset.scan().stop(&stop);
        let taken = on_thread(py, Some(stop), move || scan.take(&rows));
        Ok(Batch::new(taken?.map_err(|error| raised(py, &error))?, None))
    }

    /// The report of the scan that ended last, as ``ringquet scan --json`` prints it.
    ///
    /// Raises:
    ///     ValueError: No scan of this data set has ended.
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let opened = self.native.get()?;
        let newest = py.detach(|| opened.newest.get());
        let newest = newest
            .ok_or_else(|| PyValueError::new_err("no scan of this data set has ended yet"))?;
        report_of(py, opened, &newest)
    }

    /// Reads and decodes everything once, as ``ringquet scan`` does, and returns the report. No batch comes to Python.
    ///
    /// Args:
    ///     columns: Names of the columns to read; by default those of the data set.
    ///     raw: Read the bytes and decode nothing.
    ///     threads: Reader threads.
    ///     cpus: CPUs to pin the reader threads to.
    ///     direct: Read around the page cache: ``"auto"``, ``True`` or ``"on"``, ``False`` or ``"off"``.
    ///     memory: Memory limit of all reader threads together, in bytes or as a text like ``"1GiB"``.
    ///     driver: How reads are given to the kernel: ``"auto"``, ``"uring"``, ``"pread"`` or ``"mmap"``.
    ///     batch_rows: Rows of a batch at most.
    ///     verify_crc: Check page checksums where the file has them.
    ///
    /// Raises:
    ///     ValueError: An option is wrong, or a file has no such column.
    ///     OSError: Reading as a whole failed. A file that fails is in ``failures`` of the report.
    #[pyo3(signature = (
        columns = None, *, raw = false, threads = None, cpus = None, direct = None, memory = None, driver = None,
        batch_rows = None, verify_crc = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn measure<'py>(
        &self,
        py: Python<'py>,
        columns: Option<Vec<String>>,
        raw: bool,
        threads: Option<Bound<'py, PyAny>>,
        cpus: Option<Vec<usize>>,
        direct: Option<Bound<'py, PyAny>>,
        memory: Option<Bound<'py, PyAny>>,
        driver: Option<&str>,
        batch_rows: Option<Bound<'py, PyAny>>,
        verify_crc: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let keywords = Keywords {
            columns,
            ordered: None,
            threads,
            cpus,
            direct,
            memory,
            driver,
            batch_rows,
            verify_crc,
        };
        let opened = self.native.get()?;
        let dataset = under(py, opened, keywords)?;
        let stop = StopFlag::new();
        let (read, flag) = (dataset.clone(), stop.clone());
        let report = on_thread(py, Some(stop), move || {
            // What is measured is reading, not the mapping of memory.
            let scan = read.map_memory()?.scan().stop(&flag);
            if raw { scan.read_raw() } else { scan.visit(|_| drop) }
        });
        let report = Arc::new(report?.map_err(|error| raised(py, &error))?);
        let options = report::Options {
            paths: &opened.paths,
            strict: opened.is_strict,
            raw,
            digest: false,
            engine: dataset.options(),
        };
        report::dict(py, &options, dataset.files().len() as u64, &report)
    }
}

/// The data set under other options.
fn under(
    py: Python<'_>,
    opened: &Arc<Opened>,
    keywords: Keywords<'_>,
) -> PyResult<ringquet::Dataset> {
    if keywords.change_nothing() {
        return Ok(opened.dataset.clone());
    }
    let options = keywords.applied_to(opened.dataset.options().clone())?;
    let before = opened.dataset.clone();
    let dataset = on_thread(py, None, move || {
        let failed = before.failures().len();
        let dataset = before.scan().with(|changed| *changed = options).dataset()?;
        // A file that cannot be read under these options would change the numbers of all rows behind it.
        if dataset.failures().len() > failed { dataset.require_all() } else { Ok(dataset) }
    });
    dataset?.map_err(|error| raised(py, of_first(&error, opened.is_strict)))
}

/// The row groups of these numbers.
fn chosen(opened: &Opened, numbers: &Bound<'_, PyAny>) -> PyResult<Vec<RowGroupId>> {
    let all = opened.dataset.row_groups_in_order();
    let of_number = |number: u64| {
        let id = usize::try_from(number).ok().and_then(|number| all.get(number)).copied();
        id.ok_or_else(|| {
            let count = all.len();
            PyIndexError::new_err(format!(
                "no row group {number}: there are {count}, numbered from 0"
            ))
        })
    };
    options::numbers("row_groups", numbers)?.into_iter().map(of_number).collect()
}
