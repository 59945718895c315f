//! A batch: some rows, column by column.

use arrow_array::{RecordBatch, StructArray};
use arrow_schema::FieldRef;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use ringquet_train::Touched;

use crate::capsule::{self, ArrayCapsules};
use crate::column::Column;
use crate::dlpack::{self, Request};
use crate::schema::{ColumnKey, Schema};
use crate::tensor::Tensor;

/// Where the rows of a batch come from.
pub(crate) struct BatchPlace {
    pub(crate) path: std::ffi::OsString,
    pub(crate) row_group: u32,
    /// Number of the first row in the data set.
    pub(crate) first_row: u64,
}

/// Rows of a data set, column by column.
///
/// Arrow libraries take it as it is, without a copy: ``pyarrow.record_batch(batch)``. A batch keeps its memory as long as
/// anything uses it, also after the scan and the data set are gone. That memory is outside of the memory budget.
#[pyclass(frozen, module = "ringquet")]
pub(crate) struct Batch {
    columns: RecordBatch,
    place: Option<BatchPlace>,
}

impl Batch {
    /// A batch; `place` where its rows lie side by side in a row group.
    pub(crate) fn new(columns: RecordBatch, place: Option<BatchPlace>) -> Batch {
        Batch { columns, place }
    }
}

#[pymethods]
impl Batch {
    /// Number of rows.
    #[getter]
    fn num_rows(&self) -> usize {
        self.columns.num_rows()
    }

    /// Number of columns.
    #[getter]
    fn num_columns(&self) -> usize {
        self.columns.num_columns()
    }

    /// Names of the columns, in the order of the file.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        self.columns.schema_ref().fields().iter().map(|field| field.name().clone()).collect()
    }

    /// The columns' names and types.
    #[getter]
    fn schema(&self) -> Schema {
        Schema::new(self.columns.schema())
    }

    /// File of the rows; ``None`` for rows that were taken by number.
    #[getter]
    fn path(&self) -> Option<&std::ffi::OsStr> {
        self.place.as_ref().map(|place| &*place.path)
    }

    /// Number of the row group in its file; ``None`` for rows that were taken by number.
    #[getter]
    fn row_group(&self) -> Option<u32> {
        self.place.as_ref().map(|place| place.row_group)
    }

    /// Number of the first row in the data set, as ``Dataset.take`` counts; ``None`` for rows that were taken by number.
    #[getter]
    fn first_row(&self) -> Option<u64> {
        self.place.as_ref().map(|place| place.first_row)
    }

    /// A column, by its name or its number.
    ///
    /// Args:
    ///     column: Name, or number from 0; negative numbers count from the end.
    ///
    /// Raises:
    ///     KeyError: There is no column of this name.
    ///     IndexError: There is no column of this number.
    fn column(&self, column: ColumnKey) -> PyResult<Column> {
        let at = column.index_in(self.columns.schema_ref())?;
        let field = FieldRef::clone(&self.columns.schema_ref().fields()[at]);
        Ok(Column::new(field, self.columns.column(at).clone()))
    }

    /// Tensors of all columns at once, as DLPack 1.0 capsules: a call for each column takes longer than a short batch does to decode.
    ///
    /// Returns:
    ///     A capsule for each column, which ``torch.from_dlpack`` takes once. ``None`` where a column is no tensor as it is, has nulls,
    ///     or is a list of any length: ``column(name)`` has the ways to make it one.
    fn dlpack_capsules<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Vec<Option<Bound<'py, PyCapsule>>>> {
        let (stream, max_version, dl_device, copy) = (None, Some((1, 0)), None, None);
        let request = Request { stream, max_version, dl_device, copy };
        let capsule = |array| match Tensor::of(array, None) {
            Ok(tensor) => dlpack::capsule(py, tensor, &request).map(Some),
            Err(_) => Ok(None),
        };
        self.columns.columns().iter().map(capsule).collect()
    }

    /// Reads from every cache line of the rows, as ``ringquet run`` does with each batch: what was not decoded does not count.
    ///
    /// Returns:
    ///     Bytes whose cache lines were read.
    fn touch(&self, py: Python<'_>) -> u64 {
        py.detach(|| {
            let mut touched = Touched::default();
            touched.batch(&self.columns, 0);
            std::hint::black_box(touched).bytes
        })
    }

    fn __getitem__(&self, column: ColumnKey) -> PyResult<Column> {
        self.column(column)
    }

    fn __contains__(&self, name: &str) -> bool {
        self.columns.schema_ref().column_with_name(name).is_some()
    }

    fn __len__(&self) -> usize {
        self.columns.num_rows()
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::of_schema(py, self.columns.schema_ref())
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<ArrayCapsules<'py>> {
        // A wish, which the interface allows to be left unfulfilled.
        let _ = requested_schema;
        let schema = capsule::of_schema(py, self.columns.schema_ref())?;
        capsule::of_array(py, schema, &StructArray::from(self.columns.clone()))
    }

    fn __repr__(&self) -> String {
        format!("Batch(rows={}, columns={})", self.columns.num_rows(), self.columns.num_columns())
    }
}
