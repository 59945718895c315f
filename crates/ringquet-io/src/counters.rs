//! What a queue did: counted where it happens, merged over threads at the end.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

/// Latencies above this are counted as this: a minute is a fault, not a measurement.
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// The depth is sampled this often at first; the step doubles whenever [`DEPTH_SAMPLES_MAX`] are kept.
const DEPTH_STEP: Duration = Duration::from_millis(20);

/// Bound of the depth time line per thread.
const DEPTH_SAMPLES_MAX: usize = 512;

/// Counts of one queue, or of several after [`IoCounters::merge`].
#[derive(Debug, Clone)]
pub struct IoCounters {
    /// Reads that completed (each at most `read_size_bytes` long).
    pub reads: u64,
    /// Bytes they brought.
    pub read_bytes: u64,
    /// Short reads: they returned fewer bytes than requested and were resubmitted for the rest.
    pub short_reads: u64,
    /// Reads resubmitted after EAGAIN, EINTR or EBUSY.
    pub retries: u64,
    /// Reads that failed for good.
    pub failed_reads: u64,
    /// System calls that entered the kernel for reads.
    pub enters: u64,
    /// Nanoseconds spent waiting in the kernel with nothing else to do.
    pub wait_ns: u64,
    /// From submission to reap of each read, in nanoseconds. Submission is the moment before the system call that hands the
    /// read to the kernel (`pread`, `mmap`: that carries it out). The kernel does not report when a read completed: that was at
    /// most [`IoCounters::reap_delay_ns`] before its reap.
    pub latency_ns: Histogram<u32>,
    /// How long the completion of each read can have waited for its reap at most, in nanoseconds: since the thread last looked
    /// for completions, waits in the kernel not counted, since the first completion ends them. Not in it, because a process
    /// cannot see it: how long the system took to wake a waiting thread.
    pub reap_delay_ns: Histogram<u32>,
    /// Reads in flight over time.
    pub depth: DepthTimeline,
}

impl Default for IoCounters {
    fn default() -> IoCounters {
        IoCounters {
            reads: 0,
            read_bytes: 0,
            short_reads: 0,
            retries: 0,
            failed_reads: 0,
            enters: 0,
            wait_ns: 0,
            latency_ns: histogram(),
            reap_delay_ns: histogram(),
            depth: DepthTimeline::default(),
        }
    }
}

/// A tenth of a percent of resolution, some 120 KB. A bucket counts up to 2^32 reads and stays there: minutes at a million reads a
/// second, all of which take the same time to a thousandth.
fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3)
        .expect("bounds and digits are constants that the library accepts")
}

impl IoCounters {
    pub(crate) fn record_latency(&mut self, latency: Duration, reap_delay: Duration) {
        let ns = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.latency_ns.saturating_record(ns(latency));
        self.reap_delay_ns.saturating_record(ns(reap_delay));
    }

    /// Adds what another queue did.
    pub fn merge(&mut self, other: &IoCounters) {
        self.reads += other.reads;
        self.read_bytes += other.read_bytes;
        self.short_reads += other.short_reads;
        self.retries += other.retries;
        self.failed_reads += other.failed_reads;
        self.enters += other.enters;
        self.wait_ns += other.wait_ns;
        self.latency_ns.add(&other.latency_ns).expect("all histograms have the same bounds");
        self.reap_delay_ns.add(&other.reap_delay_ns).expect("all histograms have the same bounds");
        self.depth.merge(&other.depth);
    }

    /// Percentiles of [`IoCounters::latency_ns`].
    pub fn latency(&self) -> Latency {
        Latency::of(&self.latency_ns)
    }

    /// Percentiles of [`IoCounters::reap_delay_ns`].
    pub fn reap_delay(&self) -> Latency {
        Latency::of(&self.reap_delay_ns)
    }
}

/// Percentiles of a latency histogram in nanoseconds; zero where nothing was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Latency {
    /// Half of the reads took at most this.
    pub p50: u64,
    /// 99 of 100 took at most this.
    pub p99: u64,
    /// 999 of 1000 took at most this.
    pub p99_9: u64,
    /// The slowest read.
    pub max: u64,
}

impl Latency {
    fn of(histogram: &Histogram<u32>) -> Latency {
        Latency {
            p50: histogram.value_at_quantile(0.50),
            p99: histogram.value_at_quantile(0.99),
            p99_9: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        }
    }
}

/// Reads in flight, sampled at a step that doubles as the run gets longer, so that memory is bounded.
#[derive(Debug, Clone)]
pub struct DepthTimeline {
    begun: Option<Instant>,
    step: Duration,
    /// Sum of the samples per step, number of samples per step, and the largest.
    cells: Vec<DepthCell>,
}

#[derive(Debug, Clone, Copy, Default)]
struct DepthCell {
    sum: u64,
    count: u64,
    max: u32,
}

/// One step of a [`DepthTimeline`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DepthPoint {
    /// Start of the step, seconds after the first read.
    pub seconds: f64,
    /// Mean reads in flight, per ring.
    pub mean: f64,
    /// Most reads in flight in one ring.
    pub max: u32,
}

impl Default for DepthTimeline {
    fn default() -> DepthTimeline {
        DepthTimeline { begun: None, step: DEPTH_STEP, cells: Vec::new() }
    }
}

impl DepthTimeline {
    pub(crate) fn record(&mut self, now: Instant, depth: u32) {
        let begun = *self.begun.get_or_insert(now);
        let mut at = self.cell_of(now - begun);
        while at >= DEPTH_SAMPLES_MAX {
            self.halve();
            at = self.cell_of(now - begun);
        }
        if self.cells.len() <= at {
            self.cells.resize(at + 1, DepthCell::default());
        }
        let cell = &mut self.cells[at];
        cell.sum += u64::from(depth);
        cell.count += 1;
        cell.max = cell.max.max(depth);
    }

    fn cell_of(&self, elapsed: Duration) -> usize {
        usize::try_from(elapsed.as_nanos() / self.step.as_nanos().max(1)).unwrap_or(usize::MAX)
    }

    fn halve(&mut self) {
        self.step *= 2;
        self.cells = self
            .cells
            .chunks(2)
            .map(|pair| pair.iter().copied().fold(DepthCell::default(), DepthCell::join))
            .collect();
    }

    fn merge(&mut self, other: &DepthTimeline) {
        let mut other = other.clone();
        while self.step < other.step {
            self.halve();
        }
        while other.step < self.step {
            other.halve();
        }
        if self.cells.len() < other.cells.len() {
            self.cells.resize(other.cells.len(), DepthCell::default());
        }
        for (cell, add) in self.cells.iter_mut().zip(&other.cells) {
            *cell = cell.join(*add);
        }
        self.begun = self.begun.or(other.begun);
    }

    /// The time line, oldest first.
    pub fn points(&self) -> Vec<DepthPoint> {
        let step = self.step.as_secs_f64();
        let point = |(at, cell): (usize, &DepthCell)| DepthPoint {
            seconds: at as f64 * step,
            mean: if cell.count == 0 { 0.0 } else { cell.sum as f64 / cell.count as f64 },
            max: cell.max,
        };
        self.cells.iter().enumerate().map(point).collect()
    }

    /// Mean over all samples, per ring.
    pub fn mean(&self) -> f64 {
        let total = self.cells.iter().copied().fold(DepthCell::default(), DepthCell::join);
        if total.count == 0 { 0.0 } else { total.sum as f64 / total.count as f64 }
    }
}

impl DepthCell {
    fn join(self, other: DepthCell) -> DepthCell {
        DepthCell {
            sum: self.sum + other.sum,
            count: self.count + other.count,
            max: self.max.max(other.max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_depth_time_line_is_bounded_and_keeps_its_mean() {
        let mut line = DepthTimeline::default();
        let begun = Instant::now();
        for ms in 0..100_000u64 {
            line.record(begun + Duration::from_millis(ms), 4);
        }
        assert!(line.points().len() <= DEPTH_SAMPLES_MAX);
        assert!((line.mean() - 4.0).abs() < 1e-9);
    }

    #[test]
    fn counters_merge() {
        let mut a = IoCounters { reads: 2, ..IoCounters::default() };
        a.record_latency(Duration::from_micros(10), Duration::from_micros(1));
        let mut b = IoCounters { reads: 3, ..IoCounters::default() };
        b.record_latency(Duration::from_millis(10), Duration::from_millis(2));
        a.merge(&b);
        assert_eq!(a.reads, 5);
        assert!(a.latency().p50 < 11_000 && a.latency().max > 9_900_000);
        assert!(a.reap_delay().p50 < 1100 && a.reap_delay().max > 1_900_000);
    }
}
