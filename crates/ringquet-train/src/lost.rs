//! Time lost by accelerators, by cause.
//!
//! An accelerator that waits for a batch cannot see why it is late, but its reader threads show it. So the
//! waiting is divided in proportion to the time in which they waited for reads and worked:
//!
//! ```text
//!  reader threads   ├── wait for reads ──┤── decode ──┤── other work ──┤ wait for consumers ┤
//!  batches waited for:        I/O        :   decode   :    reader
//! ```
//! Waiting for consumers is left out: a reader thread that waits there has delivered.

use ringquet::report::ScanReport;
use serde::Serialize;

use crate::accelerator::TimeByCause;

/// What reader threads did in a phase, in seconds, summed over threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReaderTime {
    /// All work, and waiting for a CPU: the time of the phase without the two waits below.
    pub busy_seconds: f64,
    /// Decoding, included above. The rest is submitting and reaping reads, copying where they go through the page cache, touching raw
    /// bytes, handing over, checking files, and planning.
    pub decode_seconds: f64,
    /// Waiting for reads, with nothing to decode.
    pub read_wait_seconds: f64,
    /// Waiting for accelerators, with all queues full.
    pub consumer_wait_seconds: f64,
}

impl ReaderTime {
    /// Of `engine`, in a phase whose accelerators ran for `seconds`.
    pub(crate) fn new(engine: &ScanReport, seconds: f64) -> Self {
        let all = engine.driver.threads as f64 * seconds;
        let (reads, consumers) = (engine.read_wait_seconds, engine.consumer_wait_seconds);
        let measured = engine.submit_seconds
            + engine.decode_seconds
            + engine.deliver_seconds
            + engine.digest_seconds
            + engine.touch_seconds
            + engine.check_seconds;
        Self {
            // Setting up rings lies before the phase and waits of its end behind it: what is left
            // can be short by them, never shorter than the work that was measured by itself.
            busy_seconds: (all - reads - consumers).max(measured),
            decode_seconds: engine.decode_seconds,
            read_wait_seconds: reads,
            consumer_wait_seconds: consumers,
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.busy_seconds += other.busy_seconds;
        self.decode_seconds += other.decode_seconds;
        self.read_wait_seconds += other.read_wait_seconds;
        self.consumer_wait_seconds += other.consumer_wait_seconds;
    }

    /// Share of waiting for reads in the time in which there was something to deliver. 0 without
    /// any.
    pub fn read_wait_share(&self) -> f64 {
        self.share_of_late(self.read_wait_seconds)
    }

    /// Share of decoding in the same time.
    pub fn decode_share(&self) -> f64 {
        self.share_of_late(self.decode_seconds)
    }

    fn share_of_late(&self, seconds: f64) -> f64 {
        let late = self.read_wait_seconds + self.busy_seconds;
        if late > 0.0 { seconds / late } else { 0.0 }
    }

    /// Share of waiting for accelerators in all time.
    pub fn idle_share(&self) -> f64 {
        let all = self.read_wait_seconds + self.busy_seconds + self.consumer_wait_seconds;
        if all > 0.0 { self.consumer_wait_seconds / all } else { 0.0 }
    }
}

/// Time in which accelerators did not compute, in seconds, summed over accelerators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LostTime {
    /// No batch, because bytes were missing.
    pub io_seconds: f64,
    /// No batch, because it was not decoded yet.
    pub decode_seconds: f64,
    /// No batch, while reader threads had other work, or waited for a CPU.
    pub reader_seconds: f64,
    /// Waiting for the other accelerators.
    pub barrier_seconds: f64,
    /// Fetching the batch: reading from all of it.
    pub touch_seconds: f64,
    /// `preprocess_time`.
    pub preprocess_seconds: f64,
    /// The machine woke the thread late; no workload contains this time.
    pub oversleep_seconds: f64,
}

impl LostTime {
    /// Of accelerators whose time went as in `by_cause`, while their reader threads did `readers`.
    pub(crate) fn new(by_cause: &TimeByCause, readers: &ReaderTime) -> Self {
        let waited = by_cause.batch_wait_seconds;
        let (io, decode) = (waited * readers.read_wait_share(), waited * readers.decode_share());
        Self {
            io_seconds: io,
            decode_seconds: decode,
            reader_seconds: (waited - io - decode).max(0.0),
            barrier_seconds: by_cause.barrier_wait_seconds,
            touch_seconds: by_cause.touch_seconds,
            preprocess_seconds: by_cause.preprocess_seconds,
            oversleep_seconds: by_cause.oversleep_seconds,
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.io_seconds += other.io_seconds;
        self.decode_seconds += other.decode_seconds;
        self.reader_seconds += other.reader_seconds;
        self.barrier_seconds += other.barrier_seconds;
        self.touch_seconds += other.touch_seconds;
        self.preprocess_seconds += other.preprocess_seconds;
        self.oversleep_seconds += other.oversleep_seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_shared_out_as_reader_threads_waited_and_worked() {
        let readers = ReaderTime {
            busy_seconds: 1.0,
            decode_seconds: 1.0,
            read_wait_seconds: 3.0,
            consumer_wait_seconds: 4.0,
        };
        let by_cause = TimeByCause { batch_wait_seconds: 2.0, ..TimeByCause::default() };
        let lost = LostTime::new(&by_cause, &readers);
        assert_eq!((lost.io_seconds, lost.decode_seconds), (1.5, 0.5));
        assert_eq!(readers.idle_share(), 0.5);
    }

    /// All that a reader thread did beside waiting was reported as decoding, in a run that decodes nothing, too.
    #[test]
    fn work_that_is_not_decoding_is_not_reported_as_decoding() {
        let readers =
            ReaderTime { busy_seconds: 3.0, decode_seconds: 1.0, ..ReaderTime::default() };
        let by_cause = TimeByCause { batch_wait_seconds: 6.0, ..TimeByCause::default() };
        let lost = LostTime::new(&by_cause, &readers);
        assert_eq!((lost.io_seconds, lost.decode_seconds, lost.reader_seconds), (0.0, 2.0, 4.0));
    }

    #[test]
    fn nothing_read_is_no_division_by_zero() {
        let lost = LostTime::new(&TimeByCause::default(), &ReaderTime::default());
        assert_eq!(lost, LostTime::default());
        assert_eq!(ReaderTime::default().idle_share(), 0.0);
    }
}
