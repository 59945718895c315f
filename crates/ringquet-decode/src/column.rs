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
//! A batch ends when it has the requested rows, or when the column has used up the bytes that it may take: see `quota`.
//!
//! A page that is not compressed is decoded out of the source's memory and stays there until all of its values are
//! taken: the next batch requests its bytes again. A compressed page is decompressed once into memory of the
//! column. Where the pages and dictionaries of all columns take more than their share of the memory, they are given back after
//! each batch, and read again for the next one: slower, but within the budget.

// memory
mod page_memory;

mod dictionary;
mod kept_dictionary;

// positions in a page
mod index_blocks;
mod prefixed;

mod value_cursor;

mod data_page;

// the batch
mod output;

// levels to slots
mod quota;

mod flat;
mod list;

// values to slots
mod fixed;
mod strings;

mod values;

use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;

use crate::error::Fault;
use crate::fill::{ColumnContext, FillRequest, Filled};
use crate::page::header::PageKind;
use crate::page::walk::{self, PageStep, PageWalk};
use crate::pool::BufferPool;
use crate::schema::column_layout::{ColumnLayout, Leaf, Shape};
use crate::source::ChunkSource;
use data_page::DataPage;
use kept_dictionary::KeptDictionary;
use output::{Capacity, Output};
use page_memory::PageMemory;
use quota::Quota;

/// Decoder of one root column that has one leaf.
pub(crate) struct FastColumn {
    layout: Arc<ColumnLayout>,
    walk: PageWalk,
    dictionary: KeptDictionary,
    /// In a box of its own: of thousands of columns only one is in the middle of a page that is not decompressed.
    page: Option<Box<DataPage>>,
    /// The decompressed page, where the page is compressed.
    decompressed: PageMemory,
    /// The walk stays at that page, so that it can be decompressed again.
    stays_at_page: bool,
    /// The batch that is being decoded, and what the next one should begin with.
    output: Option<Output>,
    capacity: Capacity,
    /// The row that the batch had to leave to the next one, as far as it was decoded.
    split: Option<Box<Output>>,
    pool: BufferPool,
}

impl FastColumn {
    /// A decoder for the column chunk that `walk` walks, in batches of `batch_rows` of its `rows` rows, none of which takes
    /// more than `bytes_max`.
    pub(crate) fn new(
        layout: Arc<ColumnLayout>,
        walk: PageWalk,
        rows: u64,
        batch_rows: usize,
        bytes_max: usize,
        pool: &BufferPool,
    ) -> Self {
        let capacity = Capacity::guess(&layout, walk.chunk(), batch_rows, rows, bytes_max);
        let pool = pool.clone();
        let decompressed = PageMemory::new(&pool);
        Self {
            layout,
            walk,
            dictionary: KeptDictionary::default(),
            page: None,
            decompressed,
            stays_at_page: false,
            output: None,
            capacity,
            split: None,
            pool,
        }
    }

    pub(crate) fn walk(&self) -> &PageWalk {
        &self.walk
    }

    /// Bytes of the batch that is being decoded.
    pub(crate) fn bytes(&self) -> usize {
        let split = self.split.as_ref().map_or(0, |output| output.bytes());
        self.output.as_ref().map_or(0, Output::bytes) + split
    }

    /// Decodes until the next `request.rows` rows are complete, or as many as fit into `request.bytes`, one at least; which
    /// bytes that takes if they are not at hand. After the last rows of the row group the column chunk must end.
    pub(crate) fn fill(
        &mut self,
        request: FillRequest,
        source: &mut dyn ChunkSource,
        context: &mut ColumnContext,
    ) -> Result<Filled, Fault> {
        let new = || {
            let capacity = self.capacity.for_rows(request.rows, request.bytes);
            Output::new(&self.layout, &self.pool, capacity)
        };
        let mut output = self.output.take().unwrap_or_else(new);
        let wanted = self.fill_output(&mut output, request, source, context)?;
        if request.is_last && output.rows() >= request.rows && output.stopped_before_a_row() {
            return Err(Fault::out_of_spec("column chunk has more rows than its row group"));
        }
        let rows = output.rows();
        self.output = Some(output);
        // A page that is done leaves its memory to the next one, where there is enough.
        let is_done = self.page.is_none() && self.pool.holds_too_much();
        if wanted.is_none() && (self.stays_at_page || is_done) {
            self.decompressed.release()?;
        }
        if wanted.is_none() && self.pool.holds_too_much() {
            self.dictionary.give_back();
            context.gave_back = true;
        }
        Ok(match wanted {
            Some(range) => Filled::NeedsBytes { leaf: self.walk.leaf(), range },
            None => Filled::Rows(rows),
        })
    }

    fn fill_output(
        &mut self,
        output: &mut Output,
        request: FillRequest,
        source: &mut dyn ChunkSource,
        context: &mut ColumnContext,
    ) -> Result<Option<Range<u64>>, Fault> {
        let rows = request.rows;
        while !output.is_complete(rows) {
            if self.lacks_dictionary() {
                let (leaf, codec) = (&self.layout.leaf, self.walk.codec());
                let decompressor = &mut context.contexts.decompressor;
                let column = self.walk.leaf();
                let wanted = self.dictionary.read_again(
                    column,
                    leaf,
                    codec,
                    source,
                    decompressor,
                    &self.pool,
                )?;
                if wanted.is_some() {
                    return Ok(wanted);
                }
            }
            let step = match &self.page {
                Some(page) if page.is_decompressed() && self.decompressed.is_there() => {
                    if self.decode_page(output, request, None)? == Decoded::Full {
                        return self.end_early(output);
                    }
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
                            u64::from(walk::decompressed_bytes(&page.header, codec));
                    }
                    let is_dictionary = matches!(page.header.kind, PageKind::Dictionary { .. });
                    if walk::is_plain(&page.header, codec) {
                        if is_dictionary {
                            let leaf = &self.layout.leaf;
                            self.dictionary.set_at_source(leaf, &page, &self.pool)?;
                            self.walk.advance();
                            continue;
                        }
                        let kind = page.header.kind;
                        if self.page_at_source(output, kind, request, page.bytes)? == Decoded::Full
                        {
                            return self.end_early(output);
                        }
                    } else {
                        let memory = &mut self.decompressed;
                        memory.hold(walk::decompressed_bytes(&page.header, codec) as usize)?;
                        walk::decompress(
                            &page,
                            codec,
                            &mut context.contexts.decompressor,
                            |length| memory.of_length(length),
                        )?;
                        let location = page.location();
                        self.stays_at_page = !is_dictionary && self.pool.holds_too_much();
                        if !self.stays_at_page {
                            self.walk.advance();
                        }
                        if is_dictionary {
                            let new = PageMemory::new(&self.pool);
                            let memory = std::mem::replace(&mut self.decompressed, new);
                            let leaf = &self.layout.leaf;
                            self.dictionary.set_decompressed(leaf, location, memory, &self.pool)?;
                        } else if self.page.is_none() {
                            let bytes = self.decompressed.bytes();
                            let page =
                                DataPage::new(location.header.kind, bytes, &self.layout, true)?;
                            self.page = Some(Box::new(page));
                        }
                    }
                }
            }
        }
        Ok(None)
    }

    /// The batch is full before it has all requested rows.
    fn end_early(&mut self, output: &mut Output) -> Result<Option<Range<u64>>, Fault> {
        if matches!(self.layout.shape, Shape::List(_)) {
            self.split = Some(Box::new(output.split_last_row(&self.layout, &self.pool)?));
        }
        Ok(None)
    }

    /// Decodes from a data page that lies in the memory of the source.
    fn page_at_source(
        &mut self,
        output: &mut Output,
        kind: PageKind,
        request: FillRequest,
        bytes: &[u8],
    ) -> Result<Decoded, Fault> {
        if self.page.is_none() {
            self.page = Some(Box::new(DataPage::new(kind, bytes, &self.layout, false)?));
        }
        if self.lacks_dictionary() {
            return Ok(Decoded::All);
        }
        self.decode_page(output, request, Some(bytes))
    }

    /// The page is one of indices into a dictionary that was given back.
    fn lacks_dictionary(&self) -> bool {
        self.dictionary.is_given_back()
            && self.page.as_ref().is_some_and(|page| page.values.are_indices())
    }

    /// Decodes from the current page, which lies in `at_source` or was decompressed.
    fn decode_page(
        &mut self,
        output: &mut Output,
        request: FillRequest,
        at_source: Option<&[u8]>,
    ) -> Result<Decoded, Fault> {
        let Some(page) = &mut self.page else { return Ok(Decoded::All) };
        let bytes = at_source.unwrap_or(self.decompressed.bytes());
        let leaf = &self.layout.leaf;
        let rows = request.rows;
        while page.left() > 0 && !output.is_complete(rows) {
            let dictionary = self.dictionary.get();
            let quota =
                Quota::of(&self.layout, page, bytes, dictionary, output, rows, request.bytes);
            if quota.is_nothing() {
                return Ok(Decoded::Full);
            }
            match &self.layout.shape {
                Shape::Flat { nullable } => {
                    let (slots, present) =
                        flat::take_levels(page, bytes, *nullable, output, rows, quota)?;
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
                        let dictionary = self.dictionary.get();
                        page.values.decode(bytes, leaf, dictionary, output, slots, present)?;
                    }
                }
                Shape::List(shape) => {
                    let (slots, present) =
                        list::take_levels(page, bytes, shape, output, rows, quota)?;
                    page.values.decode(bytes, leaf, dictionary, output, slots, present)?;
                }
            }
        }
        if page.left() == 0 {
            self.page = None;
            if at_source.is_some() || self.stays_at_page {
                self.walk.advance();
            }
            self.stays_at_page = false;
        }
        Ok(Decoded::All)
    }

    /// The rows that [`Self::fill`] has completed, and their bytes.
    pub(crate) fn take(&mut self) -> Result<(ArrayRef, usize), Fault> {
        let output = self
            .output
            .take()
            .ok_or_else(|| Fault::out_of_spec("a batch was taken before it was decoded"))?;
        self.capacity = output.capacity();
        self.output = self.split.take().map(|output| *output);
        let bytes = output.bytes();
        output.finish(&self.layout).map(|array| (array, bytes))
    }
}

/// What came of decoding from a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decoded {
    /// The page is done, or the batch has its rows.
    All,
    /// The batch takes no more bytes.
    Full,
}
