//! What one rank gets: files, samples, steps, and which steps count.

use serde::Serialize;

use crate::enums::DatasetType;
use crate::error::WorkloadError;
use crate::workload::{RANKS_MAX, Workload};

/// Files that each rank reads: floor(files / ranks), so that all have equally many.
pub fn files_per_rank(num_files: u64, ranks: u64) -> u64 {
    num_files / ranks.max(1)
}

/// One rank's part of an epoch of training or evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sharding {
    /// Accelerators.
    pub ranks: u64,
    /// Files that each rank reads.
    pub files_per_rank: u64,
    /// Files that are not read because they do not divide evenly.
    pub surplus_files: u64,
    /// Samples of one rank: `files_per_rank` × `num_samples_per_file`.
    pub samples_per_rank: u64,
    /// Samples per step of one rank.
    pub batch_size: u64,
    /// Full batches of one rank per epoch, held by `total_training_steps`. The incomplete batch at
    /// the end is dropped.
    pub steps: u64,
    /// Samples of one rank that are dropped because they do not fill a batch.
    pub dropped_samples: u64,
    /// The steps that DLIO announces ("S steps expected"): ceil without `file_shuffle`, floor with
    /// it, or `total_training_steps`.
    pub announced_steps: u64,
    /// The steps on which DLIO's metrics are counted: floor(samples of **all** files / batch /
    /// ranks), or `total_training_steps`.
    pub metric_steps: u64,
}

impl Sharding {
    /// Steps that count in the metrics, both ends included, as indices from 0; `None` if none is
    /// left. `exclude_start` ..= `metric_steps` − 1 − `exclude_end`, and no step that did not run.
    pub fn metric_window(
        &self,
        exclude_start: u64,
        exclude_end: u64,
    ) -> Option<std::ops::RangeInclusive<u64>> {
        let end = self.metric_steps.checked_sub(1)?.checked_sub(exclude_end)?;
        let end = end.min(self.steps.checked_sub(1)?);
        (exclude_start <= end).then_some(exclude_start..=end)
    }
}

impl Workload {
    /// The part of one of `ranks` ranks in an epoch.
    ///
    /// # Errors
    /// [`WorkloadError::Unsupported`] if there are fewer files than ranks, less than one batch for
    /// each rank, more ranks than [`RANKS_MAX`] or none, or fewer steps than `total_training_steps`.
    pub fn sharding(&self, half: DatasetType, ranks: u64) -> Result<Sharding, WorkloadError> {
        let unsupported = |key: &str, value: u64, reason: String| {
            let (key, value) = (key.to_owned(), value.to_string());
            Err(WorkloadError::Unsupported { key, value, reason })
        };
        if !(1..=RANKS_MAX).contains(&ranks) {
            return unsupported("accelerators", ranks, format!("1 to {RANKS_MAX} are possible"));
        }
        let (files_key, batch_key, batch_size) = match half {
            DatasetType::Train => {
                ("dataset.num_files_train", "reader.batch_size", self.reader.batch_size)
            }
            DatasetType::Valid => {
                ("dataset.num_files_eval", "reader.batch_size_eval", self.reader.batch_size_eval)
            }
        };
        let (files, samples) = (self.dataset.num_files(half), self.dataset.num_samples_per_file);
        let files_per_rank = files_per_rank(files, ranks);
        if files_per_rank == 0 {
            let reason = format!("{ranks} accelerators need at least one file each");
            return unsupported(files_key, files, reason);
        }
        // All products are parts of files × samples, which was checked on load.
        let samples_per_rank = files_per_rank * samples;
        let available = samples_per_rank / batch_size;
        if available == 0 {
            let reason = format!(
                "an accelerator has {samples_per_rank} samples ({files_per_rank} files × {samples}): fewer than one batch"
            );
            return unsupported(batch_key, batch_size, reason);
        }
        let asked = self.train.total_training_steps.filter(|_| half == DatasetType::Train);
        if let Some(asked) = asked
            && asked > available
        {
            let reason = format!("an epoch has only {available} steps");
            return unsupported("train.total_training_steps", asked, reason);
        }
        let announced = match self.reader.file_shuffle {
            crate::Shuffle::Off => samples_per_rank.div_ceil(batch_size),
            crate::Shuffle::Seed | crate::Shuffle::Random => available,
        };
        Ok(Sharding {
            ranks,
            files_per_rank,
            surplus_files: files % ranks,
            samples_per_rank,
            batch_size,
            steps: asked.unwrap_or(available),
            dropped_samples: samples_per_rank % batch_size,
            announced_steps: asked.unwrap_or(announced),
            metric_steps: asked.unwrap_or(samples * files / batch_size / ranks),
        })
    }
}
