//! Runs a DLIO workload on the engine and measures an emulated training run.
//!
//! ```text
//!  workload ─▶ files ─▶ shard, shuffle ─▶ deal ─▶ reader threads ─▶ queue ─▶ accelerator 0 ─┐ barrier
//!              per rank, per epoch        streams  decode            of rank  accelerator 1 ─┘ each step
//!                                                                                  │
//!                       summary.json, N_output.json, … ◀─ metrics ◀─ recorded steps┘
//! ```
//! [`run()`] does all of this. Its output folder equals DLIO's in names, keys and types;
//! `ringquet.json` holds what DLIO has no field for. [`ringquet_result::metrics`] has
//! DLIO's formulas as pure functions.
//!
//! `docs/dlio-differences.md` lists what a run does differently from DLIO, and why.

mod sync;

mod ensemble;
mod error;
mod launcher;

mod deal;
mod half;
mod listing;

mod barrier;
mod lane;
mod queue;
mod touch;

mod accelerator;
mod pacer;
mod priority;

mod phase;

mod lost;

mod dlio;
mod host;
mod report;
mod results;
mod session;
mod wall_clock;

mod search;

#[cfg(all(test, feature = "interleave"))]
mod interleavings;

use std::path::{Path, PathBuf};

use ringquet::StopFlag;
use ringquet::engine::{
    DecodeMode, DirectChoice, EngineOptions, IoOptions, MEMORY_PER_THREAD_BYTES,
};
use ringquet_workload::{Loaded, Workload};
use serde::Serialize;

pub use accelerator::TimeByCause;
pub use ensemble::Ensemble;
pub use error::RunError;
pub use lost::{LostTime, ReaderTime};
pub use priority::{AcceleratorPriority, Granted};
pub use report::{EpochReport, PhaseReport, RankReport, RunDocument, RunReport};
pub use search::{
    Bound, Capacity, Ceiling, CeilingBy, Prediction, SearchOptions, SearchPoint, SearchProgress,
    SearchReport, ShownSearchOptions, find_max_accelerators,
};
pub use touch::Touched;

/// Accelerators of one process: each is a thread, and more than this many wait for each other
/// longer than they compute.
pub const ACCELERATORS_MAX: u32 = 4096;

/// Options of a run beyond its workload.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunOptions {
    /// Emulated accelerators of each process, 1 to [`ACCELERATORS_MAX`]: DLIO's ranks.
    pub accelerators: u32,
    /// Where the results go. Files of an earlier run are replaced, and its surplus ranks removed.
    #[serde(serialize_with = "ringquet_result::path_text::serialize_path")]
    pub results_dir: PathBuf,
    /// Write them to `training/<model>/run/<time>/` below it, as mlpstorage does.
    pub results_tree: bool,
    /// Where the data lies, instead of the workload's `data_folder`.
    #[serde(serialize_with = "ringquet_result::path_text::serialize_path_option")]
    pub data_dir: Option<PathBuf>,
    /// The engine. `columns` and `threads` left open come from the workload, see [`engine_options`].
    pub engine: EngineOptions,
    /// Arrow batches, or raw column chunks as the current DLIO reads them.
    pub decode: DecodeMode,
    /// Drop the page cache before each epoch; a warning if that is not permitted.
    pub drop_caches: bool,
    /// Whether accelerators run before reader threads.
    #[serde(rename = "accelerator_priority")]
    pub priority: AcceleratorPriority,
    /// The command line as it was typed, for the header of the results; empty where a program calls the library.
    #[serde(skip)]
    pub argv: Vec<String>,
}

impl RunOptions {
    /// Defaults, except for these two.
    pub fn new(accelerators: u32, results_dir: PathBuf) -> Self {
        Self {
            accelerators,
            results_dir,
            results_tree: false,
            data_dir: None,
            engine: EngineOptions::default(),
            decode: DecodeMode::Arrow,
            drop_caches: false,
            priority: AcceleratorPriority::Auto,
            argv: Vec::new(),
        }
    }

    /// As the document of a run of `loaded` has them.
    pub fn shown<'a>(&self, loaded: &'a Loaded) -> ShownRunOptions<'a> {
        let engine = engine_options(&loaded.workload, &self.engine, self.accelerators);
        ShownRunOptions {
            workload: &loaded.source,
            overrides: &loaded.overrides,
            options: RunOptions { engine, ..self.clone() },
        }
    }
}

/// `options` in the document of a run.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShownRunOptions<'a> {
    /// File of the workload.
    #[serde(serialize_with = "ringquet_result::path_text::serialize_path")]
    workload: &'a Path,
    /// Overrides of the workload, as typed.
    overrides: &'a [String],
    /// With the options of the engine that were used for this workload.
    #[serde(flatten)]
    options: RunOptions,
}

/// Training or evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// An epoch of training: barrier after each step.
    Train,
    /// An evaluation after an epoch: no barrier.
    Eval,
}

/// How far a run is; reported about ten times a second.
#[derive(Debug, Clone, Copy)]
pub struct RunProgress {
    /// Training or evaluation.
    pub phase: Phase,
    /// Counted from 1.
    pub epoch: u32,
    /// Epochs in all.
    pub epochs: u32,
    /// Steps done, mean over accelerators.
    pub step: u64,
    /// Steps of each accelerator in this phase.
    pub steps: u64,
    /// Since the phase began.
    pub seconds: f64,
    /// Computation time over total time of the completed steps, without the first.
    pub au_percent: f64,
    /// Over all accelerators.
    pub samples_per_second: f64,
    /// Over all accelerators; 0 with raw delivery.
    pub decoded_bytes_per_second: f64,
}

/// The engine's options for `workload`: what `given` leaves open comes from there.
///
/// - `columns`: those with `read: true`.
/// - `threads`: `reader.read_threads` per accelerator, at most one per CPU that may be used.
/// - `io.direct`, if `Auto`: `reader.odirect`.
/// - `io.read_size_bytes`, if it is the default: `reader.transfer_size`, rounded up to 4096.
/// - `memory_budget_bytes`, with O_DIRECT: what is taken without it, or six batches for each accelerator if that
///   is more, in an eighth of the memory that the process may use.
pub fn engine_options(
    workload: &Workload,
    given: &EngineOptions,
    accelerators: u32,
) -> EngineOptions {
    let mut options = given.clone();
    let reader = &workload.reader;
    if options.columns.is_none() {
        let names = workload.dataset.parquet.read_column_names();
        options.columns = Some(names.into_iter().map(str::to_owned).collect());
    }
    if options.threads.is_none() {
        let cpus = match &options.cpus {
            Some(cpus) => cpus.len(),
            None => ringquet_io::cpus::allowed().len(),
        };
        let wanted = u64::from(reader.reader_threads()) * u64::from(accelerators);
        options.threads = Some(usize::try_from(wanted).unwrap_or(cpus).clamp(1, cpus.max(1)));
    }
    if options.io.direct == DirectChoice::Auto {
        options.io.direct = match reader.odirect {
            None => DirectChoice::Auto,
            Some(true) => DirectChoice::On,
            Some(false) => DirectChoice::Off,
        };
    }
    if options.io.read_size_bytes == IoOptions::default().read_size_bytes
        && let Some(bytes) = reader.transfer_size
    {
        let bytes = bytes.min(u64::from(u32::MAX >> 1)).next_multiple_of(4096);
        options.io.read_size_bytes = u32::try_from(bytes).expect("at most 2^31");
    }
    if options.memory_budget_bytes.is_none() && options.io.direct != DirectChoice::Off {
        let threads = options.threads.unwrap_or(1) as u64;
        let memory = host::memory_bytes(&options.sys_root);
        options.memory_budget_bytes = memory_budget(workload, accelerators, threads, memory);
    }
    options
}

/// Batches of each accelerator for which there is memory, half of it for reads in flight. Accelerators that meet at every step wait
/// for the one whose batch comes last, and batches come the more evenly the more of them are on their way. Measured with 24
/// accelerators of FLUX, 8.7 MB a batch (`bench train`): a tenth more AU than with 192 MiB for each of two reader threads, which
/// is less than two batches; with eight batches and more it falls again.
const BATCHES_IN_MEMORY: u64 = 6;

/// Share of the process's memory that reader threads take at most, unless an option is set.
const ENGINE_MEMORY_SHARE: f64 = 0.125;

/// `None` if the engine's own choice is enough.
fn memory_budget(
    workload: &Workload,
    accelerators: u32,
    threads: u64,
    memory_bytes: f64,
) -> Option<u64> {
    let batch = workload.reader.batch_size.saturating_mul(workload.dataset.read_record_bytes());
    let batches = u64::from(accelerators).saturating_mul(BATCHES_IN_MEMORY);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a memory, in bytes"
    )]
    let most = (memory_bytes * ENGINE_MEMORY_SHARE) as u64;
    let wanted = batches.saturating_mul(batch).min(most);
    (wanted > threads.saturating_mul(MEMORY_PER_THREAD_BYTES)).then_some(wanted)
}

/// Runs `loaded` and writes the results folder.
///
/// `progress` is called from the calling thread. When `stop` is set the run ends within a fraction
/// of a second; the results so far are written and marked incomplete.
///
/// # Errors
/// [`RunError`]: there are no usable results. If the run had started, `dlio.log` ends with the error.
pub fn run(
    loaded: &Loaded,
    options: &RunOptions,
    progress: &(dyn Fn(RunProgress) + Sync),
    stop: &StopFlag,
) -> Result<RunReport, RunError> {
    run_together(loaded, options, &Ensemble::join()?, progress, stop)
}

/// As [`run`], as one process of an ensemble: each runs [`RunOptions::accelerators`] ranks, all write
/// into the same results folder. The report of each process has the metrics and totals of all.
///
/// # Errors
/// As [`run`]. The caller reports the error and then ends the others with [`Ensemble::abort`].
pub fn run_together(
    loaded: &Loaded,
    options: &RunOptions,
    ensemble: &Ensemble,
    progress: &(dyn Fn(RunProgress) + Sync),
    stop: &StopFlag,
) -> Result<RunReport, RunError> {
    session::Session::begin(loaded, options, ensemble.others())?.play(progress, stop)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn options(text: &str, given: &EngineOptions, accelerators: u32) -> EngineOptions {
        let text = format!("dataset: {{format: parquet}}\nreader: {text}");
        let loaded = ringquet_workload::load_text(&text, Path::new("w.yaml"), &[], false);
        engine_options(&loaded.expect("a sound workload").workload, given, accelerators)
    }

    #[test]
    fn what_is_left_open_comes_from_the_workload() {
        let given = EngineOptions { cpus: Some((0..8).collect()), ..EngineOptions::default() };
        let found = options("{read_threads: 3, odirect: true, transfer_size: 100000}", &given, 2);
        assert_eq!(found.threads, Some(6));
        assert_eq!(found.io.direct, DirectChoice::On);
        assert_eq!(found.io.read_size_bytes, 102_400);
        assert_eq!(found.columns.as_deref(), Some(&["data".to_owned()][..]));
        assert_eq!(options("{read_threads: 0}", &given, 1).threads, Some(1));
        assert_eq!(options("{read_threads: 9}", &given, 5).threads, Some(8), "one per CPU");
    }

    #[test]
    fn memory_follows_from_the_batches_on_their_way() {
        let text =
            "dataset: {format: parquet, record_length_bytes: 1000000}\nreader: {batch_size: 10}";
        let loaded = ringquet_workload::load_text(text, Path::new("w.yaml"), &[], false);
        let workload = loaded.expect("a sound workload").workload;
        let budget = |accelerators, host| memory_budget(&workload, accelerators, 2, host);
        assert_eq!(budget(24, 64e9), Some(24 * 6 * 10_000_000));
        assert_eq!(budget(1, 64e9), None, "384 MiB hold more than six batches");
        assert_eq!(budget(1000, 8e9), Some(1_000_000_000), "an eighth of the memory");
        assert_eq!(budget(1000, 1e9), None, "the engine's own choice is more");
    }

    #[test]
    fn what_is_given_stays() {
        let mut given = EngineOptions { threads: Some(5), ..EngineOptions::default() };
        given.io.direct = DirectChoice::On;
        given.io.read_size_bytes = 65_536;
        given.columns = Some(vec!["x".to_owned()]);
        let found = options("{read_threads: 3, odirect: false, transfer_size: 4096}", &given, 2);
        assert_eq!(found.threads, Some(5));
        assert_eq!(found.io.direct, DirectChoice::On);
        assert_eq!(found.io.read_size_bytes, 65_536);
        assert_eq!(found.columns, given.columns);
    }
}
