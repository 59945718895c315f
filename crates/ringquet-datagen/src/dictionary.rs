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
    pub(crate) fn encode(&self, out: &mut Vec<u8>, entries: usize) {
        let width = hybrid::index_width(entries);
        out.push(width.to_le_bytes()[0]);
        match self {
            Self::Counting { first, count } => hybrid::encode_counting(out, width, *first, *count),
            Self::Listed(values) => hybrid::encode(out, width, values),
        }
    }
}

fn u32_of(count: usize) -> u32 {
    u32::try_from(count).expect("a dictionary has a few mebibytes")
}

#[derive(Debug)]
enum Lookup {
    /// Index = ordinal.
    Ordinal,
    /// Index of every value that there is; [`ABSENT`] for those that did not occur.
    Table(Vec<u32>),
    /// Binaries of up to three bytes, by their bytes.
    Map(HashMap<Vec<u8>, u32>),
}

/// In a table: did not occur.
const ABSENT: u32 = u32::MAX;

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
    pub(crate) fn new(kind: DataKind, raw_floats: bool) -> Option<Self> {
        const FINITE_FLOAT16: usize = (1 << 16) - (2 << 10);
        let table = |size: usize| Lookup::Table(vec![ABSENT; size]);
        let (lookup, domain) = match kind {
            DataKind::Boolean => return None,
            DataKind::Uint8 | DataKind::Int8 => (table(1 << 8), Some(1 << 8)),
            DataKind::ByteAsInt64 => (table(1 << 8), Some(255)),
            DataKind::Uint16 | DataKind::Int16 => (table(1 << 16), Some(1 << 16)),
            DataKind::Float16 if raw_floats => (table(1 << 16), Some(1 << 16)),
            DataKind::Float16 => (table(1 << 16), Some(FINITE_FLOAT16)),
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
    ) {
        let part = array.slice(range.start, range.len());
        if matches!(self.lookup, Lookup::Ordinal) {
            return self.add_by_ordinal(part.as_ref(), run, range, indices);
        }
        macro_rules! by_table {
            ($kind:ty, $code:expr, $wide:expr) => {{
                let Lookup::Table(table) = &mut self.lookup else { return };
                let listed = indices.listed();
                let values = part.as_primitive::<$kind>().values();
                listed.reserve(values.len());
                for &value in values {
                    let slot = &mut table[usize::from($code(value))];
                    if *slot == ABSENT {
                        *slot = u32_of(self.entries);
                        self.entries += 1;
                        self.bytes.extend_from_slice(&$wide(value).to_le_bytes());
                    }
                    listed.push(*slot);
                }
            }};
        }
        match self.kind {
            DataKind::Uint8 => by_table!(UInt8Type, |v: u8| v, u32::from),
            DataKind::Int8 => by_table!(Int8Type, i8::cast_unsigned, i32::from),
            DataKind::Uint16 => by_table!(UInt16Type, |v: u16| v, u32::from),
            DataKind::Int16 => by_table!(Int16Type, i16::cast_unsigned, i32::from),
            DataKind::Float16 => {
                by_table!(Float16Type, half::f16::to_bits, |value: half::f16| value);
            }
            DataKind::ByteAsInt64 => {
                by_table!(Int64Type, |value: i64| value.to_le_bytes()[0], |value: i64| value);
            }
            _ => self.add_by_bytes(part.as_ref(), indices),
        }
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
