//! Reads from every cache line that was delivered, so that no batch counts that was not decoded.
//!
//! One value of every 64 bytes is read and added up: a cache line comes as a whole, so this moves
//! what reading all of it would move, in a third of the time (2 MiB that another core wrote, a DLRM
//! batch: 18 µs; adding up every float32: 59; every byte: 118).
//!
//! Which values those are depends on their place in the row group alone, never on where batches are
//! cut: of float32, rows 0, 16, 32 … of each row group. Sums do not depend on order either, so as
//! long as no rows are dropped, equal data gives equal sums regardless of the threads. (It is a trace
//! of work, not a digest.)

use arrow_array::cast::AsArray as _;
use arrow_array::types::{BinaryType, ByteArrayType, LargeBinaryType, LargeUtf8Type, Utf8Type};
use arrow_array::{Array, GenericByteArray, RecordBatch, downcast_primitive_array};
use arrow_schema::DataType;

/// Bytes that come into a core's cache together.
const CACHE_LINE_BYTES: usize = 64;

/// What touching delivered data gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Touched {
    /// Bytes whose cache lines were read: values and validity of the rows, or raw column chunks.
    pub bytes: u64,
    /// Sum of the values that were read.
    pub(crate) sum: u64,
}

impl Touched {
    /// Reads from `bytes`, a line at a time.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.values(bytes, 0, u64::from);
    }

    /// Reads from every column of `batch`, whose first row is `first_row` of its row group.
    pub fn batch(&mut self, batch: &RecordBatch, first_row: u64) {
        let first = usize::try_from(first_row).expect("rows of a row group that is in memory");
        for column in batch.columns() {
            self.array(column.as_ref(), first);
        }
    }

    /// Adds what was touched elsewhere.
    pub(crate) fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// Reads those of `values` whose index is a multiple of a line's worth; the first has index
    /// `first`.
    fn values<T: Copy>(&mut self, values: &[T], first: usize, word: impl Fn(T) -> u64) {
        let step = (CACHE_LINE_BYTES / size_of::<T>()).max(1);
        let start = first.wrapping_neg() % step;
        let read = values.get(start..).unwrap_or_default().iter().step_by(step);
        self.sum = read.fold(self.sum, |sum, value| sum.wrapping_add(word(*value)));
        self.bytes += size_of_val(values) as u64;
    }

    fn array(&mut self, array: &dyn Array, first: usize) {
        if let Some(nulls) = array.nulls() {
            // Bitmaps are cut anywhere in a byte: their ones are counted.
            self.bits(nulls.inner().count_set_bits(), nulls.len());
        }
        downcast_primitive_array!(
            array => {
                let buffer = array.values().inner();
                match size_of_val(array.values().as_ref()) / array.len().max(1) {
                    0 | 1 => self.values(buffer.as_slice(), first, u64::from),
                    2 => self.values(buffer.typed_data::<u16>(), first, u64::from),
                    4 => self.values(buffer.typed_data::<u32>(), first, u64::from),
                    // 16 and 32 bytes are words of 8.
                    width => {
                        let first = first.wrapping_mul(width / 8);
                        self.values(buffer.typed_data::<u64>(), first, |word| word);
                    }
                }
            },
            DataType::Boolean => {
                let values = array.as_boolean().values();
                self.bits(values.count_set_bits(), values.len());
            }
            DataType::Utf8 => self.strings::<Utf8Type>(array.as_bytes()),
            DataType::LargeUtf8 => self.strings::<LargeUtf8Type>(array.as_bytes()),
            DataType::Binary => self.strings::<BinaryType>(array.as_bytes()),
            DataType::LargeBinary => self.strings::<LargeBinaryType>(array.as_bytes()),
            DataType::FixedSizeBinary(_) => {
                let array = array.as_fixed_size_binary();
                (0..array.len()).for_each(|row| self.bytes(array.value(row)));
            }
            DataType::FixedSizeList(_, _) => {
                let list = array.as_fixed_size_list();
                let size = usize::try_from(list.value_length()).unwrap_or(0);
                self.array(list.values(), first.wrapping_mul(size));
            }
            // Where lists begin within the row group is not known here: each counts from its own start.
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                (0..list.len()).for_each(|row| self.array(list.value(row).as_ref(), 0));
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                (0..list.len()).for_each(|row| self.array(list.value(row).as_ref(), 0));
            }
            DataType::Struct(_) => {
                for column in array.as_struct().columns() {
                    self.array(column.as_ref(), first);
                }
            }
            // Nothing that the data sets of a workload hold: whole buffers, whatever the rows.
            _ => {
                for buffer in array.to_data().buffers() {
                    self.bytes(buffer.as_slice());
                }
            }
        );
    }

    fn strings<T: ByteArrayType>(&mut self, array: &GenericByteArray<T>) {
        for row in 0..array.len() {
            let value: &[u8] = array.value(row).as_ref();
            self.bytes(value);
        }
    }

    fn bits(&mut self, set: usize, of: usize) {
        self.sum = self.sum.wrapping_add(set as u64);
        self.bytes += of.div_ceil(8) as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{
        ArrayRef, BooleanArray, Decimal128Array, FixedSizeListArray, Float32Array, Int8Array,
        Int16Array, Int64Array, ListArray, StringArray,
    };

    use super::*;

    const ROWS: usize = 200;

    fn batch() -> RecordBatch {
        let rows = || 0..i32::try_from(ROWS).unwrap();
        let long = "more than one cache line of text, so that a second byte of it is read, too: ";
        let list = |row: i32| (row % 3 != 0).then(|| (0..row % 40).map(Some).collect::<Vec<_>>());
        let fixed = |row: i32| (row % 5 != 0).then_some([Some(row), None, Some(row * 3)]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            (
                "i8",
                Arc::new(rows().map(|row| i8::try_from(row % 100).unwrap()).collect::<Int8Array>()),
            ),
            (
                "i16",
                Arc::new(rows().map(|row| i16::try_from(row).unwrap()).collect::<Int16Array>()),
            ),
            (
                "i64",
                Arc::new(
                    rows()
                        .map(|row| (row % 2 == 0).then_some(i64::from(row) << 33))
                        .collect::<Int64Array>(),
                ),
            ),
            ("f32", Arc::new(rows().map(|row| row as f32 / 7.0).collect::<Float32Array>())),
            (
                "d128",
                Arc::new(rows().map(|row| i128::from(row) << 70 | 5).collect::<Decimal128Array>()),
            ),
            ("bool", Arc::new(rows().map(|row| Some(row % 3 == 1)).collect::<BooleanArray>())),
            (
                "text",
                Arc::new(StringArray::from_iter_values(
                    rows().map(|row| format!("{row}{long}{row}")),
                )),
            ),
            ("list", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows().map(list)))),
            (
                "fixed",
                Arc::new(FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(
                    rows().map(fixed),
                    3,
                )),
            ),
        ];
        RecordBatch::try_from_iter(columns).expect("equal lengths")
    }

    fn touched(batch: &RecordBatch, first_row: u64) -> Touched {
        let mut touched = Touched::default();
        touched.batch(batch, first_row);
        touched
    }

    #[test]
    fn a_sum_does_not_care_where_batches_are_cut() {
        let whole = batch();
        for column in 0..whole.num_columns() {
            let whole = whole.project(&[column]).unwrap();
            let expected = touched(&whole, 0).sum;
            assert_ne!(expected, 0, "{}", whole.schema());
            for cut in 0..=ROWS {
                let mut parts = touched(&whole.slice(0, cut), 0);
                parts.add(touched(&whole.slice(cut, ROWS - cut), cut as u64));
                assert_eq!(parts.sum, expected, "{}, cut after {cut} rows", whole.schema());
            }
        }
    }

    #[test]
    fn one_value_of_each_line_is_read() {
        let column: ArrayRef = Arc::new((0..20).map(|row| 1 << row).collect::<Int64Array>());
        let batch = RecordBatch::try_from_iter([("x", column)]).expect("one column");
        assert_eq!(touched(&batch, 0), Touched { bytes: 160, sum: 1 + (1 << 8) + (1 << 16) });
        // Row 3 of the row group comes first: rows 8, 16, 24 … have places 5, 13, 21 ….
        assert_eq!(touched(&batch, 3), Touched { bytes: 160, sum: (1 << 5) + (1 << 13) });
        let mut raw = Touched::default();
        raw.bytes(&[7; 129]);
        assert_eq!(raw, Touched { bytes: 129, sum: 21 });
    }

    #[test]
    fn short_slices_between_two_lines_are_no_panic() {
        let whole = batch();
        for rows in 0..3 {
            for first in 0..70 {
                touched(&whole.slice(1, rows), first);
            }
        }
    }
}
