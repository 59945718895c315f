//! What a column is asked for, what it answers, and what the columns of a row group share meanwhile.

use std::ops::{AddAssign, Range};

use crate::pool::{BufferPool, Contexts};

/// What a decoder has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DecodeCounters {
    /// Column chunks served by our kernels.
    pub fast_column_chunks: u64,
    /// Column chunks served by the `parquet` crate.
    pub fallback_column_chunks: u64,
    /// Pages decoded.
    pub pages: u64,
    /// Bytes of the pages after decompression.
    pub decompressed_bytes: u64,
}

impl AddAssign for DecodeCounters {
    fn add_assign(&mut self, other: Self) {
        self.fast_column_chunks += other.fast_column_chunks;
        self.fallback_column_chunks += other.fallback_column_chunks;
        self.pages += other.pages;
        self.decompressed_bytes += other.decompressed_bytes;
    }
}

/// What a column is asked to add to the batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FillRequest {
    /// Rows that are wanted.
    pub(crate) rows: usize,
    /// Bytes that they may take; one row may take more.
    pub(crate) bytes: usize,
    /// They are the last ones of the row group.
    pub(crate) is_last: bool,
}

/// What came of asking a column for rows.
#[derive(Debug)]
pub(crate) enum Filled {
    /// It has so many rows of the batch, one at least.
    Rows(usize),
    /// It waits for bytes.
    NeedsBytes { leaf: usize, range: Range<u64> },
}

/// What the columns of a row group share.
#[derive(Debug)]
pub(crate) struct ColumnContext {
    pub(crate) contexts: Contexts,
    pub(crate) counters: DecodeCounters,
    /// Columns gave pages or dictionaries back, which they need for the next batch.
    pub(crate) gave_back: bool,
    pool: BufferPool,
}

impl ColumnContext {
    /// The contexts of a codec and page headers come from the pool, and go back there.
    pub(crate) fn new(pool: &BufferPool) -> Self {
        Self {
            contexts: pool.take_contexts(),
            counters: DecodeCounters::default(),
            gave_back: false,
            pool: pool.clone(),
        }
    }
}

impl Drop for ColumnContext {
    fn drop(&mut self) {
        self.pool.give_back_contexts(std::mem::take(&mut self.contexts));
    }
}
