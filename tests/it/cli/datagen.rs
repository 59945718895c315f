//! Generate, resume, verify; and what a call leaves that could not come to its end.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::binary::{Answer, command, ringquet};
use super::documents::has_header;
use super::refused::{Limit, limited};
use super::sets;
use crate::scratch;

/// Names below `dir`, sorted.
fn names(dir: &Path) -> Vec<OsString> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    let mut names: Vec<OsString> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn a_set_is_generated_verified_and_read() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    let document = ringquet(dir.path(), "datagen w.yaml --json").succeeds().document();
    has_header(&document, "datagen");
    assert_eq!(document["files"], 3);
    assert_eq!(document["rows"], 6000);
    assert_eq!(document["options"]["workload_file"], "w.yaml");
    let expect = ["img_0_of_3.parquet", "img_1_of_3.parquet", "img_2_of_3.parquet"];
    assert_eq!(names(&dir.path().join("data/train")), expect);

    let verified = ringquet(dir.path(), "verify data --json").succeeds().document();
    has_header(&verified, "verify");
    assert_eq!(verified["digest"], document["digest"]);
    assert_eq!(verified["problems"], serde_json::json!([]));
    let scanned = ringquet(dir.path(), "scan data --json").succeeds().document();
    assert_eq!(scanned["rows"], 6000);
}

#[test]
fn the_digest_depends_on_the_seed_and_not_on_threads() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    let digest = |options: &str| {
        let document = ringquet(dir.path(), &format!("datagen w.yaml --force --json {options}"));
        document.succeeds().document()["digest"].as_str().unwrap().to_owned()
    };
    let one = digest("--threads 1");
    assert_eq!(digest("--threads 2"), one);
    assert_ne!(digest("--seed 11"), one);
}

#[test]
fn files_that_are_there_are_kept_or_refused() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    let first = ringquet(dir.path(), "datagen w.yaml --json").succeeds().document();
    let refused = ringquet(dir.path(), "datagen w.yaml").ends_with(1);
    assert!(refused.error().contains("exists"), "{}", refused.stderr);
    std::fs::remove_file(dir.path().join("data/train/img_1_of_3.parquet")).unwrap();
    let resumed = ringquet(dir.path(), "datagen w.yaml --resume --json").succeeds().document();
    assert_eq!(resumed["files_kept"], 2);
    assert_eq!(resumed["digest"], first["digest"]);
}

#[test]
fn verify_names_what_is_wrong() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    ringquet(dir.path(), "datagen w.yaml").succeeds();
    let file = dir.path().join("data/train/img_2_of_3.parquet");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    std::fs::remove_file(dir.path().join("data/train/img_0_of_3.parquet")).unwrap();
    let answer = ringquet(dir.path(), "verify data --json").ends_with(1);
    let document = answer.document();
    let kinds: Vec<&str> = document["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.len(), 2, "{document:#}");
    assert_eq!(kinds[0], "missing");
    for name in ["data/train/img_0_of_3.parquet: ", "data/train/img_2_of_3.parquet: "] {
        assert!(answer.stderr.contains(&format!("error: {name}")), "{}", answer.stderr);
    }
}

/// Nothing is under a final name that is not whole, and nothing is under any other name.
#[track_caller]
fn only_whole_files(dir: &Path) -> usize {
    let train = names(&dir.join("data/train"));
    for name in &train {
        let name = name.to_str().unwrap();
        assert!(name.starts_with("img_") && name.ends_with(".parquet"), "{train:?}");
        ringquet(dir, &format!("scan data/train/{name}")).succeeds();
    }
    train.len()
}

/// As on a full disk: files cannot grow beyond a limit.
#[test]
fn a_disk_that_takes_no_more_leaves_no_file() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    let line = "datagen w.yaml";
    let answer = Answer::of(line, limited(command(dir.path(), line), Limit::FileBytes(20_000)));
    let answer = answer.ends_with(1);
    assert!(answer.error().contains("data/train/"), "{}", answer.stderr);
    assert!(answer.error().contains("File too large"), "{}", answer.stderr);
    assert_eq!(only_whole_files(dir.path()), 0);
    ringquet(dir.path(), "datagen w.yaml --resume").succeeds();
    ringquet(dir.path(), "verify data").succeeds();

    let line = "cat data/train/img_0_of_3.parquet -o out.arrow";
    let answer = Answer::of(line, limited(command(dir.path(), line), Limit::FileBytes(20_000)));
    assert!(answer.ends_with(1).error().contains("out.arrow"));
    assert!(names(dir.path()).iter().all(|name| !name.to_string_lossy().contains("out.arrow")));
}

/// kill -9 at ten random moments, each call going on where the one before was killed; then it is let finish.
#[test]
fn a_set_that_was_killed_ten_times_is_whole_after_a_resume() {
    let line = "datagen w.yaml dataset.num_files_train=60 dataset.num_samples_per_file=40000";
    let whole = scratch::dir();
    sets::write_workload(&whole.path().join("w.yaml"));
    let started = Instant::now();
    let expected = ringquet(whole.path(), &format!("{line} --json")).succeeds().document();
    let took = started.elapsed();

    let seed = u64::from(std::process::id()) << 32 | u64::from(started.elapsed().subsec_nanos());
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    let mut state = seed;
    let mut killed = 0;
    for _ in 0..10 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = took.mul_f64((state >> 40) as f64 / (1 << 24) as f64 * 0.6);
        let resume = format!("{line} --resume");
        let mut command = command(dir.path(), &resume);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(moment);
        // SIGKILL; a call that has already finished is no harm.
        child.kill().unwrap();
        killed += usize::from(!child.wait().unwrap().success());
        for name in names(&dir.path().join("data/train")) {
            let name = name.to_str().unwrap();
            assert!(
                name.ends_with(".parquet") || name.contains(".partial-"),
                "seed {seed}: {name}"
            );
        }
    }
    assert!(killed > 0, "seed {seed}: every call ended before its moment");
    let resumed = ringquet(dir.path(), &format!("{line} --resume --json")).succeeds().document();
    assert_eq!(resumed["digest"], expected["digest"], "seed {seed}");
    let verified = ringquet(dir.path(), "verify data --json").succeeds().document();
    assert_eq!(verified["problems"], serde_json::json!([]), "seed {seed}");
    assert_eq!(verified["digest"], expected["digest"], "seed {seed}");
    let train = names(&dir.path().join("data/train"));
    assert_eq!(train, names(&whole.path().join("data/train")), "seed {seed}: nothing is left over");
}

/// What carried the writes is reported; where io_uring is refused, why, also by verify, which reads.
#[test]
fn writes_are_told_and_a_refused_io_uring_too() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    let document = ringquet(dir.path(), "datagen w.yaml --driver pwrite --json").succeeds();
    assert_eq!(document.document()["written_with"], "pwrite");
    for line in ["datagen w.yaml --force --json", "verify data --json"] {
        let answer = Answer::of(line, limited(command(dir.path(), line), Limit::NoUring));
        let document = answer.succeeds().document();
        let codes: Vec<&str> = document["warnings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|warning| warning["code"].as_str().unwrap())
            .collect();
        assert_eq!(codes, ["uring_unavailable"], "{line}: {document:#}");
    }
    let manifest = std::fs::read_to_string(dir.path().join("data/ringquet-manifest.json")).unwrap();
    assert_eq!(manifest.matches(r#""written_with": "pwrite""#).count(), 3, "{manifest}");
    let line = "datagen w.yaml --force --driver uring";
    let answer = Answer::of(line, limited(command(dir.path(), line), Limit::NoUring)).ends_with(1);
    assert!(answer.error().contains("io_uring is not available"), "{}", answer.stderr);
}

/// Hive folders: datagen, verify, scan and run find the same files.
#[test]
fn a_partitioned_set_is_generated_verified_and_run() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    let by = "dataset.parquet.partition_by=label";
    ringquet(dir.path(), &format!("datagen w.yaml {by}")).succeeds();
    let folders = names(&dir.path().join("data/train"));
    assert_eq!(folders, ["label=0", "label=1", "label=2"]);
    assert_eq!(names(&dir.path().join("data/train/label=1")), ["img_1_of_3.parquet"]);
    ringquet(dir.path(), "verify data").succeeds();
    let scanned = ringquet(dir.path(), "scan data --json").succeeds().document();
    assert_eq!(scanned["rows"], 6000);
    let line = format!("run w.yaml {by} --accelerators 1 --results-dir results --json");
    let document = ringquet(dir.path(), &line).succeeds().document();
    assert_eq!(document["complete"], true);
    assert_eq!(document["rows"], 2 * 6000, "two epochs over all files");
}

/// Ctrl-C once some files are there: the call ends soon, with 1, and can be resumed.
#[test]
fn ctrl_c_leaves_whole_files_only() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    let line = "datagen w.yaml dataset.num_files_train=2000 --threads 1";
    let mut command = command(dir.path(), line);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while names(&dir.path().join("data/train")).len() < 3 {
        assert!(started.elapsed() < Duration::from_secs(60), "no file after a minute");
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(2));
    }
    let pid = i32::try_from(child.id()).unwrap();
    // SAFETY: a system call on numbers; the child is ours and was not waited for.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGINT) }, 0);
    let answer = Answer::from_output(line, &child.wait_with_output().unwrap()).ends_with(1);
    assert!(answer.error().contains("stopped"), "{}", answer.stderr);
    let whole = only_whole_files(dir.path());
    assert!((2..2000).contains(&whole), "{whole} files");
    let verified = ringquet(dir.path(), "verify data --json").ends_with(1).document();
    assert_eq!(verified["problems"][0]["kind"], "incomplete", "{verified:#}");
}
