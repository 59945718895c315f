//! Batches ahead of one accelerator: rows come in from reader threads, batches go out.
//!
//! ```text
//!  thread 0 ─▶ ┌────┬──┬──────┬───┐
//!  thread 1 ─▶ │2048│96│ 2048 │…  │ ─▶ take(1024): slices of what lies first, no copy
//!              └────┴──┴──────┴───┘
//!               bound: max(prefetch_size, 1) batches
//! ```
//! Rows are joined in the order in which they arrive, across row groups, files and threads, so that
//! a rank drops less than one batch per epoch. (DLIO drops a remainder per worker.)
//!
//! The bound: once `max(prefetch_size, 1)` batches of rows are here, the queue reports that it is full
//! and reader threads serve others or sleep. What each thread had begun to decode still comes in, so
//! there can be one delivery per thread more.

use std::collections::VecDeque;
use std::sync::PoisonError;

use arrow_array::RecordBatch;

use crate::sync::{Condvar, Mutex, MutexGuard};

/// Rows that were delivered.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    /// Decoded.
    Columns {
        /// The columns.
        batch: RecordBatch,
        /// Number of the first row within its row group.
        first_row: u64,
    },
    /// Read and touched, but not decoded: only their number is left.
    Raw(u64),
}

impl Rows {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Columns { batch, .. } => batch.num_rows() as u64,
            Self::Raw(rows) => *rows,
        }
    }

    /// Cuts off the first `rows` rows, of at least as many.
    fn split_front(&mut self, rows: u64) -> Self {
        match self {
            Self::Columns { batch, first_row } => {
                let at = usize::try_from(rows).expect("not more than the batch has");
                let front = Self::Columns { batch: batch.slice(0, at), first_row: *first_row };
                *batch = batch.slice(at, batch.num_rows() - at);
                *first_row += rows;
                front
            }
            Self::Raw(left) => {
                *left -= rows;
                Self::Raw(rows)
            }
        }
    }
}

/// How urgently a queue needs rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueDemand {
    /// The larger, the sooner it runs dry: 1 (one row short of full) to 1000 (empty), 2000 more if an
    /// accelerator stands waiting.
    Hungry(u32),
    /// Not now.
    Full,
    /// Never again.
    Nothing,
}

/// Why a batch did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoBatch {
    /// The run is being stopped.
    Halted,
    /// All streams ended with too few rows for one more batch.
    Exhausted {
        /// Rows that are left.
        rows: u64,
    },
    /// A stream failed; the engine has the reason.
    Failed,
}

/// The queue of one rank.
#[derive(Debug)]
pub(crate) struct RankQueue {
    batch_rows: u64,
    capacity_rows: u64,
    /// Rows count when their row group was read, not when they come decoded.
    raw: bool,
    inner: Mutex<Inner>,
    ready: Condvar,
}

#[derive(Debug)]
struct Inner {
    pieces: VecDeque<Rows>,
    rows: u64,
    open_streams: usize,
    waiting: bool,
    told_full: bool,
    closed: bool,
    halted: bool,
    failed: bool,
}

impl RankQueue {
    /// For batches of `batch_rows` rows, `prefetch` of them ahead (0 counts as 1), from `streams`
    /// streams.
    pub(crate) fn new(batch_rows: u64, prefetch: u32, streams: usize, raw: bool) -> Self {
        let inner = Inner {
            pieces: VecDeque::new(),
            rows: 0,
            open_streams: streams,
            waiting: false,
            told_full: false,
            closed: false,
            halted: false,
            failed: false,
        };
        Self {
            batch_rows,
            capacity_rows: batch_rows * u64::from(prefetch.max(1)),
            raw,
            inner: Mutex::new(inner),
            ready: Condvar::new(),
        }
    }

    pub(crate) fn demand(&self) -> QueueDemand {
        let mut inner = self.inner();
        if inner.closed || inner.halted || inner.failed {
            return QueueDemand::Nothing;
        }
        if inner.rows >= self.capacity_rows {
            inner.told_full = true;
            return QueueDemand::Full;
        }
        let missing = self.capacity_rows - inner.rows;
        let weight = u32::try_from(missing.saturating_mul(1000) / self.capacity_rows);
        let weight = weight.expect("at most 1000").max(1);
        QueueDemand::Hungry(if inner.waiting { weight + 2000 } else { weight })
    }

    pub(crate) fn push(&self, rows: Rows) {
        let count = rows.len();
        let mut inner = self.inner();
        if count == 0 || inner.closed || inner.halted {
            return;
        }
        inner.pieces.push_back(rows);
        inner.rows += count;
        if inner.waiting && inner.rows >= self.batch_rows {
            inner.waiting = false;
            drop(inner);
            self.ready.notify_one();
        }
    }

    /// All bytes of a row group with `rows` rows were read: as good as rows where nothing is decoded.
    pub(crate) fn raw_rows(&self, rows: u64) {
        if self.raw {
            self.push(Rows::Raw(rows));
        }
    }

    /// A stream has delivered everything.
    pub(crate) fn stream_done(&self) {
        self.inner().open_streams -= 1;
        self.ready.notify_one();
    }

    /// A stream will not deliver what is missing.
    pub(crate) fn fail(&self) {
        self.inner().failed = true;
        self.ready.notify_one();
    }

    /// No thread waits here any longer.
    pub(crate) fn halt(&self) {
        self.inner().halted = true;
        self.ready.notify_one();
    }

    /// The accelerator has taken all its batches: drops what is left.
    pub(crate) fn close(&self) {
        let mut inner = self.inner();
        inner.closed = true;
        inner.rows = 0;
        let pieces = std::mem::take(&mut inner.pieces);
        drop(inner);
        drop(pieces);
    }

    /// Puts the next batch into `batch`, which is empty, in slices. Whether a reader thread
    /// found the queue full since the last time, and must be woken.
    pub(crate) fn take(&self, batch: &mut Vec<Rows>) -> Result<bool, NoBatch> {
        let mut inner = self.inner();
        loop {
            if inner.halted {
                return Err(NoBatch::Halted);
            }
            if inner.failed {
                return Err(NoBatch::Failed);
            }
            if inner.rows >= self.batch_rows {
                break;
            }
            if inner.open_streams == 0 {
                return Err(NoBatch::Exhausted { rows: inner.rows });
            }
            inner.waiting = true;
            inner = self.ready.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        inner.waiting = false;
        inner.rows -= self.batch_rows;
        let mut missing = self.batch_rows;
        while missing > 0 {
            let first = inner.pieces.front_mut().expect("the pieces have as many rows as counted");
            if first.len() > missing {
                batch.push(first.split_front(missing));
                break;
            }
            missing -= first.len();
            batch.extend(inner.pieces.pop_front());
        }
        let wake = inner.told_full && inner.rows < self.capacity_rows;
        inner.told_full &= !wake;
        Ok(wake)
    }

    /// Rows that lie here.
    #[cfg(all(test, feature = "interleave"))]
    pub(crate) fn rows(&self) -> u64 {
        self.inner().rows
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray as _;
    use arrow_array::types::Int64Type;
    use arrow_array::{ArrayRef, Int64Array};

    use super::*;

    fn columns(values: std::ops::Range<i64>) -> Rows {
        let column: ArrayRef = Arc::new(values.collect::<Int64Array>());
        let batch = RecordBatch::try_from_iter([("x", column)]).expect("one column");
        Rows::Columns { batch, first_row: 100 }
    }

    /// The next batch, and whether someone must be woken.
    fn take(queue: &RankQueue) -> Result<(Vec<Rows>, bool), NoBatch> {
        let mut batch = Vec::new();
        queue.take(&mut batch).map(|wake| (batch, wake))
    }

    /// The values of all rows.
    pub(crate) fn values(batch: &[Rows]) -> Vec<i64> {
        let of_piece = |rows: &Rows| match rows {
            Rows::Columns { batch, .. } => {
                batch.column(0).as_primitive::<Int64Type>().values().to_vec()
            }
            Rows::Raw(_) => panic!("not decoded"),
        };
        batch.iter().flat_map(of_piece).collect()
    }

    #[test]
    fn batches_run_across_pieces_and_the_remainder_is_dropped() {
        let queue = RankQueue::new(4, 100, 1, false);
        for piece in [0..1, 1..6, 6..6, 6..11] {
            queue.push(columns(piece));
        }
        queue.stream_done();
        assert_eq!(values(&take(&queue).expect("a batch").0), [0, 1, 2, 3]);
        assert_eq!(values(&take(&queue).expect("a batch").0), [4, 5, 6, 7]);
        assert_eq!(take(&queue).expect_err("3 rows are left"), NoBatch::Exhausted { rows: 3 });
    }

    #[test]
    fn each_slice_knows_its_first_row() {
        let queue = RankQueue::new(3, 1, 1, false);
        queue.push(columns(0..8));
        let first_rows = |batch: Vec<Rows>| -> Vec<u64> {
            let first_row = |rows: &Rows| match rows {
                Rows::Columns { first_row, .. } => *first_row,
                Rows::Raw(_) => panic!("not decoded"),
            };
            batch.iter().map(first_row).collect()
        };
        assert_eq!(first_rows(take(&queue).expect("a batch").0), [100]);
        assert_eq!(first_rows(take(&queue).expect("a batch").0), [103]);
        queue.push(columns(8..9));
        assert_eq!(first_rows(take(&queue).expect("a batch").0), [106, 100]);
    }

    #[test]
    fn leftovers_of_several_streams_are_joined() {
        let queue = RankQueue::new(4, 2, 2, false);
        queue.push(columns(0..3));
        queue.stream_done();
        queue.push(columns(10..13));
        queue.stream_done();
        assert_eq!(values(&take(&queue).expect("3 + 3 rows").0), [0, 1, 2, 10]);
    }

    #[test]
    fn the_bound_is_met_and_left() {
        let queue = RankQueue::new(10, 2, 1, false);
        assert_eq!(queue.demand(), QueueDemand::Hungry(1000));
        queue.push(Rows::Raw(15));
        assert_eq!(queue.demand(), QueueDemand::Hungry(250));
        queue.push(Rows::Raw(15));
        assert_eq!(queue.demand(), QueueDemand::Full);
        // 20 of 20 are left: still full, no thread is woken; then 10 of 20.
        assert!(!take(&queue).expect("a batch").1);
        assert!(take(&queue).expect("a batch").1);
        assert_eq!(queue.demand(), QueueDemand::Hungry(500));
        assert!(!take(&queue).expect("a batch").1, "nothing was reported since");
        queue.close();
        assert_eq!(queue.demand(), QueueDemand::Nothing);
    }

    #[test]
    fn prefetch_zero_still_holds_a_batch() {
        let queue = RankQueue::new(8, 0, 1, false);
        queue.push(Rows::Raw(8));
        assert_eq!(queue.demand(), QueueDemand::Full);
    }
}
