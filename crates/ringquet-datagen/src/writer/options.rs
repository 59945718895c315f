//! What can be chosen about pages.

use serde::{Deserialize, Serialize};

/// Choices that change the pages of a data set and none of its values. The default is what PyArrow
/// writes and DLIO therefore has. The manifest holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PageOptions {
    /// Dictionaries, except for booleans. Default true. Without them random content is a quarter
    /// smaller and trivial to decode.
    pub dictionary: bool,
    /// BYTE_STREAM_SPLIT, and no dictionary, for numbers that are stored in 2, 4 or 8 bytes of
    /// their own: floats and integers from 32 bits on. Default false.
    pub byte_stream_split: bool,
    /// Data pages v2. Default false.
    pub data_page_v2: bool,
    /// Column index and offset index, behind each row group. Page headers then have no statistics,
    /// as with Arrow. Default false.
    pub page_index: bool,
    /// Bytes from which on a data page is full, looked at after every 1,024 values or at the next
    /// row. Default 1 MiB.
    pub page_bytes: u32,
}

/// Bounds of [`PageOptions::page_bytes`]: below, headers outweigh values; above, a page does not
/// fit in its 31-bit length together with a row.
pub(crate) const PAGE_BYTES_RANGE: std::ops::RangeInclusive<u32> = 64..=(512 << 20);

impl Default for PageOptions {
    fn default() -> Self {
        Self {
            dictionary: true,
            byte_stream_split: false,
            data_page_v2: false,
            page_index: false,
            page_bytes: 1 << 20,
        }
    }
}
