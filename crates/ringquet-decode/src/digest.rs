//! A digest of decoded content that is the same for every way of decoding it.
//!
//! What is hashed is the logical content: values in row order, with nulls distinguished from values. It does not depend on
//! how rows were cut into batches, on offsets of sliced arrays, on what lies in memory under a null, nor on the order in
//! which row groups, files or threads came. Per column and level of nesting there is a stream of validity bits, one of
//! lengths, one of values; each goes through XXH3 as it comes.
//!
//! ```text
//! digest of files = Σ digest of file = Σ row groups = Σ columns, all modulo 2^128
//! column          = XXH3(file index, row group, name, type, rows, digests of its streams)
//! ```

mod column;

use std::fmt;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use twox_hash::XxHash3_128;

use column::ColumnDigest;

/// A digest of decoded content. Digests of disjoint parts are added, in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ContentDigest(pub u128);

impl Add for ContentDigest {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

impl AddAssign for ContentDigest {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for ContentDigest {
    fn sum<I: Iterator<Item = Self>>(digests: I) -> Self {
        digests.fold(Self::default(), Self::add)
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Text that is not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a digest: 32 hexadecimal digits")]
pub struct ParseDigestError(String);

impl FromStr for ContentDigest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseDigestError(text.to_owned());
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(error());
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| error())
    }
}

/// Digest of the columns of one row group, fed batch by batch in row order.
#[derive(Debug)]
pub struct RowGroupDigest {
    seed: [u64; 2],
    columns: Vec<ColumnDigest>,
    names: Vec<Vec<u8>>,
    rows: u64,
}

impl RowGroupDigest {
    /// Starts the digest of row group `row_group` of the file with index `file_index`. The indices make equal content in
    /// different places count differently.
    #[must_use]
    pub fn new(file_index: u64, row_group: u64, schema: &Schema) -> Self {
        let columns = schema.fields().iter().map(|field| ColumnDigest::new(field.data_type()));
        let names = schema.fields().iter().map(|field| {
            let mut name = Vec::new();
            column::write_field(&mut name, field);
            name
        });
        Self {
            seed: [file_index, row_group],
            columns: columns.collect(),
            names: names.collect(),
            rows: 0,
        }
    }

    /// Adds the next rows.
    ///
    /// # Panics
    /// When the batch does not have the columns of the schema that the digest was started with.
    pub fn update(&mut self, batch: &RecordBatch) {
        assert_eq!(
            batch.num_columns(),
            self.columns.len(),
            "batches have the schema of their digest"
        );
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            column.update(array);
        }
        self.rows += batch.num_rows() as u64;
    }

    /// The digest of all rows added.
    #[must_use]
    pub fn finish(self) -> ContentDigest {
        let Self { seed: [file_index, row_group], columns, names, rows } = self;
        let column = |(column, name): (ColumnDigest, Vec<u8>)| {
            let mut hasher = XxHash3_128::new();
            for number in [file_index, row_group, rows, name.len() as u64] {
                hasher.write(&number.to_le_bytes());
            }
            hasher.write(&name);
            column.finish(&mut hasher);
            ContentDigest(hasher.finish_128())
        };
        // Row groups without columns still differ in their rows.
        let mut hasher = XxHash3_128::new();
        [file_index, row_group, rows].iter().for_each(|number| hasher.write(&number.to_le_bytes()));
        let own = ContentDigest(hasher.finish_128());
        columns.into_iter().zip(names).map(column).fold(own, ContentDigest::add)
    }
}

/// Digest of a file: the sum over its row groups.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileDigest(ContentDigest);

impl FileDigest {
    /// A file without row groups.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row group.
    pub fn add(&mut self, row_group: ContentDigest) {
        self.0 += row_group;
    }

    /// The sum.
    #[must_use]
    pub fn finish(self) -> ContentDigest {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use arrow_array::builder::{
        FixedSizeListBuilder, Int32Builder, ListBuilder, MapBuilder, StringBuilder,
    };
    use arrow_array::{
        Array, ArrayRef, BooleanArray, FixedSizeListArray, Int32Array, Int64Array, ListArray,
        StringArray, StringViewArray, StructArray,
    };
    use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
    use arrow_schema::{DataType, Field};

    fn digest(array: &ArrayRef, cuts: &[usize]) -> ContentDigest {
        let schema = Schema::new(vec![Field::new("c", array.data_type().clone(), true)]);
        let mut digest = RowGroupDigest::new(0, 0, &schema);
        let schema = Arc::new(schema);
        let mut start = 0;
        for end in cuts.iter().copied().chain([array.len()]) {
            let slice = array.slice(start, end - start);
            digest.update(&RecordBatch::try_new(Arc::clone(&schema), vec![slice]).unwrap());
            start = end;
        }
        digest.finish()
    }

    fn arrays() -> Vec<ArrayRef> {
        let numbers = (0..200).map(|i| (i % 7 != 3).then_some(i));
        let strings = (0..200).map(|i| (i % 5 != 1).then(|| format!("text {i}")));
        let mut lists = ListBuilder::new(Int32Builder::new());
        let mut fixed = FixedSizeListBuilder::new(Int32Builder::new(), 3);
        let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        for i in 0..200 {
            (0..i % 4).for_each(|j| lists.values().append_option((j != 2).then_some(i * j)));
            lists.append(i % 9 != 4 || i % 4 == 0);
            (0..3).for_each(|j| fixed.values().append_value(i + j));
            fixed.append(i % 6 != 5);
            (0..i % 3).for_each(|j| {
                maps.keys().append_value(format!("key {j}"));
                maps.values().append_value(i);
            });
            maps.append(i % 8 != 0).unwrap();
        }
        let structs = StructArray::new(
            vec![Field::new("n", DataType::Int32, true)].into(),
            vec![Arc::new(Int32Array::from_iter(numbers.clone()))],
            Some(NullBuffer::from_iter((0..200).map(|i| i % 11 != 0))),
        );
        vec![
            Arc::new(Int32Array::from_iter(numbers.clone())),
            Arc::new(Int32Array::from_iter_values(0..200)),
            Arc::new(BooleanArray::from_iter(numbers.map(|n| n.map(|n| n % 2 == 0)))),
            Arc::new(StringArray::from_iter(strings.clone())),
            Arc::new(StringViewArray::from_iter(strings)),
            Arc::new(lists.finish()),
            Arc::new(fixed.finish()),
            Arc::new(maps.finish()),
            Arc::new(structs),
        ]
    }

    #[test]
    fn batches_do_not_matter() {
        for array in arrays() {
            let whole = digest(&array, &[]);
            for cuts in [&[1][..], &[64], &[63, 65, 130], &[0, 7, 8, 100, 199]] {
                assert_eq!(digest(&array, cuts), whole, "{} cut at {cuts:?}", array.data_type());
            }
        }
    }

    #[test]
    fn one_value_matters() {
        for array in arrays() {
            let whole = digest(&array, &[]);
            assert_ne!(digest(&array.slice(0, 199), &[]), whole);
            let swapped = arrow_select::concat::concat(&[&array.slice(1, 199), &array.slice(0, 1)]);
            assert_ne!(digest(&swapped.unwrap(), &[]), whole, "{}", array.data_type());
        }
    }

    #[test]
    fn bytes_under_nulls_do_not_matter() {
        let nulls = NullBuffer::from(vec![true, false, true]);
        let left: ArrayRef = Arc::new(Int64Array::new(vec![1, 2, 3].into(), Some(nulls.clone())));
        let right: ArrayRef = Arc::new(Int64Array::new(vec![1, 9, 3].into(), Some(nulls.clone())));
        assert_eq!(digest(&left, &[]), digest(&right, &[]));

        // A null list with and without elements under it.
        let field = Arc::new(Field::new_list_field(DataType::Int64, true));
        let list = |offsets: Vec<i32>, values: Vec<i64>| -> ArrayRef {
            let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
            let values = Arc::new(Int64Array::from(values));
            Arc::new(ListArray::new(Arc::clone(&field), offsets, values, Some(nulls.clone())))
        };
        let left = list(vec![0, 2, 2, 3], vec![1, 2, 3]);
        let right = list(vec![0, 2, 4, 5], vec![1, 2, 8, 9, 3]);
        assert_eq!(digest(&left, &[]), digest(&right, &[]));

        let fixed = |values: Vec<i64>| -> ArrayRef {
            let values = Arc::new(Int64Array::from(values));
            Arc::new(FixedSizeListArray::new(Arc::clone(&field), 2, values, Some(nulls.clone())))
        };
        assert_eq!(
            digest(&fixed(vec![1, 2, 3, 4, 5, 6]), &[]),
            digest(&fixed(vec![1, 2, 7, 7, 5, 6]), &[])
        );

        // A child under a null struct.
        let with_child = |value: i64| -> ArrayRef {
            let fields = vec![Field::new("x", DataType::Int64, true)];
            let child = Arc::new(Int64Array::from(vec![1, value, 3]));
            Arc::new(StructArray::new(fields.into(), vec![child], Some(nulls.clone())))
        };
        assert_eq!(digest(&with_child(2), &[]), digest(&with_child(5), &[]));
    }

    #[test]
    fn null_and_zero_differ() {
        let null: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let zero: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(0)]));
        assert_ne!(digest(&null, &[]), digest(&zero, &[]));
    }

    /// Digests of data sets rest on it. The expected ones are of another implementation.
    #[test]
    fn the_hash_is_xxh3() {
        let bytes: Vec<u8> = (0..1000_u32).map(|n| (n * 7).to_le_bytes()[0]).collect();
        for piece in [1, 7, 64, 255, 256, 1000] {
            let mut hasher = XxHash3_128::new();
            bytes.chunks(piece).for_each(|piece| hasher.write(piece));
            assert_eq!(format!("{:032x}", hasher.finish_128()), "abee229cdadad76d10ad30264426c830");
        }
        let nothing = XxHash3_128::new().finish_128();
        assert_eq!(format!("{nothing:032x}"), "99aa06d3014798d86001c324468d497f");
    }

    #[test]
    fn text_form() {
        let digest = ContentDigest(0x0123_4567_89ab_cdef);
        assert_eq!(digest.to_string(), "00000000000000000123456789abcdef");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("123".parse::<ContentDigest>().is_err());
        assert!("+0000000000000000123456789abcdef".parse::<ContentDigest>().is_err());
    }
}
