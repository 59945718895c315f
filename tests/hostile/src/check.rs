//! The check that every file must pass: both decoders come to an end, and where both succeed they agree.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use ringquet_decode::{
    BufferPool, ChunkSource, ContentDigest, DecodeError, DecodeOptions, DecoderChoice, Footer,
    Projection, RowGroupDecoder, RowGroupDigest, Step, TAIL_LEN, footer_len,
};

/// Values of a column chunk that are still decoded. Runs make any number of values out of a few bytes, and rightly so:
/// more of them would show how fast memory is filled, not what is wrong.
pub const CHUNK_VALUES_MAX: u64 = 1 << 16;

/// Row groups of one file that are decoded.
const ROW_GROUPS_MAX: usize = 4;

/// Steps after which a decoder is taken to hang: more than values and pages of what is decoded here.
const STEPS_MAX: usize = 1 << 20;

/// A source that has the whole file, or has nothing until it is asked and then exactly that.
struct Source<'a> {
    file: &'a [u8],
    granted: Option<HashMap<usize, (u64, &'a [u8])>>,
}

impl<'a> Source<'a> {
    fn slice(&self, range: Range<u64>) -> &'a [u8] {
        &self.file[range.start as usize..range.end as usize]
    }

    fn grant(&mut self, leaf: usize, range: Range<u64>) {
        let bytes = self.slice(range.clone());
        if let Some(granted) = &mut self.granted {
            granted.insert(leaf, (range.start, bytes));
        }
    }
}

impl ChunkSource for Source<'_> {
    fn bytes(&mut self, leaf: usize, range: Range<u64>) -> Option<&[u8]> {
        let Some(granted) = &self.granted else {
            return Some(self.slice(range));
        };
        let (start, bytes) = granted.get(&leaf)?;
        let skip = range.start.checked_sub(*start)? as usize;
        bytes.get(skip..)?.get(..(range.end - range.start) as usize)
    }
}

fn read(
    file: &[u8],
    footer: &Arc<Footer>,
    row_group: usize,
    options: &DecodeOptions,
    stingy: bool,
) -> Result<Vec<RecordBatch>, DecodeError> {
    let pool = BufferPool::new();
    let mut decoder = RowGroupDecoder::new(footer, row_group, options, &pool)?;
    let mut source = Source { file, granted: stingy.then(HashMap::new) };
    let mut batches = Vec::new();
    for _ in 0..STEPS_MAX {
        match decoder.next_batch(&mut source)? {
            Step::Batch(batch) => batches.push(batch),
            Step::NeedsBytes { leaf, range } => {
                assert!(stingy, "the whole file is at hand, and leaf {leaf} waits for {range:?}");
                source.grant(leaf, range);
            }
            Step::Finished => return Ok(batches),
        }
    }
    panic!("{STEPS_MAX} steps and no end");
}

fn digest(batches: &[RecordBatch], footer: &Footer, row_group: usize) -> ContentDigest {
    let mut digest = RowGroupDigest::new(0, row_group as u64, footer.projected_schema());
    batches.iter().for_each(|batch| digest.update(batch));
    digest.finish()
}

fn assert_valid(batches: &[RecordBatch], who: &str) {
    for batch in batches {
        for column in batch.columns() {
            if let Err(error) = column.to_data().validate_full() {
                panic!("{who}: not valid Arrow: {error}");
            }
        }
    }
}

/// The footer of a file in memory, if it has one.
pub(crate) fn open(file: &[u8]) -> Option<Arc<Footer>> {
    let tail = file.last_chunk::<TAIL_LEN>()?;
    let length = footer_len(tail, file.len() as u64).ok()? as usize;
    let end = file.len() - TAIL_LEN;
    Footer::parse(&file[end - length..end], file.len() as u64, &Projection::All).ok().map(Arc::new)
}

/// Decodes a file with both decoders and holds the arrays against each other where both succeed. Gives how many row
/// groups both have read.
///
/// # Panics
/// When they differ, when either makes an array that is not valid, or does not come to an end.
pub fn check_file(file: &[u8], batch_rows: usize, stingy: bool) -> usize {
    if let Some(path) = std::env::var_os("RINGQUET_FUZZ_KEEP") {
        std::fs::write(path, file).expect("the path of RINGQUET_FUZZ_KEEP can be written to");
    }
    let Some(footer) = open(file) else { return 0 };
    let mut read_by_both = 0;
    for row_group in 0..footer.num_row_groups().min(ROW_GROUPS_MAX) {
        let too_long = footer.row_group_rows(row_group) > CHUNK_VALUES_MAX
            || footer
                .column_chunks(row_group)
                .any(|(_, chunk)| chunk.num_values > CHUNK_VALUES_MAX);
        if too_long {
            continue;
        }
        let options = |decoder| DecodeOptions { batch_rows, decoder, ..DecodeOptions::default() };
        let fast = read(file, &footer, row_group, &options(DecoderChoice::Auto), stingy);
        let fallback = read(file, &footer, row_group, &options(DecoderChoice::FallbackOnly), false);
        if std::env::var_os("RINGQUET_FUZZ_VERBOSE").is_some() {
            eprintln!("row group {row_group}, ours:  {fast:?}");
            eprintln!("row group {row_group}, crate: {fallback:?}");
        }
        if let Ok(batches) = &fast {
            assert_valid(batches, "ours");
        }
        if let (Ok(_), Err(error)) = (&fast, &fallback)
            && std::env::var_os("RINGQUET_FUZZ_STRICT").is_some()
        {
            panic!("row group {row_group}: read by us, but the crate: {error}");
        }
        if let (Ok(fast), Ok(fallback)) = (&fast, &fallback) {
            let rows = |batches: &[RecordBatch]| -> Vec<usize> {
                batches.iter().map(RecordBatch::num_rows).collect()
            };
            assert_eq!(rows(fast), rows(fallback), "rows of the batches");
            assert_eq!(
                digest(fast, &footer, row_group),
                digest(fallback, &footer, row_group),
                "row group {row_group}: the decoders differ\nours:  {fast:?}\ncrate: {fallback:?}"
            );
            read_by_both += 1;
        }
    }
    read_by_both
}

/// Parses a footer for all columns and for one; what both have must be the same.
///
/// # Panics
/// When it is not, or when the footer holds more memory than its bytes justify.
pub fn check_footer(bytes: &[u8], file_len: u64) {
    let Ok(all) = Footer::parse(bytes, file_len, &Projection::All) else { return };
    let held = all.heap_bytes();
    assert!(held <= 64 * bytes.len() + 4096, "{held} bytes held for a footer of {}", bytes.len());
    let Some(root) = all.schema().roots.last() else { return };
    let names: Vec<&str> = all.schema().roots.iter().map(|root| root.name.as_str()).collect();
    if names.iter().filter(|name| **name == root.name).count() != 1 {
        return;
    }
    let one = Projection::Names(vec![root.name.clone()]);
    let one = Footer::parse_sharing(bytes, file_len, &one, Some(all.schema()))
        .unwrap_or_else(|error| panic!("{}: read with all columns, not alone: {error}", root.name));
    assert_eq!(all.num_rows(), one.num_rows());
    assert_eq!(all.num_row_groups(), one.num_row_groups());
    for row_group in 0..all.num_row_groups() {
        assert_eq!(all.row_group_rows(row_group), one.row_group_rows(row_group));
        for leaf in root.leaves.clone() {
            let (left, right) =
                (all.column_chunk(row_group, leaf), one.column_chunk(row_group, leaf));
            assert_eq!(left, right, "leaf {leaf} of row group {row_group}");
            let end = left.map_or(0, |chunk| chunk.byte_range().end);
            assert!(end <= file_len, "leaf {leaf} ends at {end} of {file_len}");
        }
    }
}
