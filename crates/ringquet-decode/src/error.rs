//! What can be wrong with the bytes, by cause.
//!
//! Two layers, so that hot loops stay cheap: a kernel returns a small [`Fault`] that holds only what is wrong, and the
//! layer above adds where it is (column, row group, offset in the file) and makes a [`DecodeError`] once. The caller adds
//! the name of the file.

use std::borrow::Cow;
use std::fmt;

use parquet::errors::ParquetError;

use crate::codec::Codec;
use crate::thrift::reader::ThriftFault;

/// Where in a file a fault was found. Every part that is known is printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Dotted path of the leaf column, or the name of the root column.
    pub column: Option<String>,
    /// Index of the row group in the file.
    pub row_group: Option<usize>,
    /// First byte in the file of what was being read.
    pub offset: Option<u64>,
    /// Bytes of what was being read.
    pub length: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(column) = &self.column {
            write!(f, "column '{column}'")?;
            separator = ", ";
        }
        if let Some(row_group) = self.row_group {
            write!(f, "{separator}row group {row_group}")?;
            separator = ", ";
        }
        match (self.offset, self.length) {
            (Some(offset), Some(length)) => {
                write!(f, "{separator}at offset {offset} ({length} bytes)")
            }
            (Some(offset), None) => write!(f, "{separator}at offset {offset}"),
            (None, Some(length)) => write!(f, "{separator}in {length} bytes"),
            (None, None) if separator.is_empty() => write!(f, "file"),
            (None, None) => Ok(()),
        }
    }
}

/// Why bytes could not be decoded. The caller adds the name of the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes contradict the Parquet specification or each other: the file is damaged or its writer has a bug.
    #[error("{at}: out of spec: {what}")]
    OutOfSpec {
        /// Where.
        at: Box<Place>,
        /// What, with the numbers.
        what: String,
    },
    /// The file uses a feature that neither our kernels nor the `parquet` crate reads.
    #[error("{at}: not supported: {what}")]
    Unsupported {
        /// Where.
        at: Box<Place>,
        /// Which feature.
        what: String,
    },
    /// A length in the file requires more memory than the bytes behind it can justify.
    #[error(
        "{at}: {what} requires {wanted_bytes} bytes, more than the {bound_bytes} that are allowed"
    )]
    WouldOverAllocate {
        /// Where.
        at: Box<Place>,
        /// What the memory was for.
        what: &'static str,
        /// Bytes that the file requires.
        wanted_bytes: u64,
        /// Bytes that are allowed.
        bound_bytes: u64,
    },
    /// An option bounds the memory that this would take.
    #[error(
        "{at}: {what} takes {wanted_bytes} bytes, more than the {bound_bytes} that the option {option} allows"
    )]
    OverLimit {
        /// Where.
        at: Box<Place>,
        /// What the memory was for.
        what: &'static str,
        /// Bytes that it takes.
        wanted_bytes: u64,
        /// Bytes that are allowed.
        bound_bytes: u64,
        /// Name of the option that bounds it.
        option: &'static str,
    },
    /// Bytes end before what they announce.
    #[error("{at}: {what} ends early: expected {wanted_bytes} bytes, found {present_bytes}")]
    Truncated {
        /// Where.
        at: Box<Place>,
        /// What ends early.
        what: &'static str,
        /// Bytes that were announced.
        wanted_bytes: u64,
        /// Bytes that are there.
        present_bytes: u64,
    },
    /// The checksum in the page header is not that of the page's bytes.
    #[error(
        "{at}: page checksum is {computed:#010x}, the page header has {expected:#010x}: the bytes are damaged"
    )]
    CrcMismatch {
        /// Where.
        at: Box<Place>,
        /// CRC-32 in the page header.
        expected: u32,
        /// CRC-32 of the bytes.
        computed: u32,
    },
    /// Compressed bytes do not decompress to what their page header announces.
    #[error("{at}: {codec} decompression failed: {what}")]
    Codec {
        /// Where.
        at: Box<Place>,
        /// Which codec.
        codec: Codec,
        /// The error of its decompressor.
        what: String,
    },
    /// The `parquet` crate, which decodes what our kernels do not cover, refused.
    #[error("{at}: {source}")]
    Parquet {
        /// Where.
        at: Box<Place>,
        /// Its error.
        source: Box<ParquetError>,
    },
    /// Decoded columns do not make a record batch.
    #[error("{at}: {source}")]
    Arrow {
        /// Where.
        at: Box<Place>,
        /// Arrow's error.
        source: Box<arrow_schema::ArrowError>,
    },
    /// The projection names a column that the file does not have.
    #[error("no column '{name}' in the file{}", nearest_columns(.nearest))]
    UnknownColumn {
        /// The requested name.
        name: String,
        /// The most similar names that the file has, best first.
        nearest: Vec<String>,
    },
    /// The file is encrypted, which we do not read.
    #[error("the file is encrypted (magic 'PARE'), which is not supported")]
    Encrypted,
    /// The last four bytes are not `PAR1`.
    #[error("not a Parquet file: it ends with bytes {found:02x?} instead of 'PAR1'")]
    NotParquet {
        /// The last four bytes.
        found: [u8; 4],
    },
}

fn nearest_columns(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        names => format!("; nearest: '{}'", names.join("', '")),
    }
}

/// What is wrong, without where. Small, for the hot path.
#[derive(Debug)]
pub(crate) enum Fault {
    OutOfSpec(Cow<'static, str>),
    Unsupported(Cow<'static, str>),
    WouldOverAllocate { what: &'static str, wanted_bytes: u64, bound_bytes: u64 },
    OverLimit { what: &'static str, wanted_bytes: u64, bound_bytes: u64, option: &'static str },
    Truncated { what: &'static str, wanted_bytes: u64, present_bytes: u64 },
    CrcMismatch { expected: u32, computed: u32 },
    Codec { codec: Codec, what: String },
    Parquet(Box<ParquetError>),
}

impl Fault {
    #[cold]
    pub(crate) fn out_of_spec(what: impl Into<Cow<'static, str>>) -> Self {
        Self::OutOfSpec(what.into())
    }

    #[cold]
    pub(crate) fn unsupported(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Unsupported(what.into())
    }

    #[cold]
    pub(crate) fn truncated(what: &'static str, wanted: usize, present: usize) -> Self {
        Self::Truncated { what, wanted_bytes: wanted as u64, present_bytes: present as u64 }
    }

    /// Memory beyond what an option allows.
    #[cold]
    pub(crate) fn over_limit(
        what: &'static str,
        wanted: usize,
        bound: usize,
        option: &'static str,
    ) -> Self {
        Self::OverLimit { what, wanted_bytes: wanted as u64, bound_bytes: bound as u64, option }
    }

    /// In words, without where.
    pub(crate) fn what(self) -> String {
        match self {
            Self::OutOfSpec(what) | Self::Unsupported(what) => what.into_owned(),
            Self::Parquet(source) => source.to_string(),
            other => other.at(Place::default()).to_string(),
        }
    }

    /// Adds the place.
    #[cold]
    #[inline(never)]
    pub(crate) fn at(self, place: Place) -> DecodeError {
        let at = Box::new(place);
        match self {
            Self::OutOfSpec(what) => DecodeError::OutOfSpec { at, what: what.into_owned() },
            Self::Unsupported(what) => DecodeError::Unsupported { at, what: what.into_owned() },
            Self::WouldOverAllocate { what, wanted_bytes, bound_bytes } => {
                DecodeError::WouldOverAllocate { at, what, wanted_bytes, bound_bytes }
            }
            Self::OverLimit { what, wanted_bytes, bound_bytes, option } => {
                DecodeError::OverLimit { at, what, wanted_bytes, bound_bytes, option }
            }
            Self::Truncated { what, wanted_bytes, present_bytes } => {
                DecodeError::Truncated { at, what, wanted_bytes, present_bytes }
            }
            Self::CrcMismatch { expected, computed } => {
                DecodeError::CrcMismatch { at, expected, computed }
            }
            Self::Codec { codec, what } => DecodeError::Codec { at, codec, what },
            Self::Parquet(source) => DecodeError::Parquet { at, source },
        }
    }
}

impl From<ParquetError> for Fault {
    fn from(source: ParquetError) -> Self {
        Self::Parquet(Box::new(source))
    }
}

/// Of a footer; page headers say themselves what they are.
impl From<ThriftFault> for Fault {
    fn from(fault: ThriftFault) -> Self {
        Self::out_of_spec(format!("footer: {}", fault.what()))
    }
}

#[cfg(test)]
mod tests;
