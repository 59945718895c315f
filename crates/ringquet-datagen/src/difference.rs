//! The first value in which two batches differ, and in which fields two schemas do.

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};

/// Bytes of a string or binary that are shown.
const SHOWN_BYTES: usize = 24;

/// A value that is not what it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) column: String,
    /// Row within the batch.
    pub(crate) row: usize,
    /// Both values.
    pub(crate) text: String,
}

/// The first row in which `found` differs from `expected`, and of that row the first column.
/// Both have the same schema.
pub(crate) fn difference(found: &RecordBatch, expected: &RecordBatch) -> Option<Difference> {
    let rows = found.num_rows().min(expected.num_rows());
    let columns = found.columns().iter().zip(expected.columns());
    let first = columns
        .enumerate()
        .filter_map(|(index, (left, right))| {
            let row = first_row(left.slice(0, rows).as_ref(), right.slice(0, rows).as_ref())?;
            Some((row, index))
        })
        .min()?;
    let (row, index) = first;
    let (left, right) = (found.column(index).slice(row, 1), expected.column(index).slice(row, 1));
    Some(Difference {
        column: found.schema().field(index).name().clone(),
        row,
        text: value_difference(left.as_ref(), right.as_ref()),
    })
}

/// The first row in which two arrays of the same length differ, found by halving.
fn first_row(left: &dyn Array, right: &dyn Array) -> Option<usize> {
    if *left == *right {
        return None;
    }
    let (mut start, mut length) = (0, left.len());
    while length > 1 {
        let half = length / 2;
        if *left.slice(start, half) == *right.slice(start, half) {
            start += half;
            length -= half;
        } else {
            length = half;
        }
    }
    Some(start)
}

/// Both values of two arrays of one row.
fn value_difference(left: &dyn Array, right: &dyn Array) -> String {
    if let (Some(left), Some(right)) = (values(left), values(right)) {
        if left.len() != right.len() {
            return format!("has {} elements, {} were written", left.len(), right.len());
        }
        return match first_row(left.as_ref(), right.as_ref()) {
            Some(element) => {
                let (found, expected) = (left.slice(element, 1), right.slice(element, 1));
                let text = value_difference(found.as_ref(), expected.as_ref());
                format!("element {element} {text}")
            }
            None => "is null where it was not".to_owned(),
        };
    }
    format!("is {}, {} was written", shown(left), shown(right))
}

/// The elements of the one list of `array`.
fn values(array: &dyn Array) -> Option<arrow_array::ArrayRef> {
    if array.is_empty() || array.is_null(0) {
        return None;
    }
    match array.data_type() {
        DataType::FixedSizeList(..) => Some(array.as_fixed_size_list().value(0)),
        DataType::List(_) => Some(array.as_list::<i32>().value(0)),
        _ => None,
    }
}

/// The one value of `array` as text.
fn shown(array: &dyn Array) -> String {
    use arrow_array::types::*;
    macro_rules! number {
        ($kind:ty) => {{
            let value = array.as_primitive::<$kind>().value(0);
            format!("{value:?}")
        }};
    }
    if array.is_empty() || array.is_null(0) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::Float16 => number!(Float16Type),
        DataType::Float32 => number!(Float32Type),
        DataType::Float64 => number!(Float64Type),
        DataType::Boolean => array.as_boolean().value(0).to_string(),
        DataType::Utf8 => shown_bytes(array.as_string::<i32>().value(0).as_bytes()),
        DataType::Binary => shown_bytes(array.as_binary::<i32>().value(0)),
        other => format!("a value of type {other}"),
    }
}

fn shown_bytes(bytes: &[u8]) -> String {
    let head = bytes.get(..SHOWN_BYTES).unwrap_or(bytes).escape_ascii();
    match bytes.len() {
        0..=SHOWN_BYTES => format!("\"{head}\""),
        length => format!("\"{head}…\" ({length} bytes)"),
    }
}

/// In what `found` is not `expected`: the number of fields, or the first that differs in name, type
/// or nullability.
pub(crate) fn field_difference(found: &Schema, expected: &Schema) -> Option<String> {
    let (fields, wanted) = (found.fields(), expected.fields());
    if fields.len() != wanted.len() {
        let (found, written) = (fields.len(), wanted.len());
        return Some(format!("has {found} columns; it was written with {written}"));
    }
    let text = |field: &arrow_schema::Field| {
        let null = if field.is_nullable() { "" } else { " not null" };
        format!("`{}` {}{null}", field.name(), field.data_type())
    };
    let differ =
        |(index, (left, right)): (usize, (&arrow_schema::FieldRef, &arrow_schema::FieldRef))| {
            let same = left.name() == right.name()
                && left.data_type() == right.data_type()
                && left.is_nullable() == right.is_nullable();
            (!same)
                .then(|| format!("column {index} is {}; {} was written", text(left), text(right)))
        };
    fields.iter().zip(wanted).enumerate().find_map(differ)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, Int32Array, StringArray};
    use arrow_schema::Field;

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn names_row_column_and_element() {
        let numbers = |at_7: i32| -> ArrayRef {
            Arc::new(Int32Array::from_iter_values((0..20).map(|n| if n == 7 { at_7 } else { n })))
        };
        let texts = |at_9: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(
                (0..20).map(|n| if n == 9 { at_9.to_owned() } else { format!("s_{n}") }),
            ))
        };
        let left = batch(vec![("text", texts("s_9")), ("number", numbers(7))]);
        assert_eq!(difference(&left, &left), None);
        let right = batch(vec![("text", texts("s_x")), ("number", numbers(-7))]);
        let found = difference(&left, &right).unwrap();
        assert_eq!((found.column.as_str(), found.row), ("number", 7), "the first row decides");
        assert_eq!(found.text, "is 7, -7 was written");
        let right = batch(vec![("text", texts("s_x")), ("number", numbers(7))]);
        assert_eq!(difference(&left, &right).unwrap().text, "is \"s_9\", \"s_x\" was written");

        let lists = |at_13: f32| -> ArrayRef {
            let values = (0_i16..20).map(|n| if n == 13 { at_13 } else { f32::from(n) });
            let values = Arc::new(Float32Array::from_iter_values(values));
            let field = Arc::new(Field::new("element", DataType::Float32, true));
            Arc::new(FixedSizeListArray::new(field, 5, values, None))
        };
        let (left, right) = (batch(vec![("l", lists(13.0))]), batch(vec![("l", lists(0.5))]));
        let found = difference(&left, &right).unwrap();
        assert_eq!((found.row, found.text.as_str()), (2, "element 3 is 13.0, 0.5 was written"));
    }
}
