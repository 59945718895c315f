//! The search for the most accelerators: its points, its end, and the file that it leaves.

use ringquet::StopFlag;
use ringquet_result::WarningCode;
use ringquet_train::{CeilingBy, RunError, SearchOptions, SearchReport, find_max_accelerators};
use ringquet_workload::Loaded;

use super::support::{data, json, options, workload};
use crate::cli::schema;

fn search(
    loaded: &Loaded,
    options: &ringquet_train::RunOptions,
    stop: &StopFlag,
) -> Result<SearchReport, RunError> {
    let search = SearchOptions { round_seconds: 0.15, ..SearchOptions::default() };
    let report = find_max_accelerators(loaded, options, &search, &|_| {}, stop)?;
    schema::check_as("ringquet-search", &json(&report.file));
    Ok(report)
}

/// A bar that everything meets: the data set holds the search, at one file for each.
#[test]
fn a_low_bar_is_met_up_to_the_last_file() {
    let dir = data(6, 0);
    let loaded = workload(dir.path(), 6, 0, &["metric.au=0.0001", "reader.batch_size=40"]);
    let found = search(&loaded, &options(dir.path(), 1), &StopFlag::new()).unwrap();
    assert!(found.complete && found.bound.is_none());
    assert_eq!((found.accelerators, found.ceiling.by), (6, CeilingBy::DataSet));
    let tried: Vec<u32> = found.points.iter().map(|point| point.accelerators).collect();
    assert_eq!(tried, [1, 2, 4, 6]);
    for point in &found.points {
        assert!(point.meets_bar && point.rows > 0 && point.seconds >= 0.3, "{point:?}");
        assert!((0.01..=100.0).contains(&point.au_percent), "{point:?}");
        assert!(point.au_percent_of_rounds.len() >= 2, "{point:?}");
        assert!(point.samples_per_second > 0.0 && point.read_bytes_per_second > 0.0);
    }
    let document = json(&dir.path().join("results/ringquet-search.json"));
    assert_eq!(document["command"], "run");
    assert_eq!(document["accelerators"], 6);
    assert_eq!(document["options"]["find_max_accelerators"], true);
    assert_eq!(document["points"].as_array().unwrap().len(), 4);
    assert_eq!(document["predictions"].as_array().unwrap().len(), 5);
    assert!(!dir.path().join("results/summary.json").exists(), "a search is no run");
}

/// A bar that nothing meets: no computation that takes a tenth of a microsecond keeps anyone busy.
#[test]
fn a_bar_that_nothing_meets_gives_none_and_says_what_binds() {
    let dir = data(4, 0);
    let overrides = ["metric.au=1.0", "train.computation_time=0.0000001", "reader.batch_size=40"];
    let loaded = workload(dir.path(), 4, 0, &overrides);
    let found = search(&loaded, &options(dir.path(), 2), &StopFlag::new()).unwrap();
    assert!(found.complete);
    assert_eq!(found.accelerators, 0);
    let tried: Vec<u32> = found.points.iter().map(|point| point.accelerators).collect();
    assert_eq!(tried, [1, 2], "from 2 down");
    assert!(found.bound.is_some() && found.capacity.is_some());
}

#[test]
fn a_stopped_search_says_so() {
    let dir = data(4, 0);
    let stop = StopFlag::new();
    stop.stop();
    let loaded = workload(dir.path(), 4, 0, &["train.computation_time=10"]);
    let found = search(&loaded, &options(dir.path(), 1), &stop).unwrap();
    assert!(!found.complete && found.points.is_empty() && found.accelerators == 0);
    assert!(found.warnings.iter().any(|warning| warning.code == WarningCode::Incomplete));
}

#[test]
fn an_epoch_that_is_too_short_is_refused() {
    let dir = data(1, 0);
    let loaded = workload(dir.path(), 1, 0, &["reader.batch_size=100"]);
    let error = search(&loaded, &options(dir.path(), 1), &StopFlag::new()).unwrap_err();
    assert!(error.to_string().contains("3 steps"), "{error}");
}
