//! DLIO's metrics, over recorded steps: pure functions that a report and a test can call alike.
//!
//! ```text
//!  block ├──proc 0──┤b├──proc 1──┤b├──proc 2──┤b├ … ├─proc S−1─┤b┤      b: barrier
//!         excluded                 counted steps: 1 ..= S−1
//!                   └──────────────── T ─────────────────────────┘
//! ```
//! `T` is the time of the block without the excluded steps; it holds barriers and oversleep, which
//! `compute` does not. With 4 steps of 10 ms computation, 5 ms load and no barrier, the first
//! excluded: block 60 ms, T = 45 ms, AU = 30 / 45 = 66.67 %.

use std::ops::Range;

/// Times of every step of one rank in one block or evaluation, in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepTimes {
    /// From asking for a batch to having it in hand: touched and preprocessed.
    pub load: Vec<f64>,
    /// From asking for a batch to the end of its computation, oversleep included.
    pub proc: Vec<f64>,
    /// The computation as set or drawn, without oversleep.
    pub compute: Vec<f64>,
}

impl StepTimes {
    /// Room for `steps` steps.
    pub fn with_capacity(steps: usize) -> Self {
        let room = || Vec::with_capacity(steps);
        Self { load: room(), proc: room(), compute: room() }
    }

    /// Steps recorded.
    pub fn len(&self) -> usize {
        self.compute.len()
    }

    /// Whether no step was recorded.
    pub fn is_empty(&self) -> bool {
        self.compute.is_empty()
    }
}

/// The steps that count, as half-open indices: from `exclude_start` up to `metric_steps` −
/// `exclude_end`. Empty if nothing is left.
pub fn counted_steps(metric_steps: u64, exclude_start: u64, exclude_end: u64) -> Range<usize> {
    let index = |steps: u64| usize::try_from(steps).unwrap_or(usize::MAX);
    let start = index(exclude_start);
    start..index(metric_steps.saturating_sub(exclude_end)).max(start)
}

/// What one rank reached in one block or evaluation.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BlockMetrics {
    /// Accelerator utilization in percent: computation of the counted steps by [`Self::seconds`].
    pub au_percent: f64,
    /// Samples per second of this rank over the counted steps.
    pub samples_per_second: f64,
    /// Steps that were counted.
    pub counted_steps: usize,
    /// `T`: the time of the counted steps in seconds.
    pub seconds: f64,
}

/// The metrics of a training block that took `block_seconds` from its start to its end.
pub fn block_metrics(
    steps: &StepTimes,
    block_seconds: f64,
    counted: &Range<usize>,
    batch_size: u64,
) -> BlockMetrics {
    let (start, end) = (counted.start.min(steps.len()), counted.end.min(steps.len()));
    let outside: f64 = steps.proc[..start].iter().chain(&steps.proc[end.max(start)..]).sum();
    let window = steps.compute.get(start..end).unwrap_or_default();
    let (seconds, computed) = (block_seconds - outside, window.iter().sum::<f64>());
    if window.is_empty() || seconds <= 0.0 {
        return BlockMetrics::default();
    }
    BlockMetrics {
        au_percent: 100.0 * computed / seconds,
        samples_per_second: window.len() as f64 / seconds * batch_size as f64,
        counted_steps: window.len(),
        seconds,
    }
}

/// As [`block_metrics`] for an evaluation, where DLIO's throughput takes all steps and all time.
pub fn eval_metrics(
    steps: &StepTimes,
    eval_seconds: f64,
    counted: &Range<usize>,
    batch_size: u64,
) -> BlockMetrics {
    let mut metrics = block_metrics(steps, eval_seconds, counted, batch_size);
    if eval_seconds > 0.0 {
        metrics.samples_per_second = steps.len() as f64 / eval_seconds * batch_size as f64;
    }
    metrics
}

/// One epoch over all ranks: AU is the mean of the ranks, throughput their sum.
pub fn over_ranks(ranks: &[BlockMetrics]) -> EpochMetrics {
    let au: Vec<f64> = ranks.iter().map(|rank| rank.au_percent).collect();
    EpochMetrics {
        au_percent: mean(&au),
        samples_per_second: ranks.iter().map(|rank| rank.samples_per_second).sum(),
    }
}

/// One epoch of training, or one evaluation.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EpochMetrics {
    /// Mean over ranks of the accelerator utilization in percent.
    pub au_percent: f64,
    /// Sum over ranks.
    pub samples_per_second: f64,
}

/// Mean and population standard deviation over epochs, as the summary shows them.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverEpochs {
    /// AU of each epoch in percent.
    pub au_percent: Vec<f64>,
    /// Their mean.
    pub au_percent_mean: f64,
    /// Their standard deviation.
    pub au_percent_stdev: f64,
    /// Whether the mean is at or above the bar, `metric.au`.
    pub au_meets_expectation: bool,
    /// Samples per second of each epoch, over all ranks.
    pub samples_per_second: Vec<f64>,
    /// Their mean.
    pub samples_per_second_mean: f64,
    /// Their standard deviation.
    pub samples_per_second_stdev: f64,
    /// Mean of samples per second times nominal bytes per sample.
    pub nominal_bytes_per_second_mean: f64,
    /// The standard deviation of that.
    pub nominal_bytes_per_second_stdev: f64,
}

impl OverEpochs {
    /// Over `epochs`, with the bar `au` as a fraction and `record_bytes` nominal bytes per sample.
    pub fn new(epochs: &[EpochMetrics], au: f64, record_bytes: u64) -> Self {
        let au_percent: Vec<f64> = epochs.iter().map(|epoch| epoch.au_percent).collect();
        let samples: Vec<f64> = epochs.iter().map(|epoch| epoch.samples_per_second).collect();
        let (au_mean, thr_mean, thr_stdev) = (mean(&au_percent), mean(&samples), stdev(&samples));
        Self {
            au_percent_mean: au_mean,
            au_percent_stdev: stdev(&au_percent),
            au_meets_expectation: !epochs.is_empty() && au_mean >= 100.0 * au,
            samples_per_second_mean: thr_mean,
            samples_per_second_stdev: thr_stdev,
            nominal_bytes_per_second_mean: thr_mean * record_bytes as f64,
            nominal_bytes_per_second_stdev: thr_stdev * record_bytes as f64,
            au_percent,
            samples_per_second: samples,
        }
    }
}

/// Arithmetic mean; 0 of nothing.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Standard deviation of the population, NumPy's default; 0 of nothing.
pub fn stdev(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: Vec<f64> = values.iter().map(|value| (value - mean).powi(2)).collect();
    self::mean(&squares).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(count: usize, load: f64, compute: f64) -> StepTimes {
        StepTimes {
            load: vec![load; count],
            proc: vec![load + compute; count],
            compute: vec![compute; count],
        }
    }

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{found} {expected}");
    }

    #[test]
    fn the_example_of_the_module() {
        let metrics = block_metrics(&steps(4, 0.005, 0.010), 0.060, &counted_steps(4, 1, 0), 8);
        near(metrics.au_percent, 200.0 / 3.0);
        near(metrics.seconds, 0.045);
        near(metrics.samples_per_second, 3.0 / 0.045 * 8.0);
        assert_eq!(metrics.counted_steps, 3);
    }

    #[test]
    fn steps_at_both_ends_are_left_out_with_their_time() {
        // A slow first step and a slow last one change nothing when both are excluded.
        let mut times = steps(5, 0.0, 0.010);
        times.proc[0] = 1.0;
        times.proc[4] = 2.0;
        let metrics = block_metrics(&times, 3.030, &counted_steps(5, 1, 1), 1);
        near(metrics.au_percent, 100.0);
        near(metrics.samples_per_second, 100.0);
    }

    #[test]
    fn oversleep_and_barriers_lower_au() {
        // 10 ms of computation of which the block says that they took 12.5.
        let times =
            StepTimes { load: vec![0.0; 2], proc: vec![0.0125; 2], compute: vec![0.010; 2] };
        near(block_metrics(&times, 0.025, &counted_steps(2, 0, 0), 1).au_percent, 80.0);
    }

    #[test]
    fn nothing_counted_is_zero_not_a_panic() {
        let zero = BlockMetrics::default();
        assert_eq!(block_metrics(&steps(3, 0.1, 0.1), 0.6, &counted_steps(3, 3, 0), 1), zero);
        assert_eq!(block_metrics(&steps(3, 0.1, 0.1), 0.6, &counted_steps(3, 9, 9), 1), zero);
        assert_eq!(block_metrics(&StepTimes::default(), 0.6, &counted_steps(3, 1, 0), 1), zero);
        assert_eq!(block_metrics(&steps(3, 0.1, 0.1), 0.1, &counted_steps(3, 1, 0), 1), zero);
    }

    #[test]
    fn metric_steps_beyond_those_that_ran_count_what_ran() {
        // S counts the files of all ranks before they are cut to a multiple; one step may be missing.
        let metrics = block_metrics(&steps(4, 0.0, 0.010), 0.040, &counted_steps(5, 1, 0), 1);
        assert_eq!(metrics.counted_steps, 3);
        near(metrics.au_percent, 100.0);
    }

    #[test]
    fn evaluation_counts_all_steps_in_its_throughput() {
        let metrics = eval_metrics(&steps(4, 0.005, 0.005), 0.040, &counted_steps(4, 1, 0), 2);
        near(metrics.samples_per_second, 4.0 / 0.040 * 2.0);
        near(metrics.au_percent, 50.0);
    }

    #[test]
    fn epochs_are_summed_up_like_numpy() {
        let epoch = |au, thr| EpochMetrics { au_percent: au, samples_per_second: thr };
        let both = OverEpochs::new(&[epoch(80.0, 10.0), epoch(100.0, 20.0)], 0.90, 3);
        near(both.au_percent_mean, 90.0);
        near(both.au_percent_stdev, 10.0);
        near(both.samples_per_second_stdev, 5.0);
        near(both.nominal_bytes_per_second_mean, 45.0);
        assert!(both.au_meets_expectation, "90.0 is not below the bar");
        assert!(!OverEpochs::new(&[epoch(89.9, 1.0)], 0.90, 1).au_meets_expectation);
        assert!(!OverEpochs::new(&[], 0.0, 1).au_meets_expectation);
        let ranks = [
            BlockMetrics { au_percent: 60.0, samples_per_second: 7.0, ..BlockMetrics::default() },
            BlockMetrics { au_percent: 80.0, samples_per_second: 9.0, ..BlockMetrics::default() },
        ];
        assert_eq!(over_ranks(&ranks), epoch(70.0, 16.0));
    }
}
