//! Encodings of values and levels, and sets of them.

/// How values or levels are encoded; the numbers are those of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PageEncoding {
    /// Values one after another.
    Plain,
    /// Old name of [`Self::RleDictionary`] in data pages and of [`Self::Plain`] in dictionary pages.
    PlainDictionary,
    /// Hybrid of runs and bit-packed groups.
    Rle,
    /// Bit-packed from the most significant bit, deprecated; levels only.
    BitPacked,
    /// Differences in bit-packed miniblocks.
    DeltaBinaryPacked,
    /// Lengths as differences, then the bytes.
    DeltaLengthByteArray,
    /// Shared prefix lengths, then suffixes.
    DeltaByteArray,
    /// Indices into the dictionary page.
    RleDictionary,
    /// All first bytes, all second bytes, …
    ByteStreamSplit,
    /// A number that was not in the specification when this was written.
    Unknown(i32),
}

impl PageEncoding {
    pub(crate) fn from_thrift(number: i32) -> Self {
        match number {
            0 => Self::Plain,
            2 => Self::PlainDictionary,
            3 => Self::Rle,
            4 => Self::BitPacked,
            5 => Self::DeltaBinaryPacked,
            6 => Self::DeltaLengthByteArray,
            7 => Self::DeltaByteArray,
            8 => Self::RleDictionary,
            9 => Self::ByteStreamSplit,
            other => Self::Unknown(other),
        }
    }

    /// The number, as a page header has it. Unknown encodings are not written.
    pub(crate) fn to_thrift(self) -> u32 {
        match self {
            Self::Plain => 0,
            Self::PlainDictionary => 2,
            Self::Rle => 3,
            Self::BitPacked => 4,
            Self::DeltaBinaryPacked => 5,
            Self::DeltaLengthByteArray => 6,
            Self::DeltaByteArray => 7,
            Self::RleDictionary => 8,
            Self::ByteStreamSplit => 9,
            Self::Unknown(number) => number.unsigned_abs(),
        }
    }

    /// Name in the specification.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::PlainDictionary => "PLAIN_DICTIONARY",
            Self::Rle => "RLE",
            Self::BitPacked => "BIT_PACKED",
            Self::DeltaBinaryPacked => "DELTA_BINARY_PACKED",
            Self::DeltaLengthByteArray => "DELTA_LENGTH_BYTE_ARRAY",
            Self::DeltaByteArray => "DELTA_BYTE_ARRAY",
            Self::RleDictionary => "RLE_DICTIONARY",
            Self::ByteStreamSplit => "BYTE_STREAM_SPLIT",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Whether values are indices into the dictionary page.
    #[must_use]
    pub fn is_dictionary(self) -> bool {
        matches!(self, Self::PlainDictionary | Self::RleDictionary)
    }
}

/// A set of encodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct EncodingSet(pub(crate) u16);

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

    pub(crate) fn insert(&mut self, encoding: PageEncoding) {
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
