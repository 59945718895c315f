//! An emulated accelerator: takes a batch, reads all of it, computes for the set time, and waits for the
//! others.
//!
//! ```text
//!  ├─ wait ─┤ touch ├ preprocess ┤───── compute ─────┤oversleep┤ barrier ┤
//!  └────────── load ─────────────┘
//!  └─────────────────────────── proc ──────────────────────────┘
//! ```
//! `preprocess_time` is spent here, in the time of loading, because the engine's reader threads
//! serve several accelerators and may not sleep for one of them. (DLIO's Parquet path ignores it.)

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use ringquet::engine::Gate;
use ringquet_workload::Distribution;
use serde::Serialize;

use crate::barrier::StepBarrier;
use crate::pacer::Pacer;
use crate::priority::{AcceleratorPriority, Granted};
use crate::queue::{NoBatch, RankQueue, Rows};
use crate::touch::Touched;
use ringquet_result::metrics::StepTimes;

/// What an accelerator is doing, for progress.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) steps: AtomicU64,
    /// Computation time and total time of the completed steps, without the first, which waits for the first batch.
    pub(crate) compute_ns: AtomicU64,
    pub(crate) elapsed_ns: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

/// One accelerator in one phase.
pub(crate) struct Accelerator<'a> {
    pub(crate) queue: Arc<RankQueue>,
    /// Of the reader threads that serve this rank.
    pub(crate) gates: Vec<Gate>,
    /// Met after every step of training; evaluation has none.
    pub(crate) barrier: Option<&'a StepBarrier>,
    pub(crate) steps: u64,
    pub(crate) compute: Distribution,
    pub(crate) preprocess: Distribution,
    pub(crate) rng: Xoshiro256PlusPlus,
    pub(crate) priority: AcceleratorPriority,
    pub(crate) halted: &'a AtomicBool,
    pub(crate) live: &'a Live,
}

/// Time of one or several accelerators by activity, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimeByCause {
    /// Waiting for rows.
    pub batch_wait_seconds: f64,
    /// Reading from every cache line of the batches.
    pub touch_seconds: f64,
    /// `preprocess_time`.
    pub preprocess_seconds: f64,
    /// Computation, as set.
    pub compute_seconds: f64,
    /// Time beyond the set computation time, because the machine woke the thread late.
    pub oversleep_seconds: f64,
    /// Waiting for the other accelerators.
    pub barrier_wait_seconds: f64,
}

impl TimeByCause {
    pub(crate) fn add(&mut self, other: &Self) {
        self.batch_wait_seconds += other.batch_wait_seconds;
        self.touch_seconds += other.touch_seconds;
        self.preprocess_seconds += other.preprocess_seconds;
        self.compute_seconds += other.compute_seconds;
        self.oversleep_seconds += other.oversleep_seconds;
        self.barrier_wait_seconds += other.barrier_wait_seconds;
    }
}

/// What one accelerator did in one phase.
#[derive(Debug)]
pub(crate) struct RankRun {
    pub(crate) started: Instant,
    pub(crate) ended: Instant,
    pub(crate) times: StepTimes,
    pub(crate) by_cause: TimeByCause,
    pub(crate) oversleep_ns_max: u64,
    pub(crate) touched: Touched,
    pub(crate) rows: u64,
    pub(crate) granted: Granted,
    /// Why it ended before its last step.
    pub(crate) cut: Option<NoBatch>,
}

impl RankRun {
    /// From the start of the block to its end.
    pub(crate) fn seconds(&self) -> f64 {
        self.ended.duration_since(self.started).as_secs_f64()
    }
}

impl Accelerator<'_> {
    /// All steps of a phase, from now on. An incomplete step leaves no trace.
    pub(crate) fn run(mut self) -> RankRun {
        let granted = self.priority.apply();
        let mut pacer = Pacer::new();
        // Filled and emptied each step: a step allocates nothing.
        let mut batch = Vec::new();
        let started = Instant::now();
        let mut run = RankRun {
            started,
            ended: started,
            // Steps of an epoch are bounded by rows, not by memory: grow beyond a million as needed.
            times: StepTimes::with_capacity(usize::try_from(self.steps.min(1 << 20)).unwrap_or(0)),
            by_cause: TimeByCause::default(),
            oversleep_ns_max: 0,
            touched: Touched::default(),
            rows: 0,
            granted,
            cut: None,
        };
        for _ in 0..self.steps {
            if let Err(cut) = self.step(&mut pacer, &mut batch, &mut run) {
                run.cut = Some(cut);
                break;
            }
        }
        run.ended = Instant::now();
        self.queue.close();
        self.gates.iter().for_each(Gate::open);
        run
    }

    fn step(
        &mut self,
        pacer: &mut Pacer,
        batch: &mut Vec<Rows>,
        run: &mut RankRun,
    ) -> Result<(), NoBatch> {
        let requested = Instant::now();
        let wake = self.queue.take(batch)?;
        if wake {
            self.gates.iter().for_each(Gate::open);
        }
        let had = Instant::now();
        let mut touched = Touched::default();
        let mut rows = 0;
        for piece in &*batch {
            rows += piece.len();
            if let Rows::Columns { batch, first_row } = piece {
                touched.batch(batch, *first_row);
            }
        }
        let touched_at = Instant::now();
        let preprocess = self.preprocess.sample(&mut self.rng);
        let loaded = if preprocess.is_zero() {
            touched_at
        } else {
            pacer.until(touched_at + preprocess, self.halted)
        };
        let compute = self.compute.sample(&mut self.rng);
        let deadline = loaded + compute;
        // What was fetched is given back while it computes.
        batch.clear();
        let done = if compute.is_zero() { loaded } else { pacer.until(deadline, self.halted) };
        if done < deadline {
            return Err(NoBatch::Halted);
        }

        let oversleep = done - deadline;
        let cause = &mut run.by_cause;
        cause.batch_wait_seconds += (had - requested).as_secs_f64();
        cause.touch_seconds += (touched_at - had).as_secs_f64();
        cause.preprocess_seconds += (loaded - touched_at).as_secs_f64();
        cause.compute_seconds += compute.as_secs_f64();
        cause.oversleep_seconds += oversleep.as_secs_f64();
        run.oversleep_ns_max = run.oversleep_ns_max.max(nanoseconds(oversleep));
        run.times.load.push((loaded - requested).as_secs_f64());
        run.times.compute.push(compute.as_secs_f64());
        run.times.proc.push((done - requested).as_secs_f64());
        run.touched.add(touched);
        run.rows += rows;
        let is_first = self.live.steps.fetch_add(1, Ordering::Relaxed) == 0;
        self.live.bytes.fetch_add(touched.bytes, Ordering::Relaxed);

        if let Some(barrier) = self.barrier {
            let waited = barrier.wait().map_err(|_| NoBatch::Halted)?;
            run.by_cause.barrier_wait_seconds += waited.as_secs_f64();
        }
        if !is_first {
            self.live.compute_ns.fetch_add(nanoseconds(compute), Ordering::Relaxed);
            self.live.elapsed_ns.fetch_add(nanoseconds(requested.elapsed()), Ordering::Relaxed);
        }
        Ok(())
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn play(rows: u64, steps: u64, halted: bool) -> RankRun {
        let queue = Arc::new(RankQueue::new(4, 2, 1, true));
        queue.raw_rows(rows);
        queue.stream_done();
        let (halted, live) = (AtomicBool::new(halted), Live::default());
        Accelerator {
            queue,
            gates: vec![Gate::new()],
            barrier: None,
            steps,
            compute: Distribution::Constant { mean: 0.002 },
            preprocess: Distribution::Constant { mean: 0.001 },
            rng: Xoshiro256PlusPlus::seed_from_u64(1),
            priority: AcceleratorPriority::Normal,
            halted: &halted,
            live: &live,
        }
        .run()
    }

    #[test]
    fn a_step_records_what_was_set_and_what_it_took() {
        let run = play(13, 3, false);
        assert_eq!((run.times.len(), run.rows, run.cut), (3, 12, None));
        assert_eq!(run.times.compute, [0.002; 3]);
        for step in 0..3 {
            let (load, proc) = (run.times.load[step], run.times.proc[step]);
            assert!(load >= 0.001, "preprocessing is part of loading: {load}");
            // To the nanosecond, which is what instants have.
            assert!(proc >= load + 0.002 - 1e-9, "{proc} is less than {load} and 2 ms");
        }
        let sum: f64 = run.times.proc.iter().sum();
        let cause = run.by_cause;
        let parts = cause.batch_wait_seconds
            + cause.touch_seconds
            + cause.preprocess_seconds
            + cause.compute_seconds
            + cause.oversleep_seconds;
        assert!((sum - parts).abs() < 1e-6, "{sum} {parts}");
        assert!(run.seconds() >= sum);
    }

    #[test]
    fn rows_that_do_not_come_end_the_run_with_what_was_done() {
        let run = play(6, 3, false);
        assert_eq!((run.times.len(), run.cut), (1, Some(NoBatch::Exhausted { rows: 2 })));
    }

    #[test]
    fn a_halted_step_is_not_counted() {
        let run = play(12, 3, true);
        assert_eq!((run.times.len(), run.cut), (0, Some(NoBatch::Halted)));
    }
}
