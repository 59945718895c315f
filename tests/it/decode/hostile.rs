//! Damaged files end in errors: no panic, no endless loop, no memory that the bytes do not justify.

use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::Schema;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::WriterProperties;
use ringquet_decode::{DecodeError, DecodeOptions, DecoderChoice, Projection};

use super::arrays::{self, Nulls, Random, Recipe, Repeats};
use super::support::{open, read_row_group, write};

fn sample(compression: Compression, dictionary: bool) -> Bytes {
    let recipe = Recipe { rows: 40, nulls: Nulls::Few, repeats: Repeats::Seldom, seed: 31 };
    let mut columns = arrays::flat(recipe);
    columns.extend(arrays::lists(recipe));
    columns.extend(arrays::nested(recipe));
    let (fields, arrays): (Vec<_>, Vec<_>) = columns
        .into_iter()
        .map(|(name, array)| (arrays::field(name, &array, &recipe), array))
        .unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_dictionary_enabled(dictionary)
        .set_data_page_row_count_limit(16)
        .build();
    write(batch.schema(), &[batch], properties)
}

/// Reads everything; what comes of it does not matter as long as it comes.
fn read(file: &[u8], decoder: DecoderChoice) -> bool {
    let Ok(footer) = open(file, &Projection::All) else {
        return false;
    };
    let options =
        DecodeOptions { batch_rows: 16, verify_crc: true, decoder, ..DecodeOptions::default() };
    (0..footer.num_row_groups())
        .all(|row_group| read_row_group(file, &footer, row_group, &options, false).is_ok())
}

/// Damaged files per kind of file. `RINGQUET_HOSTILE_ROUNDS` asks for more, as a night may.
fn rounds() -> usize {
    let wanted = std::env::var("RINGQUET_HOSTILE_ROUNDS").ok();
    wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or(300)
}

#[test]
fn flipped_bytes() {
    // The `parquet` crate may panic on such bytes; that becomes an error, and its message is not wanted here.
    let silent = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let rounds = rounds();
    let mut errors = 0;
    let mut random = Random::new(41);
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        for dictionary in [true, false] {
            let file = sample(compression, dictionary);
            for _ in 0..rounds {
                let mut damaged = file.to_vec();
                for _ in 0..=random.below(3) {
                    let position = usize::try_from(random.below(file.len() as u64)).unwrap();
                    damaged[position] ^= 1 << random.below(8);
                }
                for decoder in [DecoderChoice::Auto, DecoderChoice::FallbackOnly] {
                    errors += usize::from(!read(&damaged, decoder));
                }
            }
        }
    }
    std::panic::set_hook(silent);
    let reads = rounds * 8;
    assert!(errors > reads / 8, "only {errors} of {reads} reads of damaged files failed");
}

/// A miniblock whose width byte promises more bits than the page has: they were read as zeros when one call decoded all
/// values of the page, since what was left was counted without them.
#[test]
fn a_delta_miniblock_that_ends_early() {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
    let batch = RecordBatch::try_from_iter_with_nullable([("n", numbers, false)]).unwrap();
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::DELTA_BINARY_PACKED)
        .build();
    let mut file = write(batch.schema(), &[batch], properties).to_vec();
    assert!(read(&file, DecoderChoice::Auto));
    // Blocks of 256 values in four miniblocks, 100 values, the first 0, the least difference 1, four widths of 0.
    let header = [0x80, 0x02, 4, 100, 0, 2, 0, 0, 0, 0];
    let position = file.windows(header.len()).position(|window| window == header).unwrap();
    for width in [1, 9, 32, 64] {
        file[position + 6] = width;
        for batch_rows in [100, 7] {
            let footer = open(&file, &Projection::All).unwrap();
            let options = DecodeOptions { batch_rows, ..DecodeOptions::default() };
            let error = read_row_group(&file, &footer, 0, &options, false).unwrap_err();
            assert!(matches!(error, DecodeError::Truncated { .. }), "width {width}: {error}");
        }
    }
}

/// One value again and again takes a run of a few bytes in the file and as many bytes in memory as a page can claim. A batch
/// ends before it passes its bound; a single row that passes the bound of a row is refused.
#[test]
fn runs_expand_up_to_a_bound() {
    const ROWS: usize = 8;
    const ELEMENTS: usize = 4096;
    let mut rows = ListBuilder::new(Int64Builder::new());
    for _ in 0..ROWS {
        rows.values().append_slice(&[7; ELEMENTS]);
        rows.append(true);
    }
    let flat: ArrayRef = Arc::new(Int64Array::from_iter_values([7; ROWS * ELEMENTS]));
    for (column, rows) in [(Arc::new(rows.finish()) as ArrayRef, ROWS), (flat, ROWS * ELEMENTS)] {
        let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
        let file = write(batch.schema(), &[batch], WriterProperties::default());
        let footer = open(&file, &Projection::All).unwrap();
        let bytes = rows / ROWS * 2 * (ELEMENTS * ROWS / rows) * size_of::<i64>();
        let options =
            DecodeOptions { batch_rows: rows, batch_bytes_max: bytes, ..DecodeOptions::default() };
        let (batches, counters) = read_row_group(&file, &footer, 0, &options, true).unwrap();
        assert_eq!(counters.fast_column_chunks, 1);
        assert!(batches.len() >= ROWS / 2, "{} batches", batches.len());
        let total: usize = batches.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(total, rows);
        for batch in &batches {
            let taken = batch.get_array_memory_size();
            assert!(taken <= bytes + bytes / 2, "a batch of {taken} bytes, at most {bytes}");
        }
        let row_bytes = ELEMENTS * ROWS / rows * size_of::<i64>();
        let options = DecodeOptions { row_bytes_max: row_bytes - 1, ..options };
        if row_bytes > 8 {
            let error = read_row_group(&file, &footer, 0, &options, true).unwrap_err();
            assert!(
                matches!(error, DecodeError::OverLimit { option: "row_bytes_max", .. }),
                "{error}"
            );
        }
    }
}
