//! Errors of a run.

use std::io;
use std::path::PathBuf;

use ringquet_workload::WorkloadError;

/// Why a run did not start or did not complete.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The workload has something that cannot be run.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// `workflow.train` is false.
    #[error("workflow.train is false: there is nothing to run; `ringquet datagen` writes the data")]
    NothingToRun,
    /// The number of accelerators is out of range.
    #[error("`accelerators` {accelerators}: must be 1 to {max} in one process")]
    Accelerators {
        /// As requested.
        accelerators: u32,
        /// The bound.
        max: u32,
    },
    /// Started as one of several processes, by a build without MPI.
    #[error(
        "{variable}={ranks}: {launcher} started {ranks} processes{process}, but this ringquet was built without MPI; build it with `cargo build --release -p ringquet-cli --features mpi`, or use `accelerators` in one process (if this is one process, unset {variable})"
    )]
    Launcher {
        /// The environment variable that holds it.
        variable: &'static str,
        /// Whose variable it is.
        launcher: &'static str,
        /// Number of processes.
        ranks: u64,
        /// Which one this is, if it is reported.
        process: String,
    },
    /// MPI does not start, or contradicts the launcher.
    #[error("{variable} is set, but MPI: {reason}")]
    Mpi {
        /// The environment variable of the launcher.
        variable: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The data set is missing or incomplete.
    #[error(
        "found {found} of {wanted} files in {folder}{missing}; generate them with: ringquet datagen {workload} dataset.data_folder={data_dir}",
        folder = folder.display(),
        workload = workload.display(),
        data_dir = data_dir.display()
    )]
    FewFiles {
        /// Files that were found.
        found: usize,
        /// Files that the workload uses.
        wanted: usize,
        /// Where they were looked for.
        folder: PathBuf,
        /// The first missing file, in parentheses, if its name is known.
        missing: String,
        /// The workload file.
        workload: PathBuf,
        /// The data folder.
        data_dir: PathBuf,
    },
    /// A folder could not be listed.
    #[error("{folder}: cannot list the folder: {source}", folder = folder.display())]
    List {
        /// The folder.
        folder: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file does not hold as many rows as the workload states; steps and metrics would be wrong.
    #[error(
        "{path}: {found} rows, but the workload says dataset.num_samples_per_file {expected}; run with the workload that generated the data, or with dataset.num_samples_per_file={found}",
        path = path.display()
    )]
    RowsDiffer {
        /// The first such file.
        path: PathBuf,
        /// Its rows.
        found: u64,
        /// Rows per file of the workload.
        expected: u64,
    },
    /// The engine could not open or read the data.
    #[error(transparent)]
    Engine(#[from] ringquet::Error),
    /// A thread for an accelerator could not be started.
    #[error("cannot start a thread for accelerator {rank}: {source}; use fewer `accelerators`")]
    Thread {
        /// Which accelerator.
        rank: u32,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A thread of an accelerator panicked.
    #[error(
        "the thread of an accelerator panicked: {panic}; this is a bug in ringquet, please report it"
    )]
    Panicked {
        /// Its message and its place.
        panic: String,
    },
    /// Reader threads did not reach the start of an epoch in time.
    #[error(
        "reader threads were not ready within {seconds} seconds: creating rings and pinning memory takes longer on this machine; lower `threads` or `memory_budget_bytes`"
    )]
    NotReady {
        /// Seconds waited.
        seconds: u64,
    },
    /// Reader threads ended without an error although rows were missing: a bug in ringquet.
    #[error(
        "epoch {epoch}: rank {rank} got {steps} of {expected} batches, {rows} rows are left over; this is a bug in ringquet, please report it"
    )]
    Short {
        /// The epoch, from 1.
        epoch: u32,
        /// The rank.
        rank: u32,
        /// Batches that arrived.
        steps: u64,
        /// Batches that were expected.
        expected: u64,
        /// Rows left over.
        rows: u64,
    },
    /// A search without a target.
    #[error(
        "a search needs a target, and this workload has no metric.au; add one to the command, for example metric.au=0.90"
    )]
    NoTarget,
    /// The epochs are too short for a search.
    #[error(
        "an epoch of one accelerator has {steps} steps, a search for the most accelerators needs {needed}: generate more files, or lower reader.batch_size and train.computation_time together"
    )]
    SearchSteps {
        /// Steps of an epoch with one accelerator.
        steps: u64,
        /// Steps that it needs.
        needed: u64,
    },
    /// A search in several processes.
    #[error(
        "{variable}={ranks}: `find_max_accelerators` runs in one process; start it without a launcher"
    )]
    SearchLaunched {
        /// The environment variable that holds it.
        variable: &'static str,
        /// Number of processes.
        ranks: u64,
    },
    /// The page cache could not be dropped for a search.
    #[error(
        "`drop_caches`: could not drop the page cache: {source}; writing /proc/sys/vm/drop_caches requires root; use `direct` on instead"
    )]
    DropCaches {
        /// The error of the operating system.
        source: io::Error,
    },
    /// A result could not be written.
    #[error("{path}: cannot write the results: {source}", path = path.display())]
    Results {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests;
