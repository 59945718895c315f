//! Row groups that reader threads share.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use ringquet_result::path_text::path_text;

use crate::error::Error;
use crate::open::dataset::Dataset;
use crate::plan::RowGroupId;
use crate::report::Failure;
use crate::sync::atomic::{AtomicBool, AtomicUsize};

/// Row groups that any thread may take next, and the files that are not to be read any further.
pub(crate) struct RowGroupQueue {
    row_groups: Vec<RowGroupId>,
    next: AtomicUsize,
    failed: Vec<AtomicBool>,
    failures: Mutex<Vec<(u32, String)>>,
}

impl RowGroupQueue {
    pub(crate) fn of(dataset: &Dataset, row_groups: Vec<RowGroupId>) -> RowGroupQueue {
        RowGroupQueue::of_files(dataset.files().len(), row_groups)
    }

    pub(crate) fn of_files(files: usize, row_groups: Vec<RowGroupId>) -> RowGroupQueue {
        RowGroupQueue {
            row_groups,
            next: AtomicUsize::new(0),
            failed: (0..files).map(|_| AtomicBool::new(false)).collect(),
            failures: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn take(&self) -> Option<RowGroupId> {
        loop {
            let id = *self.row_groups.get(self.next.fetch_add(1, Ordering::Relaxed))?;
            if !self.failed[id.file as usize].load(Ordering::Relaxed) {
                return Some(id);
            }
        }
    }

    /// One error per file: the first. Is this one it?
    pub(crate) fn fail(&self, id: RowGroupId, error: &Error) -> bool {
        let is_first = !self.failed[id.file as usize].swap(true, Ordering::Relaxed);
        if is_first {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.push((id.file, error.to_string()));
        }
        is_first
    }

    /// The files that failed, in the order of `dataset`.
    pub(crate) fn take_failures(&self, dataset: &Dataset) -> impl Iterator<Item = Failure> {
        let mut failures =
            std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner));
        failures.sort_by_key(|&(file, _)| file);
        failures.into_iter().map(|(file, error)| Failure {
            path: path_text(&dataset.files()[file as usize].path),
            error,
        })
    }
}
