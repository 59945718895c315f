//! The rules of a submission, on results made for the purpose.

use std::fs;
use std::path::{Path, PathBuf};

use ringquet_report::check::{CheckError, CheckReport, Eligibility, RuleCheck, Verdict, check};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A tree of flawless runs of unet3d, as the official tool leaves it, and what is wrong with it.
struct Tree {
    dir: TempDir,
}

const FIVE: [&str; 5] = ["100000", "101100", "102200", "103300", "104400"];

impl Tree {
    /// Five runs of ten minutes, a minute apart.
    fn new() -> Tree {
        let tree = Tree { dir: TempDir::new().unwrap() };
        for name in FIVE {
            tree.run(name);
        }
        tree
    }

    fn runs(&self) -> PathBuf {
        self.dir.path().join("training/unet3d/run")
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.runs().join(format!("20261122_{name}"))
    }

    fn run(&self, name: &str) {
        let folder = self.folder(name);
        fs::create_dir_all(folder.join("dlio_config")).unwrap();
        let (hour, minute) = (&name[..2], name[2..4].parse::<u32>().unwrap());
        let at = |minute: u32| format!("2026-11-22T{hour}:{minute:02}:01.000000");
        let summary = json!({
            "start": at(minute), "end": at(minute + 10), "num_accelerators": 2, "num_hosts": 2, "hostname": "a",
            "metric": {"train_au_percentage": [95.0, 93.0, 94.0, 94.0, 94.0], "train_au_mean_percentage": 94.0,
                "train_au_meet_expectation": "success"},
            "num_files_train": 7200, "num_files_eval": 0, "num_samples_per_file": 1, "host_memory_GB": [64.0, 64.0],
            "data_size_per_host_GB": 491.0, "epochs": 5});
        self.write(name, "summary.json", &summary);
        for (rank, host) in [(0, "a"), (1, "b")] {
            let epoch = |au: f64| json!({"au": {"block1": au}, "load": {"block1": [0.1, 0.1]}});
            let output = json!({"1": epoch(95.0), "2": epoch(93.0), "3": epoch(94.0), "4": epoch(94.0),
                "5": epoch(94.0), "hostname": host});
            self.write(name, &format!("{rank}_output.json"), &output);
            self.write(name, &format!("{rank}_per_epoch_stats.json"), &json!({}));
        }
        for file in [
            "dlio.log",
            "training_run.stdout.log",
            "training_run.stderr.log",
            "training_20261122_metadata.json",
            "dlio_config/hydra.yaml",
        ] {
            fs::write(folder.join(file), "").unwrap();
        }
        self.config(name, "");
        self.overrides(name, &["workload=unet3d_b200", "++workload.dataset.num_files_train=7200"]);
    }

    fn write(&self, name: &str, file: &str, value: &Value) {
        fs::write(self.folder(name).join(file), value.to_string()).unwrap();
    }

    fn config(&self, name: &str, reader: &str) {
        let text = format!(
            "workload:\n  model: {{name: unet3d}}\n  dataset: {{data_folder: /proc, num_samples_per_file: 1, record_length_bytes: 146600628, num_files_train: 7200}}\n  reader: {{batch_size: 7, read_threads: 4{reader}}}\n  train: {{epochs: 5, computation_time: 0.162}}\n  metric: {{au: 0.9}}\n"
        );
        fs::write(self.folder(name).join("dlio_config/config.yaml"), text).unwrap();
    }

    fn overrides(&self, name: &str, all: &[&str]) {
        let text: String = all.iter().map(|text| format!("- {text}\n")).collect();
        fs::write(self.folder(name).join("dlio_config/overrides.yaml"), text).unwrap();
    }

    /// Changes the summary of the first run.
    fn summary(&self, change: impl Fn(&mut Value)) {
        let path = self.folder(FIVE[0]).join("summary.json");
        let mut summary = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut summary);
        fs::write(path, summary.to_string()).unwrap();
    }

    fn check(&self) -> CheckReport {
        check(self.dir.path()).unwrap()
    }

    /// That `rule` comes out so for the first run, or for all runs together, with `value` in its words.
    #[track_caller]
    fn expect(&self, rule: &str, verdict: Verdict, value: &str) {
        let report = self.check();
        let found = finding(&report, rule);
        assert_eq!(found.verdict, verdict, "{rule}: {}", found.value);
        assert!(found.value.contains(value), "{rule}: {}", found.value);
        if verdict == Verdict::Fail {
            assert!(!report.passed);
        }
    }
}

fn finding<'a>(report: &'a CheckReport, rule: &str) -> &'a RuleCheck {
    let of_models = report.models.iter().flat_map(|model| &model.findings);
    let mut all = report.runs[0].findings.iter().chain(of_models);
    all.find(|finding| finding.rule == rule).unwrap()
}

#[test]
fn a_flawless_tree_passes() {
    let report = Tree::new().check();
    let broken: Vec<&RuleCheck> = report
        .runs
        .iter()
        .flat_map(|run| &run.findings)
        .chain(&report.models[0].findings)
        .filter(|finding| !matches!(finding.verdict, Verdict::Pass | Verdict::Note))
        .collect();
    assert!(broken.is_empty() && report.passed, "{broken:#?}");
    assert_eq!((report.runs.len(), report.models.len(), report.unknowns), (5, 1, 0));
    assert_eq!(report.runs[0].standing, Some(Eligibility::Closed));
}

#[test]
fn fewer_than_five_runs() {
    let tree = Tree::new();
    fs::remove_dir_all(tree.folder(FIVE[4])).unwrap();
    tree.expect("runs", Verdict::Fail, "4");
}

#[test]
fn a_gap_as_long_as_a_run() {
    let tree = Tree::new();
    fs::remove_dir_all(tree.folder(FIVE[2])).unwrap();
    tree.expect("gaps", Verdict::Fail, "longest gap 720 s, shortest run 600 s");
}

#[test]
fn one_run_has_no_gaps_and_they_are_not_taken_for_kept() {
    let tree = Tree::new();
    for name in &FIVE[1..] {
        fs::remove_dir_all(tree.folder(name)).unwrap();
    }
    tree.expect("gaps", Verdict::Unknown, "one run");
}

#[test]
fn data_that_fits_in_memory() {
    let tree = Tree::new();
    tree.summary(|summary| summary["host_memory_GB"] = json!([128.0, 128.0]));
    tree.expect("data_size_memory", Verdict::Fail, "3.84 times: 983 GiB of data");
}

#[test]
fn too_few_steps() {
    let tree = Tree::new();
    tree.summary(|summary| summary["num_files_train"] = json!(6999));
    tree.expect("data_size_steps", Verdict::Fail, "6999 samples for 2 × 7");
    tree.summary(|summary| summary["num_files_train"] = json!(7000));
    tree.expect("data_size_steps", Verdict::Pass, "500 steps");
}

#[test]
fn au_below_its_bar_and_a_lowered_bar() {
    let tree = Tree::new();
    tree.summary(|summary| summary["metric"]["train_au_meet_expectation"] = json!("fail"));
    tree.expect("au", Verdict::Fail, "summary.json: fail");
    tree.summary(|summary| {
        summary["metric"]["train_au_meet_expectation"] = json!("success");
        summary["metric"]["train_au_mean_percentage"] = json!(89.0);
    });
    tree.expect("au", Verdict::Fail, "89.00 %, summary.json: success");
}

#[test]
fn a_summary_that_its_ranks_contradict() {
    let tree = Tree::new();
    tree.summary(|summary| summary["metric"]["train_au_percentage"][0] = json!(99.0));
    tree.expect("au_of_ranks", Verdict::Fail, "differs by at most 4.0000 percentage points");
}

#[test]
fn parameters_decide_the_standing() {
    let tree = Tree::new();
    let check = |text: &str, standing: Eligibility, verdict: Verdict, value: &str| {
        tree.overrides(FIVE[0], &["workload=unet3d_b200", text]);
        tree.expect("parameters", verdict, value);
        assert_eq!(tree.check().runs[0].standing, Some(standing), "{text}");
    };
    check(
        "++workload.reader.odirect=true",
        Eligibility::Closed,
        Verdict::Pass,
        "CLOSED by reader.odirect",
    );
    check("++workload.framework=pytorch", Eligibility::Open, Verdict::Pass, "OPEN by framework");
    check(
        "++workload.train.computation_time=1",
        Eligibility::Invalid,
        Verdict::Fail,
        "INVALID by train.computation_time",
    );
    check("++workload.workflow.train=true", Eligibility::Closed, Verdict::Pass, "nothing was set");
}

#[test]
fn accelerators_are_counted_on_each_host() {
    let tree = Tree::new();
    tree.summary(|summary| summary["num_hosts"] = json!(1));
    tree.expect("accelerators_per_host", Verdict::Fail, "a: 1, b: 1; 1 in summary.json");
}

#[test]
fn files_that_are_missing_or_of_no_rank() {
    let tree = Tree::new();
    fs::write(tree.folder(FIVE[0]).join("2_output.json"), "{}").unwrap();
    tree.expect("files", Verdict::Fail, "2_output.json belongs to no rank");
    fs::remove_file(tree.folder(FIVE[0]).join("2_output.json")).unwrap();
    fs::remove_file(tree.folder(FIVE[0]).join("1_per_epoch_stats.json")).unwrap();
    tree.expect("files", Verdict::Fail, "1_per_epoch_stats.json is missing");
}

#[test]
fn an_epoch_that_a_rank_did_not_do() {
    let tree = Tree::new();
    tree.write(FIVE[0], "1_output.json", &json!({"1": {"au": {"block1": 95.0}}, "hostname": "b"}));
    tree.expect("complete", Verdict::Fail, "1 of 5 epochs");
}

#[test]
fn names_and_places() {
    let tree = Tree::new();
    fs::write(tree.runs().join("notes.txt"), "").unwrap();
    tree.expect("tree", Verdict::Fail, "run/notes.txt is not a run");
    fs::remove_file(tree.runs().join("notes.txt")).unwrap();
    fs::rename(tree.folder(FIVE[0]), tree.runs().join("20261122_10000")).unwrap();
    tree.expect("place", Verdict::Fail, "is not a date and time");
    fs::rename(tree.runs().join("20261122_10000"), tree.runs().join("20251122_100000")).unwrap();
    tree.expect("place", Verdict::Pass, "20251122_100000");
    let moved = tree.dir.path().join("training/flux");
    fs::rename(tree.dir.path().join("training/unet3d"), moved).unwrap();
    tree.expect("place", Verdict::Fail, "below 'flux', but the workload's model is 'unet3d'");
}

#[test]
fn runs_of_different_setups() {
    let tree = Tree::new();
    tree.config(FIVE[0], ", prefetch_size: 1");
    tree.expect("same_setup", Verdict::Fail, "reader.prefetch_size");
    tree.config(FIVE[0], ", prefetch_size: 3");
    tree.expect("limits", Verdict::Fail, "prefetch_size 3");
}

#[test]
fn what_cannot_be_seen_does_not_pass() {
    let tree = Tree::new();
    fs::remove_dir_all(tree.folder(FIVE[0]).join("dlio_config")).unwrap();
    for rule in
        ["parameters", "limits", "workload", "data_size_steps", "record_length", "file_systems"]
    {
        tree.expect(rule, Verdict::Unknown, "is missing");
    }
    assert_eq!(tree.check().runs[0].standing, None);
}

#[test]
fn damaged_files_are_findings() {
    let tree = Tree::new();
    let folder = tree.folder(FIVE[0]);
    fs::write(folder.join("0_output.json"), "{\"1\": ").unwrap();
    tree.expect("files", Verdict::Fail, "0_output.json");
    fs::write(folder.join("dlio_config/config.yaml"), "workload: [").unwrap();
    tree.expect("limits", Verdict::Unknown, "dlio_config/config.yaml");
    fs::write(folder.join("dlio_config/overrides.yaml"), "7").unwrap();
    tree.expect("parameters", Verdict::Unknown, "expected a list of strings");
    tree.summary(|summary| summary["num_accelerators"] = json!(u64::MAX));
    tree.expect("files", Verdict::Fail, "accelerators; 1 to 4096");
    fs::write(folder.join("summary.json"), "").unwrap();
    tree.expect("files", Verdict::Fail, "summary.json");
    tree.expect("au", Verdict::Unknown, "summary.json");
}

#[test]
fn a_single_folder_is_checked_without_a_tree() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/report/golden/dlio");
    let report = check(&golden).unwrap();
    assert_eq!((report.runs.len(), report.models.len()), (1, 0));
    let place = finding(&report, "place");
    assert_eq!(place.verdict, Verdict::Fail);
    assert_eq!(finding(&report, "data_size_memory").verdict, Verdict::Fail);
}

#[test]
fn a_run_of_ringquet_is_told_to_be_preparation() {
    let tree = Tree::new();
    tree.write(FIVE[0], "ringquet.json", &json!({"complete": true}));
    tree.expect("official_files", Verdict::Note, "a CLOSED submission runs the official code");
    tree.write(FIVE[0], "ringquet.json", &json!({"complete": false}));
    tree.expect("complete", Verdict::Fail, "stopped");
}

#[test]
fn runs_that_ringquet_read_for_dlio_are_what_if() {
    let tree = Tree::new();
    let folder = tree.folder(FIVE[0]);
    fs::write(folder.join("0_ringquet.json"), "{}").unwrap();
    tree.expect("official_files", Verdict::Note, "read by ringquet.dlio");
    let loader = "- ++workload.reader.data_loader_classname=ringquet.dlio.RingquetDataLoader\n";
    fs::write(folder.join("dlio_config/overrides.yaml"), loader).unwrap();
    tree.expect("parameters", Verdict::Fail, "reader.data_loader_classname");
}

#[test]
fn nothing_to_check_is_an_error() {
    let dir = TempDir::new().unwrap();
    assert!(matches!(check(dir.path()), Err(CheckError::NoResults { .. })));
    let error = check(&dir.path().join("missing")).unwrap_err().to_string();
    assert!(error.contains("missing: cannot list"), "{error}");
}
