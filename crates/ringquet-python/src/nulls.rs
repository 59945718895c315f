//! Nulls of columns: filled, or passed from structs to their fields.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{ArrowPrimitiveType, Float16Type};
use arrow_array::{
    Array as _, ArrayRef, BooleanArray, FixedSizeListArray, GenericListArray, MapArray,
    OffsetSizeTrait, make_array,
};
use arrow_buffer::{Buffer, MutableBuffer, NullBuffer, OffsetBuffer};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::sync::Arc;

use crate::tensor::NumberType;
use crate::type_name::type_name;

/// `array` without nulls. Each null number or boolean is `value`; a list of fixed size that is null is one of `value`s, another
/// list that is null is empty. Values of lists that are neither numbers nor booleans stay as they are. Where nothing is null,
/// `value` need not fit.
///
/// # Errors
/// A type without numbers, or a value that does not fit.
pub(crate) fn filled(array: &ArrayRef, value: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    match array.data_type() {
        DataType::FixedSizeList(field, size) => {
            let width = usize::try_from(*size).expect("a size is not negative");
            let list = array.as_fixed_size_list();
            let values = list.values().slice(0, list.len() * width);
            let nulls = list.nulls().map(|nulls| nulls.expand(width));
            let values = filled_values(&also_null(&values, nulls.as_ref()).map_err(wrong)?, value)?;
            let field = without_nulls(field, &values);
            let list =
                FixedSizeListArray::try_new_with_length(field, *size, values, None, list.len());
            Ok(Arc::new(list.map_err(wrong)?))
        }
        DataType::List(field) => filled_list::<i32>(array, field, value),
        DataType::LargeList(field) => filled_list::<i64>(array, field, value),
        DataType::Map(field, is_sorted) => {
            let map = array.as_map();
            check_null_is_empty(map.nulls(), map.offsets())?;
            let (offsets, entries) = (map.offsets().clone(), map.entries().clone());
            let map = MapArray::try_new(field.clone(), offsets, entries, None, *is_sorted);
            Ok(Arc::new(map.map_err(wrong)?))
        }
        DataType::Boolean => {
            let booleans = array.as_boolean();
            let Some(nulls) = booleans.nulls().filter(|nulls| nulls.null_count() > 0) else {
                return Ok(ArrayRef::clone(array));
            };
            let fill = boolean(value)?;
            let values = if fill {
                booleans.values() | &!nulls.inner()
            } else {
                booleans.values() & nulls.inner()
            };
            Ok(Arc::new(BooleanArray::new(values, None)))
        }
        other => match NumberType::of(other) {
            Some(number) => filled_numbers(array, number, value),
            None => Err(PyTypeError::new_err(format!(
                "a column of type {} has no numbers to fill in",
                type_name(other)
            ))),
        },
    }
}

fn filled_list<O: OffsetSizeTrait>(
    array: &ArrayRef,
    field: &FieldRef,
    value: &Bound<'_, PyAny>,
) -> PyResult<ArrayRef> {
    let list = array.as_list::<O>();
    check_null_is_empty(list.nulls(), list.offsets())?;
    let values = filled_values(list.values(), value)?;
    let field = without_nulls(field, &values);
    let list = GenericListArray::<O>::try_new(field, list.offsets().clone(), values, None);
    Ok(Arc::new(list.map_err(wrong)?))
}

/// A null list whose values are hidden cannot become empty without moving the others.
fn check_null_is_empty<O: OffsetSizeTrait>(
    nulls: Option<&NullBuffer>,
    offsets: &OffsetBuffer<O>,
) -> PyResult<()> {
    let Some(nulls) = nulls else { return Ok(()) };
    let is_hidden = |row: &usize| nulls.is_null(*row) && offsets[*row] != offsets[*row + 1];
    match (0..nulls.len()).find(is_hidden) {
        Some(row) => Err(PyValueError::new_err(format!("row {row} is null and has values"))),
        None => Ok(()),
    }
}

/// Values of lists.
fn filled_values(values: &ArrayRef, value: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    use DataType as T;
    let data_type = values.data_type();
    let is_list =
        matches!(data_type, T::FixedSizeList(..) | T::List(_) | T::LargeList(_) | T::Map(..));
    if is_list || matches!(data_type, T::Boolean) || NumberType::of(data_type).is_some() {
        return filled(values, value);
    }
    Ok(ArrayRef::clone(values))
}

/// `True` or `False`, also as 1 or 0.
fn boolean(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if let Ok(value) = value.extract::<bool>() {
        return Ok(value);
    }
    match value.extract::<f64>()? {
        0.0 => Ok(false),
        1.0 => Ok(true),
        other => {
            let text = format!("{other} does not fit: expected True, False, 1 or 0");
            Err(PyOverflowError::new_err(text))
        }
    }
}

fn filled_numbers(
    array: &ArrayRef,
    number: NumberType,
    value: &Bound<'_, PyAny>,
) -> PyResult<ArrayRef> {
    let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) else {
        return Ok(ArrayRef::clone(array));
    };
    let value = bytes_of(number, value)?;
    let (data, width) = (array.to_data(), number.bytes());
    let bytes = data.buffers()[0].slice_with_length(data.offset() * width, data.len() * width);
    let mut bytes = MutableBuffer::from(bytes.as_slice().to_vec());
    for (slot, is_valid) in bytes.as_slice_mut().chunks_exact_mut(width).zip(nulls.iter()) {
        if !is_valid {
            slot.copy_from_slice(&value);
        }
    }
    let data = ArrayData::builder(array.data_type().clone()).len(array.len());
    let data = data.add_buffer(Buffer::from(bytes)).build().map_err(wrong)?;
    Ok(make_array(data))
}

/// The bytes of a number of Python.
fn bytes_of(number: NumberType, value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if number.is_float() {
        type Half = <Float16Type as ArrowPrimitiveType>::Native;
        let value: f64 = value.extract()?;
        #[expect(clippy::cast_possible_truncation, reason = "rounded, as Python's own casts do")]
        return Ok(match number.bits {
            16 => Half::from_f64(value).to_le_bytes().to_vec(),
            32 => (value as f32).to_le_bytes().to_vec(),
            _ => value.to_le_bytes().to_vec(),
        });
    }
    let value: i128 = value.extract()?;
    let bits = u32::from(number.bits);
    let (least, most) = if number.is_signed() {
        (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1)
    } else {
        (0, (1_i128 << bits) - 1)
    };
    if !(least..=most).contains(&value) {
        let text = format!("{value} does not fit: expected {least} to {most}");
        return Err(PyOverflowError::new_err(text));
    }
    Ok(value.to_le_bytes()[..number.bytes()].to_vec())
}

/// `array`, in which the rows that are null in `nulls` are null too.
///
/// # Errors
/// Never for arrays of the engine.
pub(crate) fn also_null(
    array: &ArrayRef,
    nulls: Option<&NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    let is_clear = nulls.is_none_or(|nulls| nulls.null_count() == 0);
    if is_clear || matches!(array.data_type(), DataType::Null) {
        return Ok(ArrayRef::clone(array));
    }
    let nulls = NullBuffer::union(nulls, array.nulls());
    Ok(make_array(array.to_data().into_builder().nulls(nulls).build()?))
}

/// The field of values that were filled: only those without numbers may have nulls still.
fn without_nulls(field: &FieldRef, values: &ArrayRef) -> FieldRef {
    let field = Field::new(field.name(), values.data_type().clone(), values.is_nullable());
    Arc::new(field)
}

fn wrong(error: ArrowError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
