//! The values of a column chunk, slice by slice.
//!
//! Each column chunk has a [`Key`] from (seed, half, file, row group, column) and a sequence of
//! ordinals ([`crate::content::ordinals`]). The value of an ordinal is a scramble of it under the key; of
//! the values before, no more is kept than the codes of a domain, and a batch may end anywhere.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, ListArray, PrimitiveArray, StringArray,
};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, OffsetBuffer, ScalarBuffer};

use super::domain::Domain;
use super::options::ContentOptions;
use super::ordinals::{OrdinalDraw, Ordinals};
use super::random::{BLOCK_VALUES, Key, finite32, finite64, short, value32};
use crate::writer::entry_numbers::EntryNumbers;
use crate::writer::schema::{DataColumn, DataKind, Shape};

/// Which ordinals of values of 24 bits and more.
enum WideOrdinals<'a> {
    Range(Range<u64>),
    Listed(&'a [u64]),
}

impl WideOrdinals<'_> {
    fn for_each(&self, mut visit: impl FnMut(u64)) {
        match self {
            Self::Range(range) => range.clone().for_each(visit),
            Self::Listed(ordinals) => ordinals.iter().for_each(|n| visit(*n)),
        }
    }
}

/// One column chunk in the making.
#[derive(Debug)]
pub(crate) struct ColumnContent<'a> {
    column: &'a DataColumn,
    key: Key,
    ordinals: OrdinalDraw,
    /// The codes of the domain that have appeared, by ordinal.
    codes: Vec<u16>,
    raw_floats: bool,
}

impl<'a> ColumnContent<'a> {
    pub(crate) fn new(key: Key, column: &'a DataColumn, options: ContentOptions) -> Self {
        let raw_floats = options.raw_floats;
        let domain = Domain::of(column.kind, raw_floats);
        let ordinals = OrdinalDraw::new(key, domain, options.repeat_fraction);
        Self { column, key, ordinals, codes: Vec::new(), raw_floats }
    }

    /// How many values there are at all, where the kind has few.
    pub(crate) fn values_max(&self) -> Option<usize> {
        Domain::of(self.column.kind, self.raw_floats).map(|domain| domain.len() as usize)
    }

    /// Bytes of a row; strings are counted with their longest.
    pub(crate) fn row_bytes(&self) -> u64 {
        self.column.row_bytes()
    }

    /// The next `rows` rows.
    pub(super) fn next_rows(&mut self, rows: usize) -> ArrayRef {
        let (leaf, _) = self.next_leaf(rows);
        self.in_rows(leaf, rows)
    }

    /// The leaf values of the next `rows` rows, and which they are.
    pub(crate) fn next_leaf(&mut self, rows: usize) -> (ArrayRef, EntryNumbers) {
        let first = self.ordinals.seen();
        let ordinals = self.ordinals.next(rows * self.column.values_per_row());
        let seen = self.ordinals.seen();
        match ordinals {
            Ordinals::Fresh(range) => (self.wide(&WideOrdinals::Range(range)), EntryNumbers::Fresh),
            Ordinals::Wide(ordinals) => {
                let values = self.wide(&WideOrdinals::Listed(&ordinals));
                let index = |ordinal: &u64| u32::try_from(*ordinal).unwrap_or(u32::MAX);
                let numbers = ordinals.iter().map(index).collect();
                let new = self.wide(&WideOrdinals::Range(first..seen));
                (values, EntryNumbers::Listed { numbers, first, new })
            }
            Ordinals::Narrow(domain, numbers) => {
                let (before, halves) = (self.codes.len(), self.key.halves(0));
                let seen = u32::try_from(seen).expect("a domain has 2^16 values at most");
                domain.extend(&mut self.codes, seen, halves);
                let codes = domain.codes_of(&numbers, &self.codes, halves);
                let new = self.narrow(self.codes[before..].to_vec());
                (self.narrow(codes), EntryNumbers::Listed { numbers, first, new })
            }
        }
    }

    /// Leaf values as rows.
    pub(crate) fn in_rows(&self, values: ArrayRef, rows: usize) -> ArrayRef {
        let field = || self.column.element_field();
        match self.column.shape {
            Shape::Scalar => values,
            Shape::FixedSizeList(size) => {
                let size = i32::try_from(size).expect("list sizes are at most i32::MAX");
                Arc::new(FixedSizeListArray::new(field(), size, values, None))
            }
            Shape::List(size) => {
                let lengths = std::iter::repeat_n(size as usize, rows);
                let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
                Arc::new(ListArray::new(field(), offsets, values, None))
            }
        }
    }

    /// Values of a domain.
    fn narrow(&self, codes: Vec<u16>) -> ArrayRef {
        let values = codes.len();
        let bytes = |codes: Vec<u16>| -> Vec<u8> {
            codes.into_iter().map(|code| code.to_le_bytes()[0]).collect()
        };
        match self.column.kind {
            DataKind::Uint8 => primitive::<UInt8Type>(bytes(codes)),
            DataKind::Int8 => primitive::<Int8Type>(bytes(codes)),
            DataKind::Uint16 => primitive::<UInt16Type>(codes),
            DataKind::Int16 => primitive::<Int16Type>(codes),
            DataKind::Float16 => primitive::<Float16Type>(codes),
            DataKind::ByteAsInt64 => {
                primitive::<Int64Type>(codes.into_iter().map(i64::from).collect::<Vec<_>>())
            }
            DataKind::Boolean => {
                let bits = BooleanBuffer::collect_bool(codes.len(), |index| codes[index] == 1);
                Arc::new(BooleanArray::new(bits, None))
            }
            DataKind::Binary(1) => Arc::new(binaries_of(bytes(codes), values)),
            DataKind::Binary(2) => {
                let bytes = codes.into_iter().flat_map(u16::to_le_bytes).collect();
                Arc::new(binaries_of(bytes, values))
            }
            DataKind::Uint32
            | DataKind::Uint64
            | DataKind::Int32
            | DataKind::Int64
            | DataKind::Float32
            | DataKind::Float64
            | DataKind::Utf8
            | DataKind::Binary(_) => unreachable!("{:?} has no domain", self.column.kind),
        }
    }

    /// Values of 24 bits and more.
    fn wide(&self, numbers: &WideOrdinals<'_>) -> ArrayRef {
        let raw = self.raw_floats;
        match self.column.kind {
            DataKind::Uint32 => primitive::<UInt32Type>(self.bits32(numbers, false)),
            DataKind::Int32 => primitive::<Int32Type>(self.bits32(numbers, false)),
            DataKind::Float32 => primitive::<Float32Type>(self.bits32(numbers, !raw)),
            DataKind::Uint64 => primitive::<UInt64Type>(self.bits64(numbers, false)),
            DataKind::Int64 => primitive::<Int64Type>(self.bits64(numbers, false)),
            DataKind::Float64 => primitive::<Float64Type>(self.bits64(numbers, !raw)),
            DataKind::Utf8 => Arc::new(self.strings(numbers)),
            DataKind::Binary(size) => Arc::new(self.binaries(numbers, size as usize)),
            DataKind::Uint8
            | DataKind::Int8
            | DataKind::Uint16
            | DataKind::Int16
            | DataKind::Float16
            | DataKind::ByteAsInt64
            | DataKind::Boolean => unreachable!("{:?} has a domain", self.column.kind),
        }
    }

    fn bits32(&self, numbers: &WideOrdinals<'_>, finite: bool) -> Vec<u32> {
        match numbers {
            WideOrdinals::Range(range) => self.key.values32(range.clone(), finite),
            WideOrdinals::Listed(ordinals) => {
                let value = |n: &u64| {
                    let (number, halves) = self.in_block(*n);
                    let bits = value32(number, halves);
                    if finite { finite32(bits, halves) } else { bits }
                };
                ordinals.iter().map(value).collect()
            }
        }
    }

    fn bits64(&self, numbers: &WideOrdinals<'_>, finite: bool) -> Vec<u64> {
        match numbers {
            WideOrdinals::Range(range) => self.key.values64(range.clone(), finite),
            WideOrdinals::Listed(ordinals) => {
                let value = |n: &u64| {
                    let bits = self.key.value64(*n);
                    if finite { finite64(bits, self.key) } else { bits }
                };
                ordinals.iter().map(value).collect()
            }
        }
    }

    fn strings(&self, numbers: &WideOrdinals<'_>) -> StringArray {
        let mut text = Vec::new();
        let mut ends = vec![0_i32];
        numbers.for_each(|n| {
            let (number, halves) = self.in_block(n);
            text.extend_from_slice(b"s_");
            push_decimal(&mut text, short::<31>(number, halves));
            ends.push(i32::try_from(text.len()).expect("a batch has a few mebibytes"));
        });
        let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
        StringArray::new(offsets, Buffer::from_vec(text), None)
    }

    fn binaries(&self, numbers: &WideOrdinals<'_>, size: usize) -> BinaryArray {
        let bytes_key = self.key.with(2);
        let (mut bytes, mut values) = (Vec::new(), 0);
        numbers.for_each(|n| {
            values += 1;
            let start = bytes.len();
            bytes.resize(start + size, 0);
            let value = &mut bytes[start..];
            bytes_key.fill_bytes(n.wrapping_mul(size as u64), value);
            // The head makes values differ for certain, as far as their size allows.
            if let Some(head) = value.first_chunk_mut::<8>() {
                *head = self.key.value64(n).to_le_bytes();
            } else if let Some(head) = value.first_chunk_mut::<4>() {
                let (number, halves) = self.in_block(n);
                *head = value32(number, halves).to_le_bytes();
            } else if let Some(head) = value.first_chunk_mut::<3>() {
                let (number, halves) = self.in_block_of(n, 1 << 24);
                head.copy_from_slice(&short::<24>(number, halves).to_le_bytes()[..3]);
            }
        });
        binaries_of(bytes, values)
    }

    /// The number of value `n` within its block, and the keys of that block.
    fn in_block(&self, n: u64) -> (u32, (u32, u32)) {
        self.in_block_of(n, BLOCK_VALUES)
    }

    fn in_block_of(&self, n: u64, values: u64) -> (u32, (u32, u32)) {
        let number = u32::try_from(n % values).expect("blocks are shorter than 2^31");
        (number, self.key.halves(n / values))
    }
}

/// `bytes` cut into so many values of one size.
fn binaries_of(bytes: Vec<u8>, values: usize) -> BinaryArray {
    let size = bytes.len().checked_div(values).unwrap_or(0);
    let offsets = OffsetBuffer::<i32>::from_lengths(std::iter::repeat_n(size, values));
    BinaryArray::new(offsets, Buffer::from_vec(bytes), None)
}

fn push_decimal(text: &mut Vec<u8>, mut number: u32) {
    let mut digits = [0; 10];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + u8::try_from(number % 10).expect("a digit");
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[start..]);
}

/// An array over the bits of its values, without nulls.
fn primitive<T: ArrowPrimitiveType>(bits: Vec<impl ArrowNativeType>) -> ArrayRef {
    let values = bits.len();
    let buffer = ScalarBuffer::<T::Native>::new(Buffer::from_vec(bits), 0, values);
    Arc::new(PrimitiveArray::<T>::new(buffer, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::dictionary::{Dictionary, Indices};

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
                let mut dictionary = Dictionary::new(kind, content.values_max()).unwrap();
                let mut indices = Indices::default();
                for values in slices {
                    let (leaf, numbers) = content.next_leaf(*values);
                    for start in (0..*values).step_by(part) {
                        let range = start..(start + part).min(*values);
                        let taken = leaf.slice(range.start, range.len());
                        dictionary.add(taken.as_ref(), &numbers, range, &mut indices);
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
