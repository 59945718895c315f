//! Metadata that no value depends on: texts that are not UTF-8, counts that contradict each other, a damaged `ARROW:schema`.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use bytes::Bytes;
use parquet::file::properties::WriterProperties;
use ringquet_decode::{Footer, Int96, Projection, TAIL_LEN};

use super::by_hand::{
    Chunk, File, OPTIONAL, REQUIRED, SIMPLE, Thrift, encoding, group, int32s, key_value, leaf,
    physical,
};
use super::support::{open, read_every_way, write};

/// The start of a pickle, and bytes that begin no letter.
const NO_TEXT: &[u8] = b"\x80\x04\x95\xff\xfe";

fn simple() -> File {
    let chunk = Chunk::new(physical::INT32, 0, 0, SIMPLE);
    let chunk = chunk.page(&[], &[0; 2], encoding::PLAIN, &int32s(&[1, 2]));
    File::new(vec![leaf("x", physical::INT32, REQUIRED)], 2, vec![chunk])
}

fn check(file: &File, what: &str) -> Arc<Footer> {
    let bytes = file.bytes();
    let batch = read_every_way(&bytes, Int96::default(), what);
    let expect: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    assert_eq!(batch.column(0), &expect, "{what}");
    details(&bytes);
    open(&bytes, &Projection::All).unwrap()
}

/// `inspect` reads them too.
fn details(file: &Bytes) -> ringquet_decode::FooterDetails {
    let end = file.len() - TAIL_LEN;
    let length = u32::from_le_bytes(file[end..end + 4].try_into().unwrap()) as usize;
    Footer::details(&file[end - length..end]).unwrap()
}

#[test]
fn keys_and_values_that_are_not_utf8() {
    let pairs = [
        key_value(b"pickle", Some(NO_TEXT)),
        key_value(NO_TEXT, Some(b"text")),
        key_value(b"no value", None),
        key_value(NO_TEXT, None),
        key_value(b"plain", Some(b"kept")),
    ];
    for count in 1..=pairs.len() {
        let file = File { key_values: Some(pairs[..count].to_vec()), ..simple() };
        let footer = check(&file, "key-value metadata");
        assert_eq!(details(&file.bytes()).keys.len(), count);
        if count == pairs.len() {
            let metadata = footer.schema().arrow.metadata();
            assert_eq!(metadata.get("plain").map(String::as_str), Some("kept"));
            assert!(metadata["pickle"].contains('\u{fffd}'));
        }
    }
    let mut file = simple();
    let (_, chunks) = &mut file.row_groups[0];
    *chunks = vec![chunks[0].clone().key_values(pairs.to_vec())];
    check(&file, "key-value metadata of a column chunk");
}

#[test]
fn a_writer_that_does_not_say_its_name_in_utf8() {
    let file = File { created_by: Some([b"writer ", NO_TEXT].concat()), ..simple() };
    let footer = check(&file, "created_by");
    assert!(footer.created_by().unwrap().starts_with("writer \u{fffd}"));
    check(&File { created_by: None, ..simple() }, "no created_by");
}

#[test]
fn names_of_columns_that_are_not_utf8() {
    let mut file = simple();
    file.schema = vec![leaf("", physical::INT32, REQUIRED).named(b"caf\xe9")];
    let footer = check(&file, "a name");
    assert_eq!(footer.schema().roots[0].name, "caf\u{fffd}");
    let projection = Projection::Names(vec!["caf\u{fffd}".to_owned()]);
    assert_eq!(open(&file.bytes(), &projection).unwrap().leaves(), [0]);

    let chunk = Chunk::new(physical::INT32, 0, 2, SIMPLE);
    let chunk = chunk.page(&[], &[2, 0, 2], encoding::PLAIN, &int32s(&[1, 2]));
    let schema = vec![
        group("", OPTIONAL, 1).named(b"\xff"),
        leaf("", physical::INT32, OPTIONAL).named(b"\xff\xfe"),
    ];
    let file = File::new(schema, 3, vec![chunk]).bytes();
    let batch = read_every_way(&file, Int96::default(), "names in a struct");
    assert_eq!(batch.schema().field(0).name(), "\u{fffd}");
}

/// Readers take the rows of the row groups.
#[test]
fn a_number_of_rows_that_the_row_groups_contradict() {
    for stated in [0, 1, 3, -1, i64::MAX] {
        let file = File { stated_rows: Some(stated), ..simple() };
        let footer = check(&file, "num_rows");
        assert_eq!((footer.num_rows(), footer.stated_rows()), (2, Some(stated)));
    }
    assert_eq!(check(&simple(), "num_rows").stated_rows(), None);
}

/// A file of PyArrow's and others' has an Arrow schema among its keys; one that is damaged or of another file is ignored.
#[test]
fn a_damaged_arrow_schema_is_ignored() {
    let words: DictionaryArray<Int32Type> = ["a", "b", "a"].into_iter().collect();
    let batch = RecordBatch::try_from_iter([("w", Arc::new(words) as ArrayRef)]).unwrap();
    let file = write(batch.schema(), &[batch], WriterProperties::default());
    let footer = open(&file, &Projection::All).unwrap();
    assert!(footer.schema().arrow_schema_ignored().is_none());
    let other: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let other = RecordBatch::try_from_iter([("w", other.clone()), ("v", other)]).unwrap();
    let other = write(other.schema(), &[other], WriterProperties::default());
    let end = other.len() - TAIL_LEN;
    let at = other.windows(12).rposition(|window| window == b"ARROW:schema").unwrap();
    let text = &other[at + 12..end];
    let start = text.windows(4).position(|window| window == b"////").unwrap();
    let of_another: Vec<u8> =
        text[start..].iter().copied().take_while(|byte| byte.is_ascii_graphic()).collect();
    for value in [Some(&b"no base64"[..]), Some(NO_TEXT), Some(b""), None, Some(&of_another)] {
        let chunk = Chunk::new(physical::INT32, 0, 0, SIMPLE);
        let chunk = chunk.page(&[], &[0; 2], encoding::PLAIN, &int32s(&[1, 2]));
        let mut file = File::new(vec![leaf("x", physical::INT32, REQUIRED)], 2, vec![chunk]);
        let pairs = vec![key_value(b"ARROW:schema", value), key_value(b"other", Some(b"kept"))];
        file.key_values = Some(pairs);
        let footer = check(&file, &format!("ARROW:schema {value:?}"));
        let is_ignored = footer.schema().arrow_schema_ignored().is_some();
        // Without a value there is nothing to be wrong.
        assert_eq!(is_ignored, value.is_some(), "{value:?}");
        assert_eq!(footer.schema().arrow.metadata()["other"], "kept");
    }
}

/// A writer with indices of eight bits may have written several arrays into one row group: its dictionary has more entries than
/// eight bits can number.
#[test]
fn a_dictionary_that_outgrew_its_indices() {
    let part = |group: usize| {
        let words: Vec<String> = (0..100).map(|n| format!("g{group}_{n}")).collect();
        let words: DictionaryArray<Int8Type> = words.iter().map(String::as_str).collect();
        RecordBatch::try_from_iter([("w", Arc::new(words) as ArrayRef)]).unwrap()
    };
    let parts: Vec<RecordBatch> = (0..4).map(part).collect();
    let file = write(parts[0].schema(), &parts, WriterProperties::default());
    let batch = read_every_way(&file, Int96::default(), "400 words");
    let words = arrow_select::take::take(
        batch.column(0).as_any_dictionary().values(),
        batch.column(0).as_any_dictionary().keys(),
        None,
    );
    let words = words.unwrap();
    let expect = (0..4).flat_map(|group| (0..100).map(move |n| format!("g{group}_{n}")));
    assert!(words.as_string::<i32>().iter().flatten().eq(expect));
}

/// Nothing depends on statistics: whatever they hold, the file is read, and its footer shown.
#[test]
fn statistics_that_are_garbage() {
    for statistics in [
        Thrift::new().binary(1, b"\xff").binary(2, b""),
        Thrift::new().i64(3, -7).i64(4, i64::MIN),
        Thrift::new().binary(5, &[0; 3]).binary(6, &[1; 300]).i64(3, i64::MAX),
        Thrift::new().i32(1, 5).boolean(3, true),
    ] {
        let mut file = simple();
        let (_, chunks) = &mut file.row_groups[0];
        *chunks = vec![chunks[0].clone().statistics(statistics)];
        check(&file, "statistics");
        let details = details(&file.bytes());
        assert_eq!(details.row_groups[0][0].encodings, ["PLAIN", "RLE"]);
        assert_eq!(details.row_groups[0][0].pages, None);
    }
}
