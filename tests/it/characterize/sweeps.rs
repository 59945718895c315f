//! Whole calls of the binary, short ones.

use std::fs;

use serde_json::Value;

use super::SHORT;
use crate::cli::binary::ringquet;
use crate::cli::sets;
use crate::scratch;

/// A point is there in full, and its numbers agree with each other.
#[track_caller]
fn check_point(point: &Value) {
    let number = |key: &str| point[key].as_f64().unwrap_or_else(|| panic!("{key}: {point}"));
    assert!(number("read_bytes") > 0.0 && number("seconds") > 0.0, "{point}");
    assert_eq!(number("read_bytes"), number("reads") * number("block_bytes"), "{point}");
    let rate = number("reads_per_second") * number("block_bytes");
    assert!((rate / number("read_bytes_per_second") - 1.0).abs() < 1e-9, "{point}");
    let over_window = number("read_bytes") / number("seconds");
    let share = over_window / number("read_bytes_per_second");
    // Threads cut their windows one after the other; one alone agrees with itself.
    let range = if point["threads"] == 1 { 0.999..1.001 } else { 0.5..2.0 };
    assert!(range.contains(&share), "{share}: {point}");
    let latency = |key: &str| point["latency_ns"][key].as_u64().unwrap();
    assert!(latency("p50") > 0 && latency("p50") <= latency("p99"), "{point}");
    assert!(latency("p99") <= latency("p99_9") && latency("p99_9") <= latency("max"), "{point}");
    let delay = |key: &str| point["reap_delay_ns"][key].as_u64().unwrap();
    assert!(delay("p50") <= latency("p50") && delay("max") <= latency("max"), "{point}");
    assert!(number("first_done_seconds") <= number("last_done_seconds"), "{point}");
    assert!(number("mean_depth") <= number("queue_depth"), "{point}");
    assert!(point["round_bytes_per_second"].as_array().unwrap().len() >= 5, "{point}");
    assert!(point["steady"].is_boolean() && number("cpu_seconds") >= 0.0, "{point}");
}

#[test]
fn a_directory_gets_a_test_file_that_is_gone() {
    let dir = scratch::dir();
    fs::create_dir(dir.path().join("here")).unwrap();
    let line = format!("characterize here --read-sizes 4K,64K {SHORT} --json");
    let document = ringquet(dir.path(), &line).succeeds().document();
    assert_eq!(fs::read_dir(dir.path().join("here")).unwrap().count(), 0);

    assert_eq!(
        (&document["schema_version"], &document["command"]),
        (&1.into(), &"characterize".into())
    );
    let points = document["points"].as_array().unwrap();
    assert_eq!(points.len(), 2 * 2 * 2 * 2, "access, size, threads, depth");
    points.iter().for_each(check_point);
    let target = &document["targets"][0];
    assert_eq!((&target["kind"], &target["len_bytes"]), (&"directory".into(), &(16 << 20).into()));
    assert_eq!(document["driver"]["direct"], true);

    let knees = document["knees"].as_array().unwrap();
    assert_eq!(knees.len(), 4);
    for knee in knees {
        let rate = |which: &str| knee[which]["read_bytes_per_second"].as_f64().unwrap();
        assert!(rate("knee") >= rate("peak") * 0.97 && rate("knee") <= rate("peak"), "{knee}");
    }
    let recommended = &document["recommended"];
    assert_eq!(recommended["threads"], 2);
    assert!(recommended["arguments"].as_str().unwrap().contains("--read-size"), "{recommended}");

    // Unregistered buffers and polling at two knees: measured, or refused with a reason.
    let extras = document["extras"].as_array().unwrap();
    let refused = document["refused"].as_array().unwrap();
    assert_eq!(extras.len() + refused.len(), 4, "{extras:?} {refused:?}");
    assert!(
        refused.iter().all(|point| !point["reason"].as_str().unwrap().contains("/proc/self/fd"))
    );
    let in_all = document["read_bytes"].as_u64().unwrap();
    let in_windows: u64 = points.iter().map(|point| point["read_bytes"].as_u64().unwrap()).sum();
    assert!(in_all > in_windows, "ramps and drains count, too");
}

/// What is recommended is taken by `scan` as it stands.
#[test]
fn the_recommendation_can_be_typed() {
    let dir = scratch::dir();
    let options = format!("--read-sizes 64K --access sequential --no-extras {SHORT}");
    let line = format!("characterize . {options} --json");
    let document = ringquet(dir.path(), &line).succeeds().document();
    let arguments = document["recommended"]["arguments"].as_str().unwrap();
    scratch::parquet_file(&dir.path().join("a.parquet"), 0, 1000, 500);
    let scanned = ringquet(dir.path(), &format!("scan . {arguments} --json")).succeeds().document();
    assert_eq!(scanned["rows"], 1000);
    assert_eq!(scanned["driver"]["read_size_bytes"], document["recommended"]["read_size_bytes"]);
}

/// Somebody's file is read and stays as it is; a directory beside it has its share of the reads.
#[test]
fn files_and_directories_side_by_side() {
    let dir = scratch::dir();
    let file = scratch::bytes_file(dir.path(), "theirs", 4 << 20, 7);
    fs::create_dir(dir.path().join("here")).unwrap();
    let before = fs::metadata(&file).unwrap().modified().unwrap();
    let options = format!("--read-sizes 16K --access random --no-extras {SHORT}");
    let line = format!("characterize theirs here {options} --json");
    let document = ringquet(dir.path(), &line).succeeds().document();
    let kinds: Vec<&str> = document["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["file", "directory"]);
    assert_eq!(fs::read(&file).unwrap(), scratch::expected_bytes(4 << 20, 7));
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), before);
    document["points"].as_array().unwrap().iter().for_each(check_point);
}

#[test]
fn a_data_set_gets_its_parquet_line_and_a_roof() {
    let dir = scratch::dir();
    fs::create_dir(dir.path().join("set")).unwrap();
    for n in 0..2 {
        scratch::parquet_file(
            &dir.path().join(format!("set/{n}.parquet")),
            n * 50_000,
            50_000,
            10_000,
        );
    }
    let options = format!("--read-sizes 64K --no-extras {SHORT} --parquet set --columns id,x");
    let answer = ringquet(dir.path(), &format!("characterize . {options} --json")).succeeds();
    let document = answer.document();
    let line = &document["parquet"];
    let number = |key: &str| line[key].as_f64().unwrap_or_else(|| panic!("{key}: {line}"));
    assert_eq!(number("files"), 2.0);
    for key in [
        "raw_bytes_per_second",
        "read_bytes_per_second",
        "decompressed_bytes_per_second",
        "decoded_bytes_per_second",
        "rows_per_second",
        "decoded_bytes_per_second_per_core",
    ] {
        assert!(number(key) > 0.0, "{key}: {line}");
    }
    // The set is small and was read several times, whole; 8 + 4 bytes per row; the readings lasted as long as their rates say.
    let times = number("rows_per_second") * number("seconds") / 100_000.0;
    let decoded = number("decoded_bytes_per_second") * number("seconds");
    assert!(times > 0.9 && (times - times.round()).abs() < 1e-4, "{line}");
    assert!((decoded / (1_200_000.0 * times) - 1.0).abs() < 0.01, "{line}");
    let roof = &document["roofline"];
    let bound_by = roof["bound_by"].as_str().unwrap();
    let lowest = roof[format!("{bound_by}_bytes_per_second")].as_f64().unwrap();
    assert_eq!(roof["roof_bytes_per_second"].as_f64().unwrap(), lowest, "{roof}");
    assert!(document["memory_copy"]["all_cores_bytes_per_second"].as_f64().unwrap() > 0.0);

    let text = ringquet(dir.path(), &format!("characterize . {options}")).succeeds().stdout;
    for word in ["knee  ", "roofline  ", "parquet  ", "recommended  ", bound_by_word(&text)] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

fn bound_by_word(text: &str) -> &'static str {
    let words = ["device binds", "decode binds", "memory binds"];
    words.into_iter().find(|word| text.contains(word)).unwrap_or("one of the stages binds")
}

/// The data set of a workload lies in its data folder; one that is not there is reported before anything is measured.
#[test]
fn the_parquet_line_may_be_a_workload() {
    let dir = scratch::dir();
    fs::create_dir(dir.path().join("here")).unwrap();
    sets::write_workload(&dir.path().join("w.yaml"));
    let line = format!("characterize here --read-sizes 64K {SHORT} --workload w.yaml --json");
    let answer = ringquet(dir.path(), &line).ends_with(1);
    assert!(answer.error().contains("the data set of the Parquet line"), "{}", answer.stderr);
    assert_eq!(answer.document().get("points"), None);

    ringquet(dir.path(), "datagen w.yaml").succeeds();
    let document = ringquet(dir.path(), &line).succeeds().document();
    assert_eq!(document["parquet"]["files"], 3);
    assert!(document["parquet"]["decoded_bytes_per_second"].as_f64().unwrap() > 0.0);
}
