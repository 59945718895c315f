//! The capsules of the Arrow PyCapsule interface.
//!
//! Each owns an FFI struct, whose `Drop` calls its `release`; a consumer that took the struct over has set that to null.

use arrow_array::ffi::to_ffi;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array, RecordBatchReader};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// `(arrow_schema, arrow_array)`, as `__arrow_c_array__` returns.
pub(crate) type ArrayCapsules<'py> = (Bound<'py, PyCapsule>, Bound<'py, PyCapsule>);

/// The capsule of a schema.
///
/// # Errors
/// `ValueError` for what the interface cannot carry.
pub(crate) fn of_schema<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyCapsule>> {
    check_names(schema.fields())?;
    let schema = FFI_ArrowSchema::try_from(schema).map_err(refused)?;
    PyCapsule::new_with_value(py, schema, c"arrow_schema")
}

/// The capsule of a field.
///
/// # Errors
/// As [`of_schema`].
pub(crate) fn of_field<'py>(py: Python<'py>, field: &Field) -> PyResult<Bound<'py, PyCapsule>> {
    check_name(field)?;
    let schema = FFI_ArrowSchema::try_from(field).map_err(refused)?;
    PyCapsule::new_with_value(py, schema, c"arrow_schema")
}

/// The capsules of an array, under a schema of its own.
///
/// # Errors
/// As [`of_schema`].
pub(crate) fn of_array<'py>(
    py: Python<'py>,
    schema: Bound<'py, PyCapsule>,
    array: &dyn Array,
) -> PyResult<ArrayCapsules<'py>> {
    let (array, _) = to_ffi(&array.to_data()).map_err(refused)?;
    Ok((schema, PyCapsule::new_with_value(py, array, c"arrow_array")?))
}

/// The capsule of a stream.
///
/// # Errors
/// As [`of_schema`].
pub(crate) fn of_stream<'py>(
    py: Python<'py>,
    reader: Box<dyn RecordBatchReader + Send>,
) -> PyResult<Bound<'py, PyCapsule>> {
    check_names(reader.schema().fields())?;
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(reader), c"arrow_array_stream")
}

fn refused(error: ArrowError) -> PyErr {
    PyValueError::new_err(format!("the Arrow C interface cannot carry this: {error}"))
}

fn check_names<'a>(fields: impl IntoIterator<Item = &'a std::sync::Arc<Field>>) -> PyResult<()> {
    fields.into_iter().try_for_each(|field| check_name(field))
}

/// The interface has names as C strings, which end at a zero byte.
fn check_name(field: &Field) -> PyResult<()> {
    if field.name().contains('\0') {
        let name = field.name().escape_debug();
        let text =
            format!("column '{name}': the Arrow C interface cannot carry a name with a zero byte");
        return Err(PyValueError::new_err(text));
    }
    match field.data_type() {
        DataType::Struct(fields) => check_names(fields),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => check_name(field),
        _ => Ok(()),
    }
}
