//! Times: how they are written, and what is drawn.

use std::time::Duration;

use ringquet_workload::{Distribution, Mt19937};

use super::{refusal, text};

fn time(written: &str) -> Distribution {
    text(&format!("train: {{computation_time: {written}}}"), &[]).train.computation_time
}

#[test]
fn every_way_to_write_a_time() {
    for (written, expected) in [
        ("0.000375", Distribution::Constant { mean: 0.000_375 }),
        ("1e-3", Distribution::Constant { mean: 0.001 }),
        ("2", Distribution::Constant { mean: 2.0 }),
        ("{mean: 0.5}", Distribution::Constant { mean: 0.5 }),
        ("{mean: 0.5, stdev: 0}", Distribution::Constant { mean: 0.5 }),
        ("{mean: 0.5, stdev: 0.1}", Distribution::Normal { mean: 0.5, stdev: 0.1 }),
        ("{type: normal, mean: 0.5, stdev: 0.1}", Distribution::Normal { mean: 0.5, stdev: 0.1 }),
        ("{type: uniform, min: 1, max: 2}", Distribution::Uniform { min: 1.0, max: 2.0 }),
        ("{type: gamma, shape: 2, scale: 3}", Distribution::Gamma { shape: 2.0, scale: 3.0 }),
        ("{type: exponential, scale: 3}", Distribution::Exponential { scale: 3.0 }),
        ("{type: poisson, lam: 3}", Distribution::Poisson { lam: 3.0 }),
        ("0.5, computation_time_stdev: 0.1", Distribution::Normal { mean: 0.5, stdev: 0.1 }),
        (
            "{mean: 0.5}, computation_time_stdev: 0.1",
            Distribution::Normal { mean: 0.5, stdev: 0.1 },
        ),
    ] {
        assert_eq!(time(written), expected, "{written}");
    }
    let workload = text("{reader: {preprocess_time: 1}, evaluation: {eval_time: {mean: 2}}}", &[]);
    assert_eq!(workload.reader.preprocess_time.mean_seconds(), 1.0);
    assert_eq!(workload.evaluation.eval_time.mean_seconds(), 2.0);
    assert!(Distribution::ZERO.is_zero() && !time("1").is_zero());
}

#[test]
fn what_is_no_time() {
    for (written, expected) in [
        ("{type: normal}", "train.computation_time.mean: is missing"),
        ("{type: uniform, min: 2, max: 1}", "2 is above max, 1"),
        ("{type: uniform, mean: 2}", "`mean`"),
        ("{type: gamma, shape: 0, scale: 1}", "train.computation_time.shape: invalid value 0"),
        ("{type: cauchy}", "expected normal, uniform, gamma, exponential, poisson"),
        ("{mean: 1, std: 2}", "these are: mean, stdev"),
        ("{mean: 1e12}", "train.computation_time.mean: invalid value 1000000000000"),
        (
            "{type: poisson, lam: 1}, computation_time_stdev: 1",
            "cannot be combined with a `_stdev` key",
        ),
    ] {
        let refused = refusal(&format!("train: {{computation_time: {written}}}"), &[]);
        assert!(
            refused.contains(expected) || expected == "`mean`" && refused.contains("min, max"),
            "{written}: {refused}"
        );
    }
    let refused = refusal("train: {computation_time_stdev: 1}", &[]);
    assert!(refused.contains("has no effect without `computation_time`"), "{refused}");
}

#[test]
fn a_constant_is_exact() {
    let mut rng = Mt19937::new(1);
    for _ in 0..3 {
        assert_eq!(time("0.000375").sample(&mut rng), Duration::from_micros(375));
    }
    assert_eq!(rng.next_u32(), Mt19937::new(1).next_u32(), "nothing was drawn for it");
}

/// Mean and spread of 20,000 draws are what the name promises, and no draw is negative.
#[test]
fn draws_have_their_shape() {
    for (written, mean, stdev) in [
        ("{mean: 5, stdev: 0.5}", 5.0, 0.5),
        ("{type: uniform, min: 1, max: 3}", 2.0, 2.0 / 12.0_f64.sqrt()),
        ("{type: gamma, shape: 4, scale: 0.5}", 2.0, 1.0),
        ("{type: exponential, scale: 2}", 2.0, 2.0),
        ("{type: poisson, lam: 9}", 9.0, 3.0),
        // Half of it is folded over: the mean of the absolute value.
        (
            "{mean: 0, stdev: 1}",
            (2.0 / std::f64::consts::PI).sqrt(),
            (1.0 - 2.0 / std::f64::consts::PI).sqrt(),
        ),
    ] {
        let time = time(written);
        let mut rng = Mt19937::new(123);
        let draws: Vec<f64> =
            std::iter::repeat_with(|| time.sample(&mut rng).as_secs_f64()).take(20_000).collect();
        let found = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|d| (d - found).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!((found - mean).abs() < 0.03 * stdev.max(mean), "{written}: mean {found}");
        assert!((variance.sqrt() - stdev).abs() < 0.03 * stdev, "{written}: {}", variance.sqrt());
        let mut again = Mt19937::new(123);
        assert_eq!(time.sample(&mut again).as_secs_f64(), draws[0], "the same seed, the same draw");
    }
}
