//! A scan: the batches of one pass over a data set.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_schema::SchemaRef;
use pyo3::exceptions::{PyStopIteration, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use ringquet::PlacedBatches;
use ringquet::report::ScanReport;

use crate::batch::{Batch, BatchPlace};
use crate::error::raised;
use crate::fork::OwnProcess;
use crate::open::Opened;
use crate::reading::{Next, Pass, Reading, ReportSlot};
use crate::stream::{Stream, with_schema};
use crate::wait::{on_thread, until};
use crate::{capsule, report, schema};

/// The batches of one pass over a data set: an iterator, and a stream for Arrow libraries.
///
/// Reading starts when the first batch is asked for, and ends after the last one, with ``close``, at the end of a
/// ``with`` block, or when the scan is dropped. An exception about one file does not end it: the batches of the other
/// files follow.
///
/// Arrow libraries read it as a whole, without a copy: ``pyarrow.table(scan)``, ``polars.DataFrame(scan)``,
/// ``duckdb.sql("from scan")``. That takes the stream: a scan is read once.
#[pyclass(frozen, module = "ringquet")]
pub(crate) struct Scan {
    native: OwnProcess<State>,
}

struct State {
    opened: Arc<Opened>,
    /// What is read: the data set under the options of the scan.
    dataset: ringquet::Dataset,
    schema: SchemaRef,
    num_rows: u64,
    reading: Arc<Reading<PlacedBatches>>,
    /// An Arrow stream reads it.
    is_taken: AtomicBool,
}

impl State {
    fn is_taken(&self) -> bool {
        self.is_taken.load(Ordering::Relaxed)
    }

    fn take(&self) -> Option<Stream> {
        if self.is_taken.swap(true, Ordering::Relaxed) {
            return None;
        }
        Some(Stream::new(Arc::clone(&self.reading), SchemaRef::clone(&self.schema)))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if !self.is_taken() {
            self.reading.let_go();
        }
    }
}

impl Scan {
    /// Of `dataset`, which is that of `opened` under the options of the scan.
    pub(crate) fn new(
        opened: &Arc<Opened>,
        dataset: ringquet::Dataset,
        schema: SchemaRef,
        row_groups: Option<Vec<ringquet::RowGroupId>>,
    ) -> Scan {
        let num_rows = match &row_groups {
            None => dataset.num_rows(),
            Some(row_groups) => row_groups.iter().map(|id| dataset.rows_of(*id)).sum(),
        };
        let mut scan = dataset.scan();
        if let Some(row_groups) = row_groups {
            scan = scan.row_groups(row_groups);
        }
        let start = Box::new(|| scan.placed_batches());
        let reading = Reading::new(start, &dataset, !opened.is_strict, opened.newest.clone());
        let state = State {
            opened: Arc::clone(opened),
            dataset,
            schema,
            num_rows,
            reading: Arc::new(reading),
            is_taken: AtomicBool::new(false),
        };
        Scan { native: OwnProcess::new(state) }
    }

    /// For `__arrow_c_stream__`.
    pub(crate) fn stream_capsule<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let state = self.native.get()?;
        let stream = state.take().ok_or_else(is_taken)?;
        capsule::of_stream(py, Box::new(stream))
    }
}

#[pymethods]
impl Scan {
    /// The columns' names and types.
    #[getter]
    fn schema(&self) -> PyResult<schema::Schema> {
        Ok(schema::Schema::new(SchemaRef::clone(&self.native.get()?.schema)))
    }

    /// Rows of all batches together.
    #[getter]
    fn num_rows(&self) -> PyResult<u64> {
        Ok(self.native.get()?.num_rows)
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Batch> {
        let state = self.native.get()?;
        let next = until(py, |limit| {
            if state.is_taken() {
                return Some(None);
            }
            match state.reading.next_within(limit) {
                Next::NotYet => None,
                next => Some(Some(next)),
            }
        });
        match next? {
            None => Err(is_taken()),
            Some(Next::Batch(batch)) => state.placed(py, batch),
            Some(Next::Failed(error)) => Err(raised(py, &error)),
            Some(Next::Closed) => Err(PyValueError::new_err("the scan is closed")),
            Some(Next::End | Next::NotYet) => Err(PyStopIteration::new_err(())),
        }
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::of_schema(py, &self.native.get()?.schema)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A wish, which the interface allows to be left unfulfilled.
        let _ = requested_schema;
        self.stream_capsule(py)
    }

    /// The report of the scan, as ``ringquet scan --json`` prints it: throughput, latencies, warnings and more.
    ///
    /// Raises:
    ///     ValueError: The scan has not begun or not ended.
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let state = self.native.get()?;
        let text =
            "the scan has not been read to its end, nor closed after it began: there is no report";
        report_of_ended(py, &state.opened, &state.reading, text)
    }

    /// Ends reading, and waits until the reader threads have ended. A closed scan gives no more batches.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        close(py, &self.native.get()?.reading)
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self) -> PyResult<String> {
        let state = self.native.get()?;
        let (rows, columns) = (state.num_rows, state.schema.fields().len());
        let threads = state.dataset.resolved().threads;
        Ok(format!("Scan(rows={rows}, columns={columns}, threads={threads})"))
    }
}

impl State {
    fn placed(&self, py: Python<'_>, batch: ringquet::Batch) -> PyResult<Batch> {
        let path = self.dataset.files()[batch.file as usize].path.as_os_str().to_owned();
        let place = BatchPlace {
            path,
            row_group: batch.row_group,
            first_row: self.opened.row_start(batch.file, batch.row_group) + batch.first_row,
        };
        let columns = with_schema(&self.schema, batch.columns)
            .map_err(|source| raised(py, &ringquet::Error::Arrow { source }))?;
        Ok(Batch::new(columns, Some(place)))
    }
}

fn is_taken() -> PyErr {
    PyValueError::new_err(
        "the stream of this scan was taken by an Arrow library, which reads it once: make a new scan",
    )
}

/// Ends a reading, and waits until its reader threads have ended.
pub(crate) fn close<P: Pass>(py: Python<'_>, reading: &Arc<Reading<P>>) -> PyResult<()> {
    let reading = Arc::clone(reading);
    on_thread(py, None, move || reading.end())
}

/// The report of a reading; `ValueError` with `text` while it has not ended.
pub(crate) fn report_of_ended<'py, P: Pass>(
    py: Python<'py>,
    opened: &Opened,
    reading: &Reading<P>,
    text: &'static str,
) -> PyResult<Bound<'py, PyAny>> {
    if !py.detach(|| reading.is_ended()) {
        return Err(PyValueError::new_err(text));
    }
    report_of(py, opened, reading.report())
}

/// The report of a reading that has ended or is about to.
pub(crate) fn report_of<'py>(
    py: Python<'py>,
    opened: &Opened,
    slot: &Arc<ReportSlot>,
) -> PyResult<Bound<'py, PyAny>> {
    let report = until(py, |limit| slot.get_within(limit))?;
    let report: Arc<ScanReport> = report.map_err(|error| raised(py, &error))?;
    let options = report::Options {
        paths: &opened.paths,
        strict: opened.is_strict,
        raw: false,
        digest: false,
        engine: &slot.options,
    };
    report::dict(py, &options, slot.files, &report)
}
