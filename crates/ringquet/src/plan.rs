//! From (file, row group, columns) to reads: coalesced, aligned, cut. Pure: numbers in, numbers out.
//!
//! ```text
//! wanted   ..[a ][b ]....[c      ]...............[d]....
//! runs     ..[a  b   gap  c      ]...............[d]....     gaps up to coalesce_gap_bytes are read too
//! aligned  .[                     ].............[   ]...     to what O_DIRECT requires, never past the end of file
//! extents  .[         ][          ].............[   ]...     at most coalesce_span_bytes: one slot each
//! reads    .[ ][ ][ ]..                                      at most read_size_bytes: one SQE each
//! ```

use std::fmt;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use ringquet_io::Alignment;
use serde::Serialize;

/// Bounds of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlanBounds {
    /// Gaps up to this many bytes are read too.
    pub coalesce_gap_bytes: u64,
    /// Extents are at most this long; a multiple of the alignment.
    pub coalesce_span_bytes: u64,
    /// Reads are at most this long.
    pub read_size_bytes: u64,
}

/// A row group of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RowGroupId {
    /// Index of the file in the data set.
    pub file: u32,
    /// Index of the row group in the file.
    pub row_group: u32,
}

/// A selected column chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WantedChunk {
    /// Leaf column.
    pub leaf: usize,
    /// Its bytes in the file.
    pub range: Range<u64>,
}

/// Bytes that are read into one slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// In the file. The start is aligned; the end is aligned or the end of the file.
    pub range: Range<u64>,
}

impl Extent {
    /// Length in bytes.
    pub fn len_bytes(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// The device reads it is cut into.
    pub fn reads(&self, read_size_bytes: u64) -> impl Iterator<Item = Range<u64>> {
        let Range { start, end } = self.range;
        let step = read_size_bytes.max(1);
        (0..(end - start).div_ceil(step))
            .map(move |n| start + n * step..(start + (n + 1) * step).min(end))
    }
}

/// What the plan of a row group depends on, of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileShape {
    /// Length in bytes. No read goes beyond it.
    pub len_bytes: u64,
    /// What offsets of reads must be multiples of.
    pub alignment: Alignment,
}

/// What a lane of a reader thread has to read into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Bounds of extents and reads.
    pub bounds: PlanBounds,
    /// Bytes of the arena that the lane may hold. A row group that fits into half of them is requested whole; so the next one is
    /// on its way while this one is decoded.
    pub bytes: u64,
}

/// The extents of one row group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowGroupExtents {
    by_offset: Vec<Extent>,
    order: Vec<u32>,
}

impl RowGroupExtents {
    /// In the order of their offsets. They do not overlap.
    pub fn by_offset(&self) -> &[Extent] {
        &self.by_offset
    }

    /// In the order in which they are requested.
    pub fn in_order(&self) -> impl Iterator<Item = &Extent> {
        self.order.iter().map(|&index| &self.by_offset[index as usize])
    }

    /// The extents by offset, and the order in which they are requested, as indices.
    pub(crate) fn into_parts(self) -> (Vec<Extent>, Vec<u32>) {
        (self.by_offset, self.order)
    }

    /// The device reads in the order in which they are requested, each with the chunks that it holds bytes of.
    pub fn reads(&self, chunks: &[WantedChunk], read_size_bytes: u64) -> Vec<PlannedRead> {
        let reads: Vec<Vec<Range<u64>>> =
            self.by_offset.iter().map(|extent| extent.reads(read_size_bytes).collect()).collect();
        let mut leaves = leaves_of(&reads.concat(), chunks).into_iter();
        let planned = reads.into_iter().map(|reads| {
            let with_leaves = reads.into_iter().zip(leaves.by_ref());
            let planned = with_leaves.map(|(range, leaves)| PlannedRead {
                offset: range.start,
                length: range.end - range.start,
                leaves,
            });
            planned.collect::<Vec<_>>()
        });
        let mut by_offset: Vec<Vec<PlannedRead>> = planned.collect();
        let of_extent = |&index: &u32| std::mem::take(&mut by_offset[index as usize]);
        self.order.iter().flat_map(of_extent).collect()
    }
}

/// Extents of a streamed row group are at least this long: shorter ones cost more reads than memory is worth.
const STREAM_SPAN_BYTES_MIN: u64 = 64 << 10;

/// The plan of a row group: which extents hold `chunks`, which stand in the order of leaves, and in which order a lane requests
/// them. Reader threads read by it, and [`Dataset::plan`](crate::Dataset::plan) shows it.
///
/// One that fits into half of the share is requested whole, in the order of offsets. A larger one is streamed: every column needs
/// extents of its own at hand, so they are shorter, and they are requested in the order of need ([`streaming_order`]).
pub fn row_group(chunks: &[WantedChunk], file: FileShape, share: &Share) -> RowGroupExtents {
    let FileShape { len_bytes, alignment } = file;
    let whole = extents(chunks, len_bytes, alignment, &share.bounds);
    if whole.iter().map(Extent::len_bytes).sum::<u64>() <= share.bytes / 2 {
        let order = (0..count(whole.len())).collect();
        return RowGroupExtents { by_offset: whole, order };
    }
    let per_chunk = share.bytes / (2 * chunks.len().max(1) as u64);
    let least = STREAM_SPAN_BYTES_MIN.min(share.bounds.coalesce_span_bytes);
    let span = per_chunk.clamp(least, share.bounds.coalesce_span_bytes);
    let bounds = PlanBounds { coalesce_span_bytes: span - span % 4096, ..share.bounds };
    let by_offset = extents(chunks, len_bytes, alignment, &bounds);
    let order = streaming_order(&by_offset, chunks);
    RowGroupExtents { by_offset, order }
}

/// The extents that hold `chunks`, in the order of their offsets. They do not overlap.
pub fn extents(
    chunks: &[WantedChunk],
    file_len: u64,
    alignment: Alignment,
    bounds: &PlanBounds,
) -> Vec<Extent> {
    let mut ranges: Vec<Range<u64>> = chunks
        .iter()
        .map(|chunk| chunk.range.clone())
        .filter(|range| range.start < range.end)
        .collect();
    ranges.sort_unstable_by_key(|range| range.start);

    let mut runs: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        let start = alignment.down(range.start);
        let end = alignment.up(range.end).min(file_len);
        match runs.last_mut() {
            Some(run) if start <= run.end.saturating_add(bounds.coalesce_gap_bytes) => {
                run.end = run.end.max(end)
            }
            _ => runs.push(start..end),
        }
    }
    // Every extent begins at a block, also where one is longer than a span.
    let span = alignment.down(bounds.coalesce_span_bytes).max(alignment.bytes());
    runs.into_iter().flat_map(|run| cut(run, span)).collect()
}

/// Cuts a run so that no extent is longer than `span`, into parts of nearly equal length.
fn cut(run: Range<u64>, span: u64) -> impl Iterator<Item = Extent> {
    let span = span.max(1);
    let count = (run.end - run.start).div_ceil(span);
    (0..count).map(move |n| {
        let start = run.start + n * span;
        Extent { range: start..(start + span).min(run.end) }
    })
}

/// The order in which the extents of a row group that does not fit into memory are needed: all columns advance
/// row by row together, so an extent is needed when the share of its chunk that lies before it is decoded.
/// An extent that holds parts of several chunks is needed when the first of them is.
pub fn streaming_order(extents: &[Extent], chunks: &[WantedChunk]) -> Vec<u32> {
    let mut shares = vec![f64::INFINITY; extents.len()];
    for chunk in chunks.iter().filter(|chunk| !chunk.range.is_empty()) {
        for (share, extent) in shares.iter_mut().zip(extents).skip(first_extent(extents, chunk)) {
            if extent.range.start >= chunk.range.end {
                break;
            }
            let before = extent.range.start.saturating_sub(chunk.range.start);
            let of_chunk = before as f64 / (chunk.range.end - chunk.range.start).max(1) as f64;
            *share = share.min(of_chunk);
        }
    }
    let mut order: Vec<(f64, u32)> = shares.into_iter().zip(0u32..).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    order.into_iter().map(|(_, index)| index).collect()
}

/// The first extent that may hold bytes of a chunk. Extents stand in the order of their offsets.
fn first_extent(extents: &[Extent], chunk: &WantedChunk) -> usize {
    extents.partition_point(|extent| extent.range.end <= chunk.range.start)
}

/// The leaves of the chunks that have bytes in each of `reads`, which stand in the order of their offsets.
pub(crate) fn leaves_of(reads: &[Range<u64>], chunks: &[WantedChunk]) -> Vec<Vec<usize>> {
    let mut leaves = vec![Vec::new(); reads.len()];
    for chunk in chunks {
        let first = reads.partition_point(|read| read.end <= chunk.range.start);
        for (leaves, read) in leaves.iter_mut().zip(reads).skip(first) {
            if read.start >= chunk.range.end {
                break;
            }
            if overlap(&chunk.range, read) {
                leaves.push(chunk.leaf);
            }
        }
    }
    leaves
}

pub(crate) fn overlap(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}

/// The order of row groups for a scan: a window of files is read side by side, so that files on different devices
/// of an array keep all of them busy; within a file row groups follow each other.
pub fn interleave(row_groups: &[u32], window: usize) -> Vec<RowGroupId> {
    let mut order = Vec::with_capacity(row_groups.iter().map(|&n| n as usize).sum());
    let files: Vec<(u32, u32)> = (0u32..).zip(row_groups.iter().copied()).collect();
    for group in files.chunks(window.max(1)) {
        let most = group.iter().map(|&(_, count)| count).max().unwrap_or(0);
        for row_group in 0..most {
            let alive = group.iter().filter(|&&(_, count)| row_group < count);
            order.extend(alive.map(|&(file, _)| RowGroupId { file, row_group }));
        }
    }
    order
}

/// The reads of a whole scan, as text or JSON: what `ringquet plan` prints.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    /// Bounds it was made with.
    pub bounds: PlanBounds,
    /// Bytes of the selected column chunks.
    pub wanted_bytes: u64,
    /// Bytes of all reads.
    pub read_bytes: u64,
    /// Number of reads.
    pub reads: u64,
    /// `read_bytes / wanted_bytes`; 1 if nothing is selected.
    pub read_amplification: f64,
    /// Per row group, in the order of the scan.
    #[serde(rename = "units")]
    pub row_groups: Vec<RowGroupPlan>,
}

/// The reads of one row group.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RowGroupPlan {
    /// Path of the file.
    #[serde(serialize_with = "ringquet_result::path_text::serialize_path")]
    pub path: PathBuf,
    /// Which row group.
    #[serde(flatten)]
    pub id: RowGroupId,
    /// Bytes of the selected column chunks.
    pub wanted_bytes: u64,
    /// Start and length of each read, in the order of issue.
    pub reads: Vec<PlannedRead>,
}

/// One read of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedRead {
    /// First byte.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
    /// Leaf columns it holds bytes of.
    pub leaves: Vec<usize>,
}

impl Plan {
    /// Puts the row groups' plans together.
    pub fn new(bounds: PlanBounds, row_groups: Vec<RowGroupPlan>) -> Plan {
        let wanted_bytes = row_groups.iter().map(|row_group| row_group.wanted_bytes).sum();
        let lengths =
            || row_groups.iter().flat_map(|row_group| &row_group.reads).map(|read| read.length);
        let read_bytes: u64 = lengths().sum();
        let reads = lengths().count() as u64;
        let read_amplification =
            if wanted_bytes == 0 { 1.0 } else { read_bytes as f64 / wanted_bytes as f64 };
        Plan { bounds, wanted_bytes, read_bytes, reads, read_amplification, row_groups }
    }

    /// The same reads as an fio iolog of version 2 (fio's HOWTO, "Trace file format v2"), for
    /// `fio --read_iolog=FILE`. Lengths are rounded up to `alignment` where the file ends in between, since
    /// O_DIRECT takes only such lengths and fio reads exactly what the log holds.
    pub fn fio_iolog(&self, alignment: Alignment) -> Vec<u8> {
        let mut log = b"fio version 2 iolog\n".to_vec();
        let mut files: Vec<&Path> =
            self.row_groups.iter().map(|row_group| row_group.path.as_path()).collect();
        files.sort_unstable();
        files.dedup();
        // A path as it is, UTF-8 or not: fio opens it.
        let line = |log: &mut Vec<u8>, path: &Path, action: &str| {
            log.extend_from_slice(path.as_os_str().as_bytes());
            log.extend_from_slice(format!(" {action}\n").as_bytes());
        };
        let lines = |log: &mut Vec<u8>, action: &str| {
            files.iter().for_each(|file| line(log, file, action));
        };
        lines(&mut log, "add");
        lines(&mut log, "open");
        for row_group in &self.row_groups {
            for read in &row_group.reads {
                let length = alignment.up(read.length);
                line(&mut log, &row_group.path, &format!("read {} {length}", read.offset));
            }
        }
        lines(&mut log, "close");
        log
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PlanBounds { coalesce_gap_bytes, coalesce_span_bytes, read_size_bytes } = self.bounds;
        writeln!(
            f,
            "gap {coalesce_gap_bytes}, span {coalesce_span_bytes}, read size {read_size_bytes} bytes"
        )?;
        for row_group in &self.row_groups {
            let index = row_group.id.row_group;
            let bytes: u64 = row_group.reads.iter().map(|read| read.length).sum();
            writeln!(
                f,
                "{} row group {index}: {} wanted, {bytes} in {} reads",
                row_group.path.display(),
                row_group.wanted_bytes,
                row_group.reads.len()
            )?;
            for read in &row_group.reads {
                let leaves = leaf_list(&read.leaves);
                writeln!(f, "  {:>12} + {:<8} leaves {leaves}", read.offset, read.length)?;
            }
        }
        write!(
            f,
            "total: {} wanted, {} in {} reads, amplification {:.3}",
            self.wanted_bytes, self.read_bytes, self.reads, self.read_amplification
        )
    }
}

/// `[3,4,5,9]` as `3-5,9`.
fn leaf_list(leaves: &[usize]) -> String {
    let mut text = String::new();
    let mut rest = leaves;
    while let [first, ..] = rest {
        let len = rest.iter().enumerate().take_while(|&(at, leaf)| *leaf == first + at).count();
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&first.to_string());
        if len > 1 {
            text.push_str(&format!("-{}", first + len - 1));
        }
        rest = &rest[len..];
    }
    text
}

/// An index or a number of row groups, files or extents.
pub(crate) fn count(n: usize) -> u32 {
    u32::try_from(n)
        .expect("a footer has fewer than 2^32 row groups, a data set fewer than 2^32 files")
}
