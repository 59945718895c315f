//! Batches for a consumer on another thread, each with its place: an iterator over a bounded queue.

use std::sync::Arc;
#[cfg(feature = "async")]
use std::task::{Context, Poll};

use crate::deliver::batch_queue::BatchQueue;
use crate::error::Error;
use crate::open::dataset::Dataset;
use crate::plan::RowGroupId;
use crate::read::lane::{Batch, Delivery, Demand, Gate, Lane, StopFlag};
use crate::read::play::{Playing, play_until};
use crate::read::reader::DecodeMode;
use crate::read::row_group_queue::RowGroupQueue;
use crate::report::ScanReport;

/// The batches of a scan as they are decoded, each with its file, row group and first row; and one error for each file that
/// fails. From [`Scan::placed_batches`](crate::Scan::placed_batches). Dropping it ends the reader threads.
///
/// With one reader thread batches come in the order of files, row groups and rows; with several the row groups of
/// different threads mix.
///
/// A file that fails is one error among the batches; those of the other files go on coming. First come the errors of files
/// that were not opened ([`Dataset::failures`]). Batches of a file that were decoded before it failed have been delivered, and
/// with several threads some may come after its error. An error that ends reading as a whole is the last item:
/// [`Error::Stopped`] if the stop flag of the scan was set.
///
/// The queue between is bounded by the memory budget; a consumer that is slow slows reading down.
pub struct PlacedBatches {
    dataset: Dataset,
    row_groups: Arc<RowGroupQueue>,
    queue: Arc<BatchQueue<Result<Batch, Error>>>,
    /// The caller's.
    stop: StopFlag,
    playing: Option<Playing>,
}

impl PlacedBatches {
    /// Starts the reader threads.
    pub(crate) fn start(
        dataset: &Dataset,
        row_groups: Vec<RowGroupId>,
        stop: &StopFlag,
    ) -> PlacedBatches {
        let threads = dataset.resolved().threads;
        let gates = (0..threads).map(|_| Gate::new()).collect();
        let bytes_max = dataset.resolved().shares.queue_bytes * threads as u64;
        let queue = Arc::new(BatchQueue::new(bytes_max, gates, stop.child()));
        for file in dataset.failures() {
            queue.push(Err(Error::Unopened(file.error.clone())), 0);
        }
        let row_groups = Arc::new(RowGroupQueue::of(dataset, row_groups));
        let lanes = queue.gates().iter().map(|gate| {
            let lane =
                StreamLane { row_groups: Arc::clone(&row_groups), queue: Arc::clone(&queue) };
            (vec![Box::new(lane) as Box<dyn Lane>], gate.clone())
        });
        // The end of the queue is the end of the reader threads: nothing is left to wait for then.
        queue.add_producer();
        let ended = Arc::clone(&queue);
        let at_end = move || ended.producer_ended();
        let playing = play_until(dataset, lanes.collect(), DecodeMode::Arrow, queue.stop(), at_end);
        let (dataset, stop) = (dataset.clone(), stop.clone());
        PlacedBatches { dataset, row_groups, queue, stop, playing: Some(playing) }
    }

    /// What is read.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Ends reading and gives the report of what was done; `None` the second time, and after the last item.
    pub fn finish(&mut self) -> Option<Result<ScanReport, Error>> {
        self.playing.take().map(|playing| {
            self.queue.end_producers();
            let mut report = playing.join()?;
            report.failures.extend(self.row_groups.take_failures(&self.dataset));
            Ok(report)
        })
    }

    /// After the last batch: the error that ended reading as a whole, once.
    fn end(&mut self) -> Option<Error> {
        match self.finish()? {
            Ok(report) if report.stopped && self.stop.is_stopped() => Some(Error::Stopped),
            Ok(_) => None,
            Err(error) => Some(error),
        }
    }

    /// As [`Iterator::next`], without waiting: where there is no batch yet, the task is woken when one comes.
    #[cfg(feature = "async")]
    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Batch, Error>>> {
        self.queue.poll_take(context).map(|item| item.or_else(|| self.end().map(Err)))
    }

    /// Lets the reader threads end by themselves: they see it within 100 ms.
    #[cfg(feature = "async")]
    pub(crate) fn abandon(&mut self) {
        self.queue.end_producers();
        self.playing = None;
    }
}

struct StreamLane {
    row_groups: Arc<RowGroupQueue>,
    queue: Arc<BatchQueue<Result<Batch, Error>>>,
}

impl Lane for StreamLane {
    fn next_row_group(&mut self) -> Option<RowGroupId> {
        self.row_groups.take()
    }

    fn demand(&mut self) -> Demand {
        if self.queue.is_full() { Demand::Full } else { Demand::Hungry(1) }
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Batch(batch) => {
                let bytes = crate::report::decoded_bytes(&batch.columns);
                self.queue.push(Ok(batch), bytes);
            }
            Delivery::Failed { row_group: id, error } => {
                if self.row_groups.fail(id, &error) {
                    self.queue.push(Err(error), 0);
                }
            }
            Delivery::RowGroupDone { .. } | Delivery::Raw { .. } => {}
        }
    }
}

impl Drop for StreamLane {
    /// However its thread ends, the consumer learns that this producer is gone.
    fn drop(&mut self) {
        self.queue.producer_ended();
    }
}

impl Iterator for PlacedBatches {
    type Item = Result<Batch, Error>;

    fn next(&mut self) -> Option<Result<Batch, Error>> {
        self.queue.take().or_else(|| self.end().map(Err))
    }
}

impl std::fmt::Debug for PlacedBatches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlacedBatches").field("ended", &self.playing.is_none()).finish()
    }
}

impl Drop for PlacedBatches {
    fn drop(&mut self) {
        // The result of a scan that is dropped is not needed.
        drop(self.finish());
    }
}
