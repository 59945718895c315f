//! A stop ends a run soon, and what was measured is kept and marked.

use ringquet::StopFlag;
use ringquet_result::WarningCode;

use super::support::{data, json, options, workload};

#[test]
fn a_stopped_run_keeps_what_was_measured_and_says_so() {
    let dir = data(4, 0);
    // Without the stop this takes 7 seconds.
    let loaded = workload(dir.path(), 4, 0, &["train.computation_time={mean: 0.3}"]);
    let stop = StopFlag::new();
    let report = ringquet_train::run(
        &loaded,
        &options(dir.path(), 2),
        &|progress| {
            assert!(progress.steps == 12 && progress.epochs == 2);
            if progress.step >= 2 {
                stop.stop();
            }
        },
        &stop,
    )
    .unwrap();
    assert!(!report.complete && report.au_meets_expectation == Some(false));
    assert_eq!(report.epochs.len(), 1);
    let steps: Vec<u64> = report.epochs[0].train.ranks.iter().map(|rank| rank.steps).collect();
    assert!(steps.iter().all(|steps| (2..12).contains(steps)), "{steps:?}");
    assert_eq!(report.rows, steps.iter().sum::<u64>() * 50);
    assert!(report.warnings.iter().any(|warning| warning.code == WarningCode::Incomplete));
    let summary = json(&report.results_dir.join("summary.json"));
    assert_eq!(summary["metric"]["train_au_meet_expectation"], "fail");
    assert_eq!(json(&report.results_dir.join("ringquet.json"))["complete"], false);
    assert_eq!(summary["epochs"], 1);
}

#[test]
fn a_stop_before_the_first_step_leaves_a_run_without_steps() {
    let dir = data(2, 1);
    let loaded = workload(dir.path(), 2, 1, &["train.computation_time=100"]);
    let stop = StopFlag::new();
    stop.stop();
    let report = ringquet_train::run(&loaded, &options(dir.path(), 1), &|_| {}, &stop).unwrap();
    assert!(!report.complete && report.eval.is_none());
    assert_eq!((report.rows, report.train.au_percent_mean), (0, 0.0));
}
