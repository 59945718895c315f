//! One row group, from bytes to batches: a state machine that requests bytes instead of reading them.
//!
//! All wanted columns advance together. Each pulls pages until it has the rows of the batch; when bytes are not at hand,
//! [`Step::NeedsBytes`] holds which, and the next call continues where this one stopped.
//!
//! How many rows a batch has follows from what they decode to, which is known only while they are decoded:
//!
//! ```text
//!            rows planned   column a         column b        column c        batch
//! batch 1    8192           8192             300, then full  300             300     a keeps 7892 rows for later
//! batch 2    150            (150 of its own) 150             150             150     bytes per row are known now
//! ```

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use crate::batch_size::BatchSize;
use crate::column::FastColumn;
use crate::error::{DecodeError, Fault, Place};
use crate::fallback::FallbackColumn;
use crate::fill::{ColumnContext, DecodeCounters, FillRequest, Filled};
use crate::footer::column_chunk::ColumnChunk;
use crate::footer::file_footer::Footer;
use crate::options::{DecodeOptions, DecoderChoice};
use crate::page::walk::PageWalk;
use crate::pool::BufferPool;
use crate::source::ChunkSource;
use crate::stored;

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

/// Decoder of one root column.
enum RootColumn {
    Fast(Box<FastColumn>),
    Fallback(Box<FallbackColumn>),
}

impl RootColumn {
    fn fill(
        &mut self,
        request: FillRequest,
        source: &mut dyn ChunkSource,
        context: &mut ColumnContext,
    ) -> Result<Filled, (usize, Fault)> {
        match self {
            Self::Fast(column) => {
                column.fill(request, source, context).map_err(|fault| (column.walk().leaf(), fault))
            }
            Self::Fallback(column) => column.fill(request, source, context),
        }
    }

    /// At least `rows` rows, and their bytes.
    fn take(&mut self, rows: usize) -> Result<(ArrayRef, usize), Fault> {
        match self {
            Self::Fast(column) => column.take(),
            Self::Fallback(column) => column.take(rows),
        }
    }

    /// Bytes of the batch that it has so far.
    fn bytes(&self) -> usize {
        match self {
            Self::Fast(column) => column.bytes(),
            Self::Fallback(column) => column.bytes(),
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

/// A column and the rows that it had decoded before the batch that they would have gone into ended.
struct Advancing {
    column: RootColumn,
    /// Rows that were decoded and not given, and the bytes that each takes on average.
    rest: Option<(ArrayRef, usize)>,
}

impl Advancing {
    /// Bytes of it that count as those of the batch.
    fn bytes(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |(rest, row_bytes)| rest.len() * row_bytes);
        rest + self.column.bytes()
    }

    fn fill(
        &mut self,
        request: FillRequest,
        source: &mut dyn ChunkSource,
        context: &mut ColumnContext,
    ) -> Result<Filled, (usize, Fault)> {
        if let Some((rest, _)) = &self.rest {
            return Ok(Filled::Rows(rest.len().min(request.rows)));
        }
        self.column.fill(request, source, context)
    }

    /// The first `rows` rows that it has, and their bytes.
    fn take(&mut self, rows: usize) -> Result<(ArrayRef, usize), Fault> {
        let (array, row_bytes) = match self.rest.take() {
            Some(rest) => rest,
            None => {
                let (array, bytes) = self.column.take(rows)?;
                let row_bytes = bytes.div_ceil(array.len().max(1));
                (array, row_bytes)
            }
        };
        if array.len() > rows {
            self.rest = Some((array.slice(rows, array.len() - rows), row_bytes));
            return Ok((array.slice(0, rows), rows * row_bytes));
        }
        Ok((array, rows * row_bytes))
    }
}

/// Decodes one row group of one file.
pub struct RowGroupDecoder {
    footer: Arc<Footer>,
    row_group: usize,
    schema: SchemaRef,
    rows: u64,
    rows_done: u64,
    batch: BatchSize,
    columns: Vec<Advancing>,
    /// The column that is being filled; those before it have their rows of the batch.
    filling: usize,
    /// The first column whose position moved since [`Self::for_each_consumed`].
    moved_from: usize,
    /// Bytes of the batch that all columns have so far.
    batch_bytes: usize,
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
        let schema = footer.schema();
        let mut context = ColumnContext::new(pool);
        let chunks: Vec<(usize, ColumnChunk)> = footer.column_chunks(row_group).collect();
        let mut columns: Vec<RootColumn> = Vec::with_capacity(footer.roots().len());
        let batch = BatchSize::of_row_group(options, footer, &chunks, rows);
        let batch_rows = batch.planned();
        let mut rest = chunks.as_slice();
        for root in footer.roots() {
            let (of_root, others) = rest.split_at(schema.roots[*root].leaves.len());
            rest = others;
            if of_root.is_empty() {
                continue;
            }
            let walk = |(leaf, chunk): &(usize, ColumnChunk)| {
                PageWalk::new(*leaf, *chunk, options.verify_crc, options.page_bytes_max)
            };
            if options.decoder == DecoderChoice::Auto
                && let [(_, chunk)] = of_root
                && let Some(layout) = schema.layout(*root)
                && layout.covers(chunk.encodings, chunk.num_values, rows)
            {
                let walk = walk(&of_root[0]);
                let (layout, bytes_max) = (Arc::clone(layout), options.row_bytes_max);
                let column = FastColumn::new(layout, walk, rows, batch_rows, bytes_max, pool);
                columns.push(RootColumn::Fast(Box::new(column)));
                context.counters.fast_column_chunks += 1;
                continue;
            }
            let walks = of_root.iter().map(walk).collect();
            let column =
                FallbackColumn::new(schema, *root, walks, options, pool).map_err(|fault| {
                    fault.at(Place {
                        column: Some(schema.roots[*root].name.clone()),
                        row_group: Some(row_group),
                        ..Place::default()
                    })
                })?;
            context.counters.fallback_column_chunks += of_root.len() as u64;
            columns.push(RootColumn::Fallback(Box::new(column)));
        }
        let columns = columns.into_iter().map(|column| Advancing { column, rest: None });
        Ok(Self {
            footer: Arc::clone(footer),
            row_group,
            schema: Arc::clone(footer.projected_schema()),
            rows,
            rows_done: 0,
            batch,
            columns: columns.collect(),
            filling: 0,
            moved_from: 0,
            batch_bytes: 0,
            context,
        })
    }

    /// The next batch, the bytes that it takes, or the end.
    ///
    /// # Errors
    /// When the bytes contradict the footer and the page headers, or when they take more memory than the options
    /// allow. The decoder is of no use after that.
    pub fn next_batch(&mut self, source: &mut dyn ChunkSource) -> Result<Step, DecodeError> {
        let rows_left = usize::try_from(self.rows - self.rows_done).unwrap_or(usize::MAX);
        if rows_left == 0 {
            return Ok(Step::Finished);
        }
        if self.filling == 0 {
            self.batch_bytes = self.columns.iter().map(Advancing::bytes).sum();
            self.batch.begin(self.rows_done, rows_left);
        }
        while let Some(column) = self.columns.get_mut(self.filling) {
            let own = column.bytes();
            let others = self.batch_bytes - own;
            let rows = self.batch.rows;
            let request = FillRequest {
                rows,
                bytes: self.batch.bytes_max.saturating_sub(others),
                is_last: rows == rows_left,
            };
            let filled = column.fill(request, source, &mut self.context);
            self.batch_bytes = others + column.bytes();
            match filled {
                Ok(Filled::Rows(rows)) => self.batch.rows = rows.min(self.batch.rows),
                Ok(Filled::NeedsBytes { leaf, range }) => {
                    return Ok(Step::NeedsBytes { leaf, range });
                }
                Err((leaf, fault)) => return Err(self.in_leaf(leaf, fault)),
            }
            self.filling += 1;
        }
        self.filling = 0;
        self.moved_from = 0;
        let rows = self.batch.rows;
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        let mut bytes = 0;
        for index in 0..self.columns.len() {
            let target = self.schema.field(index).data_type();
            let taken = self.columns[index].take(rows).and_then(|(array, bytes)| {
                Ok((stored::finish(array, target, self.rows_done)?, bytes))
            });
            match taken {
                Ok((array, of_array)) => {
                    bytes += of_array;
                    arrays.push(array);
                }
                Err(fault) => {
                    let leaf = self.columns[index].column.walks().next().map_or(0, PageWalk::leaf);
                    return Err(self.in_leaf(leaf, fault));
                }
            }
        }
        self.batch.end(bytes, self.context.gave_back);
        self.rows_done += rows as u64;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options);
        batch.map(Step::Batch).map_err(|source| DecodeError::Arrow {
            at: Box::new(Place { row_group: Some(self.row_group), ..Place::default() }),
            source: Box::new(source),
        })
    }

    /// Calls `release` with each leaf column whose position may have moved since the last call, and the offset in the file
    /// below which its bytes are no longer needed.
    pub fn for_each_consumed(&mut self, mut release: impl FnMut(usize, u64)) {
        let last = if self.filling == 0 { self.columns.len() } else { self.filling + 1 };
        let moved = self.moved_from..last.min(self.columns.len());
        for column in &self.columns[moved] {
            column.column.walks().for_each(|walk| release(walk.leaf(), walk.position()));
        }
        self.moved_from = self.filling;
    }

    /// Offset in the file below which the bytes of a leaf column are no longer needed. 0 for a leaf that is not read. Takes
    /// time with the number of columns: see [`Self::for_each_consumed`].
    #[must_use]
    pub fn consumed(&self, leaf: usize) -> u64 {
        self.walks().find(|walk| walk.leaf() == leaf).map_or(0, PageWalk::position)
    }

    /// What a row takes in decoded bytes, as far as that is known from the batches so far.
    #[must_use]
    pub fn row_bytes(&self) -> Option<usize> {
        self.batch.row_bytes()
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
        self.columns.iter().flat_map(|column| column.column.walks())
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
