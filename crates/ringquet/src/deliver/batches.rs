//! Batches of one schema: what Arrow's own readers give, and take.

use std::time::Duration;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use crate::deliver::placed_batches::PlacedBatches;
use crate::deliver::waited::Waited;
use crate::error::Error;
use crate::open::dataset::Dataset;
use crate::read::lane::Batch;
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

    /// As [`Iterator::next`], with an error of this library.
    pub(crate) fn next_batch(&mut self) -> Option<Result<RecordBatch, Error>> {
        let columns = |batch: Batch| batch.columns;
        let batch = self.placed.next()?.map(columns);
        Some(batch.and_then(|batch| self.with_schema(batch)))
    }

    fn with_schema(&self, batch: RecordBatch) -> Result<RecordBatch, Error> {
        with_schema(&self.schema, batch).map_err(|source| Error::Arrow { source })
    }

    /// As [`Iterator::next`], for a caller that has something else to do now and then: waits `limit` at most.
    ///
    /// # Errors
    /// That of a file, or of reading as a whole, as the item.
    pub fn next_within(&mut self, limit: Duration) -> Waited<Result<RecordBatch, Error>> {
        self.placed.next_within(limit).map(|batch| self.with_schema(batch?.columns))
    }

    /// Ends reading without waiting for it: see [`PlacedBatches::abandon`].
    pub fn abandon(self) {
        self.placed.abandon();
    }

    /// Ends reading, if it has not ended, and gives the report of what was done; `None` the second time, and where an error
    /// that ended reading as a whole was the last item.
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
