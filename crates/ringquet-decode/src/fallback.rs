//! A root column decoded by the `parquet` crate, fed with pages that our own walk found and decompressed.
//!
//! ```text
//! PageWalk ─ page ─▶ decompress ─▶ Handover: checked ─▶ RowSizes: what its rows take ─▶ queue of pages
//!                                                                                          │ as many rows as fit
//!                                                       array ◀─ ParquetRecordBatchReader ◀┘
//! ```
//!
//! The crate reads batches of one number of rows, whatever they take. So a reader of it is made for the rows that fit: over the
//! pages that are queued, it skips the rows that were taken ([`page_list`]). It serves as long as batches have that number of
//! rows and its pages have complete ones; then the next one is made, which skips a part of one page at most.
//!
//! Where memory is short, the rows of a batch are decoded as soon as they are queued, and the pages given back, to be read again
//! for the next batch. Of a batch that another column cuts, the rest is the next one.

mod handover;
mod page_list;
mod row_sizes;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowSelection, RowSelector};
use parquet::basic::Encoding;
use parquet::column::page::Page;
use parquet::errors::ParquetError;

use crate::decompress::Decompressor;
use crate::encoding::PageEncoding;
use crate::error::Fault;
use crate::fill::{ColumnContext, FillRequest, Filled};
use crate::guarded::guarded;
use crate::kernels::delta::DeltaCursor;
use crate::options::DecodeOptions;
use crate::page::header::{PageHeader, PageKind};
use crate::page::walk::{self, PageLocation, PageStep, PageWalk, RawPage};
use crate::pool::{BufferPool, Hold};
use crate::schema::file_schema::{FileSchema, RootReader};
use crate::source::ChunkSource;
use handover::Handover;
use page_list::{Entry, PageLists};
use row_sizes::{PageRows, RowSizes};

/// Batches can be cut at this part of what they may take.
const STRETCHES: usize = 16;

/// Decoder of one root column through the `parquet` crate.
pub(crate) struct FallbackColumn {
    leaves: Vec<LeafPages>,
    reader: Arc<RootReader>,
    reading: Option<Reading>,
    /// Rows that were decoded already.
    decoded: Option<ArrayRef>,
    rows_taken: u64,
    /// What the rows take that [`Self::fill`] has queued for the batch.
    batch_bytes: u64,
}

/// A reader of the `parquet` crate over the pages that were queued when it was made.
struct Reading {
    batches: ParquetRecordBatchReader,
    /// Rows of each batch.
    batch_rows: usize,
    /// Complete rows that are left in its pages.
    rows_left: u64,
}

/// Pages of one leaf on their way to the `parquet` crate.
struct LeafPages {
    walk: PageWalk,
    handover: Handover,
    dictionary: Option<KeptPage>,
    dictionary_hold: Hold,
    pages: VecDeque<QueuedPage>,
    sizes: RowSizes,
    /// Rows whose start is in a page that came.
    row_starts: u64,
    ended: bool,
    page_bytes_max: usize,
    pool: BufferPool,
}

/// A page, or where it can be read again.
struct KeptPage {
    /// `None` while it is given back.
    page: Option<Page>,
    location: PageLocation,
}

/// A page that was read again, and its length as the crate is given it.
struct PageAgain {
    page: Option<Page>,
    bytes: usize,
    hold: Hold,
}

/// A page of which some rows were not taken.
struct QueuedPage {
    kept: KeptPage,
    /// The row that its first value belongs to.
    first_row: u64,
    /// The row that starts after it.
    end_row: u64,
    rows: PageRows,
    hold: Hold,
}

impl FallbackColumn {
    pub(crate) fn new(
        schema: &FileSchema,
        root: usize,
        walks: Vec<PageWalk>,
        options: &DecodeOptions,
        pool: &BufferPool,
    ) -> Result<Self, Fault> {
        let reader = Arc::clone(schema.reader(root)?);
        let leaves = walks.into_iter().map(|walk| {
            let column = schema.stored_parquet().column(walk.leaf());
            let stretch_bytes = options.batch_bytes.unwrap_or(options.batch_bytes_max) / STRETCHES;
            LeafPages {
                handover: Handover::new(&column),
                walk,
                dictionary: None,
                dictionary_hold: pool.hold(),
                pages: VecDeque::new(),
                sizes: RowSizes::new(&column, stretch_bytes, options.row_bytes_max),
                row_starts: 0,
                ended: false,
                page_bytes_max: options.page_bytes_max,
                pool: pool.clone(),
            }
        });
        let leaves = leaves.collect();
        Ok(Self { leaves, reader, reading: None, decoded: None, rows_taken: 0, batch_bytes: 0 })
    }

    /// Bytes of the batch that it has so far. Queued pages are counted where they are held.
    pub(crate) fn bytes(&self) -> usize {
        to_usize(self.batch_bytes)
    }

    /// Queues pages until `request.rows` more rows can be taken, or as many as fit into `request.bytes`; which bytes that takes
    /// if they are not at hand. After the last rows of the row group the column chunk must end.
    pub(crate) fn fill(
        &mut self,
        request: FillRequest,
        source: &mut dyn ChunkSource,
        context: &mut ColumnContext,
    ) -> Result<Filled, (usize, Fault)> {
        if let Some(decoded) = &self.decoded {
            let rows = request.rows.min(decoded.len());
            let bytes_of = |leaf: &LeafPages| leaf.sizes.fitting(rows as u64, u64::MAX).1;
            self.batch_bytes = self.leaves.iter().map(bytes_of).sum();
            return Ok(Filled::Rows(rows));
        }
        let mut rows = request.rows as u64;
        let mut used = 0;
        for at in 0..self.leaves.len() {
            let target = self.rows_taken + rows;
            let leaf = &mut self.leaves[at];
            let index = leaf.walk.leaf();
            let in_leaf = |fault| (index, fault);
            let room = (request.bytes as u64).saturating_sub(used);
            let is_last = request.is_last && rows == request.rows as u64;
            // Enough for a batch that ends early.
            let has_enough = |leaf: &LeafPages| leaf.sizes.rows() > 0 && leaf.sizes.bytes() > room;
            while !leaf.has(target, is_last) && !has_enough(leaf) {
                let pulled = leaf.pull(source, context).map_err(in_leaf)?;
                if let Some(range) = pulled {
                    return Ok(Filled::NeedsBytes { leaf: index, range });
                }
            }
            let complete = self.rows_taken + leaf.sizes.rows();
            if !has_enough(leaf) && (complete < target || (is_last && leaf.row_starts > target)) {
                let or_more = |more| if more { " or more" } else { "" };
                return Err(in_leaf(Fault::out_of_spec(format!(
                    "column chunk has {} rows{}, its row group has {target}{}",
                    leaf.row_starts,
                    or_more(!leaf.ended),
                    or_more(!is_last),
                ))));
            }
            let (fitting, bytes) = leaf.sizes.fitting(rows, room);
            if fitting < rows {
                rows = fitting;
                let bytes_of = |leaf: &LeafPages| leaf.sizes.fitting(rows, u64::MAX).1;
                used = self.leaves[..=at].iter().map(bytes_of).sum();
            } else {
                used += bytes;
            }
        }
        for leaf in &mut self.leaves {
            let index = leaf.walk.leaf();
            let wanted = leaf.restore(source, context).map_err(|fault| (index, fault))?;
            if let Some(range) = wanted {
                return Ok(Filled::NeedsBytes { leaf: index, range });
            }
        }
        self.batch_bytes = used;
        let rows = usize::try_from(rows).unwrap_or(request.rows);
        if self.leaves.first().is_some_and(|leaf| leaf.pool.holds_too_much()) {
            let first = self.leaves[0].walk.leaf();
            let of_first = |fault| (first, fault);
            let (decoded, _) = self.decode(rows).map_err(of_first)?;
            self.decoded = Some(decoded);
            self.reading = None;
            self.leaves.iter_mut().try_for_each(LeafPages::give_back).map_err(of_first)?;
            context.gave_back = true;
        }
        Ok(Filled::Rows(rows))
    }

    /// A reader for batches of `batch_rows` rows, from the next row on.
    fn start_reading(&self, batch_rows: usize) -> Result<Reading, Fault> {
        let first = |leaf: &LeafPages| leaf.pages.front().map_or(self.rows_taken, |p| p.first_row);
        let first_row = self.leaves.iter().map(first).min().unwrap_or(self.rows_taken);
        let lists = self.leaves.iter().map(|leaf| leaf.entries(first_row)).collect();
        let rows_left = self.leaves.iter().map(|leaf| leaf.sizes.rows()).min().unwrap_or(0);
        let skipped = to_usize(self.rows_taken - first_row);
        let selection = (skipped > 0).then(|| {
            let rest = RowSelector::select(to_usize(rows_left));
            RowSelection::from(vec![RowSelector::skip(skipped), rest])
        });
        let reader = &self.reader;
        let batches = guarded("column", || {
            let lists = PageLists::new(lists, Arc::clone(&reader.metadata));
            let levels = &reader.levels;
            ParquetRecordBatchReader::try_new_with_row_groups(levels, &lists, batch_rows, selection)
        })?;
        Ok(Reading { batches, batch_rows, rows_left })
    }

    /// Decodes the next `rows` rows, which [`Self::fill`] has queued; the reader that can go on from there.
    fn decode(&mut self, rows: usize) -> Result<(ArrayRef, Reading), Fault> {
        let serves =
            |reading: &Reading| reading.batch_rows == rows && reading.rows_left >= rows as u64;
        let mut reading = match self.reading.take().filter(serves) {
            Some(reading) => reading,
            None => self.start_reading(rows)?,
        };
        let batch = guarded("column", || {
            let batch = reading.batches.next().transpose();
            batch.map_err(|error| ParquetError::External(Box::new(error)))
        })?
        .ok_or_else(|| Fault::out_of_spec("column ends before its row group"))?;
        // Rows beyond the row group do not exist: the last batch may be longer only in a file that lies.
        if batch.num_rows() != rows {
            let given = batch.num_rows();
            return Err(Fault::out_of_spec(format!("column gave {given} rows of {rows}")));
        }
        reading.rows_left -= rows as u64;
        Ok((Arc::clone(batch.column(0)), reading))
    }

    /// The next `rows` rows, which [`Self::fill`] has queued, and what they take.
    pub(crate) fn take(&mut self, rows: usize) -> Result<(ArrayRef, usize), Fault> {
        let array = match self.decoded.take() {
            Some(decoded) if decoded.len() > rows => {
                self.decoded = Some(decoded.slice(rows, decoded.len() - rows));
                decoded.slice(0, rows)
            }
            Some(decoded) => decoded,
            None => {
                let (array, reading) = self.decode(rows)?;
                self.reading = Some(reading);
                array
            }
        };
        self.batch_bytes = 0;
        self.rows_taken += rows as u64;
        let rows_taken = self.rows_taken;
        let mut bytes = 0;
        for leaf in &mut self.leaves {
            bytes += leaf.sizes.take(rows as u64);
            while leaf.pages.front().is_some_and(|page| page.end_row <= rows_taken) {
                leaf.pages.pop_front();
            }
        }
        Ok((array, to_usize(bytes)))
    }

    pub(crate) fn walks(&self) -> impl Iterator<Item = &PageWalk> {
        self.leaves.iter().map(|leaf| &leaf.walk)
    }
}

impl LeafPages {
    /// Whether the first `rows` rows are complete in the queue and, of the last ones, the column chunk is at its end.
    fn has(&self, rows: u64, is_last: bool) -> bool {
        match self.handover.max_repetition_level() {
            _ if self.ended || self.row_starts > rows => true,
            _ if is_last => false,
            0 => self.row_starts >= rows,
            _ => false,
        }
    }

    /// Queues the next page or takes note of the end; which bytes that takes if they are not at hand.
    fn pull(
        &mut self,
        source: &mut dyn ChunkSource,
        context: &mut ColumnContext,
    ) -> Result<Option<Range<u64>>, Fault> {
        let codec = self.walk.codec();
        let page = match self.walk.peek(source, &mut context.contexts.headers)? {
            PageStep::NeedsBytes(range) => return Ok(Some(range)),
            PageStep::End => {
                self.ended = true;
                self.sizes.end_row()?;
                return Ok(None);
            }
            PageStep::Page(page) => page,
        };
        check_encodings(&page.header)?;
        let location = page.location();
        let decompressed_bytes = u64::from(walk::decompressed_bytes(&page.header, codec));
        let mut hold = self.pool.hold();
        let (header, bytes) =
            self.handed_over(&page, &mut context.contexts.decompressor, &mut hold)?;
        context.counters.decompressed_bytes += decompressed_bytes;
        self.walk.advance();
        if let PageKind::Dictionary { num_values, .. } = header.kind {
            drop(hold);
            self.sizes.set_dictionary(num_values, &bytes)?;
            // The crate makes a copy of its own.
            self.dictionary_hold.set(2 * bytes.len() + self.sizes.entries_bytes())?;
            let page = page_of(&header, bytes.into());
            self.dictionary = page.map(|page| KeptPage { page: Some(page), location });
            return Ok(None);
        }
        let rows = self.sizes.add_page(header.kind, &bytes)?;
        if self.handover.max_repetition_level() == 0 {
            // Each value is a row, complete with it.
            self.sizes.end_row()?;
        }
        let first_row = self.row_starts.saturating_sub(u64::from(rows.continues));
        self.row_starts += rows.starts;
        if let Some(page) = page_of(&header, bytes.into()) {
            let end_row = self.row_starts;
            let kept = KeptPage { page: Some(page), location };
            self.pages.push_back(QueuedPage { kept, first_row, end_row, rows, hold });
        }
        Ok(None)
    }

    /// A page as the crate is given it, with the header for it.
    fn handed_over(
        &self,
        page: &RawPage<'_>,
        decompressor: &mut Decompressor,
        hold: &mut Hold,
    ) -> Result<(PageHeader, Vec<u8>), Fault> {
        let codec = self.walk.codec();
        hold.set(walk::decompressed_bytes(&page.header, codec) as usize)?;
        let mut bytes = Vec::new();
        walk::decompress(page, codec, decompressor, |length| {
            bytes.resize(length, 0);
            &mut bytes
        })?;
        let mut header = page.header;
        let bytes = self.handover.page(&header, bytes)?;
        let bytes = self.plain_integers(&mut header, bytes, hold)?;
        Ok((header, bytes))
    }

    /// Gives the memory of its pages back.
    fn give_back(&mut self) -> Result<(), Fault> {
        for queued in &mut self.pages {
            queued.kept.page = None;
            queued.hold.set(0)?;
        }
        if let Some(dictionary) = &mut self.dictionary {
            dictionary.page = None;
            self.dictionary_hold.set(self.sizes.entries_bytes())?;
        }
        Ok(())
    }

    /// Reads what was given back again; which bytes that takes if they are not at hand.
    fn restore(
        &mut self,
        source: &mut dyn ChunkSource,
        context: &mut ColumnContext,
    ) -> Result<Option<Range<u64>>, Fault> {
        if let Some(KeptPage { page: None, location }) = &self.dictionary {
            let location = location.clone();
            let Some(PageAgain { page, bytes, hold }) =
                self.read_again(&location, source, context)?
            else {
                return Ok(Some(location.range));
            };
            drop(hold);
            self.dictionary_hold.set(2 * bytes + self.sizes.entries_bytes())?;
            self.dictionary = page.map(|page| KeptPage { page: Some(page), location });
        }
        for at in 0..self.pages.len() {
            if let KeptPage { page: None, location } = &self.pages[at].kept {
                let location = location.clone();
                let Some(again) = self.read_again(&location, source, context)? else {
                    return Ok(Some(location.range));
                };
                let queued = &mut self.pages[at];
                (queued.kept.page, queued.hold) = (again.page, again.hold);
            }
        }
        Ok(None)
    }

    /// A page that was given back, if its bytes are at hand.
    fn read_again(
        &self,
        location: &PageLocation,
        source: &mut dyn ChunkSource,
        context: &mut ColumnContext,
    ) -> Result<Option<PageAgain>, Fault> {
        let Some(page) = location.page(self.walk.leaf(), source) else { return Ok(None) };
        let decompressor = &mut context.contexts.decompressor;
        let mut hold = self.pool.hold();
        let (header, bytes) = self.handed_over(&page, decompressor, &mut hold)?;
        let length = bytes.len();
        Ok(Some(PageAgain { page: page_of(&header, bytes.into()), bytes: length, hold }))
    }

    /// The crate fails to skip integers encoded as differences where these are large, so it is given the integers themselves.
    fn plain_integers(
        &self,
        header: &mut PageHeader,
        bytes: Vec<u8>,
        hold: &mut Hold,
    ) -> Result<Vec<u8>, Fault> {
        let (PageKind::DataV1 { encoding, .. } | PageKind::DataV2 { encoding, .. }) =
            &mut header.kind
        else {
            return Ok(bytes);
        };
        if *encoding != PageEncoding::DeltaBinaryPacked {
            return Ok(bytes);
        }
        *encoding = PageEncoding::Plain;
        let start = self.sizes.levels(header.kind, &bytes)?.end;
        if start == bytes.len() {
            return Ok(bytes);
        }
        let mut cursor = DeltaCursor::new(&bytes, start)?;
        let width = self.handover.integer_bytes();
        let count = cursor.left();
        if count > header.data_values() as usize {
            let values = header.data_values();
            return Err(Fault::out_of_spec(format!(
                "{count} integers in a page of {values} values"
            )));
        }
        let length = start + count * width;
        if length > self.page_bytes_max {
            let max = self.page_bytes_max;
            return Err(Fault::over_limit("page of integers", length, max, "page_bytes_max"));
        }
        hold.set(bytes.len() + length)?;
        let mut plain = Vec::with_capacity(length);
        plain.extend_from_slice(&bytes[..start]);
        let mut block = [0_i64; 256];
        let mut left = count;
        while left > 0 {
            let now = left.min(block.len());
            cursor.decode(&bytes, &mut block[..now])?;
            block[..now].iter().for_each(|value| plain.extend(&value.to_le_bytes()[..width]));
            left -= now;
        }
        drop(bytes);
        hold.set(length)?;
        Ok(plain)
    }

    /// The queued pages for a reader whose row 0 is `first_row`.
    fn entries(&self, first_row: u64) -> VecDeque<Entry> {
        let mut entries = VecDeque::with_capacity(self.pages.len() + 2);
        let dictionary = self.dictionary.as_ref().and_then(|dictionary| dictionary.page.clone());
        entries.extend(dictionary.map(Entry::Dictionary));
        if let Some(first) = self.pages.front()
            && first.first_row > first_row
        {
            entries.push_back(Entry::Skipped(to_usize(first.first_row - first_row)));
        }
        let mut pages = self.pages.iter().peekable();
        while let Some(QueuedPage { kept, rows, .. }) = pages.next() {
            let ends_a_row = match pages.peek() {
                Some(next) => !next.rows.continues,
                None => self.ended || self.handover.max_repetition_level() == 0,
            };
            let is_whole = ends_a_row && !rows.continues;
            // Pages are there whenever rows are decoded: see `restore`.
            let Some(page) = &kept.page else { break };
            entries.push_back(Entry::Data {
                page: page.clone(),
                rows: is_whole.then(|| to_usize(rows.starts)),
                continues: rows.continues,
            });
        }
        entries
    }
}

fn to_usize(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}

/// A page for the crate; `None` for pages without values.
fn page_of(header: &PageHeader, buf: Bytes) -> Option<Page> {
    Some(match header.kind {
        PageKind::Dictionary { num_values, encoding } => Page::DictionaryPage {
            buf,
            num_values,
            encoding: encoding_of(encoding)?,
            is_sorted: false,
        },
        PageKind::DataV1 { num_values, encoding, .. } => Page::DataPage {
            buf,
            num_values,
            encoding: encoding_of(encoding)?,
            // The handover rewrote all others.
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        },
        PageKind::DataV2 {
            num_values,
            num_nulls,
            num_rows,
            encoding,
            definition_bytes,
            repetition_bytes,
            ..
        } => Page::DataPageV2 {
            buf,
            num_values,
            encoding: encoding_of(encoding)?,
            num_nulls,
            num_rows,
            def_levels_byte_len: definition_bytes,
            rep_levels_byte_len: repetition_bytes,
            is_compressed: false,
            statistics: None,
        },
        PageKind::Other => return None,
    })
}

fn encoding_of(encoding: PageEncoding) -> Option<Encoding> {
    Some(match encoding {
        PageEncoding::Plain => Encoding::PLAIN,
        PageEncoding::PlainDictionary => Encoding::PLAIN_DICTIONARY,
        PageEncoding::Rle => Encoding::RLE,
        #[expect(deprecated, reason = "the specification's name")]
        PageEncoding::BitPacked => Encoding::BIT_PACKED,
        PageEncoding::DeltaBinaryPacked => Encoding::DELTA_BINARY_PACKED,
        PageEncoding::DeltaLengthByteArray => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        PageEncoding::DeltaByteArray => Encoding::DELTA_BYTE_ARRAY,
        PageEncoding::RleDictionary => Encoding::RLE_DICTIONARY,
        PageEncoding::ByteStreamSplit => Encoding::BYTE_STREAM_SPLIT,
        PageEncoding::Unknown(_) => return None,
    })
}

/// Unknown encodings are refused by their number.
fn check_encodings(header: &PageHeader) -> Result<(), Fault> {
    let encodings = match header.kind {
        PageKind::Dictionary { encoding, .. } | PageKind::DataV2 { encoding, .. } => [encoding; 3],
        PageKind::DataV1 { encoding, definition_encoding, repetition_encoding, .. } => {
            [encoding, definition_encoding, repetition_encoding]
        }
        PageKind::Other => return Ok(()),
    };
    encodings.into_iter().try_for_each(|encoding| match encoding {
        PageEncoding::Unknown(number) => {
            Err(Fault::unsupported(format!("encoding number {number}")))
        }
        _ => Ok(()),
    })
}
