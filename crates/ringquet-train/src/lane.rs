//! One stream of row groups from a reader thread to a rank.

use std::sync::{Arc, PoisonError};

use ringquet::engine::{Delivery, Demand, Lane, Work};
use ringquet::{Batch, RowGroupId};

use crate::barrier::StartLine;
use crate::deal::FileRowGroup;
use crate::queue::{QueueDemand, RankQueue, Rows};
use crate::sync::Mutex;
use crate::touch::Touched;

/// Totals of the streams of one phase.
#[derive(Debug, Default)]
pub(crate) struct Aftermath {
    failure: Mutex<Option<ringquet::Error>>,
    raw: Mutex<Touched>,
}

impl Aftermath {
    /// The first failure.
    pub(crate) fn take_failure(&self) -> Option<ringquet::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Raw bytes that were touched on reader threads.
    pub(crate) fn raw(&self) -> Touched {
        *self.raw.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A [`Lane`] that fills a [`RankQueue`].
#[derive(Debug)]
pub(crate) struct RankLane {
    thread: usize,
    start: Arc<StartLine>,
    started: bool,
    queue: Arc<RankQueue>,
    row_groups: std::vec::IntoIter<FileRowGroup>,
    raw: Touched,
    aftermath: Arc<Aftermath>,
    finished: bool,
}

impl RankLane {
    pub(crate) fn new(
        thread: usize,
        start: Arc<StartLine>,
        queue: Arc<RankQueue>,
        row_groups: Vec<FileRowGroup>,
        aftermath: Arc<Aftermath>,
    ) -> Self {
        let row_groups = row_groups.into_iter();
        let raw = Touched::default();
        Self { thread, start, started: false, queue, row_groups, raw, aftermath, finished: false }
    }
}

impl Lane for RankLane {
    fn next_row_group(&mut self) -> Option<RowGroupId> {
        if !self.started {
            // The thread's ring and arena are ready; not a byte is read before the clock runs.
            self.start.arrive_and_wait(self.thread);
            self.started = true;
        }
        self.row_groups.next().map(|(file, row_group)| RowGroupId { file, row_group })
    }

    fn demand(&mut self) -> Demand {
        match self.queue.demand() {
            QueueDemand::Hungry(weight) => Demand::Hungry(weight),
            QueueDemand::Full => Demand::Full,
            QueueDemand::Nothing => Demand::Closed,
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Batch(Batch { columns: batch, first_row, .. }) => {
                self.queue.push(Rows::Columns { batch, first_row });
            }
            // Slots belong to the reader thread's arena: they are touched and given back at once, as the
            // reader of the current fork drops them. Rows count when their row group is there.
            Delivery::Raw { bytes, .. } => self.raw.bytes(&bytes),
            Delivery::RowGroupDone { rows, .. } => self.queue.raw_rows(rows),
            Delivery::Failed { error, .. } => {
                let mut failure =
                    self.aftermath.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(error);
                drop(failure);
                self.queue.fail();
            }
        }
    }

    fn work(&self, delivery: &Delivery) -> Work {
        match delivery {
            Delivery::Raw { .. } => Work::Touch,
            _ => Work::Deliver,
        }
    }

    fn finish(&mut self) {
        if !self.finished {
            self.finished = true;
            self.queue.stream_done();
        }
    }
}

impl Drop for RankLane {
    /// However its thread ends, no accelerator waits for this stream any longer.
    fn drop(&mut self) {
        self.aftermath.raw.lock().unwrap_or_else(PoisonError::into_inner).add(self.raw);
        self.start.arrive(self.thread);
        if !self.finished {
            self.queue.fail();
        }
    }
}
