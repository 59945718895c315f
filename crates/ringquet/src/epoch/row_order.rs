//! Which rows are in which batch.

use std::ops::Range;
use std::sync::Arc;

use ringquet_result::OptionError;

use crate::epoch::options::{EpochOptions, Shuffle};
use crate::epoch::permutation::{Of, permutation};
use crate::error::Error;
use crate::open::dataset::Dataset;
use crate::plan::RowGroupId;

/// One pass over a data set: which rows are in which batch of this worker. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Epoch {
    options: EpochOptions,
    number: u64,
    /// In the order of this epoch; those without rows are left out.
    row_groups: Arc<[RowGroupId]>,
    /// Where each row group of the sequence starts, in rows, and where the last one ends.
    starts: Arc<[u64]>,
    /// Of this rank.
    batches_of_rank: u64,
    /// Of this worker, by their numbers within the rank.
    batches: Range<u64>,
    /// Of this worker, by their places in the sequence.
    rows: Range<u64>,
}

impl Epoch {
    /// The pass with this number. Reads nothing.
    ///
    /// # Errors
    /// Options that contradict one another, and more than 2^32 row groups or, with shuffled rows, rows in a window.
    pub fn new(dataset: &Dataset, options: EpochOptions, number: u64) -> Result<Epoch, Error> {
        options.check()?;
        let mut in_files = match &options.files {
            None => dataset.row_groups_in_order(),
            Some(files) => of_files(dataset, files)?,
        };
        in_files.retain(|id| dataset.rows_of(*id) > 0);
        let row_groups: Arc<[RowGroupId]> = match options.shuffle {
            Shuffle::None => in_files.into(),
            Shuffle::RowGroups | Shuffle::Rows { .. } => {
                let len = u32::try_from(in_files.len()).map_err(|_| too_many("row groups"))?;
                let order = permutation(len, options.seed, number, Of::RowGroups);
                order.into_iter().map(|at| in_files[at as usize]).collect()
            }
        };
        let mut end = 0;
        let ends = row_groups.iter().map(|id| {
            end += dataset.rows_of(*id);
            end
        });
        let starts: Arc<[u64]> = std::iter::once(0).chain(ends).collect();
        let epoch = Epoch::of_sequence(options, number, row_groups, starts);
        if matches!(epoch.options.shuffle, Shuffle::Rows { .. }) {
            let rows = (0..epoch.num_windows()).map(|window| epoch.window_rows(window));
            if rows.map(|rows| rows.end - rows.start).any(|rows| rows > u64::from(u32::MAX)) {
                return Err(too_many("rows in a window"));
            }
        }
        Ok(epoch)
    }

    fn of_sequence(
        options: EpochOptions,
        number: u64,
        row_groups: Arc<[RowGroupId]>,
        starts: Arc<[u64]>,
    ) -> Epoch {
        let all = starts.last().copied().unwrap_or(0);
        let of_rank = all / u64::from(options.world_size);
        let first = of_rank * u64::from(options.rank);
        let batch_rows = options.batch_rows as u64;
        let batches_of_rank =
            if options.drop_last { of_rank / batch_rows } else { of_rank.div_ceil(batch_rows) };
        // In 128 bits, for numbers of batches times numbers of workers.
        let cut = |worker: u32| {
            let at = u128::from(batches_of_rank) * u128::from(worker) / u128::from(options.workers);
            u64::try_from(at).expect("it is at most the number of batches")
        };
        let batches = cut(options.worker)..cut(options.worker + 1);
        let place = |batch: u64| first + (batch * batch_rows).min(of_rank);
        let rows = place(batches.start)..place(batches.end);
        Epoch { options, number, row_groups, starts, batches_of_rank, batches, rows }
    }

    /// How it is made.
    pub fn options(&self) -> &EpochOptions {
        &self.options
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Batches of this rank, of all its workers together.
    pub fn num_batches_of_rank(&self) -> u64 {
        self.batches_of_rank
    }

    /// Batches of this worker.
    pub fn num_batches(&self) -> u64 {
        self.batches.end - self.batches.start
    }

    /// Rows of this worker.
    pub fn num_rows(&self) -> u64 {
        self.rows.end - self.rows.start
    }

    /// The row groups in the order of this epoch. Those without rows are left out.
    pub fn row_groups(&self) -> &[RowGroupId] {
        &self.row_groups
    }

    /// Whether the pass can be left after so many rows of this worker.
    ///
    /// # Errors
    /// As [`Scan::epoch`](crate::Scan::epoch).
    pub fn check_rows_done(&self, done: u64) -> Result<(), Error> {
        self.rows_after(done).map(drop)
    }

    /// The rows of this worker after the first `done`, by their places in the sequence.
    ///
    /// # Errors
    /// [`Error::Options`] if there are not so many, or if a batch would begin at no multiple of the batch size.
    pub(super) fn rows_after(&self, done: u64) -> Result<Range<u64>, Error> {
        let batch_rows = self.options.batch_rows as u64;
        if done > self.num_rows() || (!done.is_multiple_of(batch_rows) && done != self.num_rows()) {
            let accepted = format!(
                "must be a multiple of the batch size {batch_rows}, or all {} rows",
                self.num_rows()
            );
            return Err(Error::Options(OptionError::new("rows", done, accepted)));
        }
        Ok(self.rows.start + done..self.rows.end)
    }

    /// The row groups that hold these rows of the sequence; with shuffled rows all of the windows that do.
    pub(super) fn row_groups_of(&self, rows: &Range<u64>) -> Range<usize> {
        if rows.is_empty() {
            return 0..0;
        }
        let (first, last) = (self.row_group_of(rows.start), self.row_group_of(rows.end - 1));
        match self.options.shuffle {
            Shuffle::None | Shuffle::RowGroups => first..last + 1,
            Shuffle::Rows { window } => {
                let window = window as usize;
                let end = (last / window + 1).saturating_mul(window);
                first / window * window..end.min(self.row_groups.len())
            }
        }
    }

    /// The row group of the sequence that holds a row.
    fn row_group_of(&self, row: u64) -> usize {
        self.starts.partition_point(|&start| start <= row) - 1
    }

    /// Where a row group of the sequence starts, in rows.
    pub(super) fn start_of(&self, row_group: usize) -> u64 {
        self.starts[row_group]
    }

    /// Rows from the start of a row group of the sequence to the next start of a batch.
    pub(super) fn rows_to_batch(&self, row_group: usize) -> u64 {
        let batch_rows = self.options.batch_rows as u64;
        // The batches of a rank are counted from its first row, which may come later.
        let of_rank = self.rows.start % batch_rows;
        let behind = (self.starts[row_group] % batch_rows + batch_rows - of_rank) % batch_rows;
        (batch_rows - behind) % batch_rows
    }

    /// Row groups of a window.
    pub(super) fn window_len(&self) -> usize {
        match self.options.shuffle {
            Shuffle::None | Shuffle::RowGroups => 1,
            Shuffle::Rows { window } => window as usize,
        }
    }

    /// Windows of the whole sequence.
    pub(super) fn num_windows(&self) -> usize {
        self.row_groups.len().div_ceil(self.window_len())
    }

    /// The rows of a window, by their places in the sequence.
    pub(super) fn window_rows(&self, window: usize) -> Range<u64> {
        if window >= self.num_windows() {
            return 0..0;
        }
        let first = window * self.window_len();
        let end = first.saturating_add(self.window_len()).min(self.row_groups.len());
        self.starts[first]..self.starts[end]
    }

    /// In which order the rows of a window come.
    pub(super) fn order_of_window(&self, window: usize) -> Vec<u32> {
        let rows = self.window_rows(window);
        let len = u32::try_from(rows.end - rows.start).expect("Epoch::new compared them");
        permutation(len, self.options.seed, self.number, Of::Rows(window as u64))
    }
}

fn too_many(what: &str) -> Error {
    let accepted = format!("cannot be done for more than {} {what}", u32::MAX);
    Error::Options(OptionError::new("shuffle", "", accepted))
}

/// The row groups of `files`, in the order of `files`.
fn of_files(dataset: &Dataset, files: &[u32]) -> Result<Vec<RowGroupId>, Error> {
    let count = dataset.files().len();
    let mut is_read = vec![false; count];
    for file in files {
        let wrong =
            |accepted: String| Err(Error::Options(OptionError::new("files", file, accepted)));
        match is_read.get_mut(*file as usize) {
            None => return wrong(format!("must be below the number of files, {count}")),
            Some(true) => return wrong("each file is read once".to_owned()),
            Some(is_read) => *is_read = true,
        }
    }
    Ok(files.iter().flat_map(|file| dataset.row_groups_of(*file)).collect())
}
