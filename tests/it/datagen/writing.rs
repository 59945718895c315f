//! One list of cases that every way of writing passes: io_uring and pwrite.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ringquet::engine::DirectChoice;
use ringquet_datagen::{
    DatagenError, DatagenOptions, Existing, GenerateReport, WriteChoice, WriteDriver,
};

use super::support::{
    MIXED, SMALL, child, child_dir, dir, files, generate, manifest, parquet_files, try_generate,
    verify, workload,
};

/// Both where io_uring works; where it is refused its cases are left out, and say so.
#[expect(clippy::print_stderr, reason = "a case that is left out is reported")]
fn for_each_driver(check: impl Fn(WriteChoice, DirectChoice)) {
    for driver in [WriteChoice::Uring, WriteChoice::Pwrite] {
        let dir = dir();
        let options = DatagenOptions { driver, ..DatagenOptions::default() };
        if let Err(error) = try_generate(&workload(SMALL, dir.path(), &[]), &options) {
            assert!(driver == WriteChoice::Uring, "{error}");
            assert!(error.to_string().contains("io_uring is not available"), "{error}");
            eprintln!("left out: {error}");
            continue;
        }
        for direct in [DirectChoice::Auto, DirectChoice::Off] {
            check(driver, direct);
        }
    }
}

fn bytes(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |file: String| (file.clone(), fs::read(dir.join(file)).unwrap());
    parquet_files(dir).into_iter().map(read).collect()
}

fn made(yaml: &str, dir: &Path, options: &DatagenOptions) -> GenerateReport {
    // Two slots and more, and an end within a block.
    generate(&workload(yaml, dir, &["dataset.num_samples_per_file=90001"]), options)
}

#[test]
fn the_bytes_are_the_same() {
    let expected = dir();
    made(MIXED, expected.path(), &DatagenOptions::default());
    let expected = bytes(expected.path());
    for_each_driver(|driver, direct| {
        let dir = dir();
        let options = DatagenOptions { driver, direct, threads: 2, ..DatagenOptions::default() };
        let report = made(MIXED, dir.path(), &options);
        assert!(bytes(dir.path()) == expected, "{driver:?}, direct {direct:?}");
        let written_with = match driver {
            WriteChoice::Pwrite => WriteDriver::Pwrite,
            _ => WriteDriver::Uring,
        };
        assert_eq!(report.written_with, Some(written_with));
        assert!(manifest(dir.path()).files.iter().all(|file| file.written_with == written_with));
        assert_eq!(verify(dir.path()).problems, []);
    });
}

#[test]
fn what_is_kept_was_not_written() {
    let dir = dir();
    let loaded = workload(SMALL, dir.path(), &[]);
    let pwrite = DatagenOptions { driver: WriteChoice::Pwrite, ..DatagenOptions::default() };
    generate(&loaded, &pwrite);
    let resume = DatagenOptions { existing: Existing::Resume, ..DatagenOptions::default() };
    assert_eq!(generate(&loaded, &resume).written_with, None);
    assert_eq!(manifest(dir.path()).files[0].written_with, WriteDriver::Pwrite);
}

const FILES_ENV: &str = "RINGQUET_TEST_DRIVER";

/// The child of [`a_short_write_and_a_full_disk_are_told`].
#[test]
#[ignore = "runs as a child whose files may not grow"]
fn child_with_a_small_disk() {
    let Some(dir) = child_dir() else { return };
    let (driver, direct) = match std::env::var(FILES_ENV).as_deref() {
        Ok("uring") => (WriteChoice::Uring, DirectChoice::Auto),
        Ok("uring buffered") => (WriteChoice::Uring, DirectChoice::Off),
        Ok("pwrite") => (WriteChoice::Pwrite, DirectChoice::Auto),
        _ => (WriteChoice::Pwrite, DirectChoice::Off),
    };
    let loaded = workload(SMALL, &dir, &["dataset.num_samples_per_file=300000"]);
    let options = DatagenOptions { driver, direct, ..DatagenOptions::default() };
    let error = try_generate(&loaded, &options).unwrap_err();
    assert!(matches!(error, DatagenError::Write(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("/train/img_") && text.contains(".parquet: write of "), "{text}");
    // The bytes up to the limit were taken; the error is about the rest.
    assert!(text.contains("at offset 1060864 failed: File too large"), "{text}");
}

/// The limit lies within a slot, so that what the kernel takes is less than it was given; the rest is
/// refused, as on a full disk.
#[test]
fn a_short_write_and_a_full_disk_are_told() {
    for_each_driver(|driver, direct| {
        let dir = dir();
        // 1 MiB and three pages, in blocks of 512 bytes.
        let limits = r#"ulimit -f 2072; trap "" XFSZ"#;
        let mut child = child("writing::child_with_a_small_disk", limits, dir.path());
        let name = match (driver, direct) {
            (WriteChoice::Pwrite, DirectChoice::Off) => "pwrite buffered",
            (WriteChoice::Pwrite, _) => "pwrite",
            (_, DirectChoice::Off) => "uring buffered",
            _ => "uring",
        };
        let output = child.env(FILES_ENV, name).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(parquet_files(dir.path()), [""; 0], "{name}");
        assert!(!manifest(dir.path()).complete, "{name}");
    });
}

#[test]
fn a_stop_in_the_middle_leaves_no_file() {
    for_each_driver(|driver, direct| {
        let dir = dir();
        let loaded = workload(SMALL, dir.path(), &["dataset.num_samples_per_file=2000000"]);
        let options = DatagenOptions { driver, direct, threads: 2, ..DatagenOptions::default() };
        let (stop, told) = (AtomicBool::new(false), AtomicU64::new(0));
        let progress = |bytes: u64, _: u64| {
            // Some slots are in the kernel by then.
            if told.fetch_add(bytes, Ordering::Relaxed) > 3 << 20 {
                stop.store(true, Ordering::Relaxed);
            }
        };
        let error = ringquet_datagen::generate(&loaded, &options, &progress, &stop).unwrap_err();
        assert!(error.is_stopped(), "{error}");
        assert_eq!(files(dir.path()), ["ringquet-manifest.json"], "{driver:?}, {direct:?}");
    });
}
