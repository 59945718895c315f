//! DLIO's formulas against DLIO's own numbers: three runs of the real benchmark with two ranks.

use ringquet_result::metrics::{
    BlockMetrics, EpochMetrics, OverEpochs, StepTimes, block_metrics, counted_steps, eval_metrics,
    over_ranks,
};
use serde_json::Value;

use super::support::{floats, golden, json};

/// Steps per epoch, batch size, nominal bytes per sample.
const RUNS: [(&str, u64, u64, u64); 3] = [
    ("dlrm_run_np2", 120, 1024, 761),
    ("flux_run_np2", 8, 8, 2_164_832),
    ("legacy_run_np2_eval", 32, 4, 16_384),
];

fn steps(epoch: &Value, block: &str) -> StepTimes {
    let of = |key: &str| floats(&epoch[key][block]);
    StepTimes { load: of("load"), proc: of("proc"), compute: of("compute") }
}

/// Seconds between two stamps within one hour.
fn span(stats: &Value) -> f64 {
    let seconds = |key: &str| -> f64 {
        let stamp = stats[key].as_str().unwrap();
        let (minutes, seconds) = stamp[14..].split_once(':').unwrap();
        minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
    };
    seconds("end") - seconds("start")
}

#[track_caller]
fn near(found: f64, expected: f64, relative: f64, what: &str) {
    let off = (found - expected).abs() / expected.abs();
    assert!(off <= relative, "{what}: {found} instead of {expected}, off by {off}");
}

/// `N_output.json` has the steps, but not the block's time on DLIO's clock: the stamps of
/// `N_per_epoch_stats.json` are taken a little outside it, 0.1 to 0.2 % of these short blocks.
#[test]
fn au_of_each_rank_follows_from_its_steps() {
    for (run, metric_steps, batch, _) in RUNS {
        for rank in 0..2 {
            let output = json(&golden(run).join(format!("{rank}_output.json")));
            let stats = json(&golden(run).join(format!("{rank}_per_epoch_stats.json")));
            for epoch in ["1", "2"] {
                let what = format!("{run} rank {rank} epoch {epoch}");
                let (of_epoch, stats) = (&output[epoch], &stats[epoch]);
                let counted = counted_steps(metric_steps, 1, 0);
                let steps_of_block = steps(of_epoch, "block1");
                let found = block_metrics(&steps_of_block, span(&stats["block1"]), &counted, batch);
                let expected = |key: &str, block: &str| of_epoch[key][block].as_f64().unwrap();
                near(found.au_percent, expected("au", "block1"), 0.002, &what);
                near(found.samples_per_second, expected("throughput", "block1"), 0.002, &what);
                if run == "legacy_run_np2_eval" {
                    let found = eval_metrics(
                        &steps(of_epoch, "eval"),
                        span(&stats["eval"]),
                        &counted_steps(32, 1, 0),
                        2,
                    );
                    near(found.au_percent, expected("au", "eval"), 0.002, &what);
                    near(found.samples_per_second, expected("throughput", "eval"), 0.002, &what);
                }
            }
        }
    }
}

/// From the ranks to the summary everything is exact.
#[test]
fn the_summary_follows_from_the_ranks() {
    for (run, _, _, record_bytes) in RUNS {
        let outputs = [0, 1].map(|rank| json(&golden(run).join(format!("{rank}_output.json"))));
        let metric = json(&golden(run).join("summary.json"))["metric"].clone();
        let epochs: Vec<EpochMetrics> = ["1", "2"]
            .iter()
            .map(|epoch| {
                let of_rank = |output: &Value| {
                    let value = |key: &str| output[*epoch][key]["block1"].as_f64().unwrap();
                    BlockMetrics {
                        au_percent: value("au"),
                        samples_per_second: value("throughput"),
                        ..BlockMetrics::default()
                    }
                };
                over_ranks(&outputs.each_ref().map(of_rank))
            })
            .collect();
        let found = OverEpochs::new(&epochs, 0.90, record_bytes);
        let near = |found: f64, key: &str| near(found, metric[key].as_f64().unwrap(), 1e-9, key);
        near(found.au_percent_mean, "train_au_mean_percentage");
        near(found.au_percent_stdev, "train_au_stdev_percentage");
        near(found.samples_per_second_mean, "train_throughput_mean_samples_per_second");
        near(found.samples_per_second_stdev, "train_throughput_stdev_samples_per_second");
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        near(mib(found.nominal_bytes_per_second_mean), "train_io_mean_MB_per_second");
        near(mib(found.nominal_bytes_per_second_stdev), "train_io_stdev_MB_per_second");
        for (found, key) in [
            (&found.au_percent, "train_au_percentage"),
            (&found.samples_per_second, "train_throughput_samples_per_second"),
        ] {
            for (found, expected) in found.iter().zip(floats(&metric[key])) {
                super::golden::near(*found, expected, 1e-9, key);
            }
        }
        let meets = if found.au_meets_expectation { "success" } else { "fail" };
        assert_eq!(metric["train_au_meet_expectation"], meets, "{run}");
    }
}
