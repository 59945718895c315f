//! Batches for a consumer on another thread: an iterator over a bounded queue; and `play`, for many consumers.

use std::sync::Arc;
use std::thread::JoinHandle;

use crate::batch_queue::BatchQueue;
use crate::dataset::{Dataset, count};
use crate::error::Error;
use crate::lane::{Batch, Delivery, Demand, Gate, Lane, StopFlag};
use crate::panics;
use crate::plan::RowGroupId;
use crate::reader::DecodeMode;
use crate::report::ScanReport;
use crate::scan::{self, RowGroupQueue};

impl Dataset {
    /// All batches, as they are decoded. With one reader thread they come in the order of files, row groups and
    /// rows; with several the row groups of different threads mix, and each batch tells where it is from.
    ///
    /// A file that fails is one error among the batches; those of the other files go on coming, as in [`Dataset::scan`]. First
    /// come the errors of files that were not opened ([`Dataset::failures`]). Batches of a file that were decoded before it
    /// failed have been delivered, and with several threads some may come after its error. An error that ends reading as a
    /// whole is the last item.
    ///
    /// The queue between is bounded by the memory budget; a consumer that is slow slows reading down.
    pub fn batches(self: &Arc<Self>) -> BatchStream {
        let threads = self.resolved().threads;
        let gates = (0..threads).map(|_| Gate::new()).collect();
        let bytes_max = self.resolved().shares.queue_bytes * threads as u64;
        let queue = Arc::new(BatchQueue::new(bytes_max, gates, StopFlag::new()));
        for file in self.failures() {
            queue.push(Err(Error::Unopened(file.error.clone())), 0);
        }
        let in_order = (0u32..).zip(self.files()).flat_map(|(file, entry)| {
            (0..count(entry.footer.num_row_groups()))
                .map(move |row_group| RowGroupId { file, row_group })
        });
        let row_groups = Arc::new(RowGroupQueue::of(self, in_order.collect()));
        let lanes = queue.gates().iter().map(|gate| {
            let lane =
                StreamLane { row_groups: Arc::clone(&row_groups), queue: Arc::clone(&queue) };
            (vec![Box::new(lane) as Box<dyn Lane>], gate.clone())
        });
        let playing = play(self, lanes.collect(), DecodeMode::Arrow, queue.stop());
        let dataset = Arc::clone(self);
        BatchStream { dataset, row_groups, queue, playing: Some(playing) }
    }
}

/// Batches of a data set, and one error for each file that fails. Dropping it ends the reader threads.
pub struct BatchStream {
    dataset: Arc<Dataset>,
    row_groups: Arc<RowGroupQueue>,
    queue: Arc<BatchQueue<Result<Batch, Error>>>,
    playing: Option<Playing>,
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

impl Iterator for BatchStream {
    type Item = Result<Batch, Error>;

    fn next(&mut self) -> Option<Result<Batch, Error>> {
        match self.queue.take() {
            Some(item) => Some(item),
            None => match self.finish()? {
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            },
        }
    }
}

impl BatchStream {
    /// Ends reading and tells what was done; `None` the second time, and after the last item.
    pub fn finish(&mut self) -> Option<Result<ScanReport, Error>> {
        self.playing.take().map(|playing| {
            self.queue.end_producers();
            let mut report = playing.join()?;
            report.failures.extend(self.row_groups.take_failures(&self.dataset));
            Ok(report)
        })
    }
}

impl Drop for BatchStream {
    fn drop(&mut self) {
        // The result of a scan that nobody wants any more is of no interest.
        drop(self.finish());
    }
}

/// Reader threads that work for lanes of the caller's own.
pub struct Playing {
    thread: JoinHandle<Result<ScanReport, Error>>,
}

/// Starts one reader thread per entry of `lanes`, each with its lanes and the gate that wakes it.
pub fn play(
    dataset: &Arc<Dataset>,
    lanes: Vec<(Vec<Box<dyn Lane>>, Gate)>,
    mode: DecodeMode,
    stop: &StopFlag,
) -> Playing {
    let dataset = Arc::clone(dataset);
    let stop = stop.clone();
    let thread = std::thread::spawn(move || {
        let lanes = lanes
            .into_iter()
            .map(|(lanes, gate)| {
                (lanes.into_iter().map(|lane| lane as Box<dyn Lane>).collect(), gate)
            })
            .collect();
        panics::caught(|| scan::read_lanes(&dataset, lanes, mode, &stop)).unwrap_or_else(|panic| {
            stop.stop();
            Err(Error::Panicked(panic))
        })
    });
    Playing { thread }
}

impl Playing {
    /// Waits until every lane is finished, or until the stop flag was seen.
    ///
    /// # Errors
    /// What ended a reader thread.
    pub fn join(self) -> Result<ScanReport, Error> {
        match self.thread.join() {
            Ok(result) => result,
            Err(_) => Err(Error::Panicked("it could not be ended".to_owned())),
        }
    }
}
