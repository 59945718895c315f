//! A column of a batch, or a part of one.

use arrow_array::{Array as _, ArrayRef};
use arrow_schema::FieldRef;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::capsule::{self, ArrayCapsules};
use crate::type_name::{field_line, type_name};

/// A column of a batch, or a part of one.
///
/// Arrow libraries take it as it is, without a copy: ``pyarrow.array(column)``.
#[pyclass(frozen, module = "ringquet")]
pub(crate) struct Column {
    field: FieldRef,
    array: ArrayRef,
}

impl Column {
    pub(crate) fn new(field: FieldRef, array: ArrayRef) -> Column {
        Column { field, array }
    }
}

#[pymethods]
impl Column {
    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        self.field.name()
    }

    /// Its Arrow type as text, such as ``int64`` or ``fixed_size_list<float32>[768]``.
    #[getter]
    fn r#type(&self) -> String {
        type_name(self.array.data_type())
    }

    /// How many of its rows are null.
    #[getter]
    fn null_count(&self) -> usize {
        self.array.logical_null_count()
    }

    fn __len__(&self) -> usize {
        self.array.len()
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::of_field(py, &self.field)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<ArrayCapsules<'py>> {
        // A wish, which the interface allows to be left unfulfilled.
        let _ = requested_schema;
        capsule::of_array(py, capsule::of_field(py, &self.field)?, &self.array)
    }

    fn __repr__(&self) -> String {
        format!("Column({}, rows={})", field_line(&self.field), self.array.len())
    }
}
