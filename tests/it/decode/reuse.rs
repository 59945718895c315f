//! Memory of decoded columns goes round: after the first row groups nothing is allocated any more.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use parquet::file::properties::WriterVersion;
use ringquet_decode::{BufferPool, DecodeOptions, PoolLimits, Projection, RowGroupDecoder, Step};

use super::arrays::{self, Nulls, Recipe, Repeats};
use super::support::{WholeFile, open, write};

#[test]
fn a_scan_allocates_only_in_the_beginning() {
    let recipe = Recipe { rows: 4000, nulls: Nulls::Few, repeats: Repeats::Seldom, seed: 51 };
    let (fields, arrays): (Vec<_>, Vec<_>) = arrays::flat(recipe)
        .into_iter()
        .filter(|(name, _)| !name.ends_with("view"))
        .map(|(name, array)| (arrays::field(name, &array, &recipe), array))
        .unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1000)).build();
    let file = write(batch.schema(), &[batch], properties);
    let footer = open(&file, &Projection::All).unwrap();
    let pool = BufferPool::new();
    let options = DecodeOptions { batch_rows: 500, ..Default::default() };
    let mut allocated = Vec::new();
    for _ in 0..5 {
        for row_group in 0..footer.num_row_groups() {
            let mut decoder = RowGroupDecoder::new(&footer, row_group, &options, &pool).unwrap();
            // Each batch is dropped before the next one is decoded.
            while let Step::Batch(_) = decoder.next_batch(&mut WholeFile(&file)).unwrap() {}
            assert_eq!(decoder.counters().fallback_column_chunks, 0);
        }
        allocated.push(pool.counters().allocated_buffers);
    }
    assert_eq!(allocated[1..], [allocated[1]; 4], "buffers allocated after each pass");
    assert!(pool.counters().reused_buffers > 10 * allocated[1]);
}

#[test]
fn batches_outlive_decoder_source_and_pool() {
    let recipe = Recipe { rows: 1000, nulls: Nulls::Few, repeats: Repeats::Seldom, seed: 52 };
    let (fields, arrays): (Vec<_>, Vec<_>) = arrays::flat(recipe)
        .into_iter()
        .map(|(name, array)| (arrays::field(name, &array, &recipe), array))
        .unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let file = write(batch.schema(), std::slice::from_ref(&batch), WriterProperties::default());
    let mut decoded = Vec::new();
    {
        let footer = open(&file, &Projection::All).unwrap();
        let pool = BufferPool::new();
        let options = DecodeOptions { batch_rows: 100, ..Default::default() };
        let mut memory = file.to_vec();
        let mut decoder = RowGroupDecoder::new(&footer, 0, &options, &pool).unwrap();
        while let Step::Batch(batch) = decoder.next_batch(&mut WholeFile(&memory)).unwrap() {
            decoded.push(batch);
        }
        memory.fill(0xff);
    }
    for (index, decoded) in decoded.iter().enumerate() {
        let expect = batch.slice(index * 100, 100);
        for (column, name) in batch.schema().fields().iter().map(|field| field.name()).enumerate() {
            // NaNs are not equal to themselves.
            if !name.starts_with("float") {
                assert_eq!(decoded.column(column), expect.column(column), "{name}");
            }
        }
    }
}

/// Pages of many columns that take more than their share of the memory are decompressed again for each batch, and nothing
/// else changes.
#[test]
fn pages_are_decompressed_again_where_memory_is_short() {
    let recipe = Recipe { rows: 3000, nulls: Nulls::Few, repeats: Repeats::Seldom, seed: 53 };
    let (fields, arrays): (Vec<_>, Vec<_>) = arrays::flat(recipe)
        .into_iter()
        .map(|(name, array)| (arrays::field(name, &array, &recipe), array))
        .unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_data_page_size_limit(4096)
            .set_write_batch_size(100)
            .set_writer_version(version)
            .build();
        let file = write(batch.schema(), std::slice::from_ref(&batch), properties);
        let footer = open(&file, &Projection::All).unwrap();
        let options = DecodeOptions { batch_rows: 70, ..Default::default() };
        let decode = |limits: PoolLimits| {
            let pool = BufferPool::with_limits(limits);
            let mut decoder = RowGroupDecoder::new(&footer, 0, &options, &pool).unwrap();
            let mut batches = Vec::new();
            while let Step::Batch(batch) = decoder.next_batch(&mut WholeFile(&file)).unwrap() {
                batches.push(batch);
            }
            batches
        };
        let plenty = decode(PoolLimits::default());
        let short = decode(PoolLimits { held_bytes: 0, ..PoolLimits::default() });
        super::support::assert_same(&short, &plenty, "pages decompressed again");
    }
}
