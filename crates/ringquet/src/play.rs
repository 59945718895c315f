//! Reader threads that feed lanes of the caller's own.

use std::thread::JoinHandle;

use crate::dataset::Dataset;
use crate::error::Error;
use crate::lane::{Gate, Lane, StopFlag};
use crate::panics;
use crate::read;
use crate::reader::DecodeMode;
use crate::report::ScanReport;

/// Reader threads at work for lanes of the caller's own.
pub struct Playing {
    thread: JoinHandle<Result<ScanReport, Error>>,
}

/// Starts one reader thread per entry of `lanes`, each with its lanes and the gate that wakes it. They end when every
/// lane is finished, or when `stop` is set; nobody here sets it.
pub fn play(
    dataset: &Dataset,
    lanes: Vec<(Vec<Box<dyn Lane>>, Gate)>,
    mode: DecodeMode,
    stop: &StopFlag,
) -> Playing {
    play_until(dataset, lanes, mode, stop, || {})
}

/// As [`play`]; `at_end` is called once all reader threads have ended, however they did.
pub(crate) fn play_until(
    dataset: &Dataset,
    lanes: Vec<(Vec<Box<dyn Lane>>, Gate)>,
    mode: DecodeMode,
    stop: &StopFlag,
    at_end: impl FnOnce() + Send + 'static,
) -> Playing {
    let (dataset, stop) = (dataset.clone(), stop.clone());
    let thread = std::thread::spawn(move || {
        let lanes = lanes.into_iter().map(|(lanes, gate)| {
            (lanes.into_iter().map(|lane| lane as Box<dyn Lane>).collect(), gate)
        });
        let lanes = lanes.collect();
        let result = panics::caught(|| read::read_lanes(&dataset, lanes, mode, &stop));
        at_end();
        result.unwrap_or_else(|panic| Err(Error::Panicked(panic)))
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
