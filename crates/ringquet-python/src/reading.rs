//! One reading of a data set: what a scan and the Arrow streams made of it share.
//!
//! It starts when the first batch is asked for, and ends by itself after the last one, or when the scan is closed or
//! dropped. Then the reader threads are waited for on a thread that does nothing else, and the report is kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow_array::RecordBatch;
use ringquet::engine::EngineOptions;
use ringquet::epoch::EpochBatches;
use ringquet::report::ScanReport;
use ringquet::{Dataset, Error, PlacedBatches, Waited};

use crate::turn::Turn;

/// What the library reads with: an iterator over batches that ends with a report.
pub(crate) trait Pass: Send + 'static {
    /// What it gives.
    type Batch: Send;

    /// The next batch, for which this waits `limit` at most.
    fn next_within(&mut self, limit: Duration) -> Waited<Result<Self::Batch, Error>>;

    /// Ends reading.
    fn finish(&mut self) -> Option<Result<ScanReport, Error>>;
}

impl Pass for PlacedBatches {
    type Batch = ringquet::Batch;

    fn next_within(&mut self, limit: Duration) -> Waited<Result<ringquet::Batch, Error>> {
        PlacedBatches::next_within(self, limit)
    }

    fn finish(&mut self) -> Option<Result<ScanReport, Error>> {
        PlacedBatches::finish(self)
    }
}

impl Pass for EpochBatches {
    type Batch = RecordBatch;

    fn next_within(&mut self, limit: Duration) -> Waited<Result<RecordBatch, Error>> {
        EpochBatches::next_within(self, limit)
    }

    fn finish(&mut self) -> Option<Result<ScanReport, Error>> {
        EpochBatches::finish(self)
    }
}

/// What a reading gives next.
pub(crate) enum Next<B> {
    /// A batch.
    Batch(B),
    /// A file that cannot be read. Those of the others still come, unless reading as a whole ended.
    Failed(Error),
    /// All was read.
    End,
    /// It was closed before its end.
    Closed,
    /// Nothing yet.
    NotYet,
}

/// One reading.
pub(crate) struct Reading<P: Pass> {
    state: Turn<State<P>>,
    /// Reader threads are at work, or at their end.
    is_running: AtomicBool,
    /// No more batches are wanted.
    is_closed: AtomicBool,
    /// Errors of files that were not opened are not among the batches: the caller has seen them.
    skips_unopened: bool,
    report: Arc<ReportSlot>,
    newest: Newest,
}

/// Starts the reader threads.
type Start<P> = Box<dyn FnOnce() -> Result<P, Error> + Send>;

enum State<P> {
    /// Nothing was asked for: there is no thread yet.
    Ready(Start<P>),
    Running(Box<P>),
    Ended,
}

impl<P: Pass> Reading<P> {
    /// Of what `start` starts, whose report is the newest one of its data set when it ends.
    pub(crate) fn new(
        start: Start<P>,
        dataset: &Dataset,
        skips_unopened: bool,
        newest: Newest,
    ) -> Reading<P> {
        Reading {
            state: Turn::new(State::Ready(start)),
            is_running: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            skips_unopened,
            report: Arc::new(ReportSlot::new(dataset)),
            newest,
        }
    }

    /// The next batch, for which this waits within `limit`, and as long again for its turn.
    pub(crate) fn next_within(&self, limit: Duration) -> Next<P::Batch> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Next::Closed;
        }
        self.state.within(limit, |state| self.next_of(state, limit)).unwrap_or(Next::NotYet)
    }

    fn next_of(&self, state: &mut State<P>, limit: Duration) -> Next<P::Batch> {
        if let State::Ready(_) = state {
            let State::Ready(start) = std::mem::replace(state, State::Ended) else {
                unreachable!("it was looked at");
            };
            match start() {
                Ok(batches) => {
                    *state = State::Running(Box::new(batches));
                    self.is_running.store(true, Ordering::Relaxed);
                }
                Err(error) => return Next::Failed(error),
            }
        }
        let State::Running(batches) = state else { return Next::End };
        loop {
            match batches.next_within(limit) {
                Waited::Item(Ok(batch)) => return Next::Batch(batch),
                Waited::Item(Err(Error::Unopened(_))) if self.skips_unopened => {}
                Waited::Item(Err(error)) => return Next::Failed(error),
                Waited::NotYet => return Next::NotYet,
                Waited::End => {
                    self.finish(state);
                    return Next::End;
                }
            }
        }
    }

    /// Ends reading and waits for the reader threads.
    pub(crate) fn end(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        // A thread whose turn it is sees the flag after one wait.
        let _ = self.state.within(Duration::MAX, |state| self.finish(state));
    }

    fn finish(&self, state: &mut State<P>) {
        if let State::Running(mut batches) = std::mem::replace(state, State::Ended)
            && let Some(report) = batches.finish()
        {
            self.report.set(report);
            self.newest.set(&self.report);
        }
        self.is_running.store(false, Ordering::Relaxed);
    }

    /// Ends reading and waits for nothing.
    pub(crate) fn let_go(self: &Arc<Self>) {
        self.is_closed.store(true, Ordering::Relaxed);
        if !self.is_running.load(Ordering::Relaxed) {
            return;
        }
        self.newest.set(&self.report);
        let reading = Arc::clone(self);
        let thread = std::thread::Builder::new().name("rq-end".to_owned());
        if thread.spawn(move || reading.end()).is_err() {
            self.end();
        }
    }

    /// Whether a report is there or will be, without another batch.
    pub(crate) fn is_ended(&self) -> bool {
        let is_ending =
            || self.is_closed.load(Ordering::Relaxed) && self.is_running.load(Ordering::Relaxed);
        self.report.is_set() || is_ending() || self.report.is_set()
    }

    /// Where its report is.
    pub(crate) fn report(&self) -> &Arc<ReportSlot> {
        &self.report
    }
}

/// Where the report of a reading is put when it ends.
pub(crate) struct ReportSlot {
    /// Files that were read.
    pub(crate) files: u64,
    /// How they were read.
    pub(crate) options: EngineOptions,
    report: Mutex<Option<Result<Arc<ScanReport>, Arc<Error>>>>,
    ready: Condvar,
}

impl ReportSlot {
    /// Of a reading of `dataset`, before it ends.
    pub(crate) fn new(dataset: &Dataset) -> ReportSlot {
        let (files, options) = (dataset.files().len() as u64, dataset.options().clone());
        ReportSlot { files, options, report: Mutex::default(), ready: Condvar::new() }
    }

    /// The reading has ended.
    pub(crate) fn set(&self, report: Result<ScanReport, Error>) {
        *self.report() = Some(report.map(Arc::new).map_err(Arc::new));
        self.ready.notify_all();
    }

    /// Whether there is a report.
    pub(crate) fn is_set(&self) -> bool {
        self.report().is_some()
    }

    /// The report, for which this waits within `limit`.
    pub(crate) fn get_within(
        &self,
        limit: Duration,
    ) -> Option<Result<Arc<ScanReport>, Arc<Error>>> {
        let (report, _) = self
            .ready
            .wait_timeout_while(self.report(), limit, |report| report.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        report.clone()
    }

    fn report(&self) -> MutexGuard<'_, Option<Result<Arc<ScanReport>, Arc<Error>>>> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reading of a data set that ended last.
#[derive(Clone, Default)]
pub(crate) struct Newest {
    slot: Arc<Mutex<Option<Arc<ReportSlot>>>>,
}

impl Newest {
    /// `slot` is the newest from now on.
    pub(crate) fn set(&self, slot: &Arc<ReportSlot>) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(slot));
    }

    /// The newest, if any has ended.
    pub(crate) fn get(&self) -> Option<Arc<ReportSlot>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
