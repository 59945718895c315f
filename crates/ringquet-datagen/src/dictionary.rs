//! The dictionary of a column chunk, mostly without looking anything up.
//!
//! Values of 31 bits and more are a bijection of their ordinals, and new ordinals count up. So the
//! ordinal of a value *is* its index, in the order of first appearance in which Arrow numbers
//! entries too, and no hash table is needed. Values of 8 and 16 bits go through a table of all that
//! there are.

use std::collections::HashMap;
use std::ops::Range;

use arrow_array::Array;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float16Type, Int8Type, Int16Type, Int64Type, UInt8Type, UInt16Type};

use crate::content::Run;
use crate::hybrid;
use crate::plain;
use crate::schema::DataKind;

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

    /// Appends the indices as a data page has them: their width, then runs.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, entries: usize, counted: &mut CountedIndices) {
        let width = hybrid::index_width(entries);
        out.push(width.to_le_bytes()[0]);
        match self {
            Self::Counting { first, count } => counted.encode(out, width, *first, *count),
            Self::Listed(values) => hybrid::encode(out, width, values),
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
    bytes: Vec<u8>,
}

impl CountedIndices {
    fn encode(&mut self, out: &mut Vec<u8>, width: u32, first: u32, count: usize) {
        if (self.width, self.first, self.count) != (width, first, count) {
            (self.width, self.first, self.count) = (width, first, count);
            self.bytes.clear();
            hybrid::encode_counting(&mut self.bytes, width, first, count);
        }
        out.extend_from_slice(&self.bytes);
    }
}

/// The index of every value of up to 16 bits, for one column chunk after another.
///
/// An entry is the number of the chunk and the index, 16 bits each, so that a new chunk need not
/// wipe the 256 KiB.
#[derive(Debug)]
pub(crate) struct IndexTable {
    entries: Box<[u32; 1 << 16]>,
    chunk: u32,
}

impl Default for IndexTable {
    fn default() -> Self {
        let entries = vec![0; 1 << 16].into_boxed_slice();
        Self {
            entries: entries.try_into().expect("as many as a code of 16 bits can name"),
            chunk: 0,
        }
    }
}

impl IndexTable {
    /// Forgets all values.
    fn begin(&mut self) {
        self.chunk += 1;
        if self.chunk > u32::from(u16::MAX) {
            self.entries.fill(0);
            self.chunk = 1;
        }
    }

    /// The index of `code`, and whether it is new, which it then has as `next`.
    #[inline]
    fn index(&mut self, code: u16, next: usize) -> (u32, bool) {
        let entry = &mut self.entries[usize::from(code)];
        let is_new = *entry >> 16 != self.chunk;
        if is_new {
            // There are no more than 2^16 values, so the index of the last fits in 16 bits.
            *entry = self.chunk << 16 | u32_of(next & 0xffff);
        }
        (*entry & 0xffff, is_new)
    }

    /// [`Self::index`] without a branch: where one value in ten was met before, it would be guessed wrong as often. Where nearly
    /// all were, it is the store in every call that costs.
    #[inline]
    fn index_of_many(&mut self, code: u16, next: usize) -> (u32, bool) {
        let entry = &mut self.entries[usize::from(code)];
        let is_new = *entry >> 16 != self.chunk;
        let new = self.chunk << 16 | u32_of(next & 0xffff);
        *entry = if is_new { new } else { *entry };
        (*entry & 0xffff, is_new)
    }
}

fn u32_of(count: usize) -> u32 {
    u32::try_from(count).expect("a dictionary has a few mebibytes")
}

#[derive(Debug)]
enum Lookup {
    /// Index = ordinal.
    Ordinal,
    /// In an [`IndexTable`].
    Table,
    /// Binaries of up to three bytes, by their bytes.
    Map(HashMap<Vec<u8>, u32>),
}

/// The entries so far.
#[derive(Debug)]
pub(crate) struct Dictionary {
    kind: DataKind,
    lookup: Lookup,
    /// Entries in PLAIN encoding.
    pub(crate) bytes: Vec<u8>,
    pub(crate) entries: usize,
    /// Values that there are at all, if a dictionary can ever have all of them.
    domain: Option<usize>,
}

impl Dictionary {
    /// An empty one; none for booleans, which have no dictionary.
    pub(crate) fn new(kind: DataKind, raw_floats: bool, table: &mut IndexTable) -> Option<Self> {
        const FINITE_FLOAT16: usize = (1 << 16) - (2 << 10);
        let (lookup, domain) = match kind {
            DataKind::Boolean => return None,
            DataKind::Uint8 | DataKind::Int8 => (Lookup::Table, Some(1 << 8)),
            DataKind::ByteAsInt64 => (Lookup::Table, Some(255)),
            DataKind::Uint16 | DataKind::Int16 => (Lookup::Table, Some(1 << 16)),
            DataKind::Float16 if raw_floats => (Lookup::Table, Some(1 << 16)),
            DataKind::Float16 => (Lookup::Table, Some(FINITE_FLOAT16)),
            DataKind::Binary(1) => (Lookup::Map(HashMap::new()), Some(1 << 8)),
            DataKind::Binary(2) => (Lookup::Map(HashMap::new()), Some(1 << 16)),
            DataKind::Binary(3) => (Lookup::Map(HashMap::new()), None),
            DataKind::Uint32
            | DataKind::Uint64
            | DataKind::Int32
            | DataKind::Int64
            | DataKind::Float32
            | DataKind::Float64
            | DataKind::Utf8
            | DataKind::Binary(_) => (Lookup::Ordinal, None),
        };
        table.begin();
        Some(Self { kind, lookup, bytes: Vec::new(), entries: 0, domain })
    }

    /// Whether nothing can be added any more.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.domain == Some(self.entries)
    }

    /// Adds the values `range` of `array`, whose ordinals are those of `run`, and appends their
    /// indices.
    pub(crate) fn add(
        &mut self,
        array: &dyn Array,
        run: &Run,
        range: Range<usize>,
        indices: &mut Indices,
        table: &mut IndexTable,
    ) {
        let part = array.slice(range.start, range.len());
        if matches!(self.lookup, Lookup::Ordinal) {
            return self.add_by_ordinal(part.as_ref(), run, range, indices);
        }
        macro_rules! by_table {
            ($kind:ty, $index:ident, $code:expr, $wide:expr) => {{
                let values = part.as_primitive::<$kind>().values();
                let code = |value| $code(value);
                let wide = |value| $wide(value).to_le_bytes();
                self.add_by_code(values, indices, code, wide, |code, next| {
                    table.$index(code, next)
                });
            }};
        }
        match self.kind {
            DataKind::Uint8 => by_table!(UInt8Type, index, u16::from, u32::from),
            DataKind::Int8 => {
                by_table!(Int8Type, index, |v: i8| u16::from(v.cast_unsigned()), i32::from);
            }
            DataKind::Uint16 => by_table!(UInt16Type, index_of_many, |v: u16| v, u32::from),
            DataKind::Int16 => {
                by_table!(Int16Type, index_of_many, i16::cast_unsigned, i32::from);
            }
            DataKind::Float16 => {
                by_table!(Float16Type, index_of_many, half::f16::to_bits, |v: half::f16| v);
            }
            DataKind::ByteAsInt64 => {
                by_table!(Int64Type, index, |v: i64| u16::from(v.to_le_bytes()[0]), |v: i64| v);
            }
            _ => self.add_by_bytes(part.as_ref(), indices),
        }
    }

    /// Adds values that have a code of their own, whose index and whether it is new `index` gives.
    fn add_by_code<T: Copy, const WIDTH: usize>(
        &mut self,
        values: &[T],
        indices: &mut Indices,
        code: impl Fn(T) -> u16,
        plain: impl Fn(T) -> [u8; WIDTH],
        mut index: impl FnMut(u16, usize) -> (u32, bool),
    ) {
        let start = self.bytes.len();
        self.bytes.resize(start + values.len() * WIDTH, 0);
        let (room, _) = self.bytes[start..].as_chunks_mut::<WIDTH>();
        let listed = indices.listed();
        let before = listed.len();
        listed.resize(before + values.len(), 0);
        let first = self.entries;
        // Every value is written behind the entries; the next overwrites it unless it was new.
        let mut added = 0;
        for (value, listed) in values.iter().zip(&mut listed[before..]) {
            let (index, is_new) = index(code(*value), first + added);
            room[added] = plain(*value);
            added += usize::from(is_new);
            *listed = index;
        }
        self.entries = first + added;
        self.bytes.truncate(start + added * WIDTH);
    }

    fn add_by_ordinal(
        &mut self,
        part: &dyn Array,
        run: &Run,
        range: Range<usize>,
        indices: &mut Indices,
    ) {
        match run {
            Run::Fresh(_) => {
                plain::append(self.kind, part, &mut self.bytes);
                indices.push_counting(u32_of(self.entries), range.len());
                self.entries += range.len();
            }
            Run::Mixed(ordinals) => {
                let listed = indices.listed();
                for (row, ordinal) in ordinals[range].iter().enumerate() {
                    // New ordinals count up, so this one is either an entry or the next.
                    if *ordinal == self.entries as u64 {
                        plain::append(self.kind, part.slice(row, 1).as_ref(), &mut self.bytes);
                        self.entries += 1;
                    }
                    listed.push(u32::try_from(*ordinal).expect("below the number of entries"));
                }
            }
        }
    }

    fn add_by_bytes(&mut self, part: &dyn Array, indices: &mut Indices) {
        let Lookup::Map(map) = &mut self.lookup else { return };
        let listed = indices.listed();
        let array = part.as_binary::<i32>();
        for row in 0..array.len() {
            let value = array.value(row);
            let index = map.get(value).copied().unwrap_or_else(|| {
                let index = u32_of(self.entries);
                map.insert(value.to_vec(), index);
                plain::append_bytes(value, &mut self.bytes);
                self.entries += 1;
                index
            });
            listed.push(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_forgets_from_chunk_to_chunk() {
        for index in [IndexTable::index, IndexTable::index_of_many] {
            let mut table = IndexTable::default();
            // Past the point where numbers of chunks begin again.
            for chunk in 0..70_000_u32 {
                table.begin();
                let code = u16::try_from(chunk % 65_536).unwrap();
                assert_eq!(index(&mut table, code, 0), (0, true), "chunk {chunk}");
                let seven = if code == 7 { (0, false) } else { (1, true) };
                assert_eq!(index(&mut table, 7, 1), seven);
                assert_eq!(index(&mut table, code, 2), (0, false));
            }
        }
    }

    #[test]
    fn counted_indices_are_made_anew_for_other_ones() {
        let mut counted = CountedIndices::default();
        for (width, first, count) in [(3, 0, 8), (3, 0, 8), (4, 0, 8), (4, 8, 8), (4, 8, 3)] {
            let (mut cached, mut fresh) = (vec![1], vec![1]);
            counted.encode(&mut cached, width, first, count);
            hybrid::encode_counting(&mut fresh, width, first, count);
            assert_eq!(cached, fresh, "{count} from {first}, width {width}");
        }
    }
}
