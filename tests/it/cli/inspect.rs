//! What files hold.

use serde_json::Value;

use super::binary::ringquet;
use super::documents::has_header;
use super::sets;
use crate::scratch;

#[test]
fn the_document_has_every_column_chunk() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    let document = ringquet(dir.path(), "inspect part_0.parquet --json").succeeds().document();
    has_header(&document, "inspect");
    let file = &document["files"][0];
    assert_eq!(file["path"], "part_0.parquet");
    assert_eq!(file["rows"], sets::FILE_ROWS);
    let length = std::fs::metadata(dir.path().join("part_0.parquet")).unwrap().len();
    assert_eq!(file["file_bytes"], length);
    let columns: Vec<&Value> = file["columns"].as_array().unwrap().iter().collect();
    assert_eq!(columns.len(), 4);
    assert_eq!(*columns[0], serde_json::json!({"name": "id", "type": "Int64", "nullable": false}));
    assert_eq!(columns[1]["nullable"], true);

    let row_groups = file["row_groups"].as_array().unwrap();
    let rows: Vec<u64> = row_groups.iter().filter_map(|group| group["rows"].as_u64()).collect();
    assert_eq!(rows, [1000, 1000, 500]);
    for group in row_groups {
        let chunks = group["column_chunks"].as_array().unwrap();
        let leaves: Vec<&str> = chunks.iter().filter_map(|chunk| chunk["leaf"].as_str()).collect();
        assert_eq!(leaves, ["id", "half", "text", "vec.list.item"]);
        for chunk in chunks {
            assert_eq!(chunk["codec"], "UNCOMPRESSED");
            assert!(["fast", "fallback"].contains(&chunk["decoder"].as_str().unwrap()), "{chunk}");
            let pages = chunk["pages"].as_array().expect("this writer counts its pages");
            let counts: u64 = pages.iter().filter_map(|pages| pages["count"].as_u64()).sum();
            assert!(counts >= 1, "{chunk}");
            assert!(!chunk["encodings"].as_array().unwrap().is_empty(), "{chunk}");
        }
        let sum: u64 = chunks.iter().filter_map(|chunk| chunk["compressed_bytes"].as_u64()).sum();
        assert_eq!(group["compressed_bytes"], sum);
    }
}

/// What `inspect` says of decoders is what a scan then does.
#[test]
fn decoders_are_those_of_a_scan() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    let inspected = ringquet(dir.path(), "inspect part_0.parquet --json").succeeds().document();
    let scanned = ringquet(dir.path(), "scan part_0.parquet --json").succeeds().document();
    let row_groups = inspected["files"][0]["row_groups"].as_array().unwrap();
    let chunks = || row_groups.iter().flat_map(|group| group["column_chunks"].as_array().unwrap());
    for (name, key) in [("fast", "fast_column_chunks"), ("fallback", "fallback_column_chunks")] {
        let count = chunks().filter(|chunk| chunk["decoder"] == name).count() as u64;
        assert_eq!(scanned["decoder"][key], count, "{key}");
    }
}

/// Two files of the same shape differ in nothing but their names.
#[test]
fn documents_of_like_files_are_alike() {
    let dir = scratch::dir();
    sets::write_file(&dir.path().join("a.parquet"), 0);
    std::fs::copy(dir.path().join("a.parquet"), dir.path().join("b.parquet")).unwrap();
    let document = ringquet(dir.path(), "inspect a.parquet b.parquet --json").succeeds().document();
    let [mut a, mut b] = [document["files"][0].clone(), document["files"][1].clone()];
    assert_eq!(a["path"].take(), "a.parquet");
    assert_eq!(b["path"].take(), "b.parquet");
    assert_eq!(a, b);
}

#[test]
fn the_text_has_a_line_per_column_or_per_chunk() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    let text = ringquet(dir.path(), "inspect part_0.parquet").succeeds().stdout;
    assert!(text.contains("2,500 rows, 3 row groups, 4 columns"), "{text}");
    assert_eq!(text.matches("vec.list.item").count(), 1, "{text}");
    let text = ringquet(dir.path(), "inspect part_0.parquet --chunks").succeeds().stdout;
    assert_eq!(text.matches("vec.list.item").count(), 4, "{text}");
}

/// 200 columns of DLRM take 200 lines one by one; in groups they fit on a screen of 40 lines.
#[test]
fn a_wide_file_fits_on_a_screen() {
    let dir = scratch::dir();
    let workloads = concat!(env!("CARGO_MANIFEST_DIR"), "/../workloads/dlrm_smoke.yaml");
    let line = format!("datagen {workloads} dataset.data_folder=data dataset.num_files_train=1");
    ringquet(dir.path(), &format!("{line} dataset.num_samples_per_file=1000")).succeeds();
    let folder = std::fs::read_dir(dir.path().join("data/train")).unwrap();
    let file = folder.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some());
    let file = file.unwrap().display().to_string();

    let text = ringquet(dir.path(), &format!("inspect {file}")).succeeds().stdout;
    assert!(text.lines().count() <= 40, "{text}");
    assert!(text.contains("--all shows each column"), "{text}");
    // Each column is in one group.
    let groups = text.lines().skip_while(|line| !line.contains("names")).skip(1);
    let columns = groups.filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    assert_eq!(columns.sum::<u64>(), 200, "{text}");

    let all = ringquet(dir.path(), &format!("inspect {file} --all")).succeeds().stdout;
    assert!(all.lines().count() > 200, "{all}");
}
