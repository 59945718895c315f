//! What is written: the same for every number of threads, and nothing that is not whole.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ringquet::engine::DirectChoice;
use ringquet_datagen::{ContentOptions, DatagenError, DatagenOptions, Existing};

use super::support::{
    MIXED, SMALL, child, child_dir, digests, dir, existing, files, generate, manifest,
    parquet_files, try_generate, verify, workload,
};

#[test]
fn content_does_not_depend_on_threads() {
    let (one, three) = (dir(), dir());
    let with = |threads| DatagenOptions { threads, ..DatagenOptions::default() };
    let first = generate(&workload(MIXED, one.path(), &[]), &with(1));
    let second = generate(&workload(MIXED, three.path(), &[]), &with(3));
    assert_eq!((first.threads, second.threads), (1, 3));
    assert!(first.bytes == first.bytes_written && first.files_kept == 0);
    assert_eq!((first.files, first.rows), (4, 20_000));
    assert_eq!(first.digest, second.digest);
    assert_eq!(manifest(one.path()), manifest(three.path()));
    for file in parquet_files(one.path()) {
        let read = |dir: &tempfile::TempDir| fs::read(dir.path().join(&file)).unwrap();
        assert_eq!(read(&one), read(&three), "{file}: not even its bytes");
    }
    let distinct: std::collections::HashSet<String> = digests(one.path()).into_values().collect();
    assert_eq!(distinct.len(), 4, "every file has content of its own");
}

#[test]
fn seed_and_options_change_everything() {
    let base = dir();
    generate(&workload(SMALL, base.path(), &[]), &DatagenOptions::default());
    let repeats = ContentOptions { repeat_fraction: 0.5, raw_floats: false };
    for options in [
        DatagenOptions { seed: 11, ..DatagenOptions::default() },
        DatagenOptions { content: repeats, ..DatagenOptions::default() },
    ] {
        let other = dir();
        generate(&workload(SMALL, other.path(), &[]), &options);
        let (base, other) = (digests(base.path()), digests(other.path()));
        assert!(base.iter().all(|(file, digest)| other[file] != *digest), "{options:?}");
    }
}

#[test]
fn around_and_through_the_page_cache_makes_the_same_files() {
    let (direct, buffered) = (dir(), dir());
    // Lengths that end within a block, and files of several.
    let overrides = ["dataset.num_files_train=2", "dataset.num_samples_per_file=400001"];
    let with = |choice| DatagenOptions { direct: choice, ..DatagenOptions::default() };
    let first = generate(&workload(SMALL, direct.path(), &overrides), &with(DirectChoice::Auto));
    let second = generate(&workload(SMALL, buffered.path(), &overrides), &with(DirectChoice::Off));
    assert!(!second.direct);
    assert!(first.bytes > 4 << 20);
    for file in parquet_files(direct.path()) {
        let read = |dir: &tempfile::TempDir| fs::read(dir.path().join(&file)).unwrap();
        assert!(read(&direct) == read(&buffered), "{file}");
    }
}

#[test]
fn hosts_that_each_write_a_part_write_the_whole() {
    let (whole, parts) = (dir(), dir());
    let report = generate(&workload(MIXED, whole.path(), &[]), &DatagenOptions::default());
    let loaded = workload(MIXED, parts.path(), &[]);
    let part =
        |first_file, files| DatagenOptions { first_file, files, ..DatagenOptions::default() };
    assert_eq!(generate(&loaded, &part(1, None)).files, 3);
    assert_eq!(generate(&loaded, &part(0, Some(1))).files, 1);
    assert_eq!(
        files(parts.path()),
        [
            "ringquet-manifest.0-1.json",
            "ringquet-manifest.1-4.json",
            "train/img_0_of_3.parquet",
            "train/img_1_of_3.parquet",
            "train/img_2_of_3.parquet",
            "valid/img_0_of_1.parquet",
        ]
    );
    let found = verify(parts.path());
    assert_eq!(found.problems, []);
    assert_eq!(found.digest, Some(report.digest.clone()), "as the manifest of the whole has it");

    // A later run takes the parts together.
    let resumed = generate(&loaded, &existing(Existing::Resume));
    assert_eq!((resumed.files_kept, resumed.bytes_written), (4, 0));
    assert_eq!(resumed.digest, report.digest);
    assert_eq!(manifest(parts.path()), manifest(whole.path()));
    assert!(!files(parts.path()).contains(&"ringquet-manifest.0-1.json".to_owned()));
}

#[test]
fn a_part_beyond_the_end_is_refused() {
    let dir = dir();
    let options = DatagenOptions { first_file: 4, ..DatagenOptions::default() };
    let error = try_generate(&workload(SMALL, dir.path(), &[]), &options).unwrap_err();
    assert_eq!(error.to_string(), "`first_file` 4: must be 0 to 3");
}

#[test]
fn files_that_are_there_are_not_touched_unless_told_so() {
    let dir = dir();
    let loaded = workload(SMALL, dir.path(), &[]);
    let first = generate(&loaded, &DatagenOptions::default());
    let error = try_generate(&loaded, &DatagenOptions::default()).unwrap_err();
    assert!(
        matches!(&error, DatagenError::Exists { path } if path.ends_with("img_0_of_4.parquet"))
    );
    let message = error.to_string();
    assert!(message.contains("`resume`") && message.contains("`force`"), "{message}");

    let other = DatagenOptions { seed: 5, ..existing(Existing::Force) };
    let second = generate(&loaded, &other);
    assert_ne!(first.digest, second.digest);
    assert_eq!(verify(dir.path()).problems, []);
}

#[test]
fn other_formats_are_refused_in_one_line() {
    let dir = dir();
    let loaded = workload(SMALL, dir.path(), &["dataset.format=npz"]);
    let message = try_generate(&loaded, &DatagenOptions::default()).unwrap_err().to_string();
    assert!(message.starts_with("dataset.format: npz is not supported"), "{message}");
    assert!(!message.contains('\n'));
    assert_eq!(files(dir.path()), [""; 0]);
}

#[test]
fn a_row_that_does_not_fit_in_memory_is_refused() {
    let dir = dir();
    let yaml = "
dataset: {format: parquet, num_files_train: 1, num_samples_per_file: 1,
  parquet: {columns: [{name: wide, dtype: float64, size: 200000000}]}}
";
    let error = try_generate(&workload(yaml, dir.path(), &[]), &DatagenOptions::default());
    assert!(matches!(error, Err(DatagenError::RowTooLarge { row_bytes: 1_600_000_000, .. })));
}

#[test]
fn too_little_space_is_seen_before_the_first_byte() {
    let dir = dir();
    let loaded = workload(SMALL, dir.path(), &["dataset.num_files_train=60000000"]);
    // Planning sixty million files is free; looking for them is not, so only a part
    // is asked for, of files that are large each.
    let wide = workload(
        SMALL,
        dir.path(),
        &["dataset.num_samples_per_file=1000000000000", "dataset.num_files_train=4"],
    );
    let error = try_generate(&wide, &DatagenOptions::default()).unwrap_err();
    let DatagenError::NoSpace { needed, available, .. } = error else { panic!("{error}") };
    assert!(needed > 40_000_000_000_000 && available < needed);
    assert_eq!(files(dir.path()), [""; 0]);
    let options = DatagenOptions { files: Some(1), first_file: 99, ..DatagenOptions::default() };
    assert_eq!(generate(&loaded, &options).rows, 3000);
    assert_eq!(parquet_files(dir.path()), ["train/img_00000099_of_60000000.parquet"]);
}

#[test]
fn a_stop_leaves_only_whole_files() {
    let dir = dir();
    let loaded = workload(SMALL, dir.path(), &["dataset.num_samples_per_file=300000"]);
    let (stop, files_done) = (AtomicBool::new(false), AtomicU64::new(0));
    let progress = |bytes: u64, files: u64| {
        let files = files_done.fetch_add(files, Ordering::Relaxed) + files;
        // In the middle of the second file.
        if files == 1 && bytes > 0 {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let options = DatagenOptions { threads: 1, ..DatagenOptions::default() };
    let error = ringquet_datagen::generate(&loaded, &options, &progress, &stop).unwrap_err();
    assert!(error.is_stopped(), "{error}");
    assert_eq!(
        error.to_string(),
        "stopped: 1 of 4 files are complete, the others were removed; `resume` continues"
    );
    assert_eq!(parquet_files(dir.path()), ["train/img_0_of_4.parquet"]);
    let manifest = manifest(dir.path());
    assert!(!manifest.complete);
    assert_eq!(manifest.files.len(), 1);
}

/// The child of [`a_write_that_fails_leaves_nothing_under_a_final_name`].
#[test]
#[ignore = "runs as a child whose files may not grow"]
fn child_with_a_small_disk() {
    let Some(dir) = child_dir() else { return };
    let loaded = workload(SMALL, &dir, &["dataset.num_samples_per_file=300000"]);
    let error = try_generate(&loaded, &DatagenOptions::default()).unwrap_err();
    let DatagenError::Write(_) = &error else { panic!("{error}") };
    let text = error.to_string();
    assert!(
        text.contains("train/img_0_of_4.parquet: ") || text.contains("train/img_1_of_4.parquet: ")
    );
    assert!(text.contains(" at offset ") && text.contains("File too large"), "{text}");
}

#[test]
fn a_write_that_fails_leaves_nothing_under_a_final_name() {
    let dir = dir();
    // 1 MiB in blocks of 512 bytes; beyond it write(2) fails, as it does on a full disk.
    let limits = r#"ulimit -f 2048; trap "" XFSZ"#;
    let mut child = child("generate::child_with_a_small_disk", limits, dir.path());
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(parquet_files(dir.path()), [""; 0]);
    assert!(!manifest(dir.path()).complete);
}

#[test]
fn compression_does_what_it_says() {
    let repeats = ContentOptions { repeat_fraction: 0.9, raw_floats: false };
    let options = DatagenOptions { content: repeats, ..DatagenOptions::default() };
    let mut sizes = Vec::new();
    let mut digests = Vec::new();
    for codec in ["none", "snappy", "gzip", "lz4", "zstd"] {
        let dir = dir();
        let set = format!("dataset.compression={codec}");
        let report = generate(&workload(MIXED, dir.path(), &[&set]), &options);
        assert_eq!(verify(dir.path()).problems, [], "{codec}");
        let told = report
            .warnings
            .iter()
            .filter(|warning| warning.code == ringquet_result::WarningCode::CompressionUnlikeDlio);
        assert_eq!(told.count(), usize::from(codec != "none"), "{codec}");
        sizes.push((codec, report.bytes));
        digests.push(report.digest);
    }
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "the content is the same");
    let plain = sizes[0].1;
    assert!(sizes[1..].iter().all(|(_, bytes)| *bytes < plain), "{sizes:?}");
}
