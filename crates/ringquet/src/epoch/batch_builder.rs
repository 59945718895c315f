//! Batches of a fixed number of rows from batches of any.

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;

/// Collects rows for one batch after another. A batch that came in one part is not copied.
pub(super) struct BatchBuilder {
    schema: SchemaRef,
    parts: Vec<RecordBatch>,
    rows: usize,
}

impl BatchBuilder {
    pub(super) fn new(schema: SchemaRef) -> BatchBuilder {
        BatchBuilder { schema, parts: Vec::new(), rows: 0 }
    }

    /// That of every batch.
    pub(super) fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// Rows that it has.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn push(&mut self, part: RecordBatch) {
        if part.num_rows() > 0 {
            self.rows += part.num_rows();
            self.parts.push(part);
        }
    }

    /// All rows as one batch.
    pub(super) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows = 0;
        let mut parts = std::mem::take(&mut self.parts);
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        concat_batches(&self.schema, &parts)
    }
}
