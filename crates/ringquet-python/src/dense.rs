//! Lists that all have the same length, as fixed-size lists.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, FixedSizeListArray, OffsetSizeTrait};
use arrow_schema::{DataType, Field, FieldRef};

/// `array` with fixed-size lists in place of lists, at every depth. The values stay where they are.
///
/// # Errors
/// Which row differs, or how many are null.
pub(crate) fn dense(array: &ArrayRef) -> Result<ArrayRef, String> {
    match array.data_type() {
        DataType::List(field) => of_lists::<i32>(array, field),
        DataType::LargeList(field) => of_lists::<i64>(array, field),
        DataType::FixedSizeList(field, size) => {
            let list = array.as_fixed_size_list();
            let width = usize::try_from(*size).expect("a size is not negative");
            let values = dense(&list.values().slice(0, list.len() * width))?;
            let nulls = list.nulls().cloned();
            let field = of_values(field, &values);
            let list =
                FixedSizeListArray::try_new_with_length(field, *size, values, nulls, list.len());
            Ok(Arc::new(list.map_err(|error| error.to_string())?))
        }
        _ => Ok(ArrayRef::clone(array)),
    }
}

fn of_lists<O: OffsetSizeTrait>(array: &ArrayRef, field: &FieldRef) -> Result<ArrayRef, String> {
    let list = array.as_list::<O>();
    if list.null_count() > 0 {
        let (nulls, rows) = (list.null_count(), list.len());
        return Err(format!("{nulls} of {rows} lists are null: lists of one length are needed"));
    }
    let offsets = list.value_offsets();
    let width_of = |row: usize| (offsets[row + 1] - offsets[row]).as_usize();
    let width = if list.is_empty() { 0 } else { width_of(0) };
    if let Some(row) = (0..list.len()).find(|row| width_of(*row) != width) {
        let found = width_of(row);
        return Err(format!(
            "row {row} has {found} values and row 0 has {width}: lists of one length are needed; use values and offsets"
        ));
    }
    let first = offsets[0].as_usize();
    let values = dense(&list.values().slice(first, width * list.len()))?;
    let size = i32::try_from(width).map_err(|_| format!("lists of {width} values are too long"))?;
    let field = of_values(field, &values);
    let dense = FixedSizeListArray::try_new_with_length(field, size, values, None, list.len());
    Ok(Arc::new(dense.map_err(|error| error.to_string())?))
}

/// The field of values that are dense now.
fn of_values(field: &FieldRef, values: &ArrayRef) -> FieldRef {
    let field = Field::new(field.name(), values.data_type().clone(), field.is_nullable());
    Arc::new(field)
}
