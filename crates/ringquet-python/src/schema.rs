//! Schemas and fields, without another Arrow library.

use std::collections::HashMap;

use arrow_schema::{DataType, FieldRef, SchemaRef};
use pyo3::exceptions::{PyIndexError, PyKeyError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::capsule;
use crate::type_name::{field_line, type_name};

/// Columns: their names, types and whether they may have nulls.
///
/// Arrow libraries take it as it is: ``pyarrow.schema(dataset.schema)``.
#[pyclass(frozen, eq, module = "ringquet")]
#[derive(PartialEq)]
pub(crate) struct Schema {
    schema: SchemaRef,
}

impl Schema {
    pub(crate) fn new(schema: SchemaRef) -> Schema {
        Schema { schema }
    }

    /// For `__arrow_c_schema__`.
    pub(crate) fn capsule<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::of_schema(py, &self.schema)
    }
}

#[pymethods]
impl Schema {
    /// Names of the columns, in the order of the file.
    #[getter]
    fn names(&self) -> Vec<&str> {
        self.schema.fields().iter().map(|field| field.name().as_str()).collect()
    }

    /// The columns.
    #[getter]
    fn fields(&self) -> Vec<Field> {
        self.schema.fields().iter().map(|field| Field { field: FieldRef::clone(field) }).collect()
    }

    /// Key-value metadata of the first file.
    #[getter]
    fn metadata(&self) -> HashMap<String, String> {
        self.schema.metadata().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// A column, by its name or its number.
    ///
    /// Args:
    ///     column: Name, or number from 0; negative numbers count from the end.
    ///
    /// Raises:
    ///     KeyError: There is no column of this name.
    ///     IndexError: There is no column of this number.
    fn field(&self, column: ColumnKey) -> PyResult<Field> {
        let at = column.index_in(&self.schema)?;
        Ok(Field { field: FieldRef::clone(&self.schema.fields()[at]) })
    }

    fn __getitem__(&self, column: ColumnKey) -> PyResult<Field> {
        self.field(column)
    }

    fn __contains__(&self, name: &str) -> bool {
        self.schema.column_with_name(name).is_some()
    }

    fn __len__(&self) -> usize {
        self.schema.fields().len()
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        self.capsule(py)
    }

    fn __repr__(&self) -> String {
        let lines = self.schema.fields().iter().map(|field| field_line(field));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// A column of a schema.
#[pyclass(frozen, eq, module = "ringquet")]
#[derive(PartialEq)]
pub(crate) struct Field {
    field: FieldRef,
}

#[pymethods]
impl Field {
    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        self.field.name()
    }

    /// Its Arrow type as text, such as ``int64`` or ``fixed_size_list<float32>[768]``.
    #[getter]
    fn r#type(&self) -> String {
        type_name(self.field.data_type())
    }

    /// Whether it may have nulls.
    #[getter]
    fn nullable(&self) -> bool {
        self.field.is_nullable()
    }

    /// Fields of a struct, the field of the values of a list; otherwise none.
    #[getter]
    fn fields(&self) -> Vec<Field> {
        let of = |field: &FieldRef| Field { field: FieldRef::clone(field) };
        match self.field.data_type() {
            DataType::Struct(fields) => fields.iter().map(of).collect(),
            DataType::List(field)
            | DataType::LargeList(field)
            | DataType::FixedSizeList(field, _)
            | DataType::Map(field, _) => vec![of(field)],
            _ => Vec::new(),
        }
    }

    /// Key-value metadata.
    #[getter]
    fn metadata(&self) -> HashMap<String, String> {
        self.field.metadata().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::of_field(py, &self.field)
    }

    fn __repr__(&self) -> String {
        field_line(&self.field)
    }
}

/// A column by name or number.
#[derive(FromPyObject)]
pub(crate) enum ColumnKey {
    Name(String),
    Number(isize),
}

impl ColumnKey {
    /// Its number in `schema`.
    ///
    /// # Errors
    /// `KeyError` or `IndexError`.
    pub(crate) fn index_in(&self, schema: &SchemaRef) -> PyResult<usize> {
        let count = schema.fields().len();
        match self {
            ColumnKey::Name(name) => {
                let found = schema.column_with_name(name);
                found.map(|(at, _)| at).ok_or_else(|| PyKeyError::new_err(name.clone()))
            }
            ColumnKey::Number(number) => {
                let from_end = count.checked_add_signed(*number);
                let at = usize::try_from(*number).ok().or(from_end).filter(|at| *at < count);
                at.ok_or_else(|| {
                    PyIndexError::new_err(format!("no column {number}: there are {count} columns"))
                })
            }
        }
    }
}
