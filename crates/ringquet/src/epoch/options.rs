//! How a pass over a data set is made.

use ringquet_result::OptionError;

use crate::error::Error;

/// What of a data set is read in a random order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shuffle {
    /// Nothing: the order of the files.
    #[default]
    None,
    /// The row groups; rows stay in order within each.
    RowGroups,
    /// The row groups, and then the rows of each `window` row groups among one another. This many decoded row groups are in memory
    /// at once, and up to as many that follow. 0 is refused.
    Rows {
        /// Row groups.
        window: u32,
    },
}

/// How the passes over a data set are made: the same for all of them.
///
/// ```
/// use ringquet::epoch::{EpochOptions, Shuffle};
/// let options = EpochOptions { shuffle: Shuffle::RowGroups, seed: 7, ..EpochOptions::of_batches(8192) };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochOptions {
    /// Numbers of the files that are read, in this order, each at most once; `None` for all of them in their order.
    pub files: Option<Vec<u32>>,
    /// Rows of a batch. The last batch of a rank has the rest.
    pub batch_rows: usize,
    /// Whether a last batch of fewer rows is left out.
    pub drop_last: bool,
    /// What comes in a random order.
    pub shuffle: Shuffle,
    /// What decides the random order, together with the number of the epoch.
    pub seed: u64,
    /// This rank: a process that reads its own rows. Below `world_size`.
    pub rank: u32,
    /// Ranks. Each has the same number of rows: the rest of the division, fewer rows than there are ranks, is left out.
    pub world_size: u32,
    /// This worker of the rank. Below `workers`.
    pub worker: u32,
    /// Processes that share the batches of a rank: each has a contiguous part of them.
    pub workers: u32,
}

impl EpochOptions {
    /// Batches of `batch_rows` rows in the order of the files, all of them for one process.
    pub fn of_batches(batch_rows: usize) -> EpochOptions {
        EpochOptions {
            files: None,
            batch_rows,
            drop_last: false,
            shuffle: Shuffle::None,
            seed: 0,
            rank: 0,
            world_size: 1,
            worker: 0,
            workers: 1,
        }
    }

    /// # Errors
    /// [`Error::Options`] with the first that cannot be.
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |option, value: u64, accepted: String| {
            Err(Error::Options(OptionError::new(option, value, accepted)))
        };
        let EpochOptions { batch_rows, rank, world_size, worker, workers, .. } = *self;
        if batch_rows == 0 {
            return wrong("batch_size", 0, "must be at least 1".to_owned());
        }
        if rank >= world_size {
            return wrong("rank", rank.into(), format!("must be below `world_size` {world_size}"));
        }
        if worker >= workers {
            return wrong("worker", worker.into(), format!("must be below `workers` {workers}"));
        }
        if matches!(self.shuffle, Shuffle::Rows { window: 0 }) {
            return wrong("window", 0, "must be at least 1 row group".to_owned());
        }
        Ok(())
    }
}
