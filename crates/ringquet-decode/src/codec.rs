//! Codecs of column chunks.

use std::fmt;

/// Codec of a column chunk; the numbers are those of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Bytes as they are.
    Uncompressed,
    /// Raw snappy, no framing.
    Snappy,
    /// Gzip members.
    Gzip,
    /// Brotli stream.
    Brotli,
    /// LZ4 in Hadoop's framing, deprecated; frames and raw blocks of other old writers are recognised too.
    Lz4Hadoop,
    /// Zstandard frames.
    Zstd,
    /// One LZ4 block, no framing.
    Lz4Raw,
}

impl Codec {
    /// The codec with this number; `None` for LZO, which nothing here reads, and for numbers that the specification does not
    /// have.
    pub(crate) fn of_number(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::Uncompressed,
            1 => Self::Snappy,
            2 => Self::Gzip,
            4 => Self::Brotli,
            5 => Self::Lz4Hadoop,
            6 => Self::Zstd,
            7 => Self::Lz4Raw,
            _ => return None,
        })
    }

    /// Its number in the specification.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::Uncompressed => 0,
            Self::Snappy => 1,
            Self::Gzip => 2,
            Self::Brotli => 4,
            Self::Lz4Hadoop => 5,
            Self::Zstd => 6,
            Self::Lz4Raw => 7,
        }
    }

    pub(crate) fn to_index(self) -> u8 {
        match self {
            Self::Uncompressed => 0,
            Self::Snappy => 1,
            Self::Gzip => 2,
            Self::Brotli => 3,
            Self::Lz4Hadoop => 4,
            Self::Zstd => 5,
            Self::Lz4Raw => 6,
        }
    }

    pub(crate) fn from_index(index: u8) -> Self {
        match index {
            1 => Self::Snappy,
            2 => Self::Gzip,
            3 => Self::Brotli,
            4 => Self::Lz4Hadoop,
            5 => Self::Zstd,
            6 => Self::Lz4Raw,
            _ => Self::Uncompressed,
        }
    }

    /// Name in the specification.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Uncompressed => "UNCOMPRESSED",
            Self::Snappy => "SNAPPY",
            Self::Gzip => "GZIP",
            Self::Brotli => "BROTLI",
            Self::Lz4Hadoop => "LZ4",
            Self::Zstd => "ZSTD",
            Self::Lz4Raw => "LZ4_RAW",
        }
    }

    /// How many bytes one compressed byte can become. Derived from the formats: a snappy copy of 64 bytes takes 3; an
    /// LZ4 length byte adds 255; deflate's best is 258 bytes in 2 bits; a zstd RLE block makes 128 KiB from 4 bytes;
    /// a brotli meta-block makes 16 MiB from about 8.
    pub(crate) fn expansion_max(self) -> u64 {
        match self {
            Self::Uncompressed => 1,
            Self::Snappy => 32,
            Self::Lz4Raw | Self::Lz4Hadoop => 256,
            Self::Gzip => 1_040,
            Self::Zstd => 32_768,
            Self::Brotli => 2 << 20,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
