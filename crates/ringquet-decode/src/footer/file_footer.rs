//! The footer: where everything in a file lies.
//!
//! ```text
//! … row groups … │ FileMetaData, thrift │ length: u32 LE │ "PAR1" │
//!                └──── footer_len ──────┴─── tail, 8 bytes ───────┘ end of file
//! ```
//!
//! A real DLRM file has 768 row groups of 200 columns and a footer of 17.7 MB, nearly all of it statistics and columns
//! that nobody asked for. So the thrift bytes are walked once by our own reader, which steps over both ([`super::template`]), and what is
//! kept is a few bytes per wanted column chunk ([`super::chunks`]). Only the schema goes to the `parquet` crate: it gets a
//! little footer of its own, with no row groups and the schema written anew ([`crate::schema::rewrite`]).

use std::ops::Range;
use std::sync::Arc;

use super::chunks::ChunkTable;
use super::parse;
use crate::Codec;
use crate::error::{DecodeError, Fault, Place};
use crate::page::header::PageEncoding;
use crate::schema::file_schema::FileSchema;
use crate::schema::projection::Projection;
use crate::stored::Int96;

/// Bytes at the end of a file that hold the footer's length and the magic.
pub const TAIL_LEN: usize = 8;

/// The magic at both ends of a Parquet file.
pub(super) const MAGIC: [u8; 4] = *b"PAR1";
/// The magic of a file whose footer is encrypted.
const MAGIC_ENCRYPTED: [u8; 4] = *b"PARE";

/// Bytes of the thrift footer in front of the tail, from the last [`TAIL_LEN`] bytes of a file of `file_len` bytes.
///
/// # Errors
/// When the magic is not Parquet's, or the length does not fit between the two magics.
pub fn footer_len(tail: &[u8; TAIL_LEN], file_len: u64) -> Result<u32, DecodeError> {
    let [l0, l1, l2, l3, magic @ ..] = *tail;
    match magic {
        MAGIC => {}
        MAGIC_ENCRYPTED => return Err(DecodeError::Encrypted),
        found => return Err(DecodeError::NotParquet { found }),
    }
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    // The other magic stands at the start of the file.
    let present_bytes = file_len.saturating_sub((TAIL_LEN + MAGIC.len()) as u64);
    if u64::from(length) > present_bytes {
        let place = Place { offset: Some(file_len.saturating_sub(8)), ..Place::default() };
        let wanted_bytes = u64::from(length);
        return Err(Fault::Truncated { what: "footer", wanted_bytes, present_bytes }.at(place));
    }
    Ok(length)
}

/// Where the bytes of one leaf column of one row group lie, and what to expect in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnChunk {
    /// First byte in the file (of the dictionary page where there is one).
    pub offset: u64,
    /// Compressed bytes, page headers included, also those that an old writer did not count.
    pub compressed_bytes: u64,
    /// Values, nulls and empty lists included.
    pub num_values: u64,
    /// Bytes after decompression, page headers included, as the writer says.
    pub uncompressed_bytes: u64,
    /// Codec of its pages.
    pub codec: Codec,
    /// Whether it starts with a dictionary page, as the writer says.
    pub has_dictionary: bool,
    /// Encodings of its pages and levels, as the writer says.
    pub encodings: EncodingSet,
    /// Whether its v2 data pages are compressed by `codec` even where their headers say that they are not, as
    /// parquet-cpp and parquet-cpp-arrow before 3.0.0 wrote them.
    pub v2_denies_compression: bool,
}

/// A set of encodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct EncodingSet(pub(super) u16);

/// Bit of an [`EncodingSet`] that stands for every encoding that has no number of its own below it.
const ENCODING_UNKNOWN: u32 = 15;

impl EncodingSet {
    fn bit(encoding: PageEncoding) -> u16 {
        1 << encoding.to_thrift().min(ENCODING_UNKNOWN)
    }

    /// The set of these encodings.
    #[must_use]
    pub fn of(encodings: &[PageEncoding]) -> Self {
        Self(encodings.iter().fold(0, |set, encoding| set | Self::bit(*encoding)))
    }

    pub(super) fn insert(&mut self, encoding: PageEncoding) {
        self.0 |= Self::bit(encoding);
    }

    /// Whether the encoding is in the set.
    #[must_use]
    pub fn contains(self, encoding: PageEncoding) -> bool {
        self.0 & Self::bit(encoding) != 0
    }

    /// Whether no encoding is in the set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every encoding of this set is in `other`.
    #[must_use]
    pub fn is_subset_of(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }
}

impl ColumnChunk {
    /// The bytes in the file.
    #[must_use]
    pub fn byte_range(&self) -> Range<u64> {
        self.offset..self.offset + self.compressed_bytes
    }
}

/// What a file's footer says about the wanted columns. Immutable; shared by everyone who reads the file.
#[derive(Debug)]
pub struct Footer {
    pub(super) schema: Arc<FileSchema>,
    pub(super) file_len: u64,
    pub(super) num_rows: u64,
    /// Rows that the file says it has, where the row groups have another number.
    pub(super) stated_rows: Option<i64>,
    pub(super) created_by: Option<Box<str>>,
    pub(super) roots: Arc<[usize]>,
    pub(super) projected: arrow_schema::SchemaRef,
    pub(super) row_group_rows: Box<[u64]>,
    pub(super) chunks: ChunkTable,
}

/// How a footer is to be read.
#[derive(Debug, Clone, Copy)]
pub struct ParseOptions<'a> {
    /// Which columns.
    pub projection: &'a Projection,
    /// The schema of another file, which is taken where the two are the same. Of a thousand files of a data set only the first
    /// then pays time and memory for it.
    pub shared: Option<&'a Arc<FileSchema>>,
    /// As what timestamps of INT96 are read.
    pub int96: Int96,
}

impl Footer {
    /// Reads the thrift bytes in front of the tail of a file of `file_len` bytes.
    ///
    /// # Errors
    /// When the bytes are not a Parquet footer, when anything in it lies outside the file, or when the projection names
    /// a column that is not there.
    pub fn parse(
        thrift_bytes: &[u8],
        file_len: u64,
        projection: &Projection,
    ) -> Result<Self, DecodeError> {
        Self::parse_sharing(thrift_bytes, file_len, projection, None)
    }

    /// [`Self::parse`], taking the schema of another file where the two are the same.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_sharing(
        thrift_bytes: &[u8],
        file_len: u64,
        projection: &Projection,
        shared: Option<&Arc<FileSchema>>,
    ) -> Result<Self, DecodeError> {
        let options = ParseOptions { projection, shared, int96: Int96::default() };
        Self::parse_with(thrift_bytes, file_len, &options)
    }

    /// [`Self::parse`] in another way.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_with(
        thrift_bytes: &[u8],
        file_len: u64,
        options: &ParseOptions<'_>,
    ) -> Result<Self, DecodeError> {
        parse::parse(thrift_bytes, file_len, options)
    }

    /// The schema of the whole file.
    #[must_use]
    pub fn schema(&self) -> &Arc<FileSchema> {
        &self.schema
    }

    /// The Arrow schema of the projection: that of every batch.
    #[must_use]
    pub fn projected_schema(&self) -> &arrow_schema::SchemaRef {
        &self.projected
    }

    /// Bytes of the file.
    #[must_use]
    pub fn file_len(&self) -> u64 {
        self.file_len
    }

    /// Rows of the file: those of its row groups.
    #[must_use]
    pub fn num_rows(&self) -> u64 {
        self.num_rows
    }

    /// Rows that the file says it has, where its row groups have another number.
    #[must_use]
    pub fn stated_rows(&self) -> Option<i64> {
        self.stated_rows
    }

    /// Row groups of the file.
    #[must_use]
    pub fn num_row_groups(&self) -> usize {
        self.row_group_rows.len()
    }

    /// Rows of a row group.
    ///
    /// # Panics
    /// When the file has no such row group.
    #[must_use]
    pub fn row_group_rows(&self, row_group: usize) -> u64 {
        self.row_group_rows[row_group]
    }

    /// Where a column chunk lies; `None` when the leaf is not in the projection.
    ///
    /// # Panics
    /// When the file has no such row group.
    #[must_use]
    pub fn column_chunk(&self, row_group: usize, leaf: usize) -> Option<ColumnChunk> {
        self.chunks.get(row_group, leaf, self.row_group_rows[row_group])
    }

    /// All wanted column chunks of a row group with their leaves, in the order of the schema.
    ///
    /// # Panics
    /// When the file has no such row group.
    pub fn column_chunks(
        &self,
        row_group: usize,
    ) -> impl Iterator<Item = (usize, ColumnChunk)> + '_ {
        self.chunks.row_group(row_group, self.row_group_rows[row_group])
    }

    /// Who wrote the file, as it says.
    #[must_use]
    pub fn created_by(&self) -> Option<&str> {
        self.created_by.as_deref()
    }

    /// The root columns that the projection takes, in the order of the file.
    #[must_use]
    pub fn roots(&self) -> &[usize] {
        &self.roots
    }

    /// The leaf columns that the projection takes, in the order of the file.
    #[must_use]
    pub fn leaves(&self) -> &[usize] {
        self.chunks.leaves()
    }

    /// Bytes of heap memory that this footer holds, without the shared schema.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.chunks.heap_bytes()
            + size_of_val(&*self.roots)
            + size_of_val(&*self.row_group_rows)
            + self.created_by.as_ref().map_or(0, |name| name.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(length: u32, magic: &[u8; 4]) -> [u8; 8] {
        let mut tail = [0; 8];
        tail[..4].copy_from_slice(&length.to_le_bytes());
        tail[4..].copy_from_slice(magic);
        tail
    }

    #[test]
    fn tails() {
        assert_eq!(footer_len(&tail(88, b"PAR1"), 100).unwrap(), 88);
        let error = footer_len(&tail(89, b"PAR1"), 100).unwrap_err();
        assert_eq!(
            error.to_string(),
            "at offset 92: footer ends early: 89 bytes announced, 88 present"
        );
        assert!(matches!(footer_len(&tail(1, b"PARE"), 100), Err(DecodeError::Encrypted)));
        let error = footer_len(&tail(1, b"\0\0\0\0"), 100).unwrap_err();
        assert_eq!(
            error.to_string(),
            "not a Parquet file: it ends with bytes [00, 00, 00, 00] instead of 'PAR1'"
        );
    }
}
