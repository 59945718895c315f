//! Batches for a consumer on another thread: an iterator over a bounded queue; and `play`, for many consumers.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::dataset::{Dataset, count};
use crate::error::Error;
use crate::lane::{Batch, Delivery, Demand, Gate, Lane, StopFlag};
use crate::panics;
use crate::plan::UnitId;
use crate::reader::DecodeMode;
use crate::report::ScanReport;
use crate::scan::{self, UnitQueue};

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
        let unopened =
            self.failures().iter().map(|file| (0, Err(Error::Unopened(file.error.clone()))));
        let queue = Arc::new(Queue {
            state: Mutex::new(State { items: unopened.collect(), bytes: 0, producers: threads }),
            ready: Condvar::new(),
            bytes_max: self.resolved().shares.queue_bytes * threads as u64,
        });
        let in_order = (0u32..).zip(self.files()).flat_map(|(file, entry)| {
            (0..count(entry.footer.num_row_groups()))
                .map(move |row_group| UnitId { file, row_group })
        });
        let units = Arc::new(UnitQueue::of(self, in_order.collect()));
        let gates: Vec<Gate> = (0..threads).map(|_| Gate::new()).collect();
        let lanes = gates.iter().map(|gate| {
            let lane = StreamLane { units: Arc::clone(&units), queue: Arc::clone(&queue) };
            (vec![Box::new(lane) as Box<dyn Lane>], gate.clone())
        });
        let stop = StopFlag::new();
        let playing = play(self, lanes.collect(), DecodeMode::Arrow, &stop);
        let dataset = Arc::clone(self);
        BatchStream { dataset, units, queue, gates, stop, playing: Some(playing) }
    }
}

/// Batches of a data set, and one error for each file that fails. Dropping it ends the reader threads.
pub struct BatchStream {
    dataset: Arc<Dataset>,
    units: Arc<UnitQueue>,
    queue: Arc<Queue>,
    gates: Vec<Gate>,
    stop: StopFlag,
    playing: Option<Playing>,
}

struct Queue {
    state: Mutex<State>,
    ready: Condvar,
    bytes_max: u64,
}

struct State {
    items: VecDeque<(u64, Result<Batch, Error>)>,
    bytes: u64,
    producers: usize,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, item: Result<Batch, Error>) {
        let bytes = item.as_ref().map_or(0, |batch| crate::report::decoded_bytes(&batch.columns));
        let mut state = self.state();
        state.bytes += bytes;
        state.items.push_back((bytes, item));
        self.ready.notify_one();
    }
}

struct StreamLane {
    units: Arc<UnitQueue>,
    queue: Arc<Queue>,
}

impl Lane for StreamLane {
    fn next_unit(&mut self) -> Option<UnitId> {
        self.units.take()
    }

    fn demand(&mut self) -> Demand {
        if self.queue.state().bytes >= self.queue.bytes_max {
            Demand::Full
        } else {
            Demand::Hungry(1)
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Batch(batch) => self.queue.push(Ok(batch)),
            Delivery::Failed { unit, error } => {
                if self.units.fail(unit, &error) {
                    self.queue.push(Err(error));
                }
            }
            Delivery::UnitDone { .. } | Delivery::Raw { .. } => {}
        }
    }
}

impl Drop for StreamLane {
    /// However its thread ends, the consumer learns that this producer is gone.
    fn drop(&mut self) {
        self.queue.state().producers -= 1;
        self.queue.ready.notify_all();
    }
}

impl Iterator for BatchStream {
    type Item = Result<Batch, Error>;

    fn next(&mut self) -> Option<Result<Batch, Error>> {
        let mut state = self.queue.state();
        let item = loop {
            if let Some((bytes, item)) = state.items.pop_front() {
                state.bytes -= bytes;
                break Some(item);
            }
            if state.producers == 0 {
                break None;
            }
            state = self.queue.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        drop(state);
        self.gates.iter().for_each(Gate::open);
        match item {
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
            self.stop_if_unfinished();
            let mut report = playing.join()?;
            report.failures.extend(self.units.take_failures(&self.dataset));
            Ok(report)
        })
    }

    fn stop_if_unfinished(&self) {
        if self.queue.state().producers > 0 {
            self.stop.stop();
            self.gates.iter().for_each(Gate::open);
        }
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
