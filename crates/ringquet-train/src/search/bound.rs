//! What binds beyond the most accelerators, and what more of it would give.
//!
//! Two capacities follow from one point: rows per second of a reader thread while it is busy, and
//! rows per second of the device if reader threads mostly waited for it. An accelerator needs
//! `batch_size / computation_time` rows per second, and gets by with `metric.au` of that:
//!
//! ```text
//!  accelerators = min(threads × rows per busy second, rows of the device) / (demand × bar)
//! ```
//! With two busy threads of 5,000 rows/s and a device that gives 4,000, at 35.6 rows/s and a bar of
//! 0.90: 4,000 / 32 = 125; twice the device gives 250, twice the cores still 125.

use serde::Serialize;

use crate::lost::ReaderTime;

/// Reader threads that waited longer than this share of their time for accelerators were not what
/// was missing.
const IDLE_SHARE: f64 = 0.5;

/// A reader thread does one thing at a time, so where the device is full it still decodes for a good
/// part of its time; where decoding is what is missing it finds its next bytes there nearly always.
const BUSY_SHARE: f64 = 0.75;

/// What is missing where the bar is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Reader threads waited for reads.
    Device,
    /// Reader threads were busy, most of the time with decoding.
    Decode,
    /// Reader threads were busy, most of the time with other work: submitting, copying from the page cache, touching raw bytes,
    /// handing over.
    Reader,
    /// Batches were there: accelerators waited for each other, or for a turn on a CPU.
    Barrier,
}

impl Bound {
    /// Of a point that missed the bar.
    pub(crate) fn of(readers: &ReaderTime) -> Self {
        if readers.idle_share() >= IDLE_SHARE {
            Self::Barrier
        } else if 1.0 - readers.read_wait_share() >= BUSY_SHARE {
            Self::of_work(readers)
        } else {
            Self::Device
        }
    }

    /// What the work of busy reader threads is, for the most part.
    pub(crate) fn of_work(readers: &ReaderTime) -> Self {
        let is_decoding = readers.decode_seconds >= 0.5 * readers.busy_seconds;
        if is_decoding { Self::Decode } else { Self::Reader }
    }
}

/// What a point shows about the machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Capacity {
    /// Reader threads.
    pub reader_threads: usize,
    /// Rows that one of them delivers in a second of work.
    pub rows_per_busy_second: f64,
    /// What that work is, for the most part.
    pub work: Bound,
    /// Rows per second that the device gave; the most it can give if [`Capacity::device_is_full`].
    pub device_rows_per_second: f64,
    /// Whether the device was what was missing; if not, it may give more.
    pub device_is_full: bool,
    /// Rows per second of one accelerator that never waits.
    pub demand_rows_per_second: f64,
    /// Bytes read per row.
    pub read_bytes_per_row: f64,
}

/// With more of something: how many accelerators, and what that takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Prediction {
    /// Cores, in multiples of those that were there.
    pub cores_factor: f64,
    /// Bandwidth of the device, in multiples of what was there.
    pub bandwidth_factor: f64,
    /// Accelerators at the bar.
    pub accelerators: u64,
    /// What they are then bound by.
    pub bound: Bound,
    /// Bandwidth that they read with. Where the device was not full this may be beyond it.
    pub read_bytes_per_second: f64,
    /// Whether that bandwidth was seen here, times `bandwidth_factor`.
    pub bandwidth_is_known: bool,
}

impl Capacity {
    /// With `cores_factor` times the cores and `bandwidth_factor` times the bandwidth, at the bar
    /// `au`, a fraction.
    pub fn predict(&self, au: f64, cores_factor: f64, bandwidth_factor: f64) -> Prediction {
        let readers = self.reader_threads as f64 * cores_factor * self.rows_per_busy_second;
        let device = self.device_rows_per_second * bandwidth_factor;
        let (rows, bound) = if self.device_is_full && device < readers {
            (device, Bound::Device)
        } else {
            (readers, self.work)
        };
        let each = self.demand_rows_per_second * au;
        let accelerators = if each > 0.0 { (rows / each).floor() } else { 0.0 };
        let read_bytes_per_second = accelerators * each * self.read_bytes_per_row;
        Prediction {
            cores_factor,
            bandwidth_factor,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, not negative; beyond 2^64 it saturates"
            )]
            accelerators: accelerators as u64,
            bound,
            read_bytes_per_second,
            bandwidth_is_known: self.device_is_full || rows <= device,
        }
    }

    /// Twice the cores, twice the bandwidth, twice both, four times both.
    pub(crate) fn predictions(&self, au: f64) -> Vec<Prediction> {
        let factors = [(1.0, 1.0), (2.0, 1.0), (1.0, 2.0), (2.0, 2.0), (4.0, 4.0)];
        factors.iter().map(|&(cores, bandwidth)| self.predict(au, cores, bandwidth)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the module.
    fn capacity(device_is_full: bool) -> Capacity {
        Capacity {
            reader_threads: 2,
            rows_per_busy_second: 5000.0,
            work: Bound::Decode,
            device_rows_per_second: 4000.0,
            device_is_full,
            demand_rows_per_second: 48.0 / 1.35,
            read_bytes_per_row: 2_170_000.0,
        }
    }

    #[test]
    fn a_full_device_is_helped_by_bandwidth_alone() {
        let at = |cores, bandwidth| capacity(true).predict(0.90, cores, bandwidth);
        assert_eq!((at(1.0, 1.0).accelerators, at(1.0, 1.0).bound), (125, Bound::Device));
        assert_eq!(at(2.0, 1.0).accelerators, 125);
        assert_eq!(at(1.0, 2.0).accelerators, 250);
        // Four times the device is more than two threads decode.
        assert_eq!((at(1.0, 4.0).accelerators, at(1.0, 4.0).bound), (312, Bound::Decode));
        assert!(at(1.0, 4.0).bandwidth_is_known);
    }

    #[test]
    fn a_device_that_was_not_full_may_give_more_and_that_is_said() {
        let found = capacity(false).predict(0.90, 2.0, 1.0);
        assert_eq!((found.accelerators, found.bound), (625, Bound::Decode));
        assert!(!found.bandwidth_is_known);
        assert!((found.read_bytes_per_second - 625.0 * 32.0 * 2_170_000.0).abs() < 1.0);
    }

    #[test]
    fn reader_threads_tell_what_binds() {
        let of = |busy_seconds, read_wait_seconds, consumer_wait_seconds| {
            Bound::of(&ReaderTime {
                busy_seconds,
                decode_seconds: busy_seconds,
                read_wait_seconds,
                consumer_wait_seconds,
            })
        };
        assert_eq!(of(1.0, 3.0, 0.5), Bound::Device);
        assert_eq!(of(1.0, 1.0, 0.0), Bound::Device, "it waits for half of the time");
        assert_eq!(of(4.0, 1.0, 0.5), Bound::Decode);
        assert_eq!(of(1.0, 0.5, 3.0), Bound::Barrier);
    }

    #[test]
    fn copying_is_not_reported_as_decoding() {
        let readers =
            ReaderTime { busy_seconds: 4.0, decode_seconds: 1.5, ..ReaderTime::default() };
        assert_eq!(Bound::of(&readers), Bound::Reader);
        let found = Capacity { work: Bound::of_work(&readers), ..capacity(false) };
        assert_eq!(found.predict(0.90, 1.0, 1.0).bound, Bound::Reader);
    }

    #[test]
    fn no_demand_is_no_division_by_zero() {
        let idle = Capacity { demand_rows_per_second: 0.0, ..capacity(true) };
        assert_eq!(idle.predict(0.90, 1.0, 1.0).accelerators, 0);
    }
}
