//! A root column decoded by the `parquet` crate, fed with pages that our own walk found and decompressed.
//!
//! The crate reads files, so it is shown one: a [`PageStream`] per leaf, in which each page follows the last one,
//! uncompressed, under a header that we write anew. The offsets in it are made up, and the stream only ever goes on.
//!
//! ```text
//! PageWalk ─ page ─▶ decompress ─▶ │ header │ page │ header │ page │ header │ ─▶ ParquetRecordBatchReader ─▶ array
//!                                  └ given away once read            └ the next page is announced before it is there
//! ```
//!
//! Having read the levels of a page, the crate looks at the next header to learn whether the last row goes on. So it is
//! only asked for `n` rows when the stream of each leaf has the start of row `n + 1` and one more header, or its end: the
//! header of a page without values.

mod handover;

use std::collections::VecDeque;
use std::io::Cursor;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use arrow_array::ArrayRef;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

use crate::error::Fault;
use crate::levels;
use crate::page::{self, HeaderStep, PageStep, PageWalk, RawPage};
use crate::page_header::{PageEncoding, PageHeader, PageKind};
use crate::row_group::{ChunkSource, ColumnContext, Want};
use crate::schema::{FileSchema, VIRTUAL_CHUNK_BYTES, guarded, virtual_start};
use handover::Handover;

/// Decoder of one root column through the `parquet` crate.
pub(crate) struct FallbackColumn {
    leaves: Vec<LeafPages>,
    reader: ParquetRecordBatchReader,
    rows_taken: u64,
}

/// Pages of one leaf on their way to the `parquet` crate.
struct LeafPages {
    walk: PageWalk,
    stream: Arc<Mutex<PageStream>>,
    handover: Handover,
    /// Rows whose start was written to the stream.
    row_starts: u64,
    /// The header of the next page is in the stream already.
    announced: bool,
    ended: bool,
}

/// What came of asking for a page or a header.
enum Pulled {
    /// The stream has it.
    Done,
    /// Bytes must come first.
    NeedsBytes(Range<u64>),
}

impl FallbackColumn {
    pub(crate) fn new(
        schema: &FileSchema,
        root: usize,
        walks: Vec<PageWalk>,
        batch_rows: usize,
    ) -> Result<Self, Fault> {
        let leaves: Vec<LeafPages> = walks
            .into_iter()
            .enumerate()
            .map(|(index, walk)| LeafPages {
                stream: Arc::new(Mutex::new(PageStream::new(virtual_start(index)))),
                handover: Handover::new(&schema.parquet.column(walk.leaf())),
                walk,
                row_starts: 0,
                announced: false,
                ended: false,
            })
            .collect();
        let streams = PageStreams(leaves.iter().map(|leaf| Arc::clone(&leaf.stream)).collect());
        let metadata = schema.reader_metadata(root)?;
        let reader = guarded("column set-up", || {
            ParquetRecordBatchReaderBuilder::new_with_metadata(streams, metadata.clone())
                .with_batch_size(batch_rows)
                .build()
        })?;
        Ok(Self { leaves, reader, rows_taken: 0 })
    }

    /// Streams pages until `rows` more rows can be taken; which bytes that takes if they are not at hand. After the last
    /// rows of the row group the column chunk must end.
    pub(crate) fn fill(
        &mut self,
        rows: u64,
        is_last: bool,
        source: &mut dyn ChunkSource,
        context: &mut ColumnContext,
    ) -> Result<Option<Want>, (usize, Fault)> {
        let target = self.rows_taken + rows;
        for leaf in &mut self.leaves {
            let index = leaf.walk.leaf();
            let in_leaf = |fault| (index, fault);
            loop {
                let pulled = if !leaf.ended && !leaf.has(target) {
                    leaf.pull(source, context)
                } else if !leaf.announced && (is_last || leaf.handover.max_repetition_level() > 0) {
                    leaf.announce(source, context)
                } else {
                    break;
                };
                if let Pulled::NeedsBytes(range) = pulled.map_err(in_leaf)? {
                    return Ok(Some(Want { leaf: index, range }));
                }
            }
            if leaf.row_starts < target || (is_last && (leaf.row_starts > target || !leaf.ended)) {
                return Err(in_leaf(Fault::out_of_spec(format!(
                    "column chunk has {} rows{}, its row group has {target}{}",
                    leaf.row_starts,
                    if leaf.ended { "" } else { " or more" },
                    if is_last { "" } else { " or more" },
                ))));
            }
        }
        Ok(None)
    }

    /// Decodes the next `rows` rows, which [`Self::fill`] has streamed.
    pub(crate) fn take(&mut self, rows: usize) -> Result<ArrayRef, Fault> {
        let reader = &mut self.reader;
        let batch = guarded("column", || {
            reader.next().transpose().map_err(|error| ParquetError::External(Box::new(error)))
        })?
        .ok_or_else(|| Fault::out_of_spec("column ends before its row group"))?;
        // Rows beyond the row group do not exist: the last batch may be longer only in a file that lies.
        let array = match batch.num_rows() {
            given if given == rows => Arc::clone(batch.column(0)),
            given => {
                return Err(Fault::out_of_spec(format!("column gave {given} rows of {rows}")));
            }
        };
        self.rows_taken += rows as u64;
        Ok(array)
    }

    pub(crate) fn walks(&self) -> impl Iterator<Item = &PageWalk> {
        self.leaves.iter().map(|leaf| &leaf.walk)
    }
}

impl LeafPages {
    /// Whether the first `rows` rows are complete in the stream.
    fn has(&self, rows: u64) -> bool {
        match self.handover.max_repetition_level() {
            0 => self.row_starts >= rows,
            _ => self.row_starts > rows,
        }
    }

    /// Writes the header of the next page, or the end, to the stream.
    fn announce(
        &mut self,
        source: &mut dyn ChunkSource,
        context: &mut ColumnContext,
    ) -> Result<Pulled, Fault> {
        if self.announced {
            return Ok(Pulled::Done);
        }
        let header = match self.walk.peek_header(source, &mut context.contexts.headers)? {
            HeaderStep::NeedsBytes(range) => return Ok(Pulled::NeedsBytes(range)),
            HeaderStep::Header(header) => {
                check_encodings(&header)?;
                let page_bytes = page::decompressed_bytes(&header, self.walk.codec());
                self.handover.header(&header, page_bytes)?
            }
            HeaderStep::End => {
                self.ended = true;
                self.announced = true;
                self.stream().tail = Some(END.write_uncompressed(0).into());
                return Ok(Pulled::Done);
            }
        };
        self.stream().push(header.into())?;
        self.announced = true;
        Ok(Pulled::Done)
    }

    /// Writes the next page, or the end, to the stream.
    fn pull(
        &mut self,
        source: &mut dyn ChunkSource,
        context: &mut ColumnContext,
    ) -> Result<Pulled, Fault> {
        let announced = self.announce(source, context)?;
        if self.ended || matches!(announced, Pulled::NeedsBytes(_)) {
            return Ok(announced);
        }
        let codec = self.walk.codec();
        let page = match self.walk.peek(source, &mut context.contexts.headers)? {
            PageStep::NeedsBytes(range) => return Ok(Pulled::NeedsBytes(range)),
            PageStep::End => return Ok(Pulled::Done),
            PageStep::Page(page) => page,
        };
        let mut bytes = Vec::new();
        page::decompress(&page, codec, &mut context.contexts.decompressor, |length| {
            bytes.resize(length, 0);
            &mut bytes
        })?;
        context.counters.decompressed_bytes += bytes.len() as u64;
        let header = page.header;
        self.row_starts += row_starts(&page, &bytes, self.handover.max_repetition_level())?;
        let bytes = self.handover.page(&header, bytes)?;
        self.walk.advance();
        self.announced = false;
        self.stream().push(bytes.into())?;
        Ok(Pulled::Done)
    }

    fn stream(&self) -> MutexGuard<'_, PageStream> {
        lock(&self.stream)
    }
}

/// What the `parquet` crate takes for the end of a column chunk: a page without values, and of the version whose pages
/// start with a row, so that the row before it is complete.
const END: PageHeader = PageHeader {
    compressed_bytes: 0,
    uncompressed_bytes: 0,
    crc: None,
    kind: PageKind::DataV2 {
        num_values: 0,
        num_nulls: 0,
        num_rows: 0,
        encoding: PageEncoding::Plain,
        definition_bytes: 0,
        repetition_bytes: 0,
        is_compressed: false,
    },
};

/// Encodings that nobody knows are refused by their number, before a header with them is written.
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

/// Rows that start in a decompressed page.
fn row_starts(page: &RawPage<'_>, bytes: &[u8], max_level: i16) -> Result<u64, Fault> {
    match page.header.kind {
        PageKind::DataV1 { num_values, .. } | PageKind::DataV2 { num_values, .. }
            if max_level == 0 =>
        {
            Ok(u64::from(num_values))
        }
        PageKind::DataV1 { num_values, repetition_encoding, .. } => {
            let (repetition, _) =
                levels::split_v1(bytes, repetition_encoding, max_level, num_values)?;
            levels::count_row_starts(repetition, repetition_encoding, max_level, num_values)
        }
        PageKind::DataV2 { num_values, repetition_bytes, .. } => {
            let repetition = bytes.get(..repetition_bytes as usize).ok_or_else(|| {
                Fault::truncated("repetition levels", repetition_bytes as usize, bytes.len())
            })?;
            levels::count_row_starts(repetition, PageEncoding::Rle, max_level, num_values)
        }
        PageKind::Dictionary { .. } | PageKind::Other => Ok(0),
    }
}

/// Headers and pages that the `parquet` crate has not read yet, at made-up offsets.
#[derive(Debug)]
struct PageStream {
    segments: VecDeque<(u64, Bytes)>,
    /// What is read from the end on, again and again: the crate may look more than once.
    tail: Option<Bytes>,
    end: u64,
    end_max: u64,
}

impl PageStream {
    fn new(start: u64) -> Self {
        Self {
            segments: VecDeque::new(),
            tail: None,
            end: start,
            end_max: start.saturating_add(VIRTUAL_CHUNK_BYTES),
        }
    }

    fn push(&mut self, bytes: Bytes) -> Result<(), Fault> {
        let start = self.end;
        self.end += bytes.len() as u64;
        if self.end >= self.end_max {
            return Err(Fault::unsupported("column chunks of more than 1 TiB"));
        }
        // The crate asks for empty pages as well, but then there is nothing to give.
        if !bytes.is_empty() {
            self.segments.push_back((start, bytes));
        }
        Ok(())
    }

    /// The segment that starts at `start`. Those before it were read and are given away.
    fn segment(&mut self, start: u64) -> Option<Bytes> {
        while self.segments.front().is_some_and(|(offset, _)| *offset < start) {
            self.segments.pop_front();
        }
        match self.segments.front() {
            Some((offset, bytes)) if *offset == start => Some(bytes.clone()),
            None if start >= self.end => self.tail.clone(),
            _ => None,
        }
    }
}

/// A panic of the `parquet` crate while it held the lock leaves the stream as it was: segments go in and out whole.
fn lock(stream: &Mutex<PageStream>) -> MutexGuard<'_, PageStream> {
    stream.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The streams of all leaves of a root column: the file that the `parquet` crate sees.
struct PageStreams(Vec<Arc<Mutex<PageStream>>>);

impl PageStreams {
    fn segment(&self, start: u64) -> Option<Bytes> {
        // The first leaf's stream starts at one chunk length.
        let leaf = usize::try_from(start / VIRTUAL_CHUNK_BYTES).ok()?.checked_sub(1)?;
        lock(self.0.get(leaf)?).segment(start)
    }
}

impl Length for PageStreams {
    fn len(&self) -> u64 {
        virtual_start(self.0.len())
    }
}

impl ChunkReader for PageStreams {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(Cursor::new(self.segment(start).unwrap_or_default()))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        self.segment(start).filter(|bytes| bytes.len() == length).ok_or_else(|| {
            ParquetError::EOF(format!("page of {length} bytes was asked for before it was there"))
        })
    }
}
