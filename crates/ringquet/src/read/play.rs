//! Reader threads that feed lanes of the caller's own.

use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use ringquet_io::device::DeviceMeter;
use ringquet_io::usage::Usage;

use crate::error::Error;
use crate::open::dataset::Dataset;
use crate::read::lane::{Gate, Lane, StopFlag};
use crate::read::reader::{DecodeMode, Reader, ReaderReport};
use crate::report::ScanReport;
use crate::{panics, threads};

/// Reader threads at work for lanes of the caller's own.
pub struct Playing {
    thread: JoinHandle<Result<ScanReport, Error>>,
}

/// Starts one reader thread per entry of `lanes`, each with its lanes and the gate that wakes it. They end when every
/// lane is finished, or when `stop` is set; it is never set here.
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
        let result = panics::caught(|| read_lanes(&dataset, lanes, mode, &stop));
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

/// Runs one reader per entry of `lanes` until all are finished. Lanes keep their failures themselves.
pub(crate) fn read_lanes<'a>(
    dataset: &'a Dataset,
    lanes: Vec<(Vec<Box<dyn Lane + 'a>>, Gate)>,
    mode: DecodeMode,
    stop: &StopFlag,
) -> Result<ScanReport, Error> {
    // Set when a thread cannot go on, so that the others do not read for nothing. The caller's flag is the caller's.
    let stop = stop.child();
    let meter = DeviceMeter::begin(dataset.options().sys_root.clone(), dataset.devices());
    let before = Usage::now();
    let begun = Instant::now();
    let cpus = &dataset.resolved().cpus;
    let cpus: Vec<_> = (0..lanes.len()).map(|thread| cpus[thread % cpus.len()]).collect();
    let lanes: Vec<_> = lanes.into_iter().map(|lanes| Mutex::new(Some(lanes))).collect();
    let ends = threads::run(
        &cpus,
        || stop.stop(),
        |thread| {
            let (lanes, gate) = lanes[thread]
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
                .expect("each thread takes its own lanes, once");
            let result =
                Reader::new(dataset, thread, lanes, gate, mode, stop.clone()).and_then(Reader::run);
            if result.is_err() {
                stop.stop();
            }
            (result, begun.elapsed())
        },
    )?;
    let mut readers: Vec<ReaderReport> = Vec::with_capacity(ends.len());
    let mut done = Vec::with_capacity(ends.len());
    for (result, elapsed) in ends {
        readers.push(result?);
        done.push(elapsed);
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(ScanReport::new(
        dataset,
        mode,
        readers,
        &done,
        seconds,
        &meter,
        &Usage::now().since(&before),
    ))
}
