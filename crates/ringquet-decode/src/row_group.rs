//! One row group, from bytes to batches: a state machine that asks for bytes instead of reading them.
//!
//! All wanted columns advance together, `batch_rows` at a time. Each pulls pages until it has the rows of the batch; when
//! bytes are not at hand, [`Step::NeedsBytes`] says which, and the next call goes on where this one stopped.

use std::ops::{AddAssign, Range};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use crate::column::FastColumn;
use crate::error::{DecodeError, Fault, Place};
use crate::fallback::FallbackColumn;
use crate::footer::{ColumnChunk, Footer};
use crate::page::PageWalk;
use crate::pool::{BufferPool, Contexts};

/// Where the decoder gets the bytes of a column chunk.
///
/// `range` is in offsets of the file, inside the chunk of that leaf, and never empty. The answer is `Some` exactly when
/// every byte of the range is at hand and contiguous; after `None`, the caller of [`RowGroupDecoder::next_batch`] gets
/// them. Starts of the ranges asked per leaf never go down, and bytes below [`RowGroupDecoder::consumed`] are never asked
/// for again; a range that was answered may be asked for again until then.
pub trait ChunkSource {
    /// The bytes of `range`, if all are at hand.
    fn bytes(&mut self, leaf: usize, range: Range<u64>) -> Option<&[u8]>;
}

/// What [`RowGroupDecoder::next_batch`] came to.
#[derive(Debug)]
pub enum Step {
    /// The next rows.
    Batch(RecordBatch),
    /// These bytes must be at hand before the next call can get further.
    NeedsBytes {
        /// Leaf column.
        leaf: usize,
        /// Offsets in the file.
        range: Range<u64>,
    },
    /// All rows were given.
    Finished,
}

/// Which decoder may serve a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DecoderChoice {
    /// Our kernels where they cover the column, the `parquet` crate elsewhere.
    #[default]
    Auto,
    /// The `parquet` crate only: to compare, or to get round a bug of ours.
    FallbackOnly,
}

/// How to decode.
#[derive(Debug, Clone)]
pub struct DecodeOptions {
    /// Rows per batch; the last batch of a row group may have fewer. 0 is taken as 1.
    pub batch_rows: usize,
    /// Whether to check the checksums of pages that have one.
    pub verify_crc: bool,
    /// Which decoder may serve a column.
    pub decoder: DecoderChoice,
    /// Most bytes that one of our kernels' columns may take in one batch, 1 GiB by default. Levels and indices of a hostile page
    /// expand without end; who meets the bound with an honest file reads fewer rows per batch or raises it.
    pub column_bytes_max: usize,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self {
            batch_rows: 8192,
            verify_crc: false,
            decoder: DecoderChoice::Auto,
            column_bytes_max: COLUMN_BYTES_MAX,
        }
    }
}

/// What [`DecodeOptions::column_bytes_max`] is by default.
const COLUMN_BYTES_MAX: usize = 1 << 30;

/// What a decoder has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DecodeCounters {
    /// Column chunks served by our kernels.
    pub fast_column_chunks: u64,
    /// Column chunks served by the `parquet` crate.
    pub fallback_column_chunks: u64,
    /// Pages decoded.
    pub pages: u64,
    /// Bytes of the pages after decompression.
    pub decompressed_bytes: u64,
}

impl AddAssign for DecodeCounters {
    fn add_assign(&mut self, other: Self) {
        self.fast_column_chunks += other.fast_column_chunks;
        self.fallback_column_chunks += other.fallback_column_chunks;
        self.pages += other.pages;
        self.decompressed_bytes += other.decompressed_bytes;
    }
}

/// Bytes that a column is waiting for.
#[derive(Debug)]
pub(crate) struct Want {
    pub(crate) leaf: usize,
    pub(crate) range: Range<u64>,
}

/// What the columns of a row group share.
#[derive(Debug)]
pub(crate) struct ColumnContext {
    pub(crate) contexts: Contexts,
    pub(crate) counters: DecodeCounters,
    pool: BufferPool,
}

impl Drop for ColumnContext {
    fn drop(&mut self) {
        self.pool.give_back_contexts(std::mem::take(&mut self.contexts));
    }
}

/// Decoder of one root column.
enum Column {
    Fast(Box<FastColumn>),
    Fallback(Box<FallbackColumn>),
}

impl Column {
    fn fill(
        &mut self,
        rows: usize,
        is_last: bool,
        source: &mut dyn ChunkSource,
        context: &mut ColumnContext,
    ) -> Result<Option<Want>, (usize, Fault)> {
        match self {
            Self::Fast(column) => {
                let leaf = column.walk().leaf();
                let wanted = column.fill(rows, is_last, source, context);
                wanted
                    .map(|range| range.map(|range| Want { leaf, range }))
                    .map_err(|fault| (leaf, fault))
            }
            Self::Fallback(column) => column.fill(rows as u64, is_last, source, context),
        }
    }

    fn take(&mut self, rows: usize) -> Result<ArrayRef, Fault> {
        match self {
            Self::Fast(column) => column.take(),
            Self::Fallback(column) => column.take(rows),
        }
    }

    fn walks(&self) -> impl Iterator<Item = &PageWalk> {
        let (fast, fallback) = match self {
            Self::Fast(column) => (Some(column.walk()), None),
            Self::Fallback(column) => (None, Some(column.walks())),
        };
        fast.into_iter().chain(fallback.into_iter().flatten())
    }
}

/// Decodes one row group of one file.
pub struct RowGroupDecoder {
    footer: Arc<Footer>,
    row_group: usize,
    schema: SchemaRef,
    rows: u64,
    rows_done: u64,
    batch_rows: usize,
    columns: Vec<Column>,
    context: ColumnContext,
}

impl std::fmt::Debug for RowGroupDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowGroupDecoder")
            .field("row_group", &self.row_group)
            .field("rows", &self.rows)
            .field("rows_done", &self.rows_done)
            .finish_non_exhaustive()
    }
}

impl RowGroupDecoder {
    /// A decoder for the columns of the footer's projection.
    ///
    /// # Errors
    /// When a column has a type or a size that neither decoder reads.
    ///
    /// # Panics
    /// When the file has no such row group.
    pub fn new(
        footer: &Arc<Footer>,
        row_group: usize,
        options: &DecodeOptions,
        pool: &BufferPool,
    ) -> Result<Self, DecodeError> {
        let rows = footer.row_group_rows(row_group);
        let batch_rows = options.batch_rows.max(1);
        // The crate reserves memory for a whole batch: no more than the row group can fill.
        let batch_rows =
            usize::try_from(rows).map_or(batch_rows, |rows| batch_rows.min(rows.max(1)));
        let schema = footer.schema();
        let mut context = ColumnContext {
            contexts: pool.take_contexts(),
            counters: DecodeCounters::default(),
            pool: pool.clone(),
        };
        let chunks: Vec<(usize, ColumnChunk)> = footer.column_chunks(row_group).collect();
        let mut columns = Vec::with_capacity(footer.roots().len());
        let mut rest = chunks.as_slice();
        for root in footer.roots() {
            let (of_root, others) = rest.split_at(schema.roots[*root].leaves.len());
            rest = others;
            if of_root.is_empty() {
                continue;
            }
            let walk = |(leaf, chunk): &(usize, ColumnChunk)| {
                PageWalk::new(*leaf, *chunk, options.verify_crc)
            };
            if options.decoder == DecoderChoice::Auto
                && let [(_, chunk)] = of_root
                && let Some(plan) = schema.plan(*root)
                && plan.covers(chunk, rows)
            {
                let walk = walk(&of_root[0]);
                let (plan, bytes_max) = (Arc::clone(plan), options.column_bytes_max);
                let column = FastColumn::new(plan, walk, rows, batch_rows, bytes_max, pool);
                columns.push(Column::Fast(Box::new(column)));
                context.counters.fast_column_chunks += 1;
                continue;
            }
            let walks = of_root.iter().map(walk).collect();
            let column =
                FallbackColumn::new(schema, *root, walks, batch_rows).map_err(|fault| {
                    fault.at(Place {
                        column: Some(schema.roots[*root].name.clone()),
                        row_group: Some(row_group),
                        ..Place::default()
                    })
                })?;
            context.counters.fallback_column_chunks += of_root.len() as u64;
            columns.push(Column::Fallback(Box::new(column)));
        }
        Ok(Self {
            footer: Arc::clone(footer),
            row_group,
            schema: Arc::clone(footer.projected_schema()),
            rows,
            rows_done: 0,
            batch_rows,
            columns,
            context,
        })
    }

    /// The next batch, the bytes that it takes, or the end.
    ///
    /// # Errors
    /// When the bytes are not what the footer and the page headers say. The decoder is of no use after that.
    pub fn next_batch(&mut self, source: &mut dyn ChunkSource) -> Result<Step, DecodeError> {
        let rows_left = self.rows - self.rows_done;
        if rows_left == 0 {
            return Ok(Step::Finished);
        }
        let rows =
            usize::try_from(rows_left).map_or(self.batch_rows, |left| left.min(self.batch_rows));
        let is_last = rows as u64 == rows_left;
        for index in 0..self.columns.len() {
            match self.columns[index].fill(rows, is_last, source, &mut self.context) {
                Ok(None) => {}
                Ok(Some(Want { leaf, range })) => return Ok(Step::NeedsBytes { leaf, range }),
                Err((leaf, fault)) => return Err(self.in_leaf(leaf, fault)),
            }
        }
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for index in 0..self.columns.len() {
            match self.columns[index].take(rows) {
                Ok(array) => arrays.push(array),
                Err(fault) => {
                    let leaf = self.columns[index].walks().next().map_or(0, PageWalk::leaf);
                    return Err(self.in_leaf(leaf, fault));
                }
            }
        }
        self.rows_done += rows as u64;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options);
        batch.map(Step::Batch).map_err(|source| DecodeError::Arrow {
            at: Box::new(Place { row_group: Some(self.row_group), ..Place::default() }),
            source: Box::new(source),
        })
    }

    /// Offset in the file below which the bytes of a leaf column are no longer needed. 0 for a leaf that is not read.
    #[must_use]
    pub fn consumed(&self, leaf: usize) -> u64 {
        self.walks().find(|walk| walk.leaf() == leaf).map_or(0, PageWalk::position)
    }

    /// Rows of the row group that are still to come.
    #[must_use]
    pub fn rows_left(&self) -> u64 {
        self.rows - self.rows_done
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> DecodeCounters {
        let pages = self.walks().map(PageWalk::pages).sum();
        DecodeCounters { pages, ..self.context.counters }
    }

    fn walks(&self) -> impl Iterator<Item = &PageWalk> {
        self.columns.iter().flat_map(Column::walks)
    }

    #[cold]
    fn in_leaf(&self, leaf: usize, fault: Fault) -> DecodeError {
        fault.at(Place {
            column: Some(self.footer.schema().leaf_path(leaf)),
            row_group: Some(self.row_group),
            offset: Some(self.consumed(leaf)),
            length: None,
        })
    }
}
