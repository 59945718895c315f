//! The values of a row group, batch by batch.
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
    ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, ListArray, PrimitiveArray,
    RecordBatch, StringArray,
};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::SchemaRef;
use ringquet_workload::DatasetType;

use crate::content::domain::Domain;
use crate::content::ordinals::{OrdinalDraw, Ordinals};
use crate::content::random::{BLOCK_VALUES, Key, finite32, finite64, short, value32};
use crate::options::ContentOptions;
use crate::writer::schema::{DataColumn, DataKind, Shape, schema_of};

/// Bytes of a batch that are aimed at: some rows of FLUX, a row group of DLRM.
const BATCH_BYTES: u64 = 8 << 20;

/// Which file of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileKey {
    pub(crate) seed: u64,
    pub(crate) half: DatasetType,
    /// Index within the half.
    pub(crate) file: u64,
}

impl FileKey {
    /// The key of a column chunk.
    pub(crate) fn chunk(self, row_group: u64, column: usize) -> Key {
        let half = match self.half {
            DatasetType::Train => 0,
            DatasetType::Valid => 1,
        };
        Key::new(&[self.seed, half, self.file, row_group, column as u64])
    }
}

/// The rows of one row group, made batch by batch.
#[derive(Debug)]
pub(crate) struct RowGroupContent<'a> {
    schema: SchemaRef,
    columns: Vec<ColumnContent<'a>>,
    rows_left: u64,
    batch_rows: u64,
}

impl<'a> RowGroupContent<'a> {
    /// Content of row group `row_group`, which has `rows` rows.
    pub(crate) fn new(
        file: FileKey,
        row_group: u64,
        rows: u64,
        columns: &'a [DataColumn],
        options: ContentOptions,
    ) -> Self {
        let content =
            |(index, column)| ColumnContent::new(file.chunk(row_group, index), column, options);
        let row_bytes = crate::writer::schema::row_bytes(columns).max(1);
        Self {
            schema: schema_of(columns),
            columns: columns.iter().enumerate().map(content).collect(),
            rows_left: rows,
            batch_rows: (BATCH_BYTES / row_bytes).max(1),
        }
    }

    /// The next `rows` rows, or as many as are left.
    pub(crate) fn take_rows(&mut self, rows: usize) -> RecordBatch {
        let rows = usize::try_from(self.rows_left).map_or(rows, |left| rows.min(left));
        self.rows_left -= rows as u64;
        let arrays = self.columns.iter_mut().map(|column| column.next_rows(rows)).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays);
        batch.expect("arrays are made from the columns of the schema")
    }
}

impl Iterator for RowGroupContent<'_> {
    type Item = RecordBatch;

    fn next(&mut self) -> Option<RecordBatch> {
        if self.rows_left == 0 {
            return None;
        }
        let rows = self.rows_left.min(self.batch_rows);
        Some(self.take_rows(usize::try_from(rows).expect("a batch has a few mebibytes")))
    }
}

/// Which values of a leaf column come next, beside the values themselves.
#[derive(Debug)]
pub(crate) enum Run {
    /// All new: their ordinals follow those before.
    Fresh,
    /// New and old.
    Listed {
        /// Ordinal of each; those above 2^32, which no dictionary reaches, are not distinguished.
        indices: Vec<u32>,
        /// The ordinal that the first new one has.
        first: u64,
        /// The values of the new ones, each once.
        new: ArrayRef,
    },
}

/// Which ordinals of values of 24 bits and more.
enum Numbers<'a> {
    Range(Range<u64>),
    Listed(&'a [u64]),
}

impl Numbers<'_> {
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

    /// The next `rows` rows.
    fn next_rows(&mut self, rows: usize) -> ArrayRef {
        let (leaf, _) = self.next_leaf(rows);
        self.in_rows(leaf, rows)
    }

    /// The leaf values of the next `rows` rows, and which they are.
    pub(crate) fn next_leaf(&mut self, rows: usize) -> (ArrayRef, Run) {
        let first = self.ordinals.seen();
        let ordinals = self.ordinals.next(rows * self.column.values_per_row());
        let seen = self.ordinals.seen();
        match ordinals {
            Ordinals::Fresh(range) => (self.wide(&Numbers::Range(range)), Run::Fresh),
            Ordinals::Wide(ordinals) => {
                let values = self.wide(&Numbers::Listed(&ordinals));
                let index = |ordinal: &u64| u32::try_from(*ordinal).unwrap_or(u32::MAX);
                let indices = ordinals.iter().map(index).collect();
                let new = self.wide(&Numbers::Range(first..seen));
                (values, Run::Listed { indices, first, new })
            }
            Ordinals::Narrow(domain, indices) => {
                let (before, halves) = (self.codes.len(), self.key.halves(0));
                let seen = u32::try_from(seen).expect("a domain has 2^16 values at most");
                domain.extend(&mut self.codes, seen, halves);
                let codes = domain.codes_of(&indices, &self.codes, halves);
                let new = self.narrow(self.codes[before..].to_vec());
                (self.narrow(codes), Run::Listed { indices, first, new })
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
    fn wide(&self, numbers: &Numbers<'_>) -> ArrayRef {
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

    fn bits32(&self, numbers: &Numbers<'_>, finite: bool) -> Vec<u32> {
        match numbers {
            Numbers::Range(range) => self.key.values32(range.clone(), finite),
            Numbers::Listed(ordinals) => {
                let value = |n: &u64| {
                    let (number, halves) = self.in_block(*n);
                    let bits = value32(number, halves);
                    if finite { finite32(bits, halves) } else { bits }
                };
                ordinals.iter().map(value).collect()
            }
        }
    }

    fn bits64(&self, numbers: &Numbers<'_>, finite: bool) -> Vec<u64> {
        match numbers {
            Numbers::Range(range) => self.key.values64(range.clone(), finite),
            Numbers::Listed(ordinals) => {
                let value = |n: &u64| {
                    let bits = self.key.value64(*n);
                    if finite { finite64(bits, self.key) } else { bits }
                };
                ordinals.iter().map(value).collect()
            }
        }
    }

    fn strings(&self, numbers: &Numbers<'_>) -> StringArray {
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

    fn binaries(&self, numbers: &Numbers<'_>, size: usize) -> BinaryArray {
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
    use arrow_array::cast::AsArray as _;
    use ringquet_decode::RowGroupDigest;
    use ringquet_workload::{Column, Dtype, LegacySchema};

    use super::*;
    use crate::writer::schema::columns_of;

    fn column(dtype: Dtype, size: u64) -> Column {
        Column { name: format!("{dtype}_{size}"), dtype, size, read: true }
    }

    fn every_column() -> Vec<DataColumn> {
        let mut columns: Vec<Column> = [
            Dtype::Uint8,
            Dtype::Uint16,
            Dtype::Uint32,
            Dtype::Uint64,
            Dtype::Int8,
            Dtype::Int16,
            Dtype::Int32,
            Dtype::Int64,
            Dtype::Float16,
            Dtype::Float32,
            Dtype::Float64,
            Dtype::List,
        ]
        .into_iter()
        .flat_map(|dtype| [column(dtype, 1), column(dtype, 5)])
        .collect();
        columns.extend([column(Dtype::String, 1), column(Dtype::Bool, 1)]);
        columns.extend([1, 2, 3, 4, 7, 8, 20].map(|size| column(Dtype::Binary, size)));
        columns_of(&columns, None)
    }

    const FILE: FileKey = FileKey { seed: 10, half: DatasetType::Train, file: 3 };

    fn rows(columns: &[DataColumn], options: ContentOptions, cuts: &[usize]) -> Vec<RecordBatch> {
        let mut content = RowGroupContent::new(FILE, 0, 0, columns, options);
        let mut batches = Vec::new();
        for rows in cuts {
            content.rows_left = *rows as u64;
            batches.extend(&mut content);
        }
        batches
    }

    #[test]
    fn batches_may_end_anywhere() {
        for repeat_fraction in [0.0, 0.6] {
            let options = ContentOptions { repeat_fraction, raw_floats: false };
            let whole = rows(&every_column(), options, &[100]).remove(0);
            let mut start = 0;
            for part in rows(&every_column(), options, &[1, 6, 40, 53]) {
                let slice = whole.slice(start, part.num_rows());
                assert_eq!(part, slice, "rows from {start}, repeats {repeat_fraction}");
                start += part.num_rows();
            }
            assert_eq!(start, 100);
        }
    }

    #[test]
    fn wide_values_never_repeat_and_floats_are_finite() {
        let columns = columns_of(&[column(Dtype::Float32, 1), column(Dtype::String, 1)], None);
        let batch = rows(&columns, ContentOptions::default(), &[50_000]).remove(0);
        let floats = batch.column(0).as_primitive::<Float32Type>().values().to_vec();
        assert!(floats.iter().all(|value| value.is_finite()));
        let distinct: std::collections::HashSet<u32> =
            floats.iter().map(|value| value.to_bits()).collect();
        assert_eq!(distinct.len(), 50_000);
        let texts: std::collections::HashSet<&str> =
            batch.column(1).as_string::<i32>().iter().flatten().collect();
        assert_eq!(texts.len(), 50_000);
        for text in texts {
            let number: u64 = text.strip_prefix("s_").unwrap().parse().unwrap();
            assert!(number < 1 << 31, "{text}");
        }
        let raw = ContentOptions { raw_floats: true, ..ContentOptions::default() };
        let batch = rows(&columns, raw, &[50_000]).remove(0);
        let floats = batch.column(0).as_primitive::<Float32Type>().values().to_vec();
        let not_finite = floats.iter().filter(|value| !value.is_finite()).count();
        assert!((130..270).contains(&not_finite), "about one in 256: {not_finite}");
    }

    #[test]
    fn repeats_are_as_many_as_asked_for() {
        let columns = columns_of(&[column(Dtype::Int64, 1)], None);
        let options = ContentOptions { repeat_fraction: 0.75, raw_floats: false };
        let batch = rows(&columns, options, &[40_000]).remove(0);
        let values = batch.column(0).as_primitive::<Int64Type>().values().to_vec();
        let distinct: std::collections::HashSet<i64> = values.into_iter().collect();
        assert!((9_500..10_500).contains(&distinct.len()), "{} of 40000", distinct.len());
    }

    #[test]
    fn everything_in_the_key_matters() {
        let columns = columns_of(&[column(Dtype::Int64, 1), column(Dtype::Int64, 1)], None);
        let first = |file: FileKey, row_group: u64| {
            let options = ContentOptions::default();
            let mut content = RowGroupContent::new(file, row_group, 1, &columns, options);
            let batch = content.next().unwrap();
            [0, 1].map(|index| batch.column(index).as_primitive::<Int64Type>().value(0))
        };
        let mut seen = std::collections::HashSet::new();
        for (file, row_group) in [
            (FILE, 0),
            (FILE, 1),
            (FileKey { seed: 11, ..FILE }, 0),
            (FileKey { half: DatasetType::Valid, ..FILE }, 0),
            (FileKey { file: 4, ..FILE }, 0),
        ] {
            for value in first(file, row_group) {
                assert!(seen.insert(value), "{file:?}, row group {row_group}");
            }
        }
    }

    #[test]
    fn seed_legacy_is_bytes_below_255() {
        let columns = columns_of(&[], Some((LegacySchema::Seed, 484)));
        let batch = rows(&columns, ContentOptions::default(), &[50]).remove(0);
        let lists = batch.column(0).as_list::<i32>();
        assert_eq!(lists.value_length(7), 484);
        let values = lists.values().as_primitive::<Int64Type>().values();
        let distinct: std::collections::HashSet<i64> = values.iter().copied().collect();
        assert_eq!(distinct, (0..255).collect(), "DLIO draws below 255");
    }

    /// What a seed gives may only change together with [`crate::GENERATOR`]; nor may it depend on the CPU.
    #[test]
    fn the_values_are_those_of_this_generator() {
        let digest = |columns: &[DataColumn], repeat_fraction, raw_floats| {
            let options = ContentOptions { repeat_fraction, raw_floats };
            let mut digest = RowGroupDigest::new(0, 0, &schema_of(columns));
            rows(columns, options, &[1000]).iter().for_each(|batch| digest.update(batch));
            digest.finish().to_string()
        };
        let seed_legacy = columns_of(&[], Some((LegacySchema::Seed, 40)));
        assert_eq!(crate::GENERATOR, 2);
        assert_eq!(digest(&every_column(), 0.0, false), "15699bbc392b3cfed05c72c8d7e248e6");
        assert_eq!(digest(&every_column(), 0.5, true), "04624ee513f2d4043fb387bd8f0f4ccf");
        assert_eq!(digest(&seed_legacy, 0.0, false), "9e056f4bf7e29c8a76b92aef80ad43ce");
    }
}
