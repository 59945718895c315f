//! Batches of one schema: what Arrow's own readers give, and take.

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use crate::deliver::placed_batches::PlacedBatches;
use crate::error::Error;
use crate::open::dataset::Dataset;
use crate::report::ScanReport;

/// The batches of a scan, all of one schema: an Arrow [`RecordBatchReader`]. From [`Scan::batches`](crate::Scan::batches).
///
/// Order and errors are those of [`PlacedBatches`]. An error is an [`ArrowError::ExternalError`] whose source is an [`Error`].
#[derive(Debug)]
pub struct Batches {
    schema: SchemaRef,
    placed: PlacedBatches,
}

impl Batches {
    pub(crate) fn new(schema: SchemaRef, placed: PlacedBatches) -> Batches {
        Batches { schema, placed }
    }

    /// What is read.
    pub fn dataset(&self) -> &Dataset {
        self.placed.dataset()
    }

    /// Ends reading and gives the report of what was done; `None` the second time, and after the last item.
    pub fn finish(&mut self) -> Option<Result<ScanReport, Error>> {
        self.placed.finish()
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        let batch = self.placed.next()?.map_err(|error| ArrowError::ExternalError(Box::new(error)));
        Some(batch.and_then(|batch| with_schema(&self.schema, batch.columns)))
    }
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

/// The same columns under the schema of the whole: files differ in the metadata of their schemas at most, for the fields were
/// compared before the scan began.
pub(crate) fn with_schema(
    schema: &SchemaRef,
    batch: RecordBatch,
) -> Result<RecordBatch, ArrowError> {
    if *schema == batch.schema() {
        return Ok(batch);
    }
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(SchemaRef::clone(schema), batch.columns().to_vec(), &options)
}
