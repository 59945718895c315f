//! The folder that a run writes: DLIO's files, keys and types, and numbers that fit together.

use std::path::Path;

use serde_json::Value;

use super::support::{data, floats, golden, json, options, run, workload};

/// What a value is, as deep as types go; maps of the machine have keys of their own.
fn kind(key: &str, value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(number) if number.is_f64() => "float".to_owned(),
        Value::Number(_) => "int".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(items) => {
            let mut kinds: Vec<String> = items.iter().map(|item| kind(key, item)).collect();
            kinds.dedup();
            format!("[{}]", kinds.join(", "))
        }
        Value::Object(map) if key == "host_meminfo" || key == "host_cpuinfo" => {
            assert!(!map.is_empty() && map.values().all(Value::is_string), "{key}: {map:?}");
            "{strings}".to_owned()
        }
        Value::Object(map) => {
            let kinds: Vec<String> =
                map.iter().map(|(key, value)| format!("{key}: {}", kind(key, value))).collect();
            format!("{{{}}}", kinds.join(",\n"))
        }
    }
}

#[test]
fn files_keys_their_order_and_types_equal_those_of_dlio() {
    for (valid, golden_run) in [(2, "legacy_run_np2_eval"), (0, "dlrm_run_np2")] {
        let dir = data(4, valid);
        let loaded = workload(dir.path(), 4, valid.unsigned_abs(), &[]);
        let report = run(&loaded, &options(dir.path(), 2)).unwrap();
        let names = [
            "summary.json",
            "0_output.json",
            "1_output.json",
            "0_per_epoch_stats.json",
            "1_per_epoch_stats.json",
        ];
        for name in names {
            let ours = kind("", &json(&report.results_dir.join(name)));
            let theirs = kind("", &json(&golden(golden_run).join(name)));
            assert_eq!(ours, theirs, "{golden_run}/{name}");
        }
        let rest = ["dlio.log", "ringquet.json"].into_iter();
        let config =
            ["config", "hydra", "overrides"].map(|name| format!("dlio_config/{name}.yaml"));
        let mut expected: Vec<_> = names
            .into_iter()
            .chain(rest)
            .chain(config.iter().map(String::as_str))
            .map(|name| report.results_dir.join(name))
            .collect();
        let mut files = report.files.clone();
        files.sort();
        expected.sort();
        assert_eq!(files, expected);
        assert_eq!(listing(&report.results_dir), expected, "nothing else lies there");
    }
}

fn listing(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(listing(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// From `N_output.json` and the block's stamps, and from there to the summary.
#[test]
fn au_recomputed_from_the_files_equals_that_of_the_summary() {
    let dir = data(4, 0);
    let loaded = workload(dir.path(), 4, 0, &["train.computation_time=0.004"]);
    let report = run(&loaded, &options(dir.path(), 2)).unwrap();
    let folder = &report.results_dir;
    let summary = json(&folder.join("summary.json"));
    let stamp = |stats: &Value, key: &str| -> f64 {
        let text = stats[key].as_str().unwrap();
        assert_eq!(text.len(), "2026-11-22T10:31:07.727261".len(), "{text}");
        let parts: Vec<f64> = text[11..].split(':').map(|part| part.parse().unwrap()).collect();
        parts[0] * 3600.0 + parts[1] * 60.0 + parts[2]
    };
    for (index, epoch) in ["1", "2"].into_iter().enumerate() {
        let (mut au_sum, mut thr_sum) = (0.0, 0.0);
        for rank in 0..2 {
            let output = &json(&folder.join(format!("{rank}_output.json")))[epoch];
            let stats =
                &json(&folder.join(format!("{rank}_per_epoch_stats.json")))[epoch]["block1"];
            let (compute, proc) =
                (floats(&output["compute"]["block1"]), floats(&output["proc"]["block1"]));
            assert_eq!(compute, [0.004; 12], "600 rows of a rank make 12 batches of 50");
            // One step at the start is excluded, none at the end.
            let block = (stamp(stats, "end") - stamp(stats, "start")).rem_euclid(86_400.0);
            let counted = block - proc[0];
            let au = 100.0 * compute[1..].iter().sum::<f64>() / counted;
            let of_file = output["au"]["block1"].as_f64().unwrap();
            // Two stamps are cut to a microsecond each.
            assert!((au - of_file).abs() < of_file * 3e-6 / counted, "{au} {of_file}");
            assert!(of_file <= 100.0, "oversleep and barriers are not computation: {of_file}");
            au_sum += of_file;
            thr_sum += output["throughput"]["block1"].as_f64().unwrap();
        }
        let metric = &summary["metric"];
        let near = |found: f64, expected: f64| (found - expected).abs() <= 1e-9 * expected;
        assert!(near(floats(&metric["train_au_percentage"])[index], au_sum / 2.0));
        assert!(near(floats(&metric["train_throughput_samples_per_second"])[index], thr_sum));
    }
}

#[test]
fn the_log_has_dlios_lines() {
    let dir = data(4, 2);
    let report = run(&workload(dir.path(), 4, 2, &[]), &options(dir.path(), 2)).unwrap();
    let log = std::fs::read_to_string(report.results_dir.join("dlio.log")).unwrap();
    for line in [
        "Max steps per epoch per rank: 12 = 300 * 2 / 50 (samples per file * local files / batch size)",
        "Starting epoch 1: 12 steps expected",
        "Starting block 1",
        "Ending block 1 - 12 steps completed in 0.",
        "Epoch 1 - Block 1 [Training] Accelerator Utilization [AU] (%): ",
        "Epoch 1 - Block 1 [Training] Throughput (samples/second): ",
        "Epoch 1 - Block 1 [Training] Computation time per step (second): 0.0005+/-0.0000 (set value: {'mean': 0.0005})",
        "Ending epoch 2 - 12 steps completed in 0.",
        "Starting eval - 10 steps expected",
        "Ending eval - 10 steps completed in 0.",
        "Epoch 2 [Eval] Accelerator Utilization [AU] (%): ",
    ] {
        let found =
            log.lines().any(|logged| logged.starts_with("[OUTPUT] ") && logged.contains(line));
        assert!(found, "no line with `{line}` in:\n{log}");
    }
    for line in [
        "[METRIC] Number of Simulated Accelerators: 2 ",
        "[METRIC] Training Accelerator Utilization [AU] (%): ",
        "[METRIC] Training I/O Throughput (MiB/second): ",
        "[METRIC] train_au_meet_expectation: success",
        "[METRIC] Eval Throughput (samples/second): ",
        "[METRIC] eval_au_meet_expectation: success",
    ] {
        assert!(log.lines().any(|logged| logged.starts_with(line)), "no `{line}` in:\n{log}");
    }
}

#[test]
fn the_configuration_is_kept_as_mlpstorage_reads_it() {
    let dir = data(4, 0);
    let other = data(4, 0);
    let loaded =
        workload(dir.path(), 4, 0, &["train.epochs=1", "++workload.reader.prefetch_size=1"]);
    let mut options = options(dir.path(), 1);
    options.data_dir = Some(other.path().join("data"));
    options.results_tree = true;
    let report = run(&loaded, &options).unwrap();
    let below = report.results_dir.strip_prefix(dir.path().join("results")).unwrap();
    let parts: Vec<_> = below.iter().map(|part| part.to_str().unwrap()).collect();
    assert_eq!(parts[..3], ["training", "small", "run"]);
    assert_eq!(parts[3].len(), "20261122_103107".len(), "{}", parts[3]);

    let text =
        |name: &str| std::fs::read_to_string(report.results_dir.join("dlio_config").join(name));
    let overrides = text("overrides.yaml").unwrap();
    let data_dir = other.path().join("data").display().to_string();
    for expected in [
        "- workload=small".to_owned(),
        "++workload.train.epochs=1".to_owned(),
        "++workload.reader.prefetch_size=1".to_owned(),
        format!("++workload.dataset.data_folder={data_dir}"),
    ] {
        assert!(overrides.contains(&expected), "no {expected} in\n{overrides}");
    }
    // What was written composes the same workload again.
    let config =
        ringquet_workload::load(&report.results_dir.join("dlio_config/config.yaml"), &[], false)
            .unwrap();
    assert_eq!(config.workload.data_dir(), other.path().join("data"));
    let mut expected = loaded.workload.clone();
    expected.dataset.data_folder = other.path().join("data");
    assert_eq!(config.workload, expected);
    assert!(text("hydra.yaml").unwrap().contains("output_subdir: dlio_config"));
}

#[test]
fn a_second_run_into_the_folder_leaves_nothing_of_the_first() {
    let dir = data(4, 0);
    let loaded = workload(dir.path(), 4, 0, &["train.epochs=1"]);
    run(&loaded, &options(dir.path(), 4)).unwrap();
    let report = run(&loaded, &options(dir.path(), 1)).unwrap();
    assert!(report.results_dir.join("0_output.json").exists());
    assert!(!report.results_dir.join("1_output.json").exists());
    assert!(!report.results_dir.join("3_per_epoch_stats.json").exists());
    assert_eq!(json(&report.results_dir.join("summary.json"))["num_accelerators"], 1);
}

#[test]
fn ringquet_json_has_the_keys_of_every_document() {
    let dir = data(4, 0);
    let loaded = workload(dir.path(), 4, 0, &["train.epochs=1"]);
    let report = run(&loaded, &options(dir.path(), 2)).unwrap();
    let document = json(&report.results_dir.join("ringquet.json"));
    assert_eq!(document["command"], "run");
    assert_eq!(document["schema_version"], 1);
    assert_eq!(document["options"]["accelerators"], 2);
    assert_eq!(document["options"]["engine"]["columns"], serde_json::json!(["id", "x"]));
    assert_eq!(document["rows"], 1200);
    assert_eq!(document["decoded_bytes"], 1200 * 12);
    assert_eq!(document["nominal_bytes"], 1200 * 20, "all columns, as DLIO counts");
    assert_eq!(document["complete"], true);
    for key in ["environment", "driver", "decoder", "latency_ns", "time_by_cause", "epochs"] {
        assert!(document[key].is_object() || document[key].is_array(), "{key}");
    }
    assert!(document["warnings"].is_array() && document["read_bytes"].as_u64().unwrap() > 0);
    let epoch = &document["epochs"][0]["train"];
    assert!(epoch["engine"]["read_wait_seconds"].is_number());
    assert_eq!(epoch["ranks"].as_array().unwrap().len(), 2);
}
