//! The reads that a scan would issue.

use super::binary::ringquet;
use super::documents::has_header;
use super::sets;
use crate::scratch;

#[test]
fn the_plan_is_what_the_scan_reads() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 2);
    for columns in ["", " --columns text"] {
        let plan = ringquet(dir.path(), &format!("plan . --json{columns}")).succeeds().document();
        has_header(&plan, "plan");
        let scan =
            ringquet(dir.path(), &format!("scan . --json --raw{columns}")).succeeds().document();
        for key in ["reads", "read_bytes", "wanted_bytes"] {
            assert!(plan[key].is_u64(), "{key}: {plan:#}");
            assert_eq!(plan[key], scan[key], "{key}{columns}");
        }
        assert_eq!(plan["units"].as_array().map(Vec::len), Some(6), "row groups");
    }
}

#[test]
fn the_text_lists_reads_and_sums_them_up() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    let text = ringquet(dir.path(), "plan part_0.parquet").succeeds().stdout;
    assert!(text.contains("part_0.parquet row group 2"), "{text}");
    assert!(text.trim_end().lines().last().unwrap().starts_with("total: "), "{text}");
}

#[test]
fn the_iolog_has_the_same_reads() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 2);
    let line = "plan . --json --fio-iolog reads.log";
    let plan = ringquet(dir.path(), line).succeeds().document();
    let log = std::fs::read_to_string(dir.path().join("reads.log")).unwrap();
    assert!(log.starts_with("fio version 2 iolog\n"), "{log}");
    let reads = log.lines().filter(|line| line.split(' ').nth(1) == Some("read")).count() as u64;
    assert_eq!(plan["reads"], reads, "{log}");
    assert_eq!(log.lines().filter(|line| line.ends_with(" open")).count(), 2, "{log}");

    let answer = ringquet(dir.path(), "plan . --fio-iolog nowhere/reads.log").ends_with(1);
    assert!(answer.error().contains("nowhere/reads.log: cannot write"), "{}", answer.stderr);
}
