//! From row groups to reads: as text, and by property.

use std::io::{Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::SchemaDescriptor;
use proptest::prelude::*;
use ringquet::engine::plan::{Plan, PlanBounds, WantedChunk, extents, interleave, streaming_order};
use ringquet::engine::{DirectChoice, DriverChoice, EngineOptions, IoOptions};
use ringquet::{Dataset, RowGroupId};
use ringquet_io::Alignment;
use ringquet_io::sim::{SimOptions, Tally};

use crate::scratch;

const BOUNDS: PlanBounds =
    PlanBounds { coalesce_gap_bytes: 100, coalesce_span_bytes: 4096, read_size_bytes: 1024 };

fn chunks(ranges: &[std::ops::Range<u64>]) -> Vec<WantedChunk> {
    ranges
        .iter()
        .enumerate()
        .map(|(leaf, range)| WantedChunk { leaf, range: range.clone() })
        .collect()
}

/// The reads of these chunks, as `start+length`, a line an extent.
fn check(ranges: &[std::ops::Range<u64>], file_len: u64, alignment: u32, expect: &str) {
    let alignment = Alignment::new(alignment).unwrap();
    let lines = extents(&chunks(ranges), file_len, alignment, &BOUNDS).into_iter().map(|extent| {
        let reads = extent
            .reads(BOUNDS.read_size_bytes)
            .map(|read| format!("{}+{}", read.start, read.end - read.start));
        reads.collect::<Vec<_>>().join(" ")
    });
    assert_eq!(lines.collect::<Vec<_>>().join("\n"), expect);
}

#[test]
fn gaps_up_to_the_bound_are_read_along() {
    check(&[0..10, 110..120, 221..230], 1000, 1, "0+120\n221+9");
}

#[test]
fn order_and_overlap_of_the_chunks_do_not_matter() {
    check(&[500..600, 0..10, 550..700, 5..8], 1000, 1, "0+10\n500+200");
}

#[test]
fn ends_are_aligned_but_not_past_the_end_of_the_file() {
    check(&[600..700, 3000..3100], 3200, 512, "512+512\n2560+640");
}

#[test]
fn runs_that_touch_after_alignment_are_one() {
    check(&[0..10, 500..520, 1030..1040], 10_000, 512, "0+1024 1024+512");
}

#[test]
fn long_runs_are_cut_at_span_and_read_size() {
    check(
        &[0..10_000],
        10_000,
        512,
        "0+1024 1024+1024 2048+1024 3072+1024\n4096+1024 5120+1024 6144+1024 7168+1024\n8192+1024 9216+784",
    );
}

#[test]
fn nothing_wanted_is_nothing_read() {
    check(&[], 1000, 512, "");
    check(&[5..5], 1000, 512, "");
}

#[test]
fn a_streamed_row_group_advances_all_columns_together() {
    let chunks = chunks(&[0..16_384, 16_384..20_480, 20_480..28_672]);
    let extents = extents(&chunks, 28_672, Alignment::new(512).unwrap(), &BOUNDS);
    let order: Vec<u64> = streaming_order(&extents, &chunks)
        .into_iter()
        .map(|i| extents[i as usize].range.start)
        .collect();
    assert_eq!(order, [0, 16_384, 20_480, 4096, 8192, 24_576, 12_288]);
}

#[test]
fn files_of_a_window_take_turns() {
    let at = |file, row_group| RowGroupId { file, row_group };
    assert_eq!(interleave(&[2, 1, 2], 2), [at(0, 0), at(1, 0), at(0, 1), at(2, 0), at(2, 1)]);
    assert_eq!(interleave(&[], 4), []);
}

/// The reads of a scan with one reader thread, in the order in which they were pushed, through a driver that does every one
/// of them at once and whole.
fn logged(path: &Path, memory_budget_bytes: Option<u64>, is_raw: bool) -> (Plan, Vec<Range<u64>>) {
    let tally = Tally::with_log();
    let calm =
        SimOptions { short_share: 0, retry_share: 0, delay_share: 0, ..SimOptions::default() };
    let sim = SimOptions { tally: tally.clone(), ..calm };
    let io = IoOptions {
        driver: DriverChoice::Sim,
        direct: DirectChoice::Off,
        sim,
        ..IoOptions::default()
    };
    let options =
        EngineOptions { io, threads: Some(1), memory_budget_bytes, ..EngineOptions::default() };
    let dataset = Dataset::open_with(&[path], options).unwrap();
    assert!(!tally.take_log().is_empty(), "the footer was read");
    let report = match is_raw {
        true => dataset.scan().read_raw().unwrap(),
        false => dataset.scan().visit(|_| drop).unwrap(),
    };
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    (dataset.plan(), tally.take_log())
}

fn planned(plan: &Plan) -> Vec<Range<u64>> {
    let reads = plan.row_groups.iter().flat_map(|row_group| &row_group.reads);
    reads.map(|read| read.offset..read.offset + read.length).collect()
}

/// A row group of 626 MB in 40 columns of different lengths, as FLUX and DLRM have them together. The file is a hole with a
/// footer at its end.
fn sparse_file(path: &Path) -> u64 {
    let columns = 40;
    let weight = |n: u64| 1 + n % 7 * 5;
    let total = 626_000_000 / (0..columns).map(weight).sum::<u64>();
    let fields = (0..columns).map(|n| format!("required int64 c{n};"));
    let message = format!("message m {{ {} }}", fields.collect::<Vec<_>>().join(" "));
    let schema = Arc::new(parse_message_type(&message).unwrap());
    let schema = Arc::new(SchemaDescriptor::new(schema));
    let signed = |n: u64| i64::try_from(n).unwrap();
    let mut end = 4;
    let chunks = (0..columns).map(|n| {
        let (start, len) = (end, total * weight(n));
        end += len;
        ColumnChunkMetaData::builder(schema.column(usize::try_from(n).unwrap()))
            .set_num_values(1000)
            .set_total_compressed_size(signed(len))
            .set_total_uncompressed_size(signed(len))
            .set_data_page_offset(signed(start))
            .build()
            .unwrap()
    });
    let row_group = RowGroupMetaData::builder(Arc::clone(&schema))
        .set_num_rows(1000)
        .set_total_byte_size(626_000_000)
        .set_column_metadata(chunks.collect())
        .build()
        .unwrap();
    let file_metadata = FileMetaData::new(1, 1000, None, None, Arc::clone(&schema), None);
    let metadata = ParquetMetaData::new(file_metadata, vec![row_group]);
    let mut file = std::fs::File::create(path).unwrap();
    file.set_len(end).unwrap();
    file.seek(SeekFrom::End(0)).unwrap();
    ParquetMetaDataWriter::new(&mut file, &metadata).finish().unwrap();
    end - 4
}

#[test]
fn a_row_group_of_626_megabytes_is_read_as_planned() {
    let dir = scratch::dir();
    let path = dir.path().join("sparse.parquet");
    let wanted = sparse_file(&path);
    assert!(wanted > 620_000_000, "{wanted}");
    for memory_budget_bytes in [None, Some(64 << 20)] {
        let (plan, reads) = logged(&path, memory_budget_bytes, true);
        assert_eq!(plan.wanted_bytes, wanted);
        let expected = planned(&plan);
        assert!(!expected.is_sorted_by_key(|read| read.start), "it is streamed, not read in order");
        assert!(reads == expected, "{} reads, {} planned", reads.len(), expected.len());
    }
}

/// Decoding may need an extent before its turn, and where memory is short a second time: but no other bytes than the planned
/// ones, all of them, and those of one column in the order of the file.
#[test]
fn a_streamed_row_group_is_decoded_from_the_planned_reads() {
    let dir = scratch::dir();
    let (path, _) = scratch::wide_file(dir.path(), 100);
    let (plan, reads) = logged(&path, Some(48 << 20), false);
    let expected = planned(&plan);
    assert!(!expected.is_sorted_by_key(|read| read.start), "it is streamed, not read in order");
    let by_offset = |mut reads: Vec<Range<u64>>| {
        reads.sort_by_key(|read| (read.start, read.end));
        reads.dedup();
        reads
    };
    assert_eq!(by_offset(reads.clone()), by_offset(expected.clone()));
    let first = |wanted: &Range<u64>| reads.iter().position(|read| read == wanted);
    for leaf in 0..3 {
        let of_leaf = plan.row_groups[0].reads.iter().filter(|read| read.leaves.contains(&leaf));
        let turns = of_leaf.map(|read| first(&(read.offset..read.offset + read.length)));
        assert!(turns.is_sorted(), "column {leaf}");
    }
}

prop_compose! {
    fn wanted()(parts in prop::collection::vec((0u64..5000, 1u64..3000), 1..30)) -> (Vec<std::ops::Range<u64>>, u64) {
        let mut ranges = Vec::new();
        let mut at = 0;
        for (gap, len) in parts {
            ranges.push(at + gap..at + gap + len);
            at += gap + len;
        }
        (ranges, at)
    }
}

proptest! {
    /// The extents hold every wanted byte, do not overlap, are aligned, end inside the file, keep to the span, and
    /// no two runs lie closer than the gap.
    #[test]
    fn plans_keep_their_promises(
        (ranges, end) in wanted(),
        slack in 0u64..2000,
        gap in 0u64..3000,
        span_blocks in 1u64..20,
        alignment in prop::sample::select(vec![1u32, 512, 4096]),
    ) {
        let file_len = end + slack;
        let alignment = Alignment::new(alignment).unwrap();
        let bounds = PlanBounds { coalesce_gap_bytes: gap, coalesce_span_bytes: span_blocks * 4096, read_size_bytes: 4096 };
        let found = extents(&chunks(&ranges), file_len, alignment, &bounds);
        for range in &ranges {
            let mut at = range.start;
            for extent in &found {
                if extent.range.start <= at && at < extent.range.end { at = extent.range.end.min(range.end); }
            }
            prop_assert_eq!(at, range.end, "all of {:?} is read", range);
        }
        for extent in &found {
            prop_assert!(extent.range.start < extent.range.end && extent.range.end <= file_len);
            prop_assert!(alignment.divides(extent.range.start));
            prop_assert!(alignment.divides(extent.range.end) || extent.range.end == file_len);
            prop_assert!(extent.len_bytes() <= bounds.coalesce_span_bytes);
            let wanted = ranges.iter().any(|r| r.start < extent.range.end && extent.range.start < r.end);
            prop_assert!(wanted || gap > 0, "an extent without a wanted byte lies in a gap");
            let reads: Vec<_> = extent.reads(bounds.read_size_bytes).collect();
            prop_assert_eq!(reads.first().map(|r| r.start), Some(extent.range.start));
            prop_assert_eq!(reads.last().map(|r| r.end), Some(extent.range.end));
            prop_assert!(reads.windows(2).all(|w| w[0].end == w[1].start));
        }
        for pair in found.windows(2) {
            let between = pair[1].range.start - pair[0].range.end;
            prop_assert!(between == 0 || between > gap, "{} bytes between two runs", between);
        }
    }

    /// Streaming needs every extent exactly once, and those of one chunk in the order of the file.
    #[test]
    fn streaming_order_is_a_permutation((ranges, end) in wanted()) {
        let chunks = chunks(&ranges);
        let bounds = PlanBounds { coalesce_gap_bytes: 0, coalesce_span_bytes: 4096, read_size_bytes: 4096 };
        let found = extents(&chunks, end, Alignment::new(1).unwrap(), &bounds);
        let order = streaming_order(&found, &chunks);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..u32::try_from(found.len()).unwrap()).collect::<Vec<_>>());
    }
}
