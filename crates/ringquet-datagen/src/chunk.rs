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

use crate::codec::PageCodec;
use crate::content::Run;
use crate::dictionary::{Dictionary, Indices};
use crate::hybrid;
use crate::plain;
use crate::schema::{DataColumn, DataKind};
use crate::sink::FileSink;
use crate::statistics::Bounds;
use crate::thrift::StructWriter;

/// A dictionary of this many bytes is full, and so is a data page. Looked at after every batch.
const PAGE_BYTES: usize = 1 << 20;
/// Rows of a data page at most.
const PAGE_ROWS: usize = 20_000;
/// Values of a batch; a list goes on to its end.
const BATCH_VALUES: usize = 1024;
/// Values of this many bytes or more are not copied together but written from where they are.
const PIECE_BYTES: usize = 64 << 10;

/// Parquet's numbers of encodings.
const PLAIN: i32 = 0;
const RLE: i32 = 3;
const RLE_DICTIONARY: i32 = 8;
/// Parquet's numbers of page types.
const DATA_PAGE: i32 = 0;
const DICTIONARY_PAGE: i32 = 2;

/// The values of a page.
enum Body {
    Indices(Indices),
    Plain(Pieces),
    /// Booleans.
    Bits(BooleanBufferBuilder),
}

/// PLAIN values, in order.
#[derive(Default)]
struct Pieces {
    closed: Vec<Buffer>,
    open: Vec<u8>,
    bytes: usize,
}

impl Pieces {
    fn add(&mut self, kind: DataKind, array: &dyn Array) {
        match plain::in_place(kind, array) {
            Some(values) if values.len() >= PIECE_BYTES => {
                if !self.open.is_empty() {
                    self.closed.push(Buffer::from_vec(std::mem::take(&mut self.open)));
                }
                self.bytes += values.len();
                self.closed.push(values);
            }
            _ => {
                let before = self.open.len();
                plain::append(kind, array, &mut self.open);
                self.bytes += self.open.len() - before;
            }
        }
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.closed.iter().map(Buffer::as_slice).chain([self.open.as_slice()])
    }
}

/// A data page in the making.
struct Page {
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
    plain_pages: i32,
    index_pages: i32,
    /// Bytes of strings and binaries, without lengths.
    unencoded_bytes: u64,
}

/// A column chunk in the making.
pub(crate) struct ChunkWriter<'a> {
    column: &'a DataColumn,
    codec: &'a mut PageCodec,
    dictionary: Option<Dictionary>,
    /// Index pages that wait for the dictionary page, encoded.
    waiting: Vec<u8>,
    /// Where the dictionary page was written, if it was.
    dictionary_at: Option<u64>,
    /// Where the first data page is, relative to the start of `waiting` until it is written.
    data_at: Option<u64>,
    /// Values go to index pages.
    is_indexing: bool,
    page: Page,
    /// Rows until the end of the batch.
    batch_rows_left: usize,
    bounds: Bounds,
    totals: Totals,
    scratch: Vec<u8>,
}

impl<'a> ChunkWriter<'a> {
    pub(crate) fn new(column: &'a DataColumn, codec: &'a mut PageCodec, raw_floats: bool) -> Self {
        let dictionary = Dictionary::new(column.kind, raw_floats);
        let is_indexing = dictionary.is_some();
        let mut writer = Self {
            column,
            codec,
            dictionary,
            waiting: Vec::new(),
            dictionary_at: None,
            data_at: None,
            is_indexing,
            page: Page {
                rows: 0,
                values: 0,
                body: Body::Plain(Pieces::default()),
                bounds: Bounds::default(),
            },
            batch_rows_left: 0,
            bounds: Bounds::default(),
            totals: Totals::default(),
            scratch: Vec::new(),
        };
        writer.begin_page();
        writer.batch_rows_left = writer.batch_rows();
        writer
    }

    fn begin_page(&mut self) {
        let body = match self.column.kind {
            _ if self.is_indexing => Body::Indices(Indices::default()),
            DataKind::Boolean => Body::Bits(BooleanBufferBuilder::new(PAGE_ROWS)),
            _ => Body::Plain(Pieces::default()),
        };
        self.page = Page { rows: 0, values: 0, body, bounds: Bounds::default() };
    }

    /// Rows of the next batch.
    fn batch_rows(&self) -> usize {
        let rows = BATCH_VALUES.div_ceil(self.column.values_per_row());
        rows.min(PAGE_ROWS - self.page.rows)
    }

    /// Adds the leaf values of whole rows, whose ordinals are those of `run`.
    pub(crate) fn push(
        &mut self,
        leaf: &ArrayRef,
        run: &Run,
        sink: &mut FileSink<'_>,
    ) -> io::Result<()> {
        let per_row = self.column.values_per_row();
        let rows = leaf.len() / per_row;
        let mut row = 0;
        while row < rows {
            let taken = self.batch_rows_left.min(rows - row);
            self.add(leaf, run, row * per_row..(row + taken) * per_row);
            self.page.rows += taken;
            row += taken;
            self.batch_rows_left -= taken;
            if self.batch_rows_left == 0 {
                self.end_batch(sink)?;
                self.batch_rows_left = self.batch_rows();
            }
        }
        Ok(())
    }

    fn add(&mut self, leaf: &ArrayRef, run: &Run, range: Range<usize>) {
        let part = leaf.slice(range.start, range.len());
        let kind = self.column.kind;
        self.page.bounds.add(kind, part.as_ref());
        self.page.values += range.len();
        self.totals.unencoded_bytes += match kind {
            DataKind::Utf8 => {
                let offsets = part.as_string::<i32>().value_offsets();
                byte_span(offsets)
            }
            DataKind::Binary(size) => u64::from(size) * range.len() as u64,
            _ => 0,
        };
        match (&mut self.page.body, &mut self.dictionary) {
            (Body::Indices(indices), Some(dictionary)) => {
                dictionary.add(leaf.as_ref(), run, range, indices);
            }
            (Body::Bits(bits), _) => bits.append_buffer(part.as_boolean().values()),
            (Body::Plain(pieces), _) => pieces.add(kind, part.as_ref()),
            (Body::Indices(_), None) => unreachable!("only a dictionary makes index pages"),
        }
    }

    fn end_batch(&mut self, sink: &mut FileSink<'_>) -> io::Result<()> {
        let entries = self.dictionary.as_ref().map_or(0, |dictionary| dictionary.entries);
        let bytes = match &self.page.body {
            Body::Indices(indices) => {
                hybrid::indices_bytes_estimated(hybrid::index_width(entries), indices.len())
            }
            Body::Plain(pieces) => pieces.bytes,
            Body::Bits(bits) => bits.len() / 8,
        };
        if bytes >= PAGE_BYTES || self.page.rows >= PAGE_ROWS {
            self.end_page(sink)?;
        }
        let Some(dictionary) = self.dictionary.as_ref().filter(|_| self.is_indexing) else {
            return Ok(());
        };
        if dictionary.bytes.len() >= PAGE_BYTES {
            self.end_page(sink)?;
            self.write_dictionary(sink)?;
            self.is_indexing = false;
            self.begin_page();
        } else if dictionary.is_exhausted() {
            self.write_dictionary(sink)?;
        }
        Ok(())
    }

    /// Cuts the page, if it has values: to the sink, or to those that wait for the dictionary.
    fn end_page(&mut self, sink: &mut FileSink<'_>) -> io::Result<()> {
        if self.page.values == 0 {
            return Ok(());
        }
        let mut head = std::mem::take(&mut self.scratch);
        head.clear();
        self.encode_levels(&mut head);
        let encoding = match &self.page.body {
            Body::Indices(indices) => {
                let entries = self.dictionary.as_ref().map_or(0, |dictionary| dictionary.entries);
                indices.encode(&mut head, entries);
                RLE_DICTIONARY
            }
            Body::Bits(bits) => {
                head.extend_from_slice(bits.as_slice());
                PLAIN
            }
            Body::Plain(_) => PLAIN,
        };
        let pieces = match &self.page.body {
            Body::Plain(pieces) => Some(pieces),
            _ => None,
        };
        let parts: Vec<&[u8]> = std::iter::once(head.as_slice())
            .chain(pieces.into_iter().flat_map(Pieces::parts))
            .collect();
        let uncompressed: usize = parts.iter().map(|part| part.len()).sum();
        let compressed = match &self.codec {
            PageCodec::None => None,
            _ => self.codec.compress(&parts.concat())?,
        };
        let stored = compressed.as_ref().map_or(uncompressed, Vec::len);
        let (values, bounds, kind) = (self.page.values, &self.page.bounds, self.column.kind);
        let header = page_header(DATA_PAGE, uncompressed, stored, |page| {
            page.structure(5, |page| {
                page.i32(1, page_i32(values));
                page.i32(2, encoding);
                page.i32(3, RLE);
                page.i32(4, RLE);
                page.structure(5, |statistics| bounds.write(kind, statistics));
            });
        });
        self.totals.uncompressed_bytes += (header.len() + uncompressed) as u64;
        self.totals.compressed_bytes += (header.len() + stored) as u64;
        self.totals.values += values as u64;
        self.totals.rows += self.page.rows as u64;
        match encoding {
            PLAIN => self.totals.plain_pages += 1,
            _ => self.totals.index_pages += 1,
        }
        self.bounds.merge(bounds);
        let parts = match &compressed {
            Some(compressed) => vec![compressed.as_slice()],
            None => parts,
        };
        if self.is_indexing && self.dictionary_at.is_none() {
            self.data_at.get_or_insert(0);
            self.waiting.extend_from_slice(&header);
            parts.iter().for_each(|part| self.waiting.extend_from_slice(part));
        } else {
            self.data_at.get_or_insert(sink.position());
            sink.write(&header)?;
            parts.iter().try_for_each(|part| sink.write(part))?;
        }
        self.scratch = head;
        self.begin_page();
        Ok(())
    }

    /// Repetition levels of lists, definition levels: each behind its length.
    fn encode_levels(&self, out: &mut Vec<u8>) {
        let mut section = |encode: &dyn Fn(&mut Vec<u8>)| {
            let start = out.len();
            out.extend_from_slice(&[0; 4]);
            encode(out);
            let length = u32::try_from(out.len() - start - 4).expect("levels of one page");
            out[start..start + 4].copy_from_slice(&length.to_le_bytes());
        };
        let (rows, values) = (self.page.rows as u64, self.page.values as u64);
        if self.column.is_list() {
            let size = self.column.values_per_row() as u64;
            section(&|out| hybrid::encode_list_starts(out, rows, size));
            section(&|out| hybrid::encode_repeated(out, 2, 3, values));
        } else {
            section(&|out| hybrid::encode_repeated(out, 1, 1, values));
        }
    }

    /// Writes the dictionary page and the pages that wait for it.
    fn write_dictionary(&mut self, sink: &mut FileSink<'_>) -> io::Result<()> {
        let Some(dictionary) = &self.dictionary else { return Ok(()) };
        if self.dictionary_at.is_some() {
            return Ok(());
        }
        let uncompressed = dictionary.bytes.len();
        let compressed = self.codec.compress(&dictionary.bytes)?;
        let stored = compressed.as_deref().unwrap_or(&dictionary.bytes);
        let header = page_header(DICTIONARY_PAGE, uncompressed, stored.len(), |page| {
            page.structure(7, |page| {
                page.i32(1, page_i32(dictionary.entries));
                page.i32(2, PLAIN);
                page.bool(3, false);
            });
        });
        self.totals.uncompressed_bytes += (header.len() + uncompressed) as u64;
        self.totals.compressed_bytes += (header.len() + stored.len()) as u64;
        self.dictionary_at = Some(sink.position());
        sink.write(&header)?;
        sink.write(stored)?;
        if let Some(data_at) = &mut self.data_at {
            *data_at = sink.position();
        }
        sink.write(&self.waiting)?;
        self.waiting = Vec::new();
        Ok(())
    }

    /// Writes what is left, and appends the chunk's metadata to `out`. Returns its bytes
    /// uncompressed and as stored.
    pub(crate) fn finish(
        mut self,
        sink: &mut FileSink<'_>,
        out: &mut Vec<u8>,
    ) -> io::Result<(u64, u64)> {
        self.end_page(sink)?;
        self.write_dictionary(sink)?;
        let totals = &self.totals;
        let (kind, column) = (self.column.kind, self.column);
        let mut chunk = StructWriter::new(out);
        chunk.i64(2, 0);
        chunk.structure(3, |meta| {
            meta.i32(1, column.physical_type());
            match self.dictionary_at {
                Some(_) => meta.list_i32(2, &[PLAIN, RLE, RLE_DICTIONARY]),
                None => meta.list_i32(2, &[RLE, PLAIN]),
            }
            meta.list_bytes(3, &column.path());
            meta.i32(4, self.codec.id());
            meta.i64(5, offset_i64(totals.values));
            meta.i64(6, offset_i64(totals.uncompressed_bytes));
            meta.i64(7, offset_i64(totals.compressed_bytes));
            meta.i64(9, offset_i64(self.data_at.unwrap_or(0)));
            if let Some(offset) = self.dictionary_at {
                meta.i64(11, offset_i64(offset));
            }
            meta.structure(12, |statistics| self.bounds.write(kind, statistics));
            let pages = [
                (DICTIONARY_PAGE, PLAIN, i32::from(self.dictionary_at.is_some())),
                (DATA_PAGE, PLAIN, totals.plain_pages),
                (DATA_PAGE, RLE_DICTIONARY, totals.index_pages),
            ];
            let pages: Vec<_> = pages.into_iter().filter(|(.., count)| *count > 0).collect();
            meta.structures(13, &pages, |(page_type, encoding, count), fields| {
                fields.i32(1, *page_type);
                fields.i32(2, *encoding);
                fields.i32(3, *count);
            });
            meta.structure(16, |sizes| {
                if matches!(kind, DataKind::Utf8 | DataKind::Binary(_)) {
                    sizes.i64(1, offset_i64(totals.unencoded_bytes));
                }
                let (rows, values) = (offset_i64(totals.rows), offset_i64(totals.values));
                if column.is_list() {
                    sizes.list_i64(2, &[rows, values - rows]);
                    sizes.list_i64(3, &[0, 0, 0, values]);
                } else {
                    sizes.list_i64(2, &[]);
                    sizes.list_i64(3, &[0, values]);
                }
            });
        });
        chunk.end();
        Ok((totals.uncompressed_bytes, totals.compressed_bytes))
    }
}

fn page_header(
    page_type: i32,
    uncompressed: usize,
    stored: usize,
    fields: impl FnOnce(&mut StructWriter<'_>),
) -> Vec<u8> {
    let mut header = Vec::with_capacity(80);
    let mut page = StructWriter::new(&mut header);
    page.i32(1, page_type);
    page.i32(2, page_i32(uncompressed));
    page.i32(3, page_i32(stored));
    fields(&mut page);
    page.end();
    header
}

/// Sizes and counts within a page: a row has a gibibyte at most, and a page a mebibyte more.
fn page_i32(number: usize) -> i32 {
    i32::try_from(number).expect("pages are shorter than 2^31 bytes")
}

/// Offsets and totals within a file.
pub(crate) fn offset_i64(number: u64) -> i64 {
    i64::try_from(number).expect("files are shorter than 2^63 bytes")
}

fn byte_span(offsets: &[i32]) -> u64 {
    match (offsets.first(), offsets.last()) {
        (Some(first), Some(last)) => u64::from((last - first).cast_unsigned()),
        _ => 0,
    }
}
