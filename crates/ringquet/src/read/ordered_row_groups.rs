//! Row groups whose order counts.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use ringquet_result::path_text::path_text;

use crate::error::Error;
use crate::open::dataset::Dataset;
use crate::plan::RowGroupId;
use crate::report::Failure;
use crate::sync::atomic::AtomicUsize;

/// Row groups by their numbers in the order, and from where on the files are not to be read any further.
pub(crate) struct OrderedRowGroups {
    row_groups: Vec<RowGroupId>,
    /// Of each file: the first number that failed. What comes before it is read, whoever failed first.
    failed_at: Vec<AtomicUsize>,
    errors: Mutex<Vec<(usize, u32, String)>>,
}

impl OrderedRowGroups {
    pub(crate) fn of(dataset: &Dataset, row_groups: Vec<RowGroupId>) -> OrderedRowGroups {
        let failed_at = dataset.files().iter().map(|_| AtomicUsize::new(usize::MAX)).collect();
        OrderedRowGroups { row_groups, failed_at, errors: Mutex::default() }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.row_groups.len()
    }

    /// The row group of a number, unless an earlier one of its file failed.
    pub(crate) fn wanted(&self, number: usize) -> Option<RowGroupId> {
        let id = self.row_groups[number];
        (!self.comes_after_failure(number)).then_some(id)
    }

    /// Whether an earlier row group of the same file failed.
    pub(crate) fn comes_after_failure(&self, number: usize) -> bool {
        let file = self.row_groups[number].file as usize;
        self.failed_at[file].load(Ordering::Relaxed) < number
    }

    /// A row group failed.
    pub(crate) fn fail(&self, number: usize, error: &Error) {
        let file = self.row_groups[number].file;
        self.failed_at[file as usize].fetch_min(number, Ordering::Relaxed);
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.push((number, file, error.to_string()));
    }

    /// The files that failed, in the order of `dataset`, each with its first error in order.
    pub(crate) fn take_failures(&self, dataset: &Dataset) -> Vec<Failure> {
        let mut errors =
            std::mem::take(&mut *self.errors.lock().unwrap_or_else(PoisonError::into_inner));
        errors.sort_by_key(|&(number, file, _)| (file, number));
        errors.dedup_by_key(|&mut (_, file, _)| file);
        let failure = |(_, file, error): (usize, u32, String)| {
            let path = path_text(&dataset.files()[file as usize].path);
            Failure { path, error }
        };
        errors.into_iter().map(failure).collect()
    }
}
