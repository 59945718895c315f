//! A column of a batch, or a part of one.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, Int32Array, Int64Array};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType, Field, FieldRef};
use pyo3::exceptions::{PyBufferError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyDict, PyList, PyTuple};

use crate::capsule::{self, ArrayCapsules};
use crate::dense::dense;
use crate::dlpack::{self, Request};
use crate::nulls::{also_null, filled};
use crate::tensor::{self, NumberType, Tensor};
use crate::type_name::{field_line, type_name};

/// A column of a batch, or a part of one.
///
/// Arrow libraries take it as it is: ``pyarrow.array(column)``. Numbers, and fixed-size lists of numbers, are tensors:
/// ``numpy.from_dlpack(column)``, ``torch.from_dlpack(column)``. Neither copies. Dates and times are tensors of their
/// integers, booleans are copied to bytes.
///
/// The memory is shared and read-only. torch does not know read-only memory: an operation in place on such a tensor
/// changes the column for all who share it. Use ``clone()``, or ``copy=True``, first.
#[pyclass(frozen, module = "ringquet")]
pub(crate) struct Column {
    field: FieldRef,
    array: ArrayRef,
    /// As what its numbers are seen.
    view: Option<NumberType>,
}

impl Column {
    pub(crate) fn new(field: FieldRef, array: ArrayRef) -> Column {
        Column { field, array, view: None }
    }

    /// The same column with other values.
    fn with_array(&self, array: ArrayRef) -> Column {
        let is_nullable = array.nulls().is_some();
        let field = Field::new(self.field.name(), array.data_type().clone(), is_nullable);
        Column { field: Arc::new(field), array, view: self.view }
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

    /// What can be done with it: ``"number"``, ``"boolean"``, ``"fixed_size_list"``, ``"list"``, ``"struct"``, ``"bytes"``
    /// (strings and binaries, also of fixed size) or ``"other"``.
    #[getter]
    fn kind(&self) -> &'static str {
        use DataType as T;
        match self.array.data_type() {
            T::Boolean => "boolean",
            T::FixedSizeList(..) => "fixed_size_list",
            T::List(_) | T::LargeList(_) | T::Map(..) => "list",
            T::Struct(_) => "struct",
            T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Binary | T::LargeBinary | T::BinaryView => {
                "bytes"
            }
            T::FixedSizeBinary(_) if self.view.is_none() => "bytes",
            T::FixedSizeBinary(_) => "number",
            other if NumberType::of(other).is_some() => "number",
            _ => "other",
        }
    }

    /// Number of rows, then the length of each fixed-size list within.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, tensor::shape(&self.array, self.view))
    }

    /// How many of its rows are null. Lists and structs that are not null may have nulls within.
    #[getter]
    fn null_count(&self) -> usize {
        self.array.logical_null_count()
    }

    /// The fields of a struct by their names. A row that is null in the struct is null in each of them.
    ///
    /// Raises:
    ///     TypeError: The column is not a struct.
    #[getter]
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let DataType::Struct(fields) = self.array.data_type() else {
            return Err(self.is_not("a struct"));
        };
        let columns = self.array.as_struct();
        let named = PyDict::new(py);
        for (field, column) in fields.iter().zip(columns.columns()) {
            let column = also_null(column, columns.nulls()).map_err(|error| wrong(&error))?;
            named.set_item(field.name(), Column::new(FieldRef::clone(field), column))?;
        }
        Ok(named)
    }

    /// The values of lists, those of all rows one after the other, without nulls between lists.
    ///
    /// Raises:
    ///     TypeError: The column is not a list.
    ///     ValueError: A list is null: ``fill_null`` makes it empty.
    #[getter]
    fn values(&self) -> PyResult<Column> {
        self.check_lists()?;
        let (field, values) = match self.array.data_type() {
            DataType::FixedSizeList(field, size) => {
                let size = usize::try_from(*size).expect("a size is not negative");
                let values = self.array.as_fixed_size_list().values();
                (field, values.slice(0, self.array.len() * size))
            }
            DataType::List(field) => {
                let list = self.array.as_list::<i32>();
                (field, reached(list.values(), list.value_offsets()))
            }
            DataType::LargeList(field) => {
                let list = self.array.as_list::<i64>();
                (field, reached(list.values(), list.value_offsets()))
            }
            DataType::Map(field, _) => {
                let map = self.array.as_map();
                let entries: ArrayRef = Arc::new(map.entries().clone());
                (field, reached(&entries, map.value_offsets()))
            }
            _ => return Err(self.is_not("a list")),
        };
        Ok(Column { field: FieldRef::clone(field), array: values, view: self.view })
    }

    /// Where the values of each list begin in ``values``, and at the end their number: ``len(column) + 1`` integers from 0.
    /// ``int32``, or ``int64`` for large lists.
    ///
    /// Raises:
    ///     TypeError: The column is not a list with offsets.
    ///     ValueError: A list is null: ``fill_null`` makes it empty.
    #[getter]
    fn offsets(&self) -> PyResult<Column> {
        self.check_lists()?;
        let (data_type, offsets): (_, ArrayRef) = match self.array.data_type() {
            DataType::List(_) => {
                let offsets = self.array.as_list::<i32>().offsets().inner();
                (DataType::Int32, Arc::new(Int32Array::new(from_zero(offsets), None)))
            }
            DataType::LargeList(_) => {
                let offsets = self.array.as_list::<i64>().offsets().inner();
                (DataType::Int64, Arc::new(Int64Array::new(from_zero(offsets), None)))
            }
            DataType::Map(..) => {
                let offsets = self.array.as_map().offsets().inner();
                (DataType::Int32, Arc::new(Int32Array::new(from_zero(offsets), None)))
            }
            _ => return Err(self.is_not("a list with offsets")),
        };
        Ok(Column::new(Arc::new(Field::new("offsets", data_type, false)), offsets))
    }

    /// Lists that all have the same length as fixed-size lists, which are a tensor. Nothing is copied.
    ///
    /// Raises:
    ///     ValueError: A list is null, or a row has another length than the first.
    fn dense(&self) -> PyResult<Column> {
        Ok(self.with_array(dense(&self.array).map_err(PyValueError::new_err)?))
    }

    /// A copy in which nulls are replaced.
    ///
    /// Args:
    ///     value: In place of each null number or boolean; an ``int`` for dates and times. Fixed-size lists that are null
    ///         become lists of it, other lists that are null become empty. Strings within lists stay as they are. Where
    ///         nothing is null, the value need not fit.
    ///
    /// Raises:
    ///     TypeError: The column has no numbers, booleans or lists.
    ///     OverflowError: The value does not fit.
    fn fill_null(&self, value: &Bound<'_, PyAny>) -> PyResult<Column> {
        Ok(self.with_array(filled(&self.array, value)?))
    }

    /// The same bytes as a tensor of other numbers. Arrow and Parquet have no ``bfloat16``, so files have it as ``uint16``
    /// or as binary of fixed size.
    ///
    /// Args:
    ///     dtype: ``"bfloat16"``, ``"float32"``, ``"int8"`` and so on: of the width of the numbers, or one that divides the
    ///         width of fixed-size binary.
    ///
    /// Raises:
    ///     ValueError: There is no such type, or the width does not fit.
    fn view(&self, dtype: &str) -> PyResult<Column> {
        let view = NumberType::named(dtype).ok_or_else(|| {
            let names = NumberType::names();
            PyValueError::new_err(format!("`dtype` '{dtype}': expected one of {names}"))
        })?;
        tensor::check_view(self.array.data_type(), view).map_err(PyValueError::new_err)?;
        Ok(Column {
            field: FieldRef::clone(&self.field),
            array: ArrayRef::clone(&self.array),
            view: Some(view),
        })
    }

    /// Strings or binaries as ``bytes``, nulls as ``None``. Strings are UTF-8.
    ///
    /// Raises:
    ///     TypeError: The column has neither.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let array = &self.array;
        match array.data_type() {
            DataType::Utf8 => list(py, array.as_string::<i32>().iter()),
            DataType::LargeUtf8 => list(py, array.as_string::<i64>().iter()),
            DataType::Utf8View => list(py, array.as_string_view().iter()),
            DataType::Binary => list(py, array.as_binary::<i32>().iter()),
            DataType::LargeBinary => list(py, array.as_binary::<i64>().iter()),
            DataType::BinaryView => list(py, array.as_binary_view().iter()),
            DataType::FixedSizeBinary(_) => list(py, array.as_fixed_size_binary().iter()),
            _ => Err(self.is_not("a string or binary")),
        }
    }

    /// A DLPack capsule, for ``from_dlpack`` of numpy, torch or jax.
    ///
    /// Raises:
    ///     BufferError: The column has nulls, or is not a tensor; or the consumer is older than DLPack 1.0 or wants another
    ///         device.
    #[pyo3(signature = (*, stream = None, max_version = None, dl_device = None, copy = None))]
    fn __dlpack__<'py>(
        &self,
        py: Python<'py>,
        stream: Option<Bound<'py, PyAny>>,
        max_version: Option<(u32, u32)>,
        dl_device: Option<(i32, i32)>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let tensor = py.detach(|| Tensor::of(&self.array, self.view));
        let name = self.field.name();
        let refused = |text| PyBufferError::new_err(format!("column '{name}': {text}"));
        let request = Request { stream, max_version, dl_device, copy };
        dlpack::capsule(py, tensor.map_err(refused)?, &request)
    }

    /// The device of the memory: ``(1, 0)``, the CPU.
    fn __dlpack_device__(&self) -> (i32, i32) {
        dlpack::DEVICE
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

impl Column {
    fn is_not(&self, what: &str) -> PyErr {
        let (name, found) = (self.field.name(), type_name(self.array.data_type()));
        PyTypeError::new_err(format!("column '{name}' is {found}, not {what}"))
    }

    fn check_lists(&self) -> PyResult<()> {
        let (nulls, rows) = (self.array.logical_null_count(), self.array.len());
        if nulls == 0 {
            return Ok(());
        }
        let name = self.field.name();
        let text = format!(
            "column '{name}': {nulls} of {rows} lists are null: use fill_null(value) first"
        );
        Err(PyValueError::new_err(text))
    }
}

fn wrong(error: &arrow_schema::ArrowError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// The values that lists reach.
fn reached<O: arrow_array::OffsetSizeTrait>(values: &ArrayRef, offsets: &[O]) -> ArrayRef {
    let at = |offset: Option<&O>| offset.map_or(0, |offset| offset.as_usize());
    let (first, last) = (at(offsets.first()), at(offsets.last()));
    values.slice(first, last - first)
}

/// Offsets from 0: as they are, if they are so.
fn from_zero<O: arrow_array::OffsetSizeTrait + arrow_buffer::ArrowNativeType>(
    offsets: &ScalarBuffer<O>,
) -> ScalarBuffer<O> {
    match offsets.first() {
        Some(&first) if first != O::zero() => {
            offsets.iter().map(|offset| *offset - first).collect()
        }
        _ => offsets.clone(),
    }
}

fn list<'py, T: AsRef<[u8]>>(
    py: Python<'py>,
    values: impl ExactSizeIterator<Item = Option<T>>,
) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, values.map(|value| value.map(|value| PyBytes::new(py, value.as_ref()))))
}
