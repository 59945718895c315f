//! Decoded row groups whose rows come in a random order.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use arrow_select::interleave::interleave_record_batch;

/// The batches of a window, as far as they have come.
#[derive(Default)]
pub(super) struct Window {
    batches: Vec<RecordBatch>,
    /// Where each batch starts, in rows of the window.
    starts: Vec<u32>,
    rows: u32,
}

impl Window {
    /// Rows that have come.
    pub(super) fn rows(&self) -> u32 {
        self.rows
    }

    /// The rows that follow those that have come.
    pub(super) fn push(&mut self, batch: RecordBatch) {
        let rows = u32::try_from(batch.num_rows()).expect("a window has less than 2^32 rows");
        if rows > 0 {
            self.starts.push(self.rows);
            self.rows += rows;
            self.batches.push(batch);
        }
    }

    /// These rows of the window, in this order.
    pub(super) fn gather(&self, rows: &[u32]) -> Result<RecordBatch, ArrowError> {
        let place = |&row: &u32| {
            let batch = self.starts.partition_point(|&start| start <= row) - 1;
            (batch, (row - self.starts[batch]) as usize)
        };
        let places: Vec<(usize, usize)> = rows.iter().map(place).collect();
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        interleave_record_batch(&batches, &places)
    }
}
