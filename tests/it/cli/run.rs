//! Sizing and playing a workload.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::binary::{Answer, command, ringquet};
use super::documents::{has_header, has_reading};
use super::sets;
use crate::scratch;

#[test]
fn datasize_follows_the_rule() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    let line = "datasize w.yaml --accelerators 2 --hosts 3 --host-memory 1GiB";
    let document = ringquet(dir.path(), &format!("{line} --json")).succeeds().document();
    has_header(&document, "datasize");
    // A row counts 4 + 4 + 8 + 32 bytes by that rule, where an int8 takes four.
    let by_memory = (5 * 3 * (1_u64 << 30)).div_ceil(2000 * 48);
    assert_eq!(document["num_files_by_memory"], by_memory);
    assert_eq!(document["num_files_by_steps"], (500 * 2 * 100_u64).div_ceil(2000));
    assert_eq!(document["num_files_train"], by_memory);
    assert_eq!(document["host_memory_bytes"], 1 << 30);
    let text = ringquet(dir.path(), line).succeeds().stdout;
    let command = format!("ringquet datagen w.yaml dataset.num_files_train={by_memory}");
    assert!(text.contains(&command), "{text}");
}

#[test]
fn a_run_leaves_its_results() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    ringquet(dir.path(), "datagen w.yaml").succeeds();
    let line = "run w.yaml --accelerators 2 --results-dir results --json";
    let document = ringquet(dir.path(), line).succeeds().document();
    has_header(&document, "run");
    has_reading(&document);
    assert_eq!(document["complete"], true);
    assert_eq!(document["accelerators"], 2);
    assert_eq!(document["epochs"].as_array().map(Vec::len), Some(2));
    // 3 files of 2,000 rows, shared by two ranks in whole files, or in batches of 100: at most all of them.
    let rows = document["rows"].as_u64().unwrap();
    assert!(rows > 0 && rows <= 2 * 6000 && rows.is_multiple_of(100), "{rows}");

    let summary = std::fs::read(dir.path().join("results/summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    let au = summary["metric"]["train_au_mean_percentage"].as_f64().unwrap();
    assert!((0.0..=100.5).contains(&au), "{au}");
    assert_eq!(summary["metric"]["train_au_meet_expectation"], "success");

    let text =
        ringquet(dir.path(), "run w.yaml --accelerators 1 --results-dir again").succeeds().stdout;
    for word in ["AU ", "meets the target", "driver ", "results      again"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn raw_bytes_are_consumed_without_decoding() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    ringquet(dir.path(), "datagen w.yaml").succeeds();
    let line = "run w.yaml --accelerators 1 --results-dir results --decode raw --json";
    let document = ringquet(dir.path(), line).succeeds().document();
    assert_eq!(document["decode"], "raw");
    assert_eq!(document["decoded_bytes"], 0);
    assert!(document["read_bytes"].as_u64() > Some(0));
}

/// Computation of a tenth of a microsecond per step cannot keep an accelerator busy for all of the time.
#[test]
fn a_bar_that_is_missed_ends_with_1() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    ringquet(dir.path(), "datagen w.yaml").succeeds();
    let line = "run w.yaml metric.au=1.0 train.computation_time=0.0000001 --accelerators 1 --results-dir results --json";
    let answer = ringquet(dir.path(), line).ends_with(1);
    assert!(answer.error().contains("below the target of 100.00 %"), "{}", answer.stderr);
    let document = answer.document();
    assert_eq!(document["complete"], true);
    assert_eq!(document["au_meets_expectation"], false);
    assert!(dir.path().join("results/summary.json").is_file());
}

/// DLIO compares with its default of 0.90 where nothing is stated; here such a run has no target, and cannot miss one.
#[test]
fn a_run_without_a_target_is_not_judged() {
    let dir = scratch::dir();
    let path = dir.path().join("w.yaml");
    sets::write_workload(&path);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("metric:\n  au: 0.0\n", "")).unwrap();
    ringquet(dir.path(), "datagen w.yaml").succeeds();
    let line = "run w.yaml train.computation_time=0.0000001 --accelerators 1 --results-dir results";
    let text = ringquet(dir.path(), line).succeeds().stdout;
    assert!(text.contains("no target (the workload has no metric.au)"), "{text}");
    let document = ringquet(dir.path(), &format!("{line} --json")).succeeds().document();
    assert!(document["au_percent_bar"].is_null() && document["au_meets_expectation"].is_null());
    let summary = std::fs::read(dir.path().join("results/summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!(summary["metric"]["train_au_meet_expectation"], "fail", "as DLIO writes it");
    ringquet(dir.path(), "report results").succeeds();

    let line = "run w.yaml --find-max-accelerators --results-dir results";
    let answer = ringquet(dir.path(), line).ends_with(2);
    assert!(answer.error().contains("metric.au=0.90"), "{}", answer.stderr);
}

#[test]
fn a_run_without_its_data_says_how_to_make_it() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    let answer =
        ringquet(dir.path(), "run w.yaml --accelerators 1 --results-dir results").ends_with(1);
    assert!(answer.error().contains("ringquet datagen w.yaml"), "{}", answer.stderr);
    let answer =
        ringquet(dir.path(), "run w.yaml --accelerators 0 --results-dir results").ends_with(2);
    assert!(answer.error().contains("--accelerators 0"), "{}", answer.stderr);
}

/// Ctrl-C: the run ends soon, with 1, and its document says that it is not complete.
#[test]
fn ctrl_c_ends_a_run() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    ringquet(dir.path(), "datagen w.yaml").succeeds();
    let line = "run w.yaml train.computation_time=1 --accelerators 1 --results-dir results --json";
    let mut command = command(dir.path(), line);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    // The folder is made before the first epoch begins.
    while !dir.path().join("results").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "it did not begin within a minute");
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(500));
    let pid = i32::try_from(child.id()).unwrap();
    // SAFETY: a system call on numbers; the child is ours and was not waited for.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGINT) }, 0);
    let output = child.wait_with_output().unwrap();
    assert!(started.elapsed() < Duration::from_secs(30), "it did not end soon");
    let answer = Answer::from_output(line, &output).ends_with(1);
    assert!(answer.error().contains("interrupted"), "{}", answer.stderr);
    assert_eq!(answer.document()["complete"], false);
}

#[test]
fn a_search_prints_its_curve_and_what_is_beyond() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    ringquet(dir.path(), "datagen w.yaml").succeeds();
    let line = "run w.yaml --find-max-accelerators --round-seconds 0.2 --results-dir results";
    let document = ringquet(dir.path(), &format!("{line} --json")).succeeds().document();
    has_header(&document, "run");
    assert_eq!(document["options"]["find_max_accelerators"], true);
    let most = document["accelerators"].as_u64().unwrap();
    assert!((1..=3).contains(&most), "three files: {most}");
    assert!(dir.path().join("results/ringquet-search.json").is_file());
    let text = ringquet(dir.path(), line).succeeds().stdout;
    for word in ["accelerators", "readers idle %", "most ", "beyond ", "predicted ", "results "] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let answer = ringquet(dir.path(), "run w.yaml --results-dir results").ends_with(2);
    assert!(answer.stderr.contains("--accelerators"), "{}", answer.stderr);
}

/// Copies of a run that know nothing of each other would write over each other's results.
#[test]
fn a_launcher_needs_a_build_that_speaks_mpi() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    ringquet(dir.path(), "datagen w.yaml").succeeds();
    let line = "run w.yaml --accelerators 1 --results-dir results";
    let mut launched = command(dir.path(), line);
    launched.env("PMI_SIZE", "2").env("PMI_RANK", "1");
    let answer = Answer::of(line, launched).ends_with(1);
    for part in ["PMI_SIZE=2", "MPICH", "number 1", "--features mpi"] {
        assert!(answer.error().contains(part), "{part}: {}", answer.stderr);
    }
    assert!(!dir.path().join("results").exists());
}
