//! Type × encoding × codec × nulls × page version × page size: what we decode is what the `parquet` crate decodes.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};
use parquet::basic::{BrotliLevel, Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::file::properties::{
    BloomFilterPosition, EnabledStatistics, WriterProperties, WriterVersion,
};
use ringquet_decode::Projection;

use super::arrays::{self, NULLS, Nulls, Recipe, Repeats};
use super::support::{check, write};

const VERSIONS: [WriterVersion; 2] = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0];

fn codecs() -> [Compression; 7] {
    [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
    ]
}

fn batch(columns: Vec<(&'static str, ArrayRef)>, recipe: &Recipe) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| arrays::field(name, array, recipe)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(recipe.rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).unwrap()
}

fn all_columns(recipe: Recipe) -> RecordBatch {
    let mut columns = arrays::flat(recipe);
    columns.extend(arrays::lists(recipe));
    columns.extend(arrays::nested(recipe));
    batch(columns, &recipe)
}

/// Small pages, so that a few hundred rows have many of them and their ends lie anywhere in a batch.
fn small_pages(version: WriterVersion) -> parquet::file::properties::WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_writer_version(version)
        .set_data_page_row_count_limit(70)
        .set_write_batch_size(35)
        .set_max_row_group_row_count(Some(400))
}

#[test]
fn every_type_with_every_kind_of_nulls() {
    for version in VERSIONS {
        for nulls in NULLS {
            let recipe = Recipe { rows: 601, nulls, repeats: Repeats::Seldom, seed: 1 };
            let batch = all_columns(recipe);
            let file = write(batch.schema(), &[batch], small_pages(version).build());
            check(&file, &Projection::All, &[100, 1000], &format!("{version:?}, {nulls:?}"));
        }
    }
}

#[test]
fn every_codec() {
    for codec in codecs() {
        for version in VERSIONS {
            let recipe = Recipe { rows: 300, nulls: Nulls::Few, repeats: Repeats::Often, seed: 2 };
            let batch = all_columns(recipe);
            let properties = small_pages(version).set_compression(codec).build();
            let file = write(batch.schema(), &[batch], properties);
            check(&file, &Projection::All, &[128], &format!("{codec:?}, {version:?}"));
        }
    }
}

#[test]
fn dictionaries_of_every_shape() {
    for repeats in [Repeats::Never, Repeats::Seldom, Repeats::Often] {
        for nulls in [Nulls::Required, Nulls::None, Nulls::Half] {
            for dictionary_page_size in [100, 2000, 1 << 20] {
                let recipe = Recipe { rows: 1500, nulls, repeats, seed: 3 };
                let batch = all_columns(recipe);
                let properties = WriterProperties::builder()
                    .set_dictionary_page_size_limit(dictionary_page_size)
                    .set_data_page_row_count_limit(333)
                    .set_write_batch_size(111)
                    .build();
                let file = write(batch.schema(), &[batch], properties);
                let what =
                    format!("{repeats:?}, {nulls:?}, dictionaries of {dictionary_page_size} bytes");
                check(&file, &Projection::All, &[256, 1500], &what);
            }
        }
    }
}

#[test]
fn every_encoding() {
    let integers = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"];
    let split = ["int32", "int64", "float16", "float32", "float64", "fixed_binary_5", "decimal128"];
    let strings = ["utf8", "large_utf8", "utf8_view", "binary", "large_binary", "binary_view"];
    let binaries = ["float16", "fixed_binary_5", "decimal128"];
    let all = ["date32", "timestamp_us", "bool", "time64_ns", "decimal128_int32", "decimal64"];
    let groups: [(Encoding, &[&str]); 6] = [
        (Encoding::PLAIN, &[&integers[..], &split, &strings, &all].concat()),
        (Encoding::DELTA_BINARY_PACKED, &integers),
        (Encoding::BYTE_STREAM_SPLIT, &split),
        (Encoding::DELTA_LENGTH_BYTE_ARRAY, &strings),
        (Encoding::DELTA_BYTE_ARRAY, &[&strings[..], &binaries].concat()),
        (Encoding::RLE, &["bool"]),
    ];
    for (encoding, names) in groups {
        for version in VERSIONS {
            for nulls in NULLS {
                let recipe = Recipe { rows: 777, nulls, repeats: Repeats::Seldom, seed: 4 };
                let columns = arrays::flat(recipe)
                    .into_iter()
                    .filter(|(name, _)| names.contains(name))
                    .collect();
                let batch = batch(columns, &recipe);
                let properties = small_pages(version)
                    .set_dictionary_enabled(false)
                    .set_encoding(encoding)
                    .build();
                let file = write(batch.schema(), &[batch], properties);
                check(
                    &file,
                    &Projection::All,
                    &[90, 5000],
                    &format!("{encoding:?}, {version:?}, {nulls:?}"),
                );
            }
        }
    }
}

#[test]
fn page_indexes_and_bloom_filters_are_stepped_over() {
    for (statistics, no_offset_index) in [
        (EnabledStatistics::None, true),
        (EnabledStatistics::None, false),
        (EnabledStatistics::Chunk, false),
        (EnabledStatistics::Page, false),
    ] {
        for position in [BloomFilterPosition::AfterRowGroup, BloomFilterPosition::End] {
            let recipe = Recipe { rows: 500, nulls: Nulls::Few, repeats: Repeats::Seldom, seed: 9 };
            let batch = all_columns(recipe);
            let properties = small_pages(WriterVersion::PARQUET_2_0)
                .set_statistics_enabled(statistics)
                .set_offset_index_disabled(no_offset_index)
                .set_bloom_filter_enabled(true)
                .set_bloom_filter_position(position)
                .build();
            let file = write(batch.schema(), &[batch], properties);
            let what = format!("{statistics:?} statistics, bloom filters {position:?}");
            check(&file, &Projection::All, &[128], &what);
        }
    }
}

/// A footer that lists fewer encodings than the pages have does not decide how they are read.
#[test]
fn encodings_that_the_footer_does_not_list() {
    let cases: [(Encoding, u8, &[&str]); 4] = [
        (Encoding::DELTA_BINARY_PACKED, 5, &["int8", "int32", "int64"]),
        (Encoding::DELTA_LENGTH_BYTE_ARRAY, 6, &["utf8", "large_binary"]),
        (Encoding::DELTA_BYTE_ARRAY, 7, &["utf8", "float16", "fixed_binary_5", "decimal128"]),
        (Encoding::BYTE_STREAM_SPLIT, 9, &["float32", "float64", "float16", "fixed_binary_5"]),
    ];
    for (encoding, number, names) in cases {
        for nulls in [Nulls::Required, Nulls::Half] {
            let recipe = Recipe { rows: 300, nulls, repeats: Repeats::Seldom, seed: 10 };
            for (name, column) in arrays::flat(recipe) {
                if !names.contains(&name) {
                    continue;
                }
                let batch = batch(vec![(name, column)], &recipe);
                let properties = small_pages(WriterVersion::PARQUET_2_0)
                    .set_dictionary_enabled(false)
                    .set_encoding(encoding)
                    .build();
                let mut file = write(batch.schema(), &[batch], properties).to_vec();
                // In the footer, a list of two: the levels' RLE (3) and this one. It becomes PLAIN (0).
                let list = [0x19, 0x25, 3 << 1, number << 1];
                let other = [0x19, 0x25, number << 1, 3 << 1];
                let at = file.windows(4).rposition(|window| window == list || window == other);
                let at = at.unwrap_or_else(|| panic!("{encoding:?} is not listed for {name}"));
                file[at + 2..at + 4].iter_mut().filter(|byte| **byte != 6).for_each(|b| *b = 0);
                let what = format!("{encoding:?} as PLAIN, {name}, {nulls:?}");
                let counters = check(&file.into(), &Projection::All, &[77], &what);
                assert_eq!(counters.fallback_column_chunks, 0, "{what}");
            }
        }
    }
}

/// Columns that are left to the `parquet` crate, and why.
const NOT_OURS: [&str; 5] = [
    "utf8_view",        // views
    "binary_view",      // views
    "struct",           // more than one leaf
    "map",              // more than one leaf
    "list_list_binary", // lists of lists
];

#[test]
fn our_decoders_serve_what_they_should() {
    for nulls in [Nulls::Required, Nulls::Half] {
        let recipe = Recipe { rows: 100, nulls, repeats: Repeats::Seldom, seed: 8 };
        let batch = all_columns(recipe);
        let file = write(
            batch.schema(),
            std::slice::from_ref(&batch),
            small_pages(WriterVersion::PARQUET_1_0).build(),
        );
        for field in batch.schema().fields() {
            let projection = Projection::Names(vec![field.name().clone()]);
            let counters = check(&file, &projection, &[64], field.name());
            let expect_fallback = NOT_OURS.contains(&field.name().as_str());
            let is_fallback = counters.fallback_column_chunks > 0;
            assert_eq!(
                is_fallback,
                expect_fallback,
                "{} is decoded by the wrong decoder",
                field.name()
            );
        }
    }
}

#[test]
fn row_groups_of_no_row_and_of_one() {
    for version in VERSIONS {
        for rows in [0, 1] {
            let recipe = Recipe { rows, nulls: Nulls::None, repeats: Repeats::Never, seed: 5 };
            let batch = all_columns(recipe);
            let file = write(batch.schema(), &[batch], small_pages(version).build());
            check(&file, &Projection::All, &[1, 8192], &format!("{rows} rows, {version:?}"));
        }
    }
}

#[test]
fn one_row_per_batch() {
    let recipe = Recipe { rows: 120, nulls: Nulls::Half, repeats: Repeats::Often, seed: 6 };
    let batch = all_columns(recipe);
    for version in VERSIONS {
        let file =
            write(batch.schema(), std::slice::from_ref(&batch), small_pages(version).build());
        check(&file, &Projection::All, &[1, 3], &format!("{version:?}"));
    }
}

#[test]
fn projections() {
    let recipe = Recipe { rows: 500, nulls: Nulls::Few, repeats: Repeats::Seldom, seed: 7 };
    let batch = all_columns(recipe);
    let file = write(batch.schema(), &[batch], small_pages(WriterVersion::PARQUET_1_0).build());
    let names =
        |names: &[&str]| Projection::Names(names.iter().map(|name| (*name).to_owned()).collect());
    check(&file, &names(&["utf8", "int32", "struct"]), &[200], "three columns");
    check(&file, &names(&["map"]), &[200], "a map");

    // No column: batches that only count rows.
    let footer = super::support::open(&file, &names(&[])).unwrap();
    let options = ringquet_decode::DecodeOptions { batch_rows: 300, ..Default::default() };
    let (batches, _) = super::support::read_row_group(&file, &footer, 0, &options, true).unwrap();
    let rows: Vec<usize> = batches.iter().map(RecordBatch::num_rows).collect();
    assert_eq!(rows, [300, 100]);
    assert!(batches.iter().all(|batch| batch.num_columns() == 0));
}
