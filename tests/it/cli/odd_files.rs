//! Files that other readers stumble over, through the command line: what is said about them, and what comes of them.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int8Type;
use arrow_array::{
    Array as _, ArrayRef, DictionaryArray, Int32Array, ListArray, RecordBatch, StructArray,
};
use arrow_buffer::OffsetBuffer;
use arrow_ipc::reader::FileReader;
use arrow_schema::{DataType, Field};
use parquet::arrow::ArrowWriter;

use super::binary::ringquet;
use crate::decode::by_hand::{
    self, Chunk, OPTIONAL, REQUIRED, SIMPLE, Thrift, encoding, int32s, key_value, leaf, physical,
};
use crate::scratch;

/// Words with indices of eight bits, flat, in a struct and in a list of one.
fn words(words: &[String]) -> RecordBatch {
    let words: DictionaryArray<Int8Type> = words.iter().map(String::as_str).collect();
    let words: ArrayRef = Arc::new(words);
    let field = Arc::new(Field::new("w", words.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(vec![1; words.len()]);
    let lists = ListArray::new(Arc::clone(&field), offsets, Arc::clone(&words), None);
    let structs = StructArray::from(vec![(field, Arc::clone(&words))]);
    RecordBatch::try_from_iter([
        ("flat", words),
        ("struct", Arc::new(structs) as ArrayRef),
        ("list", Arc::new(lists) as ArrayRef),
    ])
    .unwrap()
}

/// A file with these words, each part in a row group of its own.
fn write_words(path: &Path, parts: &[Vec<String>]) {
    let schema = words(&parts[0]).schema();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), schema, None).unwrap();
    for part in parts {
        writer.write(&words(part)).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
}

fn arrow_file(path: &Path) -> Vec<RecordBatch> {
    let reader = FileReader::try_new(File::open(path).unwrap(), None).unwrap();
    reader.map(Result::unwrap).collect()
}

/// The words of one column, whatever their type.
fn texts(batches: &[RecordBatch], column: usize) -> Vec<String> {
    let of_batch = |batch: &RecordBatch| {
        let array = match column {
            0 => Arc::clone(batch.column(0)),
            1 => Arc::clone(batch.column(1).as_struct().column(0)),
            _ => Arc::clone(batch.column(2).as_list::<i32>().values()),
        };
        let array = match array.data_type() {
            DataType::Dictionary(_, _) => {
                let dictionary = array.as_any_dictionary();
                arrow_select::take::take(dictionary.values(), dictionary.keys(), None).unwrap()
            }
            _ => array,
        };
        array.as_string::<i32>().iter().flatten().map(str::to_owned).collect::<Vec<_>>()
    };
    batches.iter().flat_map(of_batch).collect()
}

/// Each row group has a dictionary of its own; an Arrow file takes one for a column, and was refused with the second.
#[test]
fn dictionaries_that_differ_become_plain_values() {
    let dir = scratch::dir();
    let part = |group: usize| (0..100).map(|n| format!("g{group}_{n}")).collect::<Vec<_>>();
    // 400 words, which indices of eight bits could not number.
    let parts: Vec<Vec<String>> = (0..4).map(part).collect();
    write_words(&dir.path().join("other.parquet"), &parts);
    let answer = ringquet(dir.path(), "cat other.parquet -o out.arrow --json").succeeds();
    assert!(answer.stderr.contains("warning[dictionaries]"), "{}", answer.stderr);
    let document = answer.document();
    assert_eq!(document["columns"][0]["type"], "Utf8");
    assert_eq!(document["rows"], 400);
    let batches = arrow_file(&dir.path().join("out.arrow"));
    for column in 0..3 {
        assert_eq!(texts(&batches, column), parts.concat(), "column {column}");
    }
    let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(names.len(), 2, "no temporary file is left: {names:?}");

    // A window that lies in one row group needs nothing of it.
    let line = "cat other.parquet --rows 110..120 -o out.arrow";
    let answer = ringquet(dir.path(), line).succeeds();
    assert!(!answer.stderr.contains("warning[dictionaries]"), "{}", answer.stderr);
    assert_eq!(texts(&arrow_file(&dir.path().join("out.arrow")), 0), parts[1][10..20]);
}

#[test]
fn dictionaries_that_are_the_same_stay() {
    let dir = scratch::dir();
    let part: Vec<String> = (0..50).map(|n| format!("word {n}")).collect();
    let parts = [part.clone(), part.clone(), part];
    write_words(&dir.path().join("same.parquet"), &parts);
    let answer = ringquet(dir.path(), "cat same.parquet -o out.arrow").succeeds();
    assert!(!answer.stderr.contains("warning[dictionaries]"), "{}", answer.stderr);
    let batches = arrow_file(&dir.path().join("out.arrow"));
    assert!(matches!(batches[0].column(0).data_type(), DataType::Dictionary(_, _)));
    for column in 0..3 {
        assert_eq!(texts(&batches, column), parts.concat(), "column {column}");
    }
}

fn simple() -> by_hand::File {
    let chunk = Chunk::new(physical::INT32, 0, 0, SIMPLE)
        .page(&[], &[0; 2], encoding::PLAIN, &int32s(&[1, 2]))
        .statistics(Thrift::new().binary(1, b"\xff").binary(2, b"").i64(3, -7));
    by_hand::File::new(vec![leaf("x", physical::INT32, REQUIRED)], 2, vec![chunk])
}

/// What `scan` reads, `inspect` shows.
#[test]
fn garbage_in_statistics_and_keys_is_no_reason_not_to_show_a_file() {
    let dir = scratch::dir();
    let file = by_hand::File {
        created_by: Some(b"writer \xff".to_vec()),
        key_values: Some(vec![key_value(b"\xfe", Some(b"\x80\x04")), key_value(b"k", None)]),
        ..simple()
    };
    std::fs::write(dir.path().join("odd.parquet"), file.bytes()).unwrap();
    ringquet(dir.path(), "scan odd.parquet").succeeds();
    let answer = ringquet(dir.path(), "inspect odd.parquet --json").succeeds();
    let document = answer.document();
    let file = &document["files"][0];
    assert_eq!(file["created_by"], "writer \u{fffd}");
    assert_eq!(file["key_value_keys"], serde_json::json!(["\u{fffd}", "k"]));
    let chunk = &file["row_groups"][0]["column_chunks"][0];
    assert_eq!(chunk["encodings"], serde_json::json!(["PLAIN", "RLE"]));
    assert!(chunk["pages"].is_null(), "{chunk}");
}

#[test]
fn contradictions_are_warnings() {
    let dir = scratch::dir();
    let file = by_hand::File {
        stated_rows: Some(0),
        key_values: Some(vec![key_value(b"ARROW:schema", Some(b"no base64"))]),
        ..simple()
    };
    std::fs::write(dir.path().join("odd.parquet"), file.bytes()).unwrap();
    let answer = ringquet(dir.path(), "scan odd.parquet --json").succeeds();
    assert_eq!(answer.document()["rows"], 2);
    for part in ["warning[row_count]", "state 0 rows", "warning[arrow_schema]", "odd.parquet"] {
        assert!(answer.stderr.contains(part), "{part}: {}", answer.stderr);
    }
    let answer = ringquet(dir.path(), "cat odd.parquet -o out.arrow").succeeds();
    assert!(answer.stderr.contains("warning[row_count]"), "{}", answer.stderr);
    let batches = arrow_file(&dir.path().join("out.arrow"));
    assert_eq!(*batches[0].column(0).as_primitive(), Int32Array::from(vec![1, 2]));
}

#[test]
fn int96_outside_of_nanoseconds_is_refused_by_name_and_read_as_microseconds() {
    let dir = scratch::dir();
    // The last of the year 9999, and a null.
    let mut value = 7_200_000_000_000_u64.to_le_bytes().to_vec();
    value.extend(5_373_484_u32.to_le_bytes());
    let chunk = Chunk::new(physical::INT96, 0, 1, SIMPLE);
    let chunk = chunk.page(&[], &[0, 1], encoding::PLAIN, &value);
    let file = by_hand::File::new(vec![leaf("t", physical::INT96, OPTIONAL)], 2, vec![chunk]);
    std::fs::write(dir.path().join("far.parquet"), file.bytes()).unwrap();
    for line in [
        "scan far.parquet",
        "scan far.parquet --decoder fallback",
        "scan far.parquet --driver pread",
        "cat far.parquet",
    ] {
        let answer = ringquet(dir.path(), line).ends_with(1);
        let error = answer.error();
        for part in
            ["far.parquet", "column 't', row group 0", "row 1 of the row group", "--int96 us"]
        {
            assert!(error.contains(part), "{line}: {error}");
        }
    }
    let digest = |options: &str| {
        let line = format!("scan far.parquet --int96 us --digest --json {options}");
        let document = ringquet(dir.path(), &line).succeeds().document();
        assert_eq!(document["options"]["int96"], "us");
        document["digest"].clone()
    };
    assert!(digest("").is_string());
    assert_eq!(digest(""), digest("--decoder fallback"));
    assert_eq!(digest(""), digest("--driver pread"));
    let answer = ringquet(dir.path(), "cat far.parquet --int96 us").succeeds();
    assert!(answer.stdout.contains("9999-12-31T02:00:00"), "{}", answer.stdout);
}
