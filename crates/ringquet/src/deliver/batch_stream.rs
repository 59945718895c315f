//! Batches for an async consumer, on whatever executor: the feature `async`.

use std::pin::Pin;
use std::task::{Context, Poll};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures_core::Stream;

use crate::deliver::batches::with_schema;
use crate::deliver::placed_batches::PlacedBatches;
use crate::error::Error;

/// The batches of a scan as a [`Stream`]. From [`Scan::stream`](crate::Scan::stream).
///
/// Reader threads do the work, as for the iterators; the task that polls is woken when a batch is there. No executor is needed
/// for that, and none is blocked: dropping the stream stops the reader threads and does not wait for them. Order and errors
/// are those of [`PlacedBatches`].
#[derive(Debug)]
pub struct BatchStream {
    schema: SchemaRef,
    placed: PlacedBatches,
}

impl BatchStream {
    pub(crate) fn new(schema: SchemaRef, placed: PlacedBatches) -> BatchStream {
        BatchStream { schema, placed }
    }

    /// That of every batch.
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

impl Stream for BatchStream {
    type Item = Result<RecordBatch, Error>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<RecordBatch, Error>>> {
        let item = std::task::ready!(self.placed.poll_next(context));
        let with_schema =
            |columns| with_schema(&self.schema, columns).map_err(|source| Error::Arrow { source });
        Poll::Ready(item.map(|batch| with_schema(batch?.columns)))
    }
}

impl Drop for BatchStream {
    fn drop(&mut self) {
        self.placed.let_go();
    }
}
