//! Our own decoders: a column whose type and encodings they cover, from pages to an Arrow array.
//!
//! ```text
//!            PageWalk ── page ──▶ DataPage: where its levels and values are, and how far they were taken
//!                                    │
//!  levels    repetition, definition ─┤ runs, not single levels, as long as the runs are long
//!                                    ▼
//!            how many slots, which of them null, where rows start        (output)
//!                                    │
//!  values    dictionary, plain, … ───┤ as many as there are slots that are not null, side by side
//!                                    ▼
//!            moved apart where nulls lie between them                     (kernels::spread)
//! ```
//!
//! A page that is not compressed is decoded out of the source's memory and stays there until all of its values are
//! taken: its bytes are asked for again by the next batch. A compressed page is decompressed once into memory of the
//! column.

mod data_page;
mod flat;
mod list;
mod output;
mod plan;
mod strings;
mod values;

use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;

use crate::error::Fault;
use crate::page::{self, PageStep, PageWalk};
use crate::page_header::PageKind;
use crate::pool::{BufferPool, PoolBuffer};
use crate::row_group::{ChunkSource, ColumnContext};
use data_page::DataPage;
use output::{Capacity, Output};
pub(crate) use plan::ColumnPlan;
use plan::{Leaf, Shape};
use values::Dictionary;

/// Decoder of one root column that has one leaf.
pub(crate) struct FastColumn {
    plan: Arc<ColumnPlan>,
    walk: PageWalk,
    dictionary: Option<Dictionary>,
    page: Option<DataPage>,
    /// The decompressed page, where the page is compressed.
    decompressed: PageMemory,
    /// The batch that is being decoded, and what the next one should begin with.
    output: Option<Output>,
    capacity: Capacity,
    pool: BufferPool,
}

/// Memory for one decompressed page, used for one after another.
#[derive(Debug)]
struct PageMemory {
    buffer: Option<PoolBuffer>,
    length: usize,
}

impl PageMemory {
    fn of_length(&mut self, length: usize, pool: &BufferPool) -> &mut [u8] {
        self.length = length;
        let buffer = match &mut self.buffer {
            Some(buffer) => {
                buffer.reserve(0, length);
                buffer
            }
            none => none.insert(pool.take(length)),
        };
        &mut buffer.bytes_mut()[..length]
    }

    fn bytes(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], |buffer| &buffer.bytes()[..self.length])
    }
}

impl FastColumn {
    /// A decoder for the column chunk that `walk` walks, in batches of `batch_rows` of its `rows` rows, none of which takes
    /// more than `bytes_max`.
    pub(crate) fn new(
        plan: Arc<ColumnPlan>,
        walk: PageWalk,
        rows: u64,
        batch_rows: usize,
        bytes_max: usize,
        pool: &BufferPool,
    ) -> Self {
        let capacity = Capacity::guess(&plan, walk.chunk(), batch_rows, rows, bytes_max);
        let pool = pool.clone();
        let decompressed = PageMemory { buffer: None, length: 0 };
        Self {
            plan,
            walk,
            dictionary: None,
            page: None,
            decompressed,
            output: None,
            capacity,
            pool,
        }
    }

    pub(crate) fn walk(&self) -> &PageWalk {
        &self.walk
    }

    /// Decodes until the next `rows` rows are complete; which bytes that takes if they are not at hand. After the last
    /// rows of the row group the column chunk must end.
    pub(crate) fn fill(
        &mut self,
        rows: usize,
        is_last: bool,
        source: &mut dyn ChunkSource,
        context: &mut ColumnContext,
    ) -> Result<Option<Range<u64>>, Fault> {
        let new = || Output::new(&self.plan, &self.pool, self.capacity);
        let mut output = self.output.take().unwrap_or_else(new);
        let wanted = self.fill_output(&mut output, rows, source, context)?;
        if is_last && output.stopped_before_a_row() {
            return Err(Fault::out_of_spec("column chunk has more rows than its row group"));
        }
        self.output = Some(output);
        Ok(wanted)
    }

    fn fill_output(
        &mut self,
        output: &mut Output,
        rows: usize,
        source: &mut dyn ChunkSource,
        context: &mut ColumnContext,
    ) -> Result<Option<Range<u64>>, Fault> {
        while !output.is_complete(rows) {
            let step = match &self.page {
                Some(page) if page.is_decompressed() => {
                    self.decode_page(output, rows, None)?;
                    continue;
                }
                _ => self.walk.peek(source, &mut context.contexts.headers)?,
            };
            match step {
                PageStep::NeedsBytes(range) => return Ok(Some(range)),
                PageStep::End => {
                    if output.rows() < rows {
                        return Err(Fault::out_of_spec(format!(
                            "column chunk ends {} rows before its row group",
                            rows - output.rows()
                        )));
                    }
                    output.close_row();
                }
                PageStep::Page(page) => {
                    let codec = self.walk.codec();
                    if self.page.is_none() {
                        context.counters.decompressed_bytes +=
                            u64::from(page::decompressed_bytes(&page.header, codec));
                    }
                    if page::is_plain(&page.header, codec) {
                        self.page_at_source(output, page.header.kind, rows, page.bytes)?;
                    } else {
                        let (memory, pool) = (&mut self.decompressed, &self.pool);
                        page::decompress(
                            &page,
                            codec,
                            &mut context.contexts.decompressor,
                            |length| memory.of_length(length, pool),
                        )?;
                        self.walk.advance();
                        self.page_decompressed(page.header.kind)?;
                    }
                }
            }
        }
        Ok(None)
    }

    /// Decodes from a page that lies in the memory of the source.
    fn page_at_source(
        &mut self,
        output: &mut Output,
        kind: PageKind,
        rows: usize,
        bytes: &[u8],
    ) -> Result<(), Fault> {
        if let PageKind::Dictionary { num_values, encoding } = kind {
            self.dictionary =
                Some(Dictionary::new(&self.plan.leaf, num_values, encoding, bytes, &self.pool)?);
            self.walk.advance();
            return Ok(());
        }
        if self.page.is_none() {
            self.page = Some(DataPage::new(kind, bytes, &self.plan, false)?);
        }
        self.decode_page(output, rows, Some(bytes))
    }

    /// Takes up the page that was just decompressed.
    fn page_decompressed(&mut self, kind: PageKind) -> Result<(), Fault> {
        let bytes = self.decompressed.bytes();
        match kind {
            PageKind::Dictionary { num_values, encoding } => {
                self.dictionary = Some(Dictionary::new(
                    &self.plan.leaf,
                    num_values,
                    encoding,
                    bytes,
                    &self.pool,
                )?);
            }
            kind => self.page = Some(DataPage::new(kind, bytes, &self.plan, true)?),
        }
        Ok(())
    }

    /// Decodes from the current page, which lies in `at_source` or was decompressed.
    fn decode_page(
        &mut self,
        output: &mut Output,
        rows: usize,
        at_source: Option<&[u8]>,
    ) -> Result<(), Fault> {
        let Some(page) = &mut self.page else { return Ok(()) };
        let bytes = at_source.unwrap_or(self.decompressed.bytes());
        let leaf = &self.plan.leaf;
        match &self.plan.shape {
            Shape::Flat { nullable } => {
                let (slots, present) = flat::take_levels(page, bytes, *nullable, output, rows)?;
                let is_whole_chunk = matches!(leaf, Leaf::Fixed(_))
                    && output.slots == slots
                    && slots == present
                    && page.left() == 0
                    && self.walk.is_last_data_page();
                if is_whole_chunk
                    && page.values.counts_through(bytes, slots)
                    && let Some(dictionary) = self.dictionary.take()
                {
                    // Every entry once and in order: the dictionary is the column.
                    output.adopt(dictionary, leaf, slots)?;
                } else {
                    let dictionary = self.dictionary.as_ref();
                    page.values.decode(bytes, leaf, dictionary, output, slots, present)?;
                }
            }
            Shape::List(shape) => {
                let (slots, present) = list::take_levels(page, bytes, shape, output, rows)?;
                let dictionary = self.dictionary.as_ref();
                page.values.decode(bytes, leaf, dictionary, output, slots, present)?;
            }
        }
        if page.left() == 0 {
            self.page = None;
            if at_source.is_some() {
                self.walk.advance();
            }
        }
        Ok(())
    }

    /// The rows that [`Self::fill`] has completed.
    pub(crate) fn take(&mut self) -> Result<ArrayRef, Fault> {
        let output = self
            .output
            .take()
            .ok_or_else(|| Fault::out_of_spec("a batch was taken before it was decoded"))?;
        self.capacity = output.capacity();
        output.finish(&self.plan)
    }
}
