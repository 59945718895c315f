//! Where a column chunk lies, and what to expect in it.

use std::ops::Range;

use crate::codec::Codec;
use crate::encoding::EncodingSet;

/// Where the bytes of one leaf column of one row group lie, and what to expect in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnChunk {
    /// First byte in the file (of the dictionary page where there is one).
    pub offset: u64,
    /// Compressed bytes, page headers included, also those that an old writer did not count.
    pub compressed_bytes: u64,
    /// Values, nulls and empty lists included.
    pub num_values: u64,
    /// Bytes after decompression, page headers included, as the writer states.
    pub uncompressed_bytes: u64,
    /// Codec of its pages.
    pub codec: Codec,
    /// Whether it starts with a dictionary page, as the writer states.
    pub has_dictionary: bool,
    /// Encodings of its pages and levels, as the writer states.
    pub encodings: EncodingSet,
    /// Whether its v2 data pages are compressed by `codec` even where their headers state that they are not, as
    /// parquet-cpp and parquet-cpp-arrow before 3.0.0 wrote them.
    pub v2_denies_compression: bool,
}

impl ColumnChunk {
    /// The bytes in the file.
    #[must_use]
    pub fn byte_range(&self) -> Range<u64> {
        self.offset..self.offset + self.compressed_bytes
    }
}
