//! One point of the curve: a number of accelerators, played until its AU is steady.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringquet::engine::DecodeMode;
use ringquet::{Dataset, StopFlag};
use ringquet_workload::{DatasetType, Loaded, Shuffle, Workload};
use serde::Serialize;

use super::bound::{Bound, Capacity};
use crate::ensemble::Others;
use crate::error::RunError;
use crate::half::Half;
use crate::lost::{LostTime, ReaderTime};
use crate::phase::{PhasePlan, PhaseRun};
use crate::report::PhaseReport;
use crate::{Phase, RunOptions, RunProgress, host};
use ringquet_result::{Warning, metrics};

/// Two rounds in a row whose AU differs by less agree, in percent points.
const AGREE: f64 = 2.0;

/// Rounds on the same side of the bar and this far from it agree, too, in percent points: what the
/// exact AU of 12 or 17 % is, is of no interest where 90 is the bar.
const CLEAR: f64 = 5.0;

/// Rounds at most.
const ROUNDS_MAX: usize = 6;

/// A phase may take this many times longer than its computation at the bar before it is cut: by then
/// its AU is below a quarter of the bar.
const PATIENCE: f64 = 4.0;

/// One point of the curve. Values are those of its last two rounds.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SearchPoint {
    /// Emulated accelerators.
    pub accelerators: u32,
    /// Accelerator utilization in percent.
    pub au_percent: f64,
    /// Whether that is at or above the bar.
    pub meets_bar: bool,
    /// Whether the last two rounds agreed.
    pub steady: bool,
    /// Whether it was taken twice, and both times got fewer samples per second than fewer
    /// accelerators did.
    pub disturbed: bool,
    /// AU of every round.
    pub au_percent_of_rounds: Vec<f64>,
    /// Seconds in which accelerators ran.
    pub seconds: f64,
    /// Rows consumed.
    pub rows: u64,
    /// Per second of the counted steps, over all accelerators.
    pub samples_per_second: f64,
    /// Bytes of all reads.
    pub read_bytes: u64,
    /// Per second.
    pub read_bytes_per_second: f64,
    /// Bytes that the devices read per second; `None` if they have no counter.
    pub device_read_bytes_per_second: Option<f64>,
    /// Bytes of delivered Arrow data per second.
    pub decoded_bytes_per_second: f64,
    /// CPU seconds of the process per second.
    pub cpus_busy: f64,
    /// Computation, in seconds, summed over accelerators.
    pub compute_seconds: f64,
    /// What was not computation.
    pub lost_time: LostTime,
    /// What reader threads did.
    pub reader_time: ReaderTime,
    /// Reader threads.
    pub reader_threads: usize,
    /// Warnings of the engine.
    #[serde(skip)]
    pub(crate) warnings: Vec<Warning>,
}

impl SearchPoint {
    /// What the point shows about the machine, if it read anything.
    pub(crate) fn capacity(&self, workload: &Workload) -> Option<Capacity> {
        let step = workload.train.computation_time.mean_seconds();
        (self.rows > 0 && self.reader_time.busy_seconds > 0.0 && step > 0.0).then(|| Capacity {
            reader_threads: self.reader_threads,
            rows_per_busy_second: self.rows as f64 / self.reader_time.busy_seconds,
            work: Bound::of_work(&self.reader_time),
            device_rows_per_second: self.samples_per_second,
            device_is_full: !self.meets_bar && Bound::of(&self.reader_time) == Bound::Device,
            demand_rows_per_second: workload.reader.batch_size as f64 / step,
            read_bytes_per_row: self.read_bytes as f64 / self.rows as f64,
        })
    }
}

/// How a point is taken.
pub(super) struct Measure<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) options: &'a RunOptions,
    pub(super) accelerators: u32,
    pub(super) round_seconds: f64,
    pub(super) dataset: Arc<Dataset>,
}

/// What a round came to.
#[derive(Default)]
struct SearchRound {
    computed_seconds: f64,
    counted_seconds: f64,
    phases: Vec<PhaseReport>,
}

impl SearchRound {
    fn au_percent(&self) -> f64 {
        if self.counted_seconds > 0.0 {
            100.0 * self.computed_seconds / self.counted_seconds
        } else {
            0.0
        }
    }

    fn seconds(&self) -> f64 {
        self.phases.iter().map(|phase| phase.seconds).sum()
    }
}

impl Measure<'_> {
    /// Plays rounds until two agree; `None` if it was stopped.
    pub(super) fn take(
        &self,
        progress: &(dyn Fn(usize, RunProgress) + Sync),
        stop: &StopFlag,
    ) -> Result<Option<SearchPoint>, RunError> {
        let workload = &self.loaded.workload;
        let bar = 100.0 * workload.metric.au;
        let dataset = Arc::clone(&self.dataset);
        let mut half = Half::deal(workload, DatasetType::Train, self.accelerators, dataset)?;
        let mut rounds: Vec<SearchRound> = Vec::new();
        let mut epoch = 0;
        let steady = loop {
            let mut round = SearchRound::default();
            while round.seconds() < self.round_seconds {
                epoch += 1;
                let report = |phase| progress(rounds.len(), phase);
                self.phase(epoch, &mut half, &mut round, &report, stop)?;
                if stop.is_stopped() {
                    return Ok(None);
                }
            }
            rounds.push(round);
            let au: Vec<f64> = rounds.iter().map(SearchRound::au_percent).collect();
            if let [.., before, last] = au[..]
                && agree(before, last, bar)
            {
                break true;
            }
            if rounds.len() >= ROUNDS_MAX {
                break false;
            }
        };
        Ok(Some(self.point(&rounds, steady)))
    }

    /// One epoch, or as much of it as a round takes.
    fn phase(
        &self,
        epoch: u32,
        half: &mut Half,
        round: &mut SearchRound,
        progress: &(dyn Fn(RunProgress) + Sync),
        stop: &StopFlag,
    ) -> Result<(), RunError> {
        let workload = &self.loaded.workload;
        let (train, reader) = (&workload.train, &workload.reader);
        if self.options.drop_caches {
            // A search that drops caches measures nothing where it may not.
            host::drop_caches().map_err(|source| RunError::DropCaches { source })?;
        }
        if reader.file_shuffle != Shuffle::Off {
            half.shuffle.reconfigure(epoch);
        }
        let of_epoch = if train.seed_change_epoch { train.seed + epoch } else { train.seed };
        let step = train.computation_time.mean_seconds() + reader.preprocess_time.mean_seconds();
        let (start, end) = super::excluded_steps(workload);
        let steps = steps_for(self.round_seconds, step, start + end).min(half.sharding.steps);
        let plan = PhasePlan {
            phase: Phase::Train,
            epoch,
            epochs: epoch,
            dataset: &half.dataset,
            lists: half.shuffle.lists(),
            first_rank: 0,
            others: Others::default(),
            sample_shuffle: (reader.sample_shuffle != Shuffle::Off).then_some(of_epoch),
            decode: self.options.decode,
            steps,
            batch_size: half.sharding.batch_size,
            prefetch: reader.prefetch_size,
            compute: train.computation_time,
            preprocess: reader.preprocess_time,
            priority: self.options.priority,
            seed: train.seed,
        };
        let limit = self.round_seconds + steps as f64 * step;
        let limit =
            Duration::from_secs_f64((PATIENCE * limit / workload.metric.au.max(0.1)).min(3600.0));
        let begun = Instant::now();
        let cut = StopFlag::new();
        let report = |phase: RunProgress| {
            progress(phase);
            if stop.is_stopped() || begun.elapsed() > limit {
                cut.stop();
            }
        };
        let run: PhaseRun = plan.play(&report, &cut)?;
        let counted = metrics::counted_steps(steps, start, end);
        let batch = half.sharding.batch_size;
        let of_ranks: Vec<_> = run
            .ranks
            .iter()
            .map(|rank| metrics::block_metrics(&rank.times, rank.seconds(), &counted, batch))
            .collect();
        for (metrics, rank) in of_ranks.iter().zip(&run.ranks) {
            round.computed_seconds += metrics.au_percent / 100.0 * metrics.seconds;
            // A rank that was cut before its first counted step lost all of its time.
            round.counted_seconds +=
                if metrics.counted_steps > 0 { metrics.seconds } else { rank.seconds() };
        }
        let record = workload.dataset.record_bytes();
        round.phases.push(PhaseReport::new(&run, &of_ranks, 0, steps, record));
        Ok(())
    }

    fn point(&self, rounds: &[SearchRound], steady: bool) -> SearchPoint {
        let last_two = &rounds[rounds.len().saturating_sub(2)..];
        let phases = || last_two.iter().flat_map(|round| &round.phases);
        let sum = |of: fn(&PhaseReport) -> f64| phases().map(of).sum::<f64>();
        let seconds = sum(|phase| phase.seconds);
        let per_second = |amount: f64| if seconds > 0.0 { amount / seconds } else { 0.0 };
        let (mut lost_time, mut reader_time) = (LostTime::default(), ReaderTime::default());
        let mut warnings: Vec<Warning> = Vec::new();
        for phase in phases() {
            lost_time.add(&phase.lost_time);
            reader_time.add(&phase.reader_time);
            warnings.extend(phase.engine.warnings.iter().cloned());
            warnings.extend(phase.accelerator_priority.warning());
        }
        let rows = phases().map(|phase| phase.rows).sum();
        let read_bytes: u64 = phases().map(|phase| phase.engine.read_bytes).sum();
        let device: Option<u64> = phases().map(|phase| phase.engine.device_read_bytes).sum();
        let computed: f64 = last_two.iter().map(|round| round.computed_seconds).sum();
        let counted: f64 = last_two.iter().map(|round| round.counted_seconds).sum();
        let au_percent = if counted > 0.0 { 100.0 * computed / counted } else { 0.0 };
        // Raw rows are not counted by the engine; what was consumed is.
        let raw = self.options.decode == DecodeMode::Raw;
        SearchPoint {
            accelerators: self.accelerators,
            au_percent,
            meets_bar: au_percent >= 100.0 * self.loaded.workload.metric.au,
            steady,
            disturbed: false,
            au_percent_of_rounds: rounds.iter().map(SearchRound::au_percent).collect(),
            seconds,
            rows,
            samples_per_second: per_second(sum(|phase| {
                phase.metrics.samples_per_second * phase.seconds
            })),
            read_bytes,
            read_bytes_per_second: per_second(read_bytes as f64),
            device_read_bytes_per_second: device.map(|bytes| per_second(bytes as f64)),
            decoded_bytes_per_second: if raw {
                0.0
            } else {
                per_second(sum(|phase| phase.engine.decoded_bytes as f64))
            },
            cpus_busy: per_second(sum(|phase| phase.engine.cpu_seconds)),
            compute_seconds: sum(|phase| phase.time_by_cause.compute_seconds),
            lost_time,
            reader_time,
            reader_threads: self.dataset.resolved().threads,
            warnings,
        }
    }
}

/// Do two rounds in a row agree?
fn agree(before: f64, last: f64, bar: f64) -> bool {
    let clear = |au: f64| (au - bar).abs() >= CLEAR;
    let same_side = (before >= bar) == (last >= bar);
    (before - last).abs() <= AGREE || (same_side && clear(before) && clear(last))
}

/// Steps that take `seconds`, plus those at both ends that are not counted.
fn steps_for(seconds: f64, step_seconds: f64, edges: u64) -> u64 {
    if step_seconds <= 0.0 {
        return u64::MAX;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and positive; what is too large saturates"
    )]
    let steps = (seconds / step_seconds).ceil() as u64;
    steps.max(super::COUNTED_STEPS_MIN).saturating_add(edges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_that_agree() {
        assert!(agree(91.0, 92.5, 90.0));
        assert!(agree(20.0, 35.0, 90.0), "both far below");
        assert!(!agree(85.5, 94.0, 90.0), "on both sides");
        assert!(!agree(82.0, 88.0, 90.0), "one of them near the bar");
    }

    #[test]
    fn a_round_has_the_steps_that_fit_and_some_at_least() {
        assert_eq!(steps_for(3.0, 0.1125, 1), 28);
        assert_eq!(steps_for(3.0, 1.35, 1), 5, "four counted steps at least");
        assert_eq!(steps_for(3.0, 0.0, 1), u64::MAX, "as many as there are");
    }
}
