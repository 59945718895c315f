//! Resident memory follows from the options, not from the file. A 351-byte file of five texts, repeated 20,000 times, once
//! took 1.4 GB under a budget of 64 MiB.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, FixedSizeBinaryArray, Int32Array, ListArray, RecordBatch,
    StringArray, StructArray,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Fields};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

use super::binary::ringquet;
use crate::scratch;

/// What a scan takes beside its budget: the program, its libraries, rings, stacks, histograms. 32 MiB; a debug build's program
/// has 8 MB more of code in memory than a release build's, of which a scan alone takes 20 MB.
const CONSTANT: u64 = if cfg!(debug_assertions) { 36 << 20 } else { 32 << 20 };

/// What the schema and the state of one column take, from the footer to its last batch.
const COLUMN: u64 = 3 << 10;

/// A scan with each decoder, under a budget that the file would exceed many times over.
fn keeps_to(dir: &Path, rows: u64, budget_mib: u64, beside: u64, decoders: &[&str]) {
    for decoder in decoders {
        let budget = format!("--memory-budget {budget_mib}MiB --threads 2 --decoder {decoder}");
        let scan = ringquet(dir, &format!("scan . {budget} --json")).succeeds();
        let document = scan.document();
        assert_eq!(document["rows"], rows);
        let peak = document["usage"]["peak_resident_bytes"].as_u64().unwrap();
        let most = (budget_mib << 20) + CONSTANT + beside;
        assert!(peak <= most, "{decoder}: {peak} bytes resident, at most {most}");
    }
}

const BOTH: &[&str] = &["auto", "fallback"];

fn write(
    dir: &Path,
    columns: Vec<(&str, ArrayRef)>,
    properties: impl FnOnce(WriterPropertiesBuilder) -> WriterPropertiesBuilder,
) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(dir.join("a.parquet")).unwrap();
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let properties = properties(WriterProperties::builder().set_compression(zstd)).build();
    // The hint of the Arrow type would have dictionaries read as such.
    let options =
        ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(file, batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// `rows` texts of 20 kB, five different ones in turn.
fn repeated_texts(rows: usize) -> ArrayRef {
    let texts =
        StringArray::from_iter_values("abcde".chars().map(|c| c.to_string().repeat(20_000)));
    let keys = Int32Array::from_iter_values((0..5).cycle().take(rows));
    Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(texts)))
}

#[test]
fn texts_of_a_dictionary() {
    let dir = scratch::dir();
    write(dir.path(), vec![("text", repeated_texts(20_000))], |properties| properties);
    assert!(std::fs::metadata(dir.path().join("a.parquet")).unwrap().len() < 2000);
    keeps_to(dir.path(), 20_000, 64, 0, BOTH);
}

#[test]
fn fixed_bytes_of_a_dictionary() {
    let dir = scratch::dir();
    let value = vec![b'x'; 5000];
    let values = FixedSizeBinaryArray::try_from_iter((0..30_000).map(|_| &value)).unwrap();
    write(dir.path(), vec![("fixed", Arc::new(values))], |properties| properties);
    keeps_to(dir.path(), 30_000, 64, 0, BOTH);
}

#[test]
fn texts_with_a_shared_prefix() {
    let dir = scratch::dir();
    let prefix = "prefix ".repeat(2000);
    let texts = StringArray::from_iter_values((0..12_000).map(|n| format!("{prefix}{n}")));
    for list in [false, true] {
        let column: ArrayRef =
            if list { one_each(Arc::new(texts.clone())) } else { Arc::new(texts.clone()) };
        write(dir.path(), vec![("text", column)], |properties| {
            properties.set_dictionary_enabled(false).set_encoding(Encoding::DELTA_BYTE_ARRAY)
        });
        keeps_to(dir.path(), 12_000, 64, 0, BOTH);
    }
}

/// Lists of one element each.
fn one_each(values: ArrayRef) -> ArrayRef {
    let field = Arc::new(Field::new("element", values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(1, values.len()));
    Arc::new(ListArray::new(field, offsets, values, None))
}

/// Structs of [`repeated_texts`].
fn messages(rows: usize) -> ArrayRef {
    let texts = repeated_texts(rows);
    let fields = Fields::from(vec![Field::new("content", texts.data_type().clone(), true)]);
    Arc::new(StructArray::new(fields, vec![texts], None))
}

#[test]
fn lists_and_structs_of_texts_of_a_dictionary() {
    let dir = scratch::dir();
    let texts = repeated_texts(20_000);
    let messages = messages(20_000);
    for column in [one_each(texts), one_each(Arc::clone(&messages)), messages] {
        write(dir.path(), vec![("messages", column)], |properties| properties);
        keeps_to(dir.path(), 20_000, 64, 0, BOTH);
    }
}

/// The rows of a nested column that were read ahead with their page counted as those of the batch: nothing was left for the
/// other columns, and each batch had one row.
#[test]
fn a_nested_column_leaves_room_for_the_others() {
    let dir = scratch::dir();
    let names = StringArray::from_iter_values((0..20_000).map(|n| format!("name {n}")));
    let columns = vec![("texts", messages(20_000)), ("name", Arc::new(names) as _)];
    for columns in [columns.clone(), columns.into_iter().rev().collect()] {
        write(dir.path(), columns, |properties| properties);
        for decoder in ["auto", "fallback"] {
            let line =
                format!("scan . --memory-budget 64MiB --threads 1 --decoder {decoder} --json");
            let document = ringquet(dir.path(), &line).succeeds().document();
            let batches = document["batches"].as_u64().unwrap();
            assert!(batches < 1000, "{decoder}: {batches} batches of 20,000 rows, 400 MB");
        }
    }
}

/// Texts of 0 to 4 kB in a hundred columns: what a row takes differs from row to row and from column to column.
#[test]
fn many_columns_of_texts_of_varying_size() {
    let dir = scratch::dir();
    let names: Vec<String> = (0..100).map(|column| format!("column_{column:03}")).collect();
    let text = |column: usize, row: usize| {
        let length = (column * 7919 + row * 104_729) % 4096;
        char::from(b'a' + u8::try_from(row % 26).unwrap()).to_string().repeat(length)
    };
    let columns = names.iter().enumerate().map(|(column, name)| {
        let texts = StringArray::from_iter_values((0..400).map(|row| text(column, row)));
        (name.as_str(), Arc::new(texts) as ArrayRef)
    });
    let columns: Vec<_> = columns.collect();
    write(dir.path(), columns.clone(), |properties| properties.set_dictionary_enabled(false));
    keeps_to(dir.path(), 400, 64, 0, BOTH);
    write(dir.path(), columns, |properties| properties);
    keeps_to(dir.path(), 400, 64, 0, BOTH);
}

/// A mebibyte of each of 24 columns at a time: dictionaries, which are needed until the end of their chunk, pages that are
/// compressed, and pages that cross the extents they are read in.
#[test]
fn pages_and_dictionaries_of_many_columns() {
    let dir = scratch::dir();
    let names: Vec<String> = (0..24).map(|column| format!("column_{column:02}")).collect();
    let text = |column: usize, row: usize| {
        let number = (column * 7919 + row) * 104_729;
        format!("{number:032x}").repeat(8)
    };
    let columns = names.iter().enumerate().map(|(column, name)| {
        // Every value twice, far from each other.
        let texts = StringArray::from_iter_values((0..4000).map(|row| text(column, row % 3900)));
        (name.as_str(), Arc::new(texts) as ArrayRef)
    });
    let columns: Vec<_> = columns.collect();
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        for has_dictionary in [false, true] {
            write(dir.path(), columns.clone(), |properties| {
                let properties = properties.set_compression(compression);
                properties
                    .set_dictionary_enabled(has_dictionary)
                    .set_dictionary_page_size_limit(2 << 20)
                    .set_data_page_row_count_limit(4000)
            });
            keeps_to(dir.path(), 4000, 16, 2 << 20, BOTH);
            let digest = |budget: &str| {
                let scan = format!("scan . --threads 1 --digest --memory-budget {budget} --json");
                ringquet(dir.path(), &scan).succeeds().document()["digest"].clone()
            };
            assert_eq!(digest("8MiB"), digest("1GiB"), "{compression:?}, {has_dictionary}");
        }
    }
}

/// Lists from one element to 2 million, and a row that is larger than any share of the budget.
#[test]
fn lists_of_varying_length() {
    let dir = scratch::dir();
    let mut lists = ListBuilder::new(Int32Builder::new());
    let lengths = (0..21).map(|power| 1 << power).chain(std::iter::repeat_n(3, 1000));
    let largest = (4 << 20) + (1 << 20);
    for length in lengths {
        (0..length).for_each(|n| lists.values().append_value(n));
        lists.append(true);
    }
    write(dir.path(), vec![("list", Arc::new(lists.finish()))], |properties| properties);
    // The fallback keeps levels of 16 bits beside each value, and buffers that grow are twice as long.
    keeps_to(dir.path(), 1021, 16, largest, &["auto"]);
    keeps_to(dir.path(), 1021, 16, 6 * largest, &["fallback"]);
}

/// A row group of 84 MB.
#[test]
fn a_row_group_that_is_larger_than_the_budget() {
    let dir = scratch::dir();
    let (path, expected) = scratch::wide_file(dir.path(), 200);
    assert!(std::fs::metadata(path).unwrap().len() > 80_000_000);
    let scan = ringquet(dir.path(), "scan . --memory-budget 8MiB --threads 1 --json").succeeds();
    let document = scan.document();
    assert_eq!(document["rows"], expected.num_rows());
    let peak = document["usage"]["peak_resident_bytes"].as_u64().unwrap();
    assert!(peak <= (8 << 20) + CONSTANT, "{peak} bytes resident");
}

#[test]
fn sixty_thousand_columns() {
    const COLUMNS: usize = 60_000;
    let dir = scratch::dir();
    let names: Vec<String> = (0..COLUMNS).map(|column| format!("feature_{column:05}")).collect();
    let values: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let columns = names.iter().map(|name| (name.as_str(), Arc::clone(&values)));
    write(dir.path(), columns.collect(), |properties| {
        properties.set_dictionary_enabled(false).set_compression(Compression::UNCOMPRESSED)
    });
    keeps_to(dir.path(), 2, 64, COLUMNS as u64 * COLUMN, &["auto"]);
}

#[test]
fn two_hundred_thousand_row_groups() {
    const ROW_GROUPS: usize = 200_000;
    let dir = scratch::dir();
    let values = Int32Array::from_iter_values(0..i32::try_from(ROW_GROUPS).unwrap());
    write(dir.path(), vec![("n", Arc::new(values))], |properties| {
        properties.set_max_row_group_row_count(Some(1)).set_compression(Compression::UNCOMPRESSED)
    });
    let footer_bytes = std::fs::metadata(dir.path().join("a.parquet")).unwrap().len();
    keeps_to(dir.path(), ROW_GROUPS as u64, 64, footer_bytes, &["auto"]);
}

/// What is too large for its option is refused by the option's name; the option is one that can be typed.
#[test]
fn what_is_beyond_an_option_is_refused_by_its_name() {
    let dir = scratch::dir();
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1_000_000)]));
    assert!(matches!(text.data_type(), DataType::Utf8));
    write(dir.path(), vec![("text", text)], |properties| properties);
    for option in ["page_bytes_max", "row_bytes_max", "footer_bytes_max"] {
        let flag = format!("--{}", option.replace('_', "-"));
        for decoder in BOTH {
            let line = format!("scan . {flag} 100 --decoder {decoder}");
            let failed = ringquet(dir.path(), &line);
            assert_eq!(failed.code, 1, "{line}");
            assert!(failed.stderr.contains(option), "{line}: {}", failed.stderr);
            assert!(failed.stderr.contains("a.parquet"), "{line}: {}", failed.stderr);
        }
        ringquet(dir.path(), &format!("scan . {flag} 2MB")).succeeds();
    }
}

#[test]
fn batches_have_at_most_the_rows_that_were_asked_for() {
    let dir = scratch::dir();
    scratch::parquet_file(&dir.path().join("a.parquet"), 0, 1000, 1000);
    let scan = ringquet(dir.path(), "scan . --batch-rows 7 --threads 1 --json").succeeds();
    assert_eq!(scan.document()["batches"], 143);
    assert_eq!(scan.document()["options"]["batch_rows"], 7);
}
