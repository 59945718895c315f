//! Going on after an end that came too early.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ringquet_datagen::{DatagenError, DatagenOptions, Existing, Silent};
use ringquet_result::WarningCode;

use super::support::{
    SMALL, child, child_dir, digests, dir, existing, files, generate, manifest, parquet_files,
    try_generate, verify, workload,
};

#[test]
fn what_is_complete_is_kept() {
    let dir = dir();
    let loaded = workload(SMALL, dir.path(), &[]);
    let first = generate(&loaded, &DatagenOptions::default());
    fs::remove_file(dir.path().join("train/img_2_of_4.parquet")).unwrap();
    let untouched = dir.path().join("train/img_1_of_4.parquet");
    let written = fs::metadata(&untouched).unwrap().modified().unwrap();
    let second = generate(&loaded, &existing(Existing::Resume));
    assert_eq!((second.files, second.files_kept), (4, 3));
    assert_eq!(second.bytes_written, first.bytes / 4);
    assert_eq!(second.digest, first.digest);
    assert_eq!(fs::metadata(&untouched).unwrap().modified().unwrap(), written);
    assert_eq!(verify(dir.path()).problems, []);
}

#[test]
fn a_file_that_is_not_as_listed_is_written_again() {
    let dir = dir();
    let loaded = workload(SMALL, dir.path(), &[]);
    let first = generate(&loaded, &DatagenOptions::default());
    let flipped = dir.path().join("train/img_0_of_4.parquet");
    let mut bytes = fs::read(&flipped).unwrap();
    bytes[2000] ^= 1;
    fs::write(&flipped, bytes).unwrap();
    let cut = dir.path().join("train/img_3_of_4.parquet");
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();

    let second = generate(&loaded, &existing(Existing::Resume));
    assert_eq!(second.files_kept, 2);
    assert_eq!(second.digest, first.digest);
    let told: Vec<&str> = second
        .warnings
        .iter()
        .filter(|warning| warning.code == WarningCode::Rewritten)
        .map(|warning| warning.message.as_str())
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("train/img_0_of_4.parquet: "), "{told:?}");
    assert_eq!(verify(dir.path()).problems, []);
}

#[test]
fn a_resume_that_is_stopped_at_once_forgets_nothing() {
    let dir = dir();
    let loaded = workload(SMALL, dir.path(), &[]);
    generate(&loaded, &DatagenOptions::default());
    let before = manifest(dir.path());
    let options = existing(Existing::Resume);
    let stop = AtomicBool::new(true);
    let error = ringquet_datagen::generate(&loaded, &options, &Silent, &stop).unwrap_err();
    assert!(error.is_stopped(), "{error}");
    assert_eq!(manifest(dir.path()), before);
}

#[test]
fn a_file_that_is_not_listed_is_not_trusted() {
    let dir = dir();
    let loaded = workload(SMALL, dir.path(), &[]);
    let first = generate(&loaded, &DatagenOptions::default());
    fs::remove_file(dir.path().join("ringquet-manifest.json")).unwrap();
    let second = generate(&loaded, &existing(Existing::Resume));
    assert_eq!((second.files_kept, second.digest), (0, first.digest));
}

#[test]
fn another_seed_or_workload_is_refused() {
    let dir = dir();
    let loaded = workload(SMALL, dir.path(), &[]);
    generate(&loaded, &DatagenOptions::default());
    let other_seed = DatagenOptions { seed: 77, ..existing(Existing::Resume) };
    let error = try_generate(&loaded, &other_seed).unwrap_err();
    assert!(matches!(error, DatagenError::OtherDataSet { .. }));
    assert!(error.to_string().contains("generated with another seed, 10 instead of 77"), "{error}");

    let other = workload(SMALL, dir.path(), &["dataset.num_samples_per_file=4000"]);
    let error = try_generate(&other, &existing(Existing::Resume)).unwrap_err();
    assert!(error.to_string().contains("workload: num_samples_per_file"), "{error}");
}

#[test]
fn a_spoilt_manifest_is_refused_by_name() {
    let dir = dir();
    let loaded = workload(SMALL, dir.path(), &[]);
    generate(&loaded, &DatagenOptions::default());
    let path = dir.path().join("ringquet-manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, reason) in [
        ("train/img_0_of_4.parquet", "../img_0_of_4.parquet", "does not lie within"),
        ("train/img_0_of_4.parquet", "train/img_1_of_4.parquet", "listed twice"),
        ("\"schema_version\": 1", "\"schema_version\": 2", "schema_version 2"),
        ("\"float32\"", "\"float33\"", "float33"),
        ("\"size\": 1", "\"size\": 0", "size 0"),
        ("\"digest\": \"", "\"digest\": \"x", "digest"),
        ("\"rows\": 3000", "\"rows\": 3001", "3001 rows"),
        ("{", "", "line 2"),
    ] {
        let spoilt = text.replacen(from, to, 1);
        assert_ne!(spoilt, text, "{from}");
        fs::write(&path, spoilt).unwrap();
        let message = try_generate(&loaded, &existing(Existing::Resume)).unwrap_err().to_string();
        assert!(message.contains("ringquet-manifest.json: not a usable manifest"), "{message}");
        assert!(message.contains(reason), "{message}");
    }
}

/// The child of [`a_killed_run_can_be_resumed`].
#[test]
#[ignore = "runs as a child that is killed"]
fn child_to_be_killed() {
    let Some(dir) = child_dir() else { return };
    generate(&big(&dir), &DatagenOptions { threads: 2, ..existing(Existing::Resume) });
}

fn big(dir: &std::path::Path) -> ringquet_workload::Loaded {
    let overrides = ["dataset.num_files_train=40", "dataset.num_samples_per_file=20000"];
    workload(SMALL, dir, &overrides)
}

#[test]
fn a_killed_run_can_be_resumed() {
    let whole = dir();
    let expected = generate(&big(whole.path()), &DatagenOptions::default());
    let dir = dir();
    for wait_ms in [5, 40, 90, 150] {
        let mut child = child("resume::child_to_be_killed", ":", dir.path()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait_ms));
        // The shell has become the test binary, so this is the one that writes.
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let resumed = generate(&big(dir.path()), &existing(Existing::Resume));
    assert_eq!(resumed.digest, expected.digest);
    assert_eq!(digests(dir.path()), digests(whole.path()));
    assert_eq!(verify(dir.path()).problems, []);
    assert_eq!(files(dir.path()), files(whole.path()), "no temporary file is left");
    assert_eq!(parquet_files(dir.path()).len(), 40);
    assert!(manifest(dir.path()).complete);
}
