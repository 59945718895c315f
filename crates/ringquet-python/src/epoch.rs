//! A pass over a data set as training makes it: batches of a fixed number of rows, in an order that a seed decides.

use std::sync::Arc;

use pyo3::exceptions::{PyStopIteration, PyValueError};
use pyo3::prelude::*;
use ringquet::epoch::{self, EpochOptions, Shuffle};

use crate::batch::Batch;
use crate::error::raised;
use crate::fork::OwnProcess;
use crate::open::Opened;
use crate::reading::{Next, Reading};
use crate::scan::{close, report_of_ended};
use crate::wait::until;

/// What the keyword arguments `shuffle` and `window` stand for.
///
/// # Errors
/// `ValueError` for another word.
pub(crate) fn shuffle_of(shuffle: Option<&str>, window: u32) -> PyResult<Shuffle> {
    match shuffle {
        None => Ok(Shuffle::None),
        Some("row_groups") => Ok(Shuffle::RowGroups),
        Some("rows") => Ok(Shuffle::Rows { window }),
        Some(other) => Err(PyValueError::new_err(format!(
            "`shuffle` '{other}': expected None, 'row_groups' or 'rows'"
        ))),
    }
}

/// One pass over a data set: which rows are in which batch. From ``Dataset.epoch``.
///
/// The order is a function of the files, the arguments and the number of the epoch. Threads and timing have no part in it.
#[pyclass(frozen, module = "ringquet")]
pub(crate) struct Epoch {
    native: OwnProcess<State>,
}

struct State {
    opened: Arc<Opened>,
    epoch: epoch::Epoch,
    /// Reader threads, where they are not those of the data set.
    threads: Option<usize>,
}

impl Epoch {
    pub(crate) fn new(
        py: Python<'_>,
        opened: &Arc<Opened>,
        options: EpochOptions,
        number: u64,
        threads: Option<usize>,
    ) -> PyResult<Epoch> {
        let epoch = py.detach(|| epoch::Epoch::new(&opened.dataset, options, number));
        let epoch = epoch.map_err(|error| raised(py, &error))?;
        let state = State { opened: Arc::clone(opened), epoch, threads };
        Ok(Epoch { native: OwnProcess::new(state) })
    }
}

#[pymethods]
impl Epoch {
    /// Its number.
    #[getter]
    fn number(&self) -> PyResult<u64> {
        Ok(self.native.get()?.epoch.number())
    }

    /// Batches of this worker.
    #[getter]
    fn num_batches(&self) -> PyResult<u64> {
        Ok(self.native.get()?.epoch.num_batches())
    }

    /// Batches of this rank, of all its workers together: the same for every rank.
    #[getter]
    fn num_batches_of_rank(&self) -> PyResult<u64> {
        Ok(self.native.get()?.epoch.num_batches_of_rank())
    }

    /// Rows of this worker.
    #[getter]
    fn num_rows(&self) -> PyResult<u64> {
        Ok(self.native.get()?.epoch.num_rows())
    }

    /// The row groups in the order of this pass: pairs of the number of the file and that of the row group in it.
    #[getter]
    fn row_groups(&self) -> PyResult<Vec<(u32, u32)>> {
        let row_groups = self.native.get()?.epoch.row_groups();
        Ok(row_groups.iter().map(|id| (id.file, id.row_group)).collect())
    }

    /// The batches, from the row on with which the pass was left.
    ///
    /// Nothing is read before the first batch is asked for. An exception ends the pass.
    ///
    /// Args:
    ///     rows_done: Rows of this worker that an earlier pass of the same number gave: a multiple of the batch size, or all.
    ///
    /// Returns:
    ///     An iterator of ``Batch``.
    ///
    /// Raises:
    ///     ValueError: The pass cannot be left after so many rows.
    #[pyo3(signature = (rows_done = 0))]
    fn batches(&self, py: Python<'_>, rows_done: u64) -> PyResult<EpochBatches> {
        let state = self.native.get()?;
        state.epoch.check_rows_done(rows_done).map_err(|error| raised(py, &error))?;
        let mut scan = state.opened.dataset.scan();
        if let Some(threads) = state.threads {
            scan = scan.threads(threads);
        }
        let epoch = state.epoch.clone();
        let start = Box::new(move || scan.epoch(&epoch, rows_done));
        let opened = Arc::clone(&state.opened);
        let reading =
            Reading::new(start, &opened.dataset, !opened.is_strict, opened.newest.clone());
        let passing = Passing { opened, reading: Arc::new(reading) };
        Ok(EpochBatches { native: OwnProcess::new(passing) })
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.num_batches()?)?)
    }

    fn __repr__(&self) -> PyResult<String> {
        let epoch = &self.native.get()?.epoch;
        let (number, batches, rows) = (epoch.number(), epoch.num_batches(), epoch.num_rows());
        Ok(format!("Epoch({number}, batches={batches}, rows={rows})"))
    }
}

/// The batches of a pass: an iterator. From ``Epoch.batches``.
///
/// Reading ends after the last batch, with an exception, with ``close``, or when this is dropped.
#[pyclass(frozen, module = "ringquet")]
pub(crate) struct EpochBatches {
    native: OwnProcess<Passing>,
}

struct Passing {
    opened: Arc<Opened>,
    reading: Arc<Reading<epoch::EpochBatches>>,
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.reading.let_go();
    }
}

#[pymethods]
impl EpochBatches {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Batch> {
        let reading = &self.native.get()?.reading;
        let next = until(py, |limit| match reading.next_within(limit) {
            Next::NotYet => None,
            next => Some(next),
        });
        match next? {
            Next::Batch(batch) => Ok(Batch::new(batch, None)),
            Next::Failed(error) => Err(raised(py, &error)),
            Next::Closed => Err(PyValueError::new_err("the batches of this epoch are closed")),
            Next::End | Next::NotYet => Err(PyStopIteration::new_err(())),
        }
    }

    /// The report of the reading, as ``ringquet scan --json`` prints it.
    ///
    /// Raises:
    ///     ValueError: It has not begun or not ended.
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let passing = self.native.get()?;
        let text =
            "the pass has not been read to its end, nor closed after it began: there is no report";
        report_of_ended(py, &passing.opened, &passing.reading, text)
    }

    /// Ends reading, and waits until the reader threads have ended.
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
}
