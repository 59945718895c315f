//! A reading as an Arrow C stream: for `pyarrow.table`, polars, DuckDB and whatever else takes `__arrow_c_stream__`.
//!
//! A consumer calls it on any thread, with or without the GIL.

use std::sync::Arc;
use std::time::Instant;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use ringquet::PlacedBatches;
use ringquet::engine::panics;

use crate::fork::OwnProcess;
use crate::interrupt;
use crate::options::spelt;
use crate::reading::{Next, Reading};
use crate::wait::SIGNALS_EVERY;

/// The batches of a reading, all of one schema. Dropping it ends the reading.
pub(crate) struct Stream {
    reading: OwnProcess<Arc<Reading<PlacedBatches>>>,
    schema: SchemaRef,
    /// When Python could last handle signals.
    signals_at: Instant,
    is_interrupted: bool,
}

impl Stream {
    pub(crate) fn new(reading: Arc<Reading<PlacedBatches>>, schema: SchemaRef) -> Stream {
        let (reading, signals_at) = (OwnProcess::new(reading), Instant::now());
        Stream { reading, schema, signals_at, is_interrupted: false }
    }

    /// Whether a signal ends the stream. Python is asked every 50 ms of waiting or of flow.
    fn is_interrupted(&mut self) -> bool {
        if !self.is_interrupted && self.signals_at.elapsed() >= SIGNALS_EVERY {
            self.is_interrupted = interrupt::was_raised();
            self.signals_at = Instant::now();
        }
        self.is_interrupted
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, String> {
        loop {
            if self.is_interrupted() {
                return Err("interrupted by a signal".to_owned());
            }
            let reading = self.reading.get().map_err(|forked| forked.to_string())?;
            match reading.next_within(SIGNALS_EVERY) {
                Next::Batch(batch) => {
                    let batch = with_schema(&self.schema, batch.columns);
                    return batch.map(Some).map_err(|error| error.to_string());
                }
                Next::Failed(error) => return Err(spelt(&error.to_string())),
                Next::End => return Ok(None),
                Next::Closed => return Err("the scan was closed before its end".to_owned()),
                Next::NotYet => {}
            }
        }
    }
}

impl Iterator for Stream {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        // The C interface has errors as C strings, which end at a zero byte.
        let error = |text: String| {
            let text = text.replace('\0', "\\0");
            ArrowError::IoError(text.clone(), std::io::Error::other(text))
        };
        // A panic must not reach the C function that calls this: it would end the process.
        let next = panics::caught(|| self.next_batch());
        let next = next.unwrap_or_else(|panic| {
            Err(format!("a panic: {panic}; this is a bug in ringquet, please report it"))
        });
        next.map_err(error).transpose()
    }
}

impl RecordBatchReader for Stream {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Ok(reading) = self.reading.get() {
            reading.let_go();
        }
    }
}

/// The same columns under the schema of the whole: files differ in the metadata of their schemas at most.
///
/// # Errors
/// Columns that are not those of the schema.
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
