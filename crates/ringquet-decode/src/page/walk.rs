//! The page walk: from the bytes of a column chunk to its pages, one at a time, asking for bytes instead of reading.
//!
//! ```text
//! column chunk  │ header │ dictionary page │ header │ data page │ header │ data page │ …
//!                          ▲ consumed: everything before the page that is being decoded
//! ```

use std::ops::Range;

use crate::codec::Codec;
use crate::decompress::{Decompressor, check_expansion};
use crate::error::Fault;
use crate::footer::column_chunk::ColumnChunk;
use crate::page::header::{PageHeader, PageKind};
use crate::page::header_memo::HeaderMemo;
use crate::source::ChunkSource;

/// Bytes requested where a page header is expected. PyArrow's headers with statistics take about 70.
const HEADER_ASK_BYTES: u64 = 512;

/// Longest page header that is accepted: statistics may hold a whole minimum and maximum. A longer one is an error.
const HEADER_BYTES_MAX: u64 = 64 << 20;

/// Slack on the uncompressed bytes of a chunk when pages are held against it: some writers leave page headers or the
/// dictionary page out of that sum. A page that is longer by more is an error.
const UNCOMPRESSED_SLACK_BYTES: u64 = 16 << 20;

/// What the walk has at its present position.
#[derive(Debug)]
pub(crate) enum PageStep<'s> {
    /// A page with its bytes, still compressed. The walk stays here until [`PageWalk::advance`].
    Page(RawPage<'s>),
    /// These bytes of the file must come first.
    NeedsBytes(Range<u64>),
    /// No page is left.
    End,
}

/// What the walk has found about the page at its present position.
#[derive(Debug)]
pub(crate) enum HeaderStep {
    /// Its header.
    Header(PageHeader),
    /// These bytes of the file must come first.
    NeedsBytes(Range<u64>),
    /// No page is left.
    End,
}

/// A page as it lies in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawPage<'s> {
    pub(crate) header: PageHeader,
    /// Where it starts in the file.
    pub(crate) offset: u64,
    /// The page without its header, as compressed as the file has it.
    pub(crate) bytes: &'s [u8],
}

impl RawPage<'_> {
    /// Where it can be read again.
    pub(crate) fn location(&self) -> PageLocation {
        let range = self.offset..self.offset + self.bytes.len() as u64;
        PageLocation { header: self.header, range }
    }
}

/// Where a page can be read again.
#[derive(Debug, Clone)]
pub(crate) struct PageLocation {
    pub(crate) header: PageHeader,
    /// In the file, without the header.
    pub(crate) range: Range<u64>,
}

impl PageLocation {
    /// The page of a leaf column, if its bytes are at hand.
    pub(crate) fn page<'s>(
        &self,
        leaf: usize,
        source: &'s mut dyn ChunkSource,
    ) -> Option<RawPage<'s>> {
        let range = &self.range;
        // Empty ranges are not requested.
        let bytes = if range.is_empty() { &[] } else { source.bytes(leaf, range.clone())? };
        debug_assert_eq!(
            bytes.len() as u64,
            range.end - range.start,
            "a source returns the requested range"
        );
        Some(RawPage { header: self.header, offset: range.start, bytes })
    }
}

/// A position in a column chunk.
#[derive(Debug)]
pub(crate) struct PageWalk {
    leaf: usize,
    chunk: ColumnChunk,
    /// Where the next page, or its header, starts.
    position: u64,
    /// Header of the page at `position`, once known, and its length.
    header: Option<(PageHeader, u64)>,
    header_ask_bytes: u64,
    /// Values in the data pages behind us.
    values_seen: u64,
    verify_crc: bool,
    page_bytes_max: u64,
    crc_verified: bool,
    /// Pages behind us, stepped-over ones left out.
    pages: u64,
}

impl PageWalk {
    pub(crate) fn new(
        leaf: usize,
        chunk: ColumnChunk,
        verify_crc: bool,
        page_bytes_max: usize,
    ) -> Self {
        Self {
            leaf,
            chunk,
            position: chunk.offset,
            header: None,
            header_ask_bytes: HEADER_ASK_BYTES,
            values_seen: 0,
            verify_crc,
            page_bytes_max: page_bytes_max as u64,
            crc_verified: false,
            pages: 0,
        }
    }

    /// Leaf column whose chunk this is.
    pub(crate) fn leaf(&self) -> usize {
        self.leaf
    }

    /// Bytes of the file before this are not needed again.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Pages behind us.
    pub(crate) fn pages(&self) -> u64 {
        self.pages
    }

    pub(crate) fn chunk(&self) -> &ColumnChunk {
        &self.chunk
    }

    pub(crate) fn codec(&self) -> Codec {
        self.chunk.codec
    }

    /// Header of the page at the present position; pages that hold no values are stepped over.
    pub(crate) fn peek_header(
        &mut self,
        source: &mut dyn ChunkSource,
        headers: &mut HeaderMemo,
    ) -> Result<HeaderStep, Fault> {
        loop {
            match &self.header {
                Some((header, _)) if header.is_without_values() => self.step_over(),
                Some((header, _)) => return Ok(HeaderStep::Header(*header)),
                None if self.at_end()? => return Ok(HeaderStep::End),
                None => {
                    if let Some(range) = self.read_header(source, headers)? {
                        return Ok(HeaderStep::NeedsBytes(range));
                    }
                }
            }
        }
    }

    /// The page at the present position, with its bytes.
    pub(crate) fn peek<'s>(
        &mut self,
        source: &'s mut dyn ChunkSource,
        headers: &mut HeaderMemo,
    ) -> Result<PageStep<'s>, Fault> {
        let header = match self.peek_header(source, headers)? {
            HeaderStep::Header(header) => header,
            HeaderStep::NeedsBytes(range) => return Ok(PageStep::NeedsBytes(range)),
            HeaderStep::End => return Ok(PageStep::End),
        };
        let offset = self.position + self.header.map_or(0, |(_, header_bytes)| header_bytes);
        let range = offset..offset + u64::from(header.compressed_bytes);
        let location = PageLocation { header, range };
        let Some(page) = location.page(self.leaf, source) else {
            return Ok(PageStep::NeedsBytes(location.range));
        };
        if self.verify_crc && !self.crc_verified && !page.bytes.is_empty() {
            verify_crc(&header, page.bytes)?;
            self.crc_verified = true;
        }
        Ok(PageStep::Page(page))
    }

    /// Leaves the page that [`Self::peek`] gave behind.
    pub(crate) fn advance(&mut self) {
        if let Some((header, _)) = self.header {
            self.values_seen += u64::from(header.data_values());
            self.pages += 1;
        }
        self.step_over();
    }

    /// Whether the data page at the present position, or, once it is behind us, the one before, is the last one.
    pub(crate) fn is_last_data_page(&self) -> bool {
        let here = self.header.map_or(0, |(header, _)| u64::from(header.data_values()));
        self.values_seen + here >= self.chunk.num_values
    }

    fn step_over(&mut self) {
        if let Some((header, header_bytes)) = self.header.take() {
            self.position += header_bytes + u64::from(header.compressed_bytes);
            self.header_ask_bytes = HEADER_ASK_BYTES;
            self.crc_verified = false;
        }
    }

    fn end(&self) -> u64 {
        self.chunk.byte_range().end
    }

    fn at_end(&self) -> Result<bool, Fault> {
        // Bytes may be left behind the last value: some writers pad.
        if self.values_seen >= self.chunk.num_values {
            return Ok(true);
        }
        if self.position < self.end() {
            return Ok(false);
        }
        Err(Fault::out_of_spec(format!(
            "column chunk ends after {} of its {} values",
            self.values_seen, self.chunk.num_values
        )))
    }

    /// Parses the header at the present position, or returns which bytes that takes.
    fn read_header(
        &mut self,
        source: &mut dyn ChunkSource,
        headers: &mut HeaderMemo,
    ) -> Result<Option<Range<u64>>, Fault> {
        loop {
            let rest = self.end() - self.position;
            let ask = self.header_ask_bytes.min(rest);
            let range = self.position..self.position + ask;
            let Some(bytes) = source.bytes(self.leaf, range.clone()) else {
                return Ok(Some(range));
            };
            if let Some((mut header, header_bytes)) = headers.parse(bytes)? {
                if self.chunk.v2_denies_compression
                    && let PageKind::DataV2 { is_compressed, .. } = &mut header.kind
                {
                    *is_compressed = true;
                }
                let header_bytes = header_bytes as u64;
                self.check(&header, rest - header_bytes)?;
                self.header = Some((header, header_bytes));
                return Ok(None);
            }
            if ask == rest {
                let what = "page header";
                return Err(Fault::Truncated { what, wanted_bytes: ask + 1, present_bytes: rest });
            }
            if ask >= HEADER_BYTES_MAX {
                return Err(Fault::WouldOverAllocate {
                    what: "page header",
                    wanted_bytes: ask * 2,
                    bound_bytes: HEADER_BYTES_MAX,
                });
            }
            self.header_ask_bytes = ask * 2;
        }
    }

    /// Holds a page header against its column chunk, of which `rest` bytes are left behind the header.
    fn check(&self, header: &PageHeader, rest: u64) -> Result<(), Fault> {
        let compressed = u64::from(header.compressed_bytes);
        if compressed > rest {
            let what = "page";
            return Err(Fault::Truncated { what, wanted_bytes: compressed, present_bytes: rest });
        }
        let uncompressed = u64::from(header.uncompressed_bytes);
        let wanted_bytes = compressed.max(uncompressed);
        if wanted_bytes > self.page_bytes_max {
            return Err(Fault::OverLimit {
                what: "page",
                wanted_bytes,
                bound_bytes: self.page_bytes_max,
                option: "page_bytes_max",
            });
        }
        let bound_bytes = self.chunk.uncompressed_bytes.saturating_add(UNCOMPRESSED_SLACK_BYTES);
        if uncompressed > bound_bytes {
            let what = "decompressed page";
            return Err(Fault::WouldOverAllocate { what, wanted_bytes: uncompressed, bound_bytes });
        }
        let values = self.values_seen + u64::from(header.data_values());
        if values > self.chunk.num_values {
            return Err(Fault::out_of_spec(format!(
                "pages have {values} values or more, their column chunk {}",
                self.chunk.num_values
            )));
        }
        if let PageKind::DataV2 {
            num_values,
            num_nulls,
            num_rows,
            definition_bytes,
            repetition_bytes,
            ..
        } = header.kind
        {
            let levels = u64::from(definition_bytes) + u64::from(repetition_bytes);
            if levels > compressed.min(uncompressed) {
                return Err(Fault::out_of_spec(format!(
                    "levels of {levels} bytes in a page of {compressed} ({uncompressed} uncompressed)"
                )));
            }
            if is_plain(header, self.chunk.codec)
                && self.chunk.codec != Codec::Uncompressed
                && compressed != uncompressed
            {
                return Err(Fault::out_of_spec(format!(
                    "a page marked as not compressed takes {compressed} bytes and {uncompressed} uncompressed"
                )));
            }
            if num_nulls > num_values || num_rows > num_values {
                return Err(Fault::out_of_spec(format!(
                    "{num_nulls} nulls and {num_rows} rows in a page of {num_values} values"
                )));
            }
        }
        Ok(())
    }
}

fn verify_crc(header: &PageHeader, bytes: &[u8]) -> Result<(), Fault> {
    match header.crc {
        Some(expected) => {
            let computed = crc32fast::hash(bytes);
            if computed == expected {
                Ok(())
            } else {
                Err(Fault::CrcMismatch { expected, computed })
            }
        }
        None => Ok(()),
    }
}

/// How much of a page is compressed: (bytes of levels that are not, whether the rest is).
fn compression(header: &PageHeader, codec: Codec) -> (usize, bool) {
    match header.kind {
        PageKind::DataV2 { definition_bytes, repetition_bytes, is_compressed, .. } => {
            let levels = definition_bytes as usize + repetition_bytes as usize;
            (levels, is_compressed && codec != Codec::Uncompressed)
        }
        _ => (0, codec != Codec::Uncompressed),
    }
}

/// Whether the bytes of the page in the file are already those that its header describes.
pub(crate) fn is_plain(header: &PageHeader, codec: Codec) -> bool {
    !compression(header, codec).1
}

/// Bytes of the page after [`decompress`].
pub(crate) fn decompressed_bytes(header: &PageHeader, codec: Codec) -> u32 {
    if is_plain(header, codec) { header.compressed_bytes } else { header.uncompressed_bytes }
}

/// Writes the decompressed page into memory that `target` gives for its length, once that length is checked.
pub(crate) fn decompress<'t>(
    page: &RawPage<'_>,
    codec: Codec,
    decompressor: &mut Decompressor,
    target: impl FnOnce(usize) -> &'t mut [u8],
) -> Result<(), Fault> {
    let (levels, is_compressed) = compression(&page.header, codec);
    if !is_compressed {
        target(page.bytes.len()).copy_from_slice(page.bytes);
        return Ok(());
    }
    let uncompressed = page.header.uncompressed_bytes as usize;
    let (levels, values) = page
        .bytes
        .split_at_checked(levels)
        .ok_or_else(|| Fault::truncated("levels", levels, page.bytes.len()))?;
    check_expansion(codec, values.len(), uncompressed.saturating_sub(levels.len()))?;
    if levels.len() > uncompressed {
        return Err(Fault::truncated("decompressed page", levels.len(), uncompressed));
    }
    let (levels_target, values_target) = target(uncompressed).split_at_mut(levels.len());
    levels_target.copy_from_slice(levels);
    decompressor.decompress(codec, values, values_target)
}
