//! Headers of pages, and the page index.
//!
//! ```text
//! data page v1   │ header │ ⟦length, repetition levels, length, definition levels, values⟧ │
//! data page v2   │ header │ repetition levels, definition levels ⟦values⟧ │
//! dictionary     │ header │ ⟦values, PLAIN⟧ │                           ⟦…⟧ is compressed
//! ```

use ringquet_decode::thrift::StructWriter;

use super::schema::DataKind;
use super::statistics::Bounds;

/// Parquet's numbers of encodings.
pub(crate) const PLAIN: i32 = 0;
pub(crate) const RLE: i32 = 3;
pub(crate) const RLE_DICTIONARY: i32 = 8;
pub(crate) const BYTE_STREAM_SPLIT: i32 = 9;

/// Parquet's numbers of page types.
pub(crate) const DATA_PAGE: i32 = 0;
pub(crate) const DICTIONARY_PAGE: i32 = 2;
pub(crate) const DATA_PAGE_V2: i32 = 3;

/// Contents of the header of a data page.
pub(crate) struct DataPageHeader<'a> {
    pub(crate) kind: DataKind,
    pub(crate) rows: usize,
    pub(crate) values: usize,
    pub(crate) encoding: i32,
    /// `None`: not in the header.
    pub(crate) bounds: Option<&'a Bounds>,
    /// Lengths of the two kinds of levels, for pages v2.
    pub(crate) level_bytes: Option<LevelBytes>,
    pub(crate) is_compressed: bool,
}

/// Lengths of levels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LevelBytes {
    pub(crate) repetition: usize,
    pub(crate) definition: usize,
}

impl DataPageHeader<'_> {
    /// Its bytes, in front of a page of so many.
    pub(crate) fn header(&self, uncompressed: usize, stored: usize) -> Vec<u8> {
        let statistics = |id: i16, page: &mut StructWriter<'_>| {
            if let Some(bounds) = self.bounds {
                page.structure(id, |fields| bounds.write(self.kind, fields));
            }
        };
        match self.level_bytes {
            None => header(DATA_PAGE, uncompressed, stored, |page| {
                page.structure(5, |page| {
                    page.i32(1, page_i32(self.values));
                    page.i32(2, self.encoding);
                    page.i32(3, RLE);
                    page.i32(4, RLE);
                    statistics(5, page);
                });
            }),
            Some(level_bytes) => header(DATA_PAGE_V2, uncompressed, stored, |page| {
                page.structure(8, |page| {
                    page.i32(1, page_i32(self.values));
                    page.i32(2, 0);
                    page.i32(3, page_i32(self.rows));
                    page.i32(4, self.encoding);
                    page.i32(5, page_i32(level_bytes.definition));
                    page.i32(6, page_i32(level_bytes.repetition));
                    page.bool(7, self.is_compressed);
                    statistics(8, page);
                });
            }),
        }
    }
}

/// The header of a dictionary page.
pub(crate) fn dictionary_header(entries: usize, uncompressed: usize, stored: usize) -> Vec<u8> {
    header(DICTIONARY_PAGE, uncompressed, stored, |page| {
        page.structure(7, |page| {
            page.i32(1, page_i32(entries));
            page.i32(2, PLAIN);
            page.bool(3, false);
        });
    })
}

fn header(
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

/// Sizes and counts within a page: a row has a gibibyte at most, a page half of one more.
pub(crate) fn page_i32(number: usize) -> i32 {
    i32::try_from(number).expect("pages are shorter than 2^31 bytes")
}

/// Offsets and totals within a file.
pub(crate) fn offset_i64(number: u64) -> i64 {
    i64::try_from(number).expect("files are shorter than 2^63 bytes")
}

/// A data page in the page index.
#[derive(Debug, Clone)]
pub(crate) struct IndexedPage {
    /// Where its header is.
    pub(crate) offset: u64,
    /// Its bytes, header included.
    pub(crate) bytes: usize,
    pub(crate) first_row: u64,
    pub(crate) bounds: Bounds,
}

/// The column index of a chunk. `None` if a page has no bounds: then Parquet allows none.
pub(crate) fn column_index(kind: DataKind, pages: &[IndexedPage]) -> Option<Vec<u8>> {
    let bounds: Option<Vec<_>> = pages.iter().map(|page| page.bounds.bytes(kind)).collect();
    let bounds = bounds?;
    let low: Vec<&[u8]> = bounds.iter().map(|(low, _)| low.as_slice()).collect();
    let high: Vec<&[u8]> = bounds.iter().map(|(_, high)| high.as_slice()).collect();
    let mut out = Vec::new();
    let mut index = StructWriter::new(&mut out);
    index.list_bool(1, false, pages.len());
    index.list_bytes(2, &low);
    index.list_bytes(3, &high);
    // Random pages have no order.
    index.i32(4, 0);
    index.list_i64(5, &vec![0; pages.len()]);
    index.end();
    Some(out)
}

/// The offset index of a chunk.
pub(crate) fn offset_index(pages: &[IndexedPage]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut index = StructWriter::new(&mut out);
    index.structures(1, pages, |page, location| {
        location.i64(1, offset_i64(page.offset));
        location.i32(2, page_i32(page.bytes));
        location.i64(3, offset_i64(page.first_row));
    });
    index.end();
    out
}
