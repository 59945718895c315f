//! The dictionary of a column chunk, without looking anything up: the ordinal of a value is its index
//! (see [`crate::content::ordinals`]).

use std::ops::Range;

use arrow_array::Array;
use arrow_buffer::Buffer;

use crate::content::column::Run;
use crate::content::domain::Domain;
use crate::wide;
use crate::writer::hybrid;
use crate::writer::plain::Pieces;
use crate::writer::schema::DataKind;

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

    fn listed(&mut self) -> &mut Vec<u32> {
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
    /// An empty one; none for booleans, which have no dictionary.
    pub(crate) fn new(kind: DataKind, raw_floats: bool) -> Option<Self> {
        if kind == DataKind::Boolean {
            return None;
        }
        let entries_max = Domain::of(kind, raw_floats).map(|domain| domain.len() as usize);
        Some(Self { kind, values: Pieces::default(), entries: 0, entries_max })
    }

    /// Whether nothing can be added any more.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.entries_max == Some(self.entries)
    }

    /// Adds `part`, values `range` of those that `run` reports, and appends their indices.
    pub(crate) fn add(
        &mut self,
        part: &dyn Array,
        run: &Run,
        range: Range<usize>,
        indices: &mut Indices,
    ) {
        match run {
            Run::Fresh => {
                self.values.add(self.kind, part);
                indices.push_counting(u32_of(self.entries), range.len());
                self.entries += range.len();
            }
            Run::Listed { indices: listed, first, new } => {
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
    use crate::content::column::ColumnContent;
    use crate::content::random::Key;
    use crate::options::ContentOptions;
    use crate::writer::schema::{DataColumn, Shape};

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

    #[test]
    fn a_dictionary_does_not_depend_on_how_values_come() {
        let kinds = [DataKind::Float16, DataKind::Int8, DataKind::Binary(2), DataKind::Float64];
        for (kind, repeat_fraction) in kinds.into_iter().flat_map(|kind| [(kind, 0.0), (kind, 0.6)])
        {
            let column = DataColumn { name: "c".to_owned(), kind, shape: Shape::Scalar };
            let options = ContentOptions { repeat_fraction, raw_floats: false };
            // Slices of values, and of each slice the parts that batches take.
            let made = |slices: &[usize], part: usize| {
                let mut content = ColumnContent::new(Key::new(&[3]), &column, options);
                let mut dictionary = Dictionary::new(kind, false).unwrap();
                let mut indices = Indices::default();
                for values in slices {
                    let (leaf, run) = content.next_leaf(*values);
                    for start in (0..*values).step_by(part) {
                        let range = start..(start + part).min(*values);
                        let taken = leaf.slice(range.start, range.len());
                        dictionary.add(taken.as_ref(), &run, range, &mut indices);
                    }
                }
                let bytes = dictionary.values.into_buffers();
                let bytes = bytes.iter().map(Buffer::as_slice).collect::<Vec<_>>().concat();
                let indices = indices.listed().clone();
                (dictionary.entries, bytes, indices)
            };
            let whole = made(&[5000], 5000);
            assert_eq!(whole.2.iter().max().map(|last| *last as usize + 1), Some(whole.0));
            for slices in [&[1, 4999][..], &[2500, 2500], &[7, 1024, 3969]] {
                assert_eq!(made(slices, 1024), whole, "{kind:?}, {repeat_fraction}, {slices:?}");
            }
        }
    }
}
