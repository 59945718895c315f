//! A position in the values of a page.

use crate::encoding::PageEncoding;
use crate::error::Fault;
use crate::kernels::delta::DeltaCursor;
use crate::levels::{HybridCursor, HybridRun};
use crate::schema::column_layout::{Leaf, StoredAs};

/// A position in the values of a page.
#[derive(Debug)]
pub(super) enum ValueCursor {
    /// The next value starts at this byte, or, of booleans, bit.
    Plain(usize),
    /// Indices into the dictionary.
    Indices(HybridCursor),
    /// Booleans in runs.
    Bits(HybridCursor),
    Delta(DeltaCursor),
    /// BYTE_STREAM_SPLIT from `start` to the end of the page; `first` is the next value of `count`.
    Split {
        start: usize,
        count: usize,
        first: usize,
    },
    /// Lengths of strings, and the byte at which the next one starts.
    Lengths(DeltaCursor, usize),
    /// Lengths of shared prefixes and of the suffixes that follow them, where the next suffix starts, and the last string.
    Prefixes {
        prefixes: DeltaCursor,
        suffixes: DeltaCursor,
        position: usize,
        previous: Vec<u8>,
    },
}

impl ValueCursor {
    /// The values that start at `start` of a page's bytes.
    pub(super) fn new(
        encoding: PageEncoding,
        bytes: &[u8],
        start: usize,
        leaf: &Leaf,
    ) -> Result<Self, Fault> {
        Ok(match (encoding, leaf) {
            (PageEncoding::Plain, Leaf::Bool) => Self::Plain(start * 8),
            (PageEncoding::Plain, _) => Self::Plain(start),
            (
                PageEncoding::RleDictionary | PageEncoding::PlainDictionary,
                Leaf::Fixed(_) | Leaf::Bytes { .. },
            ) => {
                // A page of nulls may have no values at all, not even their width.
                let width = bytes.get(start).copied().unwrap_or(0);
                if width > 32 {
                    let what = format!("dictionary indices of {width} bits");
                    return Err(Fault::out_of_spec(what));
                }
                let start = (start + 1).min(bytes.len());
                Self::Indices(HybridCursor::new(start, bytes.len(), u32::from(width)))
            }
            (PageEncoding::Rle, Leaf::Bool) => {
                let length = match bytes[start..].first_chunk::<4>() {
                    Some(length) => u32::from_le_bytes(*length) as usize,
                    None if start == bytes.len() => {
                        return Ok(Self::Bits(HybridCursor::new(0, 0, 1)));
                    }
                    None => return Err(Fault::truncated("booleans", 4, bytes.len() - start)),
                };
                let end = (start + 4).saturating_add(length);
                if end > bytes.len() {
                    return Err(Fault::truncated("booleans", end, bytes.len()));
                }
                Self::Bits(HybridCursor::new(start + 4, end, 1))
            }
            // Pages of nulls may leave out the headers of these as well.
            (
                PageEncoding::DeltaBinaryPacked
                | PageEncoding::DeltaLengthByteArray
                | PageEncoding::DeltaByteArray,
                _,
            ) if start == bytes.len() => Self::Plain(start),
            (PageEncoding::DeltaBinaryPacked, Leaf::Fixed(leaf))
                if leaf.stored_as == StoredAs::Integer =>
            {
                Self::Delta(DeltaCursor::new(bytes, start)?)
            }
            (PageEncoding::ByteStreamSplit, Leaf::Fixed(leaf)) => {
                let count = (bytes.len() - start) / leaf.stored;
                Self::Split { start, count, first: 0 }
            }
            (PageEncoding::DeltaLengthByteArray, Leaf::Bytes { .. }) => {
                let lengths = DeltaCursor::new(bytes, start)?;
                let position = lengths.end(bytes)?;
                Self::Lengths(lengths, position)
            }
            (PageEncoding::DeltaByteArray, leaf)
                if matches!(leaf, Leaf::Bytes { .. })
                    || matches!(leaf, Leaf::Fixed(leaf) if leaf.stored_as == StoredAs::Binary) =>
            {
                let prefixes = DeltaCursor::new(bytes, start)?;
                let suffixes = DeltaCursor::new(bytes, prefixes.end(bytes)?)?;
                let position = suffixes.end(bytes)?;
                Self::Prefixes { prefixes, suffixes, position, previous: Vec::new() }
            }
            (other, leaf) => {
                let what = format!("{} encoded as {}", leaf.name(), other.name());
                return Err(Fault::unsupported(what));
            }
        })
    }

    /// Whether values are looked up in the dictionary.
    pub(super) fn are_indices(&self) -> bool {
        matches!(self, Self::Indices(_))
    }

    /// Whether the next `count` values are dictionary entries 0, 1, 2, … of values of fixed width, each once.
    pub(super) fn counts_through(&self, bytes: &[u8], count: usize) -> bool {
        let Self::Indices(cursor) = self else { return false };
        let mut cursor = *cursor;
        let mut done = 0;
        while done < count {
            let Ok((HybridRun::Packed(_), left)) = cursor.run(bytes) else { return false };
            let now = left.min(count - done);
            if !cursor.counts_from(bytes, done, now) {
                return false;
            }
            cursor.advance(now);
            done += now;
        }
        count > 0
    }
}
