//! Training or evaluation data, opened and dealt to ranks.

use std::path::Path;
use std::sync::Arc;

use ringquet::Dataset;
use ringquet_workload::{DatasetType, FileShuffle, Loaded, Sharding, Workload};

use crate::error::RunError;
use crate::{RunOptions, engine_options, listing};

/// Training or evaluation data.
pub(crate) struct Half {
    pub(crate) sharding: Sharding,
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) shuffle: FileShuffle,
}

impl Half {
    /// For `ranks` ranks. Files that remain after an even division are not read, nor are their footers.
    pub(crate) fn open(
        loaded: &Loaded,
        options: &RunOptions,
        ranks: u32,
        data_dir: &Path,
        half: DatasetType,
    ) -> Result<Self, RunError> {
        let sharding = loaded.workload.sharding(half, u64::from(ranks))?;
        let used = sharding.files_per_rank.saturating_mul(u64::from(ranks));
        let dataset = open(loaded, options, used, data_dir, half)?;
        Self::deal(&loaded.workload, half, ranks, dataset)
    }

    /// Of an open data set that has at least the files that `ranks` ranks read.
    pub(crate) fn deal(
        workload: &Workload,
        half: DatasetType,
        ranks: u32,
        dataset: Arc<Dataset>,
    ) -> Result<Self, RunError> {
        let sharding = workload.sharding(half, u64::from(ranks))?;
        let used = sharding.files_per_rank.saturating_mul(u64::from(ranks));
        let train = &workload.train;
        let shuffle = FileShuffle::new(0..used, used, ranks, train.seed, train.seed_change_epoch);
        Ok(Self { sharding, dataset, shuffle })
    }
}

/// The first `used` files, each with as many rows as the workload states.
pub(crate) fn open(
    loaded: &Loaded,
    options: &RunOptions,
    used: u64,
    data_dir: &Path,
    half: DatasetType,
) -> Result<Arc<Dataset>, RunError> {
    let workload = &loaded.workload;
    let mut listing = listing::list(loaded, data_dir, half)?;
    listing.files.truncate(usize::try_from(used).unwrap_or(usize::MAX));
    let engine = engine_options(workload, &options.engine, options.accelerators);
    // A training run with a part of its data is another run.
    let dataset = Dataset::open_listing(listing, engine)?.require_all()?;
    let expected = workload.dataset.num_samples_per_file;
    for file in dataset.files() {
        let found = file.footer.num_rows();
        if found != expected {
            return Err(RunError::RowsDiffer { path: file.path.clone(), found, expected });
        }
    }
    Ok(Arc::new(dataset))
}
