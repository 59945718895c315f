//! Lanes choose the row groups that a reader thread reads next, and take the decoded batches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use arrow_array::RecordBatch;
use ringquet_decode::BatchGrid;
use ringquet_io::Filled;

use crate::error::Error;
use crate::plan::RowGroupId;
use crate::sync::{Condvar, Mutex};

/// Rows of one row group.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Index of the file in the data set.
    pub file: u32,
    /// Index of the row group in the file.
    pub row_group: u32,
    /// Number of the first row within the row group.
    pub first_row: u64,
    /// The columns of the projection.
    pub columns: RecordBatch,
}

/// What a reader thread hands over.
#[derive(Debug)]
pub enum Delivery {
    /// Decoded rows.
    Batch(Batch),
    /// Bytes as they lie in the file, where nothing is decoded. Dropping them frees the slot.
    Raw {
        /// Of which row group.
        row_group: RowGroupId,
        /// An extent of it.
        bytes: Filled,
    },
    /// All of a row group was delivered.
    RowGroupDone {
        /// Which.
        row_group: RowGroupId,
        /// Its rows.
        rows: u64,
    },
    /// The rest of this row group will not come.
    Failed {
        /// Which.
        row_group: RowGroupId,
        /// Why, with the file's name.
        error: Error,
    },
}

/// What a lane does with a delivery: the name under which [`ScanReport`](crate::report::ScanReport) counts the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Gives it to a consumer: a visitor, or a queue. `deliver_seconds`.
    Deliver,
    /// Hashes its content. `digest_seconds`.
    Digest,
    /// Reads from all of it, as an emulated consumer. `touch_seconds`.
    Touch,
}

/// Does a lane need more?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Yes. Of several lanes the one with the largest number is served first.
    Hungry(u32),
    /// Not now: its queue has reached its bound. It is checked again when the gate opens.
    Full,
    /// Never again: whatever is left is dropped.
    Closed,
}

/// One stream of row groups that a reader thread works for. All calls come from that thread.
pub trait Lane: Send {
    /// The next row group to read; `None`: there will be no more. Called ahead of decoding, as memory allows.
    fn next_row_group(&mut self) -> Option<RowGroupId>;

    /// Where the batches of the row group that [`Lane::next_row_group`] gave last should end. Anywhere, by default.
    fn batch_grid(&mut self) -> Option<BatchGrid> {
        None
    }

    /// Called before each step of decoding.
    fn demand(&mut self) -> Demand;

    /// Row groups come in the order of [`Lane::next_row_group`], the batches of each in the order of rows. Never called
    /// while [`Lane::demand`] is [`Demand::Full`], except for [`Delivery::RowGroupDone`] and [`Delivery::Failed`].
    fn deliver(&mut self, delivery: Delivery);

    /// What [`Lane::deliver`] does with this. Delivering, by default.
    fn work(&self, _delivery: &Delivery) -> Work {
        Work::Deliver
    }

    /// All row groups were delivered.
    fn finish(&mut self) {}
}

/// Wakes a reader thread whose lanes are all full.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    shared: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Gate {
        Gate::default()
    }

    /// A consumer took something: the thread checks its lanes again.
    pub fn open(&self) {
        let (open, condvar) = &*self.shared;
        *open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        condvar.notify_one();
    }

    /// [`Gate::wait`] for a model of a reader thread in another crate.
    #[cfg(feature = "interleave")]
    pub fn wait_in_model(&self, limit: Duration) {
        self.wait(limit);
    }

    /// Sleeps until the gate is opened, at most `limit`, and closes it again.
    pub(crate) fn wait(&self, limit: Duration) {
        let (open, condvar) = &*self.shared;
        let guard = open.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut guard, _) = condvar
            .wait_timeout_while(guard, limit, |open| !*open)
            .unwrap_or_else(PoisonError::into_inner);
        *guard = false;
    }
}

/// Stops reader threads early: from a signal handler, from another thread, or from a consumer that needs no more.
///
/// The library reads the flags that it is given and never sets them. Where it has to end reader threads itself, since one of
/// them failed, it sets a flag below the caller's.
#[derive(Debug, Clone, Default)]
pub struct StopFlag {
    stopped: Arc<AtomicBool>,
    /// Flags that stop this one too.
    above: Vec<Arc<AtomicBool>>,
}

impl StopFlag {
    /// Not stopped.
    pub fn new() -> StopFlag {
        StopFlag::default()
    }

    /// Reader threads end as soon as they see it: within 100 ms, reads in the kernel included.
    pub fn stop(&self) {
        // Nothing else is published with the flag, so no ordering is needed.
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether this flag was set, or a flag above it.
    pub fn is_stopped(&self) -> bool {
        let is_set = |flag: &Arc<AtomicBool>| flag.load(Ordering::Relaxed);
        is_set(&self.stopped) || self.above.iter().any(is_set)
    }

    /// A flag below this one: stopped with it, and by itself without it.
    pub(crate) fn child(&self) -> StopFlag {
        let above = self.above.iter().chain([&self.stopped]).cloned().collect();
        StopFlag { stopped: Arc::default(), above }
    }

    /// The flag itself, for code without `StopFlag`.
    pub fn as_atomic(&self) -> &AtomicBool {
        &self.stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_stops_those_below_it_and_none_above() {
        let caller = StopFlag::new();
        let scan = caller.child();
        let thread = scan.child();
        scan.stop();
        let are_stopped = || [&caller, &scan, &thread].map(|flag| flag.is_stopped());
        assert_eq!(are_stopped(), [false, true, true]);
        let other = caller.child().child();
        assert!(!other.is_stopped());
        caller.stop();
        assert!(other.is_stopped());
    }
}
