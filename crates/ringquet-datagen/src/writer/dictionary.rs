//! The dictionary of a column chunk, without looking anything up: values come with the numbers of their entries.

use std::ops::Range;

use arrow_array::Array;
use arrow_buffer::Buffer;

use super::entry_numbers::EntryNumbers;
use super::hybrid;
use super::plain::Pieces;
use super::schema::DataKind;
use crate::wide;

/// Dictionary indices of a page.
#[derive(Debug)]
pub(crate) enum Indices {
    /// `first`, `first` + 1, …
    Counting { first: u32, count: usize },
    /// One by one.
    Listed(Vec<u32>),
}

impl Default for Indices {
    fn default() -> Self {
        Self::Counting { first: 0, count: 0 }
    }
}

impl Indices {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Counting { count, .. } => *count,
            Self::Listed(values) => values.len(),
        }
    }

    fn push_counting(&mut self, start: u32, more: usize) {
        match self {
            Self::Counting { first, count } if *count == 0 => (*first, *count) = (start, more),
            Self::Counting { first, count } if u32_of(*count) + *first == start => *count += more,
            _ => self.listed().extend((start..).take(more)),
        }
    }

    pub(crate) fn listed(&mut self) -> &mut Vec<u32> {
        if let Self::Counting { first, count } = self {
            *self = Self::Listed((*first..).take(*count).collect());
        }
        match self {
            Self::Listed(values) => values,
            Self::Counting { .. } => unreachable!("it was just turned into a list"),
        }
    }

    /// Appends the indices as a data page has them: their width, then runs, unless these are
    /// returned, to follow.
    pub(crate) fn encode(
        &self,
        out: &mut Vec<u8>,
        entries: usize,
        counted: &mut CountedIndices,
    ) -> Option<Buffer> {
        let width = hybrid::index_width(entries);
        out.push(width.to_le_bytes()[0]);
        match self {
            Self::Counting { first, count } => Some(counted.encode(width, *first, *count)),
            Self::Listed(values) => {
                out.reserve(hybrid::indices_bytes_estimated(width, values.len()));
                hybrid::encode(out, width, values);
                None
            }
        }
    }
}

/// The last indices that counted up, encoded: in a row group of DLRM they are the same for all
/// columns of 32 bits and more.
#[derive(Debug, Default)]
pub(crate) struct CountedIndices {
    width: u32,
    first: u32,
    count: usize,
    bytes: Buffer,
}

impl CountedIndices {
    fn encode(&mut self, width: u32, first: u32, count: usize) -> Buffer {
        if (self.width, self.first, self.count) != (width, first, count) {
            (self.width, self.first, self.count) = (width, first, count);
            let mut bytes = Vec::new();
            hybrid::encode_counting(&mut bytes, width, first, count);
            self.bytes = Buffer::from_vec(bytes);
        }
        self.bytes.clone()
    }
}

fn u32_of(count: usize) -> u32 {
    u32::try_from(count).expect("a dictionary has a few mebibytes")
}

/// The entries so far.
#[derive(Debug)]
pub(crate) struct Dictionary {
    kind: DataKind,
    /// Entries in PLAIN encoding.
    pub(crate) values: Pieces,
    pub(crate) entries: usize,
    /// Values that there are at all, if a dictionary can ever have all of them.
    entries_max: Option<usize>,
}

impl Dictionary {
    /// An empty one, which will have `entries_max` entries at most if that is known; none for booleans, which have no
    /// dictionary.
    pub(crate) fn new(kind: DataKind, entries_max: Option<usize>) -> Option<Self> {
        if kind == DataKind::Boolean {
            return None;
        }
        Some(Self { kind, values: Pieces::default(), entries: 0, entries_max })
    }

    /// Whether nothing can be added any more.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.entries_max == Some(self.entries)
    }

    /// Adds `part`, values `range` of those with these `numbers`, and appends their indices.
    pub(crate) fn add(
        &mut self,
        part: &dyn Array,
        numbers: &EntryNumbers,
        range: Range<usize>,
        indices: &mut Indices,
    ) {
        match numbers {
            EntryNumbers::Fresh => {
                self.values.add(self.kind, part);
                indices.push_counting(u32_of(self.entries), range.len());
                self.entries += range.len();
            }
            EntryNumbers::Listed { numbers: listed, first, new } => {
                let all = indices.listed();
                all.reserve(listed.len() - range.start);
                let listed = &listed[range];
                all.extend_from_slice(listed);
                // All ordinals so far are entries, so a new one is the next.
                let start = self.entries;
                if let Some((_, last)) = wide::extent(listed, |index| index) {
                    self.entries = start.max(last as usize + 1);
                }
                if self.entries > start {
                    let before = usize::try_from(*first).expect("below the number of entries");
                    let new = new.slice(start - before, self.entries - start);
                    self.values.add(self.kind, new.as_ref());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_indices_are_made_anew_for_other_ones() {
        let mut counted = CountedIndices::default();
        for (width, first, count) in [(3, 0, 8), (3, 0, 8), (4, 0, 8), (4, 8, 8), (4, 8, 3)] {
            let mut fresh = Vec::new();
            hybrid::encode_counting(&mut fresh, width, first, count);
            let cached = counted.encode(width, first, count);
            assert_eq!(cached.as_slice(), fresh, "{count} from {first}, width {width}");
        }
    }
}
