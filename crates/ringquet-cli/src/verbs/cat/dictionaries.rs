//! Dictionary columns on their way into an Arrow IPC file, which takes one dictionary for a column.
//!
//! In Parquet each row group has a dictionary of its own. As long as they are the same, batches are written as they are. With the
//! first that differs the file is begun again, and its dictionary columns are written as plain values: one dictionary for
//! all row groups would have to be kept in memory whole, and may need wider indices.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Result;
use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, OffsetSizeTrait, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, FieldRef, Fields, Schema, SchemaRef};

/// Plain values of one batch that is written: a batch whose values take more is cut.
const PART_BYTES: usize = 16 << 20;

/// The dictionaries so far.
#[derive(Debug, Default)]
pub(super) struct Dictionaries(Vec<ArrayRef>);

impl Dictionaries {
    /// Whether a batch has the dictionaries of those before it.
    pub(super) fn are_those_of(&mut self, batch: &RecordBatch) -> bool {
        let mut found = Vec::new();
        batch.columns().iter().for_each(|column| collect(column, &mut found));
        if self.0.is_empty() {
            self.0 = found;
            return true;
        }
        let is_same = |(known, found): (&ArrayRef, &ArrayRef)| {
            Arc::ptr_eq(known, found) || known.to_data() == found.to_data()
        };
        self.0.iter().zip(&found).all(is_same)
    }
}

/// The dictionaries in an array, in the order of its schema.
fn collect(array: &ArrayRef, found: &mut Vec<ArrayRef>) {
    match array.data_type() {
        DataType::Dictionary(_, _) => found.push(Arc::clone(array.as_any_dictionary().values())),
        DataType::Struct(_) => {
            array.as_struct().columns().iter().for_each(|column| collect(column, found));
        }
        DataType::List(_) => collect(array.as_list::<i32>().values(), found),
        DataType::LargeList(_) => collect(array.as_list::<i64>().values(), found),
        DataType::ListView(_) => collect(array.as_list_view::<i32>().values(), found),
        DataType::LargeListView(_) => collect(array.as_list_view::<i64>().values(), found),
        DataType::FixedSizeList(_, _) => collect(array.as_fixed_size_list().values(), found),
        DataType::Map(_, _) => {
            array.as_map().entries().columns().iter().for_each(|column| collect(column, found));
        }
        _ => {}
    }
}

/// The schema with plain values in place of dictionaries.
pub(super) fn plain_schema(schema: &Schema) -> SchemaRef {
    Arc::new(Schema::new_with_metadata(plain_fields(schema.fields()), schema.metadata().clone()))
}

fn plain_fields(fields: &Fields) -> Fields {
    fields.iter().map(plain_field).collect()
}

fn plain_field(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Dictionary(_, values) => DataType::clone(values),
        DataType::List(item) => DataType::List(plain_field(item)),
        DataType::LargeList(item) => DataType::LargeList(plain_field(item)),
        DataType::ListView(item) => DataType::ListView(plain_field(item)),
        DataType::LargeListView(item) => DataType::LargeListView(plain_field(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(plain_field(item), *size),
        DataType::Struct(fields) => DataType::Struct(plain_fields(fields)),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        _ => return Arc::clone(field),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// Passes the rows of `batch` to `take` in the types of `schema`, which is its plain one, in parts of bounded size.
pub(super) fn plain_parts(
    batch: &RecordBatch,
    schema: &SchemaRef,
    take: &mut impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    let rows = batch.num_rows();
    let bytes: usize = batch.columns().iter().map(plain_bytes_max).fold(0, usize::saturating_add);
    if bytes > PART_BYTES && rows > 1 {
        let half = rows / 2;
        plain_parts(&batch.slice(0, half), schema, take)?;
        return plain_parts(&batch.slice(half, rows - half), schema, take);
    }
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| arrow_cast::cast(column, field.data_type()))
        .collect::<Result<Vec<ArrayRef>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    take(&RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// Bytes that the dictionaries in an array take at most as plain values.
fn plain_bytes_max(array: &ArrayRef) -> usize {
    match array.data_type() {
        DataType::Dictionary(_, _) => {
            let values = array.as_any_dictionary().values();
            let longest = (0..values.len()).map(|index| value_bytes(values, index)).max();
            array.len().saturating_mul(longest.unwrap_or(0))
        }
        DataType::Struct(_) => {
            array.as_struct().columns().iter().map(plain_bytes_max).fold(0, usize::saturating_add)
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let items = items(list.value_offsets());
            plain_bytes_max(&list.values().slice(items.start, items.len()))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let items = items(list.value_offsets());
            plain_bytes_max(&list.values().slice(items.start, items.len()))
        }
        DataType::FixedSizeList(_, size) => {
            let list = array.as_fixed_size_list();
            let length = list.len() * usize::try_from(*size).unwrap_or(0);
            plain_bytes_max(&list.values().slice(0, length.min(list.values().len())))
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            let items = items(map.value_offsets());
            let columns = map.entries().columns().iter();
            columns
                .map(|column| plain_bytes_max(&column.slice(items.start, items.len())))
                .fold(0, usize::saturating_add)
        }
        _ => 0,
    }
}

/// The items of all lists, from the offsets of the lists.
fn items<O: OffsetSizeTrait>(offsets: &[O]) -> Range<usize> {
    let at = |offset: Option<&O>| offset.map_or(0, |offset| offset.as_usize());
    at(offsets.first())..at(offsets.last())
}

fn value_bytes(values: &ArrayRef, index: usize) -> usize {
    match values.data_type() {
        DataType::Utf8 => values.as_string::<i32>().value(index).len(),
        DataType::LargeUtf8 => values.as_string::<i64>().value(index).len(),
        DataType::Utf8View => values.as_string_view().value(index).len(),
        DataType::Binary => values.as_binary::<i32>().value(index).len(),
        DataType::LargeBinary => values.as_binary::<i64>().value(index).len(),
        DataType::BinaryView => values.as_binary_view().value(index).len(),
        DataType::FixedSizeBinary(width) => usize::try_from(*width).unwrap_or(0),
        other => other.primitive_width().unwrap_or(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use arrow_array::types::Int8Type;
    use arrow_array::{DictionaryArray, StringArray};

    fn batch(words: &[&str]) -> RecordBatch {
        let words: DictionaryArray<Int8Type> = words.iter().copied().collect();
        RecordBatch::try_from_iter([("word", Arc::new(words) as ArrayRef)]).unwrap()
    }

    #[test]
    fn dictionaries_are_compared_by_what_they_hold() {
        let mut known = Dictionaries::default();
        assert!(known.are_those_of(&batch(&["a", "b"])));
        assert!(known.are_those_of(&batch(&["a", "b", "a"])));
        assert!(!known.are_those_of(&batch(&["b", "c"])));
        assert!(known.are_those_of(&batch(&["a", "b"]).slice(1, 1)));
    }

    #[test]
    fn a_batch_is_cut_before_its_values_are_laid_out() {
        let long = "x".repeat(PART_BYTES / 4);
        let batch = batch(&[&*long; 10]);
        let schema = plain_schema(&batch.schema());
        assert_eq!(*schema.field(0).data_type(), DataType::Utf8);
        let mut rows = Vec::new();
        let mut take = |part: &RecordBatch| {
            let texts: &StringArray = part.column(0).as_string();
            assert!(texts.iter().all(|text| text == Some(&*long)));
            rows.push(part.num_rows());
            Ok(())
        };
        plain_parts(&batch, &schema, &mut take).unwrap();
        assert_eq!(rows.iter().sum::<usize>(), 10);
        assert!(rows.iter().all(|rows| (1..=4).contains(rows)), "{rows:?}");
    }
}
