//! A column chunk: leaf values in, pages out, cut where Arrow's writer would cut them.
//!
//! ```text
//!          batch 0        batch 1        batch 2 …             1024 values, lists to the next row
//!  values ├──────────────┼──────────────┼─────────             end of batch: is the page full?
//!  pages  ├─────── index page 0 ────────┼── index page 1 …     then: is the dictionary full?
//!                                       ╰─ dictionary full: write it, then the pages that waited,
//!                                          PLAIN from here on
//! ```
//! The dictionary page stands before the pages that use it, so these wait in memory until no entry
//! can be added: it is full, has all values that there are, or the chunk ends. PLAIN pages are
//! written as soon as they are cut.

use std::io;
use std::ops::Range;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBufferBuilder, Buffer};
use ringquet_decode::thrift::StructWriter;

use super::codec::PageCodec;
use super::dictionary::{CountedIndices, Dictionary, Indices};
use super::entry_numbers::EntryNumbers;
use super::hybrid;
use super::options::PageOptions;
use super::page::{
    BYTE_STREAM_SPLIT, DATA_PAGE, DATA_PAGE_V2, DICTIONARY_PAGE, DataPageHeader, IndexedPage,
    LevelBytes, PLAIN, RLE, RLE_DICTIONARY, dictionary_header, offset_i64, page_i32,
};
use super::plain::{self, Pieces};
use super::schema::{DataColumn, DataKind};
use super::sink::ByteSink;
use super::statistics::Bounds;

/// A dictionary of this many bytes is full. Looked at after every batch.
const DICTIONARY_BYTES: usize = 1 << 20;
/// Rows of a data page at most.
const PAGE_ROWS: usize = 20_000;
/// Values of a batch; a list goes on to its end.
const BATCH_VALUES: usize = 1024;

/// The values of a page.
enum Body {
    Indices(Indices),
    Plain(Pieces),
    /// Booleans.
    Bits(BooleanBufferBuilder),
}

impl Default for Body {
    fn default() -> Self {
        Self::Plain(Pieces::default())
    }
}

fn concat(parts: &[Buffer]) -> Vec<u8> {
    parts.iter().map(Buffer::as_slice).collect::<Vec<_>>().concat()
}

/// A data page in the making.
struct OpenPage {
    rows: usize,
    values: usize,
    body: Body,
    bounds: Bounds,
}

/// Counts for the footer.
#[derive(Debug, Default)]
struct Totals {
    rows: u64,
    values: u64,
    uncompressed_bytes: u64,
    compressed_bytes: u64,
    /// Data pages that are not index pages.
    value_pages: i32,
    index_pages: i32,
    /// Bytes of strings and binaries, without lengths.
    unencoded_bytes: u64,
}

/// What the chunks of a file use one after the other.
pub(crate) struct ChunkScratch {
    codec: PageCodec,
    counted: CountedIndices,
}

impl ChunkScratch {
    pub(crate) fn new(codec: PageCodec) -> Self {
        Self { codec, counted: CountedIndices::default() }
    }
}

/// A column chunk in the making.
pub(crate) struct ChunkWriter<'a> {
    column: &'a DataColumn,
    scratch: &'a mut ChunkScratch,
    options: PageOptions,
    dictionary: Option<Dictionary>,
    /// Index pages that wait for the dictionary page.
    waiting: Vec<Buffer>,
    waiting_bytes: u64,
    /// Where the dictionary page was written, if it was.
    dictionary_at: Option<u64>,
    /// Values go to index pages.
    is_indexing: bool,
    page: OpenPage,
    /// Data pages so far; offsets of those that wait count from the start of `waiting`. Only the
    /// first is kept where there is no page index.
    pages: Vec<IndexedPage>,
    /// Rows until the end of the chunk.
    rows_left: u64,
    /// Rows until the end of the batch.
    batch_rows_left: usize,
    bounds: Bounds,
    totals: Totals,
}

impl<'a> ChunkWriter<'a> {
    /// Begins a chunk of `rows` rows, with no more than `values_max` different values if that is known.
    pub(crate) fn new(
        column: &'a DataColumn,
        rows: u64,
        scratch: &'a mut ChunkScratch,
        options: PageOptions,
        values_max: Option<usize>,
    ) -> Self {
        let is_split = options.byte_stream_split && plain::split_bytes(column.kind).is_some();
        let has_dictionary = options.dictionary && !is_split;
        let dictionary =
            if has_dictionary { Dictionary::new(column.kind, values_max) } else { None };
        let is_indexing = dictionary.is_some();
        let mut writer = Self {
            column,
            scratch,
            options,
            dictionary,
            waiting: Vec::new(),
            waiting_bytes: 0,
            dictionary_at: None,
            is_indexing,
            page: OpenPage { rows: 0, values: 0, body: Body::default(), bounds: Bounds::default() },
            pages: Vec::new(),
            rows_left: rows,
            batch_rows_left: 0,
            bounds: Bounds::default(),
            totals: Totals::default(),
        };
        writer.begin_page();
        writer.batch_rows_left = writer.batch_rows();
        writer
    }

    fn begin_page(&mut self) {
        let body = match self.column.kind {
            _ if self.is_indexing => Body::Indices(Indices::default()),
            DataKind::Boolean => Body::Bits(BooleanBufferBuilder::new(PAGE_ROWS)),
            _ => Body::default(),
        };
        self.page = OpenPage { rows: 0, values: 0, body, bounds: Bounds::default() };
    }

    /// Rows of the next batch. The last list of a chunk is a batch of its own.
    fn batch_rows(&self) -> usize {
        let rows = BATCH_VALUES.div_ceil(self.column.values_per_row());
        let rows = rows.min(PAGE_ROWS - self.page.rows);
        match usize::try_from(self.rows_left) {
            Ok(left) if self.column.is_list() && left > 1 && rows >= left => left - 1,
            _ => rows,
        }
    }

    /// Adds the leaf values of whole rows, which are the entries `numbers` of the dictionary.
    pub(crate) fn push(
        &mut self,
        leaf: &ArrayRef,
        numbers: &EntryNumbers,
        sink: &mut dyn ByteSink,
    ) -> io::Result<()> {
        let per_row = self.column.values_per_row();
        let rows = leaf.len() / per_row;
        let mut row = 0;
        while row < rows {
            let taken = self.batch_rows_left.min(rows - row);
            self.add(leaf, numbers, row * per_row..(row + taken) * per_row);
            self.page.rows += taken;
            row += taken;
            self.rows_left -= taken as u64;
            self.batch_rows_left -= taken;
            if self.batch_rows_left == 0 {
                self.end_batch(sink)?;
                self.batch_rows_left = self.batch_rows();
            }
        }
        Ok(())
    }

    fn add(&mut self, leaf: &ArrayRef, numbers: &EntryNumbers, range: Range<usize>) {
        let part = leaf.slice(range.start, range.len());
        let kind = self.column.kind;
        self.page.bounds.add(kind, part.as_ref());
        self.page.values += range.len();
        self.totals.unencoded_bytes += match kind {
            DataKind::Utf8 => byte_span(part.as_string::<i32>().value_offsets()),
            DataKind::Binary(size) => u64::from(size) * range.len() as u64,
            _ => 0,
        };
        match (&mut self.page.body, &mut self.dictionary) {
            (Body::Indices(indices), Some(dictionary)) => {
                dictionary.add(part.as_ref(), numbers, range, indices);
            }
            (Body::Bits(bits), _) => bits.append_buffer(part.as_boolean().values()),
            (Body::Plain(pieces), _) => pieces.add(kind, part.as_ref()),
            (Body::Indices(_), None) => unreachable!("only a dictionary makes index pages"),
        }
    }

    fn end_batch(&mut self, sink: &mut dyn ByteSink) -> io::Result<()> {
        let bytes = match &self.page.body {
            Body::Indices(indices) => {
                let width = hybrid::index_width(self.entries());
                hybrid::indices_bytes_estimated(width, indices.len())
            }
            Body::Plain(pieces) => pieces.bytes,
            Body::Bits(bits) => bits.len() / 8,
        };
        if bytes >= self.options.page_bytes as usize || self.page.rows >= PAGE_ROWS {
            self.end_page(sink)?;
        }
        let Some(dictionary) = self.dictionary.as_ref().filter(|_| self.is_indexing) else {
            return Ok(());
        };
        if dictionary.values.bytes >= DICTIONARY_BYTES {
            self.end_page(sink)?;
            self.write_dictionary(sink)?;
            self.is_indexing = false;
            self.begin_page();
        } else if dictionary.is_exhausted() {
            self.write_dictionary(sink)?;
        }
        Ok(())
    }

    /// Encoding of pages that are not index pages. Booleans are runs in pages v2, as with Arrow.
    fn value_encoding(&self) -> i32 {
        match plain::split_bytes(self.column.kind) {
            Some(_) if self.options.byte_stream_split => BYTE_STREAM_SPLIT,
            None if self.column.kind == DataKind::Boolean && self.options.data_page_v2 => RLE,
            _ => PLAIN,
        }
    }

    fn entries(&self) -> usize {
        self.dictionary.as_ref().map_or(0, |dictionary| dictionary.entries)
    }

    /// Cuts the page, if it has values: to the sink, or to those that wait for the dictionary.
    fn end_page(&mut self, sink: &mut dyn ByteSink) -> io::Result<()> {
        if self.page.values == 0 {
            return Ok(());
        }
        let mut head = Vec::new();
        let level_bytes = self.encode_levels(&mut head);
        // Levels of pages v2 are not compressed.
        let levels_end = if level_bytes.is_some() { head.len() } else { 0 };
        let (encoding, rest) = self.encode_values(&mut head);
        let body: Vec<Buffer> = std::iter::once(Buffer::from_vec(head)).chain(rest).collect();
        let uncompressed = body.iter().map(Buffer::len).sum::<usize>();
        let compressed = match &mut self.scratch.codec {
            PageCodec::None => None,
            codec => codec.compress(&concat(&body)[levels_end..])?,
        };
        let stored = compressed.as_ref().map_or(uncompressed, |bytes| levels_end + bytes.len());
        let header = DataPageHeader {
            kind: self.column.kind,
            rows: self.page.rows,
            values: self.page.values,
            encoding,
            bounds: (!self.options.page_index).then_some(&self.page.bounds),
            level_bytes,
            is_compressed: compressed.is_some(),
        }
        .header(uncompressed, stored);
        let page_bytes = header.len() + stored;
        self.totals.uncompressed_bytes += (header.len() + uncompressed) as u64;
        self.totals.compressed_bytes += page_bytes as u64;
        let body = match compressed {
            // The levels are copied: a slice would keep what was compressed.
            Some(compressed) => {
                vec![Buffer::from(&body[0][..levels_end]), Buffer::from_vec(compressed)]
            }
            None => body,
        };
        let mut parts = std::iter::once(Buffer::from_vec(header)).chain(body);
        let offset = if self.is_indexing && self.dictionary_at.is_none() {
            let offset = self.waiting_bytes;
            self.waiting.extend(parts);
            self.waiting_bytes += page_bytes as u64;
            offset
        } else {
            let offset = sink.position();
            parts.try_for_each(|part| sink.write(&part))?;
            offset
        };
        if self.pages.is_empty() || self.options.page_index {
            let (first_row, bounds) = (self.totals.rows, self.page.bounds.clone());
            self.pages.push(IndexedPage { offset, bytes: page_bytes, first_row, bounds });
        }
        self.totals.values += self.page.values as u64;
        self.totals.rows += self.page.rows as u64;
        match encoding {
            RLE_DICTIONARY => self.totals.index_pages += 1,
            _ => self.totals.value_pages += 1,
        }
        self.bounds.merge(&self.page.bounds);
        self.begin_page();
        Ok(())
    }

    /// Appends the values of the page to `head`, or returns what follows it. Also the encoding.
    fn encode_values(&mut self, head: &mut Vec<u8>) -> (i32, Vec<Buffer>) {
        let (encoding, entries) = (self.value_encoding(), self.entries());
        match std::mem::take(&mut self.page.body) {
            Body::Indices(indices) => {
                let counted = indices.encode(head, entries, &mut self.scratch.counted);
                (RLE_DICTIONARY, counted.into_iter().collect())
            }
            Body::Bits(bits) if encoding == RLE => {
                let values: Vec<u32> =
                    (0..bits.len()).map(|index| bits.get_bit(index).into()).collect();
                let start = head.len();
                head.extend_from_slice(&[0; 4]);
                hybrid::encode(head, 1, &values);
                let length = page_i32(head.len() - start - 4);
                head[start..start + 4].copy_from_slice(&length.to_le_bytes());
                (encoding, Vec::new())
            }
            Body::Bits(bits) => {
                head.extend_from_slice(bits.as_slice());
                (encoding, Vec::new())
            }
            Body::Plain(pieces) if encoding == BYTE_STREAM_SPLIT => {
                let width = plain::split_bytes(self.column.kind).unwrap_or(1);
                let split = plain::split(&concat(&pieces.into_buffers()), width);
                (encoding, vec![Buffer::from_vec(split)])
            }
            Body::Plain(pieces) => (encoding, pieces.into_buffers()),
        }
    }

    /// Repetition levels of lists, then definition levels. In pages v1 each stands behind its
    /// length; of pages v2 the lengths are returned, for their header.
    fn encode_levels(&self, out: &mut Vec<u8>) -> Option<LevelBytes> {
        let is_v2 = self.options.data_page_v2;
        let mut section = |encode: &dyn Fn(&mut Vec<u8>)| {
            let start = out.len();
            if is_v2 {
                encode(out);
                return out.len() - start;
            }
            out.extend_from_slice(&[0; 4]);
            encode(out);
            let length = page_i32(out.len() - start - 4);
            out[start..start + 4].copy_from_slice(&length.to_le_bytes());
            out.len() - start
        };
        let (rows, values) = (self.page.rows as u64, self.page.values as u64);
        let (repetition, definition) = if self.column.is_list() {
            let size = self.column.values_per_row() as u64;
            (
                section(&|out| hybrid::encode_list_starts(out, rows, size)),
                section(&|out| hybrid::encode_repeated(out, 2, 3, values)),
            )
        } else {
            (0, section(&|out| hybrid::encode_repeated(out, 1, 1, values)))
        };
        is_v2.then_some(LevelBytes { repetition, definition })
    }

    /// Writes the dictionary page and the pages that wait for it.
    fn write_dictionary(&mut self, sink: &mut dyn ByteSink) -> io::Result<()> {
        let Some(dictionary) = &mut self.dictionary else { return Ok(()) };
        if self.dictionary_at.is_some() {
            return Ok(());
        }
        // Entries are counted from here on, not kept.
        let values = std::mem::take(&mut dictionary.values).into_buffers();
        let uncompressed = values.iter().map(Buffer::len).sum();
        let compressed = match &mut self.scratch.codec {
            PageCodec::None => None,
            codec => codec.compress(&concat(&values))?,
        };
        let body = compressed.map_or(values, |bytes| vec![Buffer::from_vec(bytes)]);
        let stored = body.iter().map(Buffer::len).sum();
        let header = dictionary_header(dictionary.entries, uncompressed, stored);
        self.totals.uncompressed_bytes += (header.len() + uncompressed) as u64;
        self.totals.compressed_bytes += (header.len() + stored) as u64;
        self.dictionary_at = Some(sink.position());
        sink.write(&header)?;
        body.iter().try_for_each(|part| sink.write(part))?;
        let start = sink.position();
        self.pages.iter_mut().for_each(|page| page.offset += start);
        self.waiting.drain(..).try_for_each(|part| sink.write(&part))
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self, sink: &mut dyn ByteSink) -> io::Result<WrittenChunk> {
        self.end_page(sink)?;
        self.write_dictionary(sink)?;
        Ok(WrittenChunk {
            dictionary_at: self.dictionary_at,
            value_encoding: self.value_encoding(),
            data_page_type: if self.options.data_page_v2 { DATA_PAGE_V2 } else { DATA_PAGE },
            codec: self.scratch.codec.codec().number(),
            pages: self.pages,
            bounds: self.bounds,
            totals: self.totals,
        })
    }
}

/// A column chunk that is in the file.
pub(crate) struct WrittenChunk {
    dictionary_at: Option<u64>,
    /// Encoding of data pages that are not index pages.
    value_encoding: i32,
    data_page_type: i32,
    codec: i32,
    /// For the page index; without one only the first data page.
    pub(crate) pages: Vec<IndexedPage>,
    bounds: Bounds,
    totals: Totals,
}

/// Where a part of the page index lies: offset and length.
pub(crate) type Extent = (u64, usize);

impl WrittenChunk {
    pub(crate) fn uncompressed_bytes(&self) -> u64 {
        self.totals.uncompressed_bytes
    }

    pub(crate) fn compressed_bytes(&self) -> u64 {
        self.totals.compressed_bytes
    }

    /// Appends the chunk's metadata, thrift's `ColumnChunk`.
    pub(crate) fn encode(
        &self,
        column: &DataColumn,
        column_index: Option<Extent>,
        offset_index: Option<Extent>,
        out: &mut Vec<u8>,
    ) {
        let totals = &self.totals;
        let mut chunk = StructWriter::new(out);
        chunk.i64(2, 0);
        chunk.structure(3, |meta| {
            meta.i32(1, column.physical_type());
            match self.dictionary_at {
                Some(_) => meta.list_i32(2, &[PLAIN, RLE, RLE_DICTIONARY]),
                None if self.value_encoding == RLE => meta.list_i32(2, &[RLE]),
                None => meta.list_i32(2, &[RLE, self.value_encoding]),
            }
            meta.list_bytes(3, &column.path());
            meta.i32(4, self.codec);
            meta.i64(5, offset_i64(totals.values));
            meta.i64(6, offset_i64(totals.uncompressed_bytes));
            meta.i64(7, offset_i64(totals.compressed_bytes));
            meta.i64(9, offset_i64(self.pages.first().map_or(0, |page| page.offset)));
            if let Some(offset) = self.dictionary_at {
                meta.i64(11, offset_i64(offset));
            }
            meta.structure(12, |statistics| self.bounds.write(column.kind, statistics));
            let pages = [
                (DICTIONARY_PAGE, PLAIN, i32::from(self.dictionary_at.is_some())),
                (self.data_page_type, self.value_encoding, totals.value_pages),
                (self.data_page_type, RLE_DICTIONARY, totals.index_pages),
            ];
            let pages: Vec<_> = pages.into_iter().filter(|(.., count)| *count > 0).collect();
            meta.structures(13, &pages, |(page_type, encoding, count), fields| {
                fields.i32(1, *page_type);
                fields.i32(2, *encoding);
                fields.i32(3, *count);
            });
            meta.structure(16, |sizes| self.encode_sizes(column, sizes));
        });
        let mut extent = |id: i16, extent: Option<Extent>| {
            if let Some((offset, bytes)) = extent {
                chunk.i64(id, offset_i64(offset));
                chunk.i32(id + 1, page_i32(bytes));
            }
        };
        extent(4, offset_index);
        extent(6, column_index);
        chunk.end();
    }

    /// Thrift's `SizeStatistics`: bytes of strings, and how often each level occurs.
    fn encode_sizes(&self, column: &DataColumn, sizes: &mut StructWriter<'_>) {
        if matches!(column.kind, DataKind::Utf8 | DataKind::Binary(_)) {
            sizes.i64(1, offset_i64(self.totals.unencoded_bytes));
        }
        let (rows, values) = (offset_i64(self.totals.rows), offset_i64(self.totals.values));
        if column.is_list() {
            sizes.list_i64(2, &[rows, values - rows]);
            sizes.list_i64(3, &[0, 0, 0, values]);
        } else {
            sizes.list_i64(2, &[]);
            sizes.list_i64(3, &[0, values]);
        }
    }
}

fn byte_span(offsets: &[i32]) -> u64 {
    match (offsets.first(), offsets.last()) {
        (Some(first), Some(last)) => u64::from((last - first).cast_unsigned()),
        _ => 0,
    }
}
