//! Where the time of reader threads goes: each kind of work under its own name.

use std::path::PathBuf;
use std::time::Duration;

use ringquet::engine::EngineOptions;
use ringquet::report::ScanReport;
use ringquet::{Batch, Dataset, StopFlag};

use crate::scratch;

/// Two files of 20,000 rows, read by `threads` threads in batches of 1000 rows.
fn dataset(dir: &std::path::Path, threads: usize) -> Dataset {
    let write = |n: i64| {
        let path = dir.join(format!("part-{n}.parquet"));
        scratch::parquet_file(&path, 100_000 * n, 20_000, 5000);
        path
    };
    let paths: Vec<PathBuf> = (0..2).map(write).collect();
    let options = EngineOptions {
        threads: Some(threads),
        batch_rows: Some(1000),
        ..EngineOptions::default()
    };
    Dataset::open_with(&paths, options).unwrap()
}

/// All that is reported of the threads' time.
fn reported(report: &ScanReport) -> f64 {
    report.submit_seconds
        + report.decode_seconds
        + report.deliver_seconds
        + report.digest_seconds
        + report.touch_seconds
        + report.check_seconds
        + report.read_wait_seconds
        + report.consumer_wait_seconds
}

/// The time of visitors was reported as decoding.
#[test]
fn a_slow_visitor_does_not_decode_slowly() {
    let dir = scratch::dir();
    let dataset = dataset(dir.path(), 1);
    let slow = |_: Batch| std::thread::sleep(Duration::from_millis(10));
    let report = dataset.scan().visit(|_| slow).unwrap();
    assert_eq!((report.rows, report.batches), (40_000, 40));
    assert!(report.deliver_seconds >= 0.4, "{report:?}");
    // 40,000 rows of three columns are milliseconds of work, also where others have the CPU for a while.
    assert!(report.decode_seconds < report.deliver_seconds, "{report:?}");
    assert_eq!((report.digest_seconds, report.touch_seconds), (0.0, 0.0));
}

#[test]
fn the_parts_are_no_more_than_the_whole() {
    let dir = scratch::dir();
    for threads in [1, 2] {
        let dataset = dataset(dir.path(), threads);
        let stop = StopFlag::new();
        let decoded = dataset.scan().stop(&stop).visit(|_| |_| {}).unwrap();
        let (_, digested) = dataset.scan().stop(&stop).digest().unwrap();
        let raw = dataset.scan().stop(&stop).read_raw().unwrap();
        for report in [&decoded, &digested, &raw] {
            assert!(reported(report) <= report.seconds * threads as f64, "{threads}: {report:?}");
            assert!(report.check_seconds > 0.0 && report.submit_seconds > 0.0, "{report:?}");
        }
        assert!(decoded.decode_seconds > 0.0 && digested.digest_seconds > 0.0);
        assert_eq!((raw.decode_seconds, raw.digest_seconds), (0.0, 0.0));
    }
}

#[test]
fn a_read_is_reaped_no_later_than_reported() {
    let dir = scratch::dir();
    let report = dataset(dir.path(), 1).scan().visit(|_| |_| {}).unwrap();
    let (latency, delay) = (report.latency_ns, report.reap_delay_ns);
    assert!(delay.p50 >= 1 && delay.p50 <= delay.p99 && delay.p99 <= delay.max, "{delay:?}");
    assert!(delay.p50 <= latency.p50 && delay.max <= latency.max, "{delay:?} of {latency:?}");
}
