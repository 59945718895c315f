//! How many files a run needs: MLPerf Storage's rule, and what they weigh.
//!
//! The data must not fit in memory five times over, and there must be 500 steps for every
//! accelerator:
//!
//! ```text
//! by memory  ⌈5 · hosts · host memory / (samples per file · bytes per sample)⌉
//! by steps   ⌈500 · accelerators · batch size / samples per file⌉
//! ```
//! DLRM on one host of 256 GiB with one accelerator: ⌈5 · 256 · 2³⁰ / (4,718,592 · 761)⌉ = 383
//! files.

use serde::Serialize;

use crate::dataset::FILES_MAX;
use crate::error::WorkloadError;
use crate::footprint::Footprint;
use crate::workload::Workload;

/// The data set is this many times larger than the memory of all hosts.
pub const MEMORY_FACTOR: u64 = 5;
/// Steps that there must be for every accelerator.
pub const STEPS_MIN: u64 = 500;
/// From more files than this on, subfolders are advised: one for every so many files.
pub const FILES_PER_FOLDER: u64 = 10_000;

/// The machine that a data set is sized for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Client {
    /// Accelerators of all hosts together.
    pub accelerators: u64,
    /// Hosts.
    pub hosts: u64,
    /// Memory of one host in bytes.
    pub host_memory_bytes: u64,
}

/// A data set sized for a [`Client`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Datasize {
    /// Files that the memory rule requires.
    pub num_files_by_memory: u64,
    /// Files that the steps require.
    pub num_files_by_steps: u64,
    /// The larger of the two: `dataset.num_files_train`.
    pub num_files_train: u64,
    /// Advice for `dataset.num_subfolders_train`; 0 up to 10,000 files.
    pub num_subfolders_train: u64,
    /// Nominal bytes per sample, by the rule.
    pub nominal_sample_bytes: u64,
    /// Nominal bytes per file.
    pub nominal_file_bytes: u64,
    /// Nominal bytes of all training files: DLIO's `total_disk_bytes`.
    pub nominal_bytes: u64,
    /// One file as it will be on disk.
    pub footprint: Footprint,
    /// Bytes of all training files as they will be on disk.
    pub disk_bytes: u64,
    /// Overrides that make `datagen` write, and `run` read, this data set.
    pub overrides: Vec<String>,
}

impl Workload {
    /// Sizes the training files for `client`.
    ///
    /// # Errors
    /// [`WorkloadError::Unsupported`] if a count of `client` is zero or the format is not Parquet,
    /// [`WorkloadError::Overflow`] if a result leaves 64 bits.
    pub fn datasize(&self, client: Client) -> Result<Datasize, WorkloadError> {
        self.require_local_parquet()?;
        let counts = [
            ("accelerators", client.accelerators),
            ("hosts", client.hosts),
            ("host memory", client.host_memory_bytes),
        ];
        if let Some((key, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(WorkloadError::Unsupported {
                key: (*key).to_owned(),
                value: "0".to_owned(),
                reason: "at least 1 is needed".to_owned(),
            });
        }
        let samples = self.dataset.num_samples_per_file;
        let sample_bytes = self.dataset.datasize_record_bytes();
        let file_bytes = product("bytes per file", &[samples, sample_bytes])?;
        let memory = product(
            "five times the memory",
            &[MEMORY_FACTOR, client.hosts, client.host_memory_bytes],
        )?;
        let needed = product(
            "samples of 500 steps",
            &[STEPS_MIN, client.accelerators, self.reader.batch_size],
        )?;
        let num_files_by_memory = memory.div_ceil(file_bytes);
        let num_files_by_steps = needed.div_ceil(samples);
        let num_files_train = num_files_by_memory.max(num_files_by_steps);
        if num_files_train > FILES_MAX {
            return Err(WorkloadError::Unsupported {
                key: "files of the data set".to_owned(),
                value: num_files_train.to_string(),
                reason: format!(
                    "at most {FILES_MAX} can be generated; give each more rows (dataset.num_samples_per_file is {samples})"
                ),
            });
        }
        let num_subfolders_train = match num_files_train {
            0..=FILES_PER_FOLDER => 0,
            files => files / FILES_PER_FOLDER,
        };
        let footprint = self.dataset.footprint();
        Ok(Datasize {
            num_files_by_memory,
            num_files_by_steps,
            num_files_train,
            num_subfolders_train,
            nominal_sample_bytes: sample_bytes,
            nominal_file_bytes: file_bytes,
            nominal_bytes: product("nominal bytes", &[num_files_train, file_bytes])?,
            footprint,
            disk_bytes: product("bytes on disk", &[num_files_train, footprint.file_bytes])?,
            overrides: vec![
                format!("dataset.num_files_train={num_files_train}"),
                format!("dataset.num_subfolders_train={num_subfolders_train}"),
            ],
        })
    }
}

fn product(quantity: &'static str, factors: &[u64]) -> Result<u64, WorkloadError> {
    factors.iter().try_fold(1_u64, |product, factor| product.checked_mul(*factor)).ok_or_else(
        || {
            let factors: Vec<String> = factors.iter().map(u64::to_string).collect();
            WorkloadError::Overflow { quantity, computation: factors.join(" × ") }
        },
    )
}
