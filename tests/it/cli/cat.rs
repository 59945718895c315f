//! Rows as a table, as a document, as an Arrow file.

use std::fs::File;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::reader::FileReader;

use super::binary::ringquet;
use super::documents::{has_header, has_reading};
use super::sets;
use crate::scratch;

/// The batches of an Arrow IPC file as one.
fn arrow_file(path: &Path) -> RecordBatch {
    let reader = FileReader::try_new(File::open(path).unwrap(), None).unwrap();
    let schema = reader.schema();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    arrow_select::concat::concat_batches(&schema, &batches).unwrap()
}

#[test]
fn the_arrow_file_holds_what_was_written() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    let answer = ringquet(dir.path(), "cat part_0.parquet -o out.arrow").succeeds();
    assert!(answer.stdout.contains("out.arrow: 2,500 rows"), "{}", answer.stdout);
    assert_eq!(arrow_file(&dir.path().join("out.arrow")), sets::batch(0));

    let line = "cat part_0.parquet --columns text,id --rows 990..1010 --output out.arrow";
    ringquet(dir.path(), line).succeeds();
    let expect = sets::batch(0).slice(990, 20).project(&[0, 2]).unwrap();
    assert_eq!(arrow_file(&dir.path().join("out.arrow")), expect, "it took the place of the other");
    let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(names.len(), 2, "no temporary file is left: {names:?}");
}

/// A file that cannot be decoded to its end leaves nothing behind, and an older result as it was.
#[test]
fn a_failure_leaves_no_arrow_file() {
    let dir = scratch::dir();
    let path = dir.path().join("bad.parquet");
    sets::write_file(&path, 0);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4..40].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    std::fs::write(dir.path().join("old.arrow"), "old").unwrap();
    for output in ["new.arrow", "old.arrow"] {
        let answer = ringquet(dir.path(), &format!("cat bad.parquet -o {output}")).ends_with(1);
        assert!(answer.error().contains("bad.parquet"), "{}", answer.stderr);
    }
    let mut names: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["bad.parquet", "old.arrow"]);
    assert_eq!(std::fs::read(dir.path().join("old.arrow")).unwrap(), b"old");
}

#[test]
fn a_table_shows_the_first_rows_and_says_so() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    let answer = ringquet(dir.path(), "cat part_0.parquet").succeeds();
    assert_eq!(answer.stdout.lines().count(), 20 + 4, "{}", answer.stdout);
    assert!(
        answer.stdout.contains("| 1  | null | row 1  | [4.0, 5.0, 6.0, 7.0]"),
        "{}",
        answer.stdout
    );
    assert!(answer.stderr.contains("note: first 20 of 2,500 rows"), "{}", answer.stderr);
    let answer =
        ringquet(dir.path(), "cat part_0.parquet --rows 999..1002 --columns id").succeeds();
    let expect = "\
+------+
| id   |
+------+
| 999  |
| 1000 |
| 1001 |
+------+
";
    assert_eq!(answer.stdout, expect);
    assert!(answer.stderr.is_empty(), "{}", answer.stderr);
}

#[test]
fn ranges_end_with_the_file() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    let ids = |rows: &str| {
        let line = format!("cat part_0.parquet --columns id --rows {rows} --json");
        let document = ringquet(dir.path(), &line).succeeds().document();
        has_header(&document, "cat");
        has_reading(&document);
        let values = document["values"].as_array().unwrap().clone();
        assert_eq!(document["rows"], values.len() as u64);
        values.iter().map(|row| row[0].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("2498.."), ["2498", "2499"]);
    assert_eq!(ids("2499..9999"), ["2499"]);
    assert_eq!(ids("..2"), ["0", "1"]);
    assert!(ids("5..5").is_empty());
    assert!(ids("7000..8000").is_empty());
    assert_eq!(ids("0..2500").len(), 2500);
}

#[test]
fn several_threads_are_one_where_order_matters() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    let line = "cat part_0.parquet --threads 2 -o out.arrow --json";
    let answer = ringquet(dir.path(), line).succeeds();
    assert!(answer.stderr.contains("warning[one_thread]"), "{}", answer.stderr);
    assert_eq!(answer.document()["output"], "out.arrow");
    assert_eq!(arrow_file(&dir.path().join("out.arrow")), sets::batch(0));
}
