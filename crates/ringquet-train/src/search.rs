//! How many accelerators can this storage feed? A search for the most at which AU meets `metric.au`.
//!
//! ```text
//!  number of accelerators ─▶ point: rounds until two in a row agree ─▶ AU ─▶ next number
//!                             round: epochs, cut at some seconds          (doubling, bisection)
//! ```
//! Training only: nothing is evaluated, and of the results only `ringquet-search.json` is written.

mod bound;
mod curve;
mod point;

use std::path::Path;
use std::sync::Arc;

use ringquet::engine::DecodeMode;
use ringquet::{Dataset, StopFlag};
use ringquet_result::{Warning, WarningCode};
use ringquet_workload::{DatasetType, Loaded, Workload};
use serde::Serialize;

pub use bound::{Bound, Capacity, Prediction};
pub use point::SearchPoint;

use crate::error::RunError;
use crate::half;
use crate::host;
use crate::results::Results;
use crate::{ACCELERATORS_MAX, RunOptions, RunProgress, ShownRunOptions, engine_options};
use crate::{launcher, session};
use curve::Search;

/// Counted steps that an epoch must have: fewer show no steady state.
const COUNTED_STEPS_MIN: u64 = 4;

/// A saturated machine feeds more accelerators with what it fed fewer: less than this share of the
/// samples per second that fewer accelerators got is a disturbance, and the point is taken again.
const DISTURBED_SHARE: f64 = 0.8;

/// Prefetched batches may take this share of the memory.
const MEMORY_SHARE: f64 = 0.5;

/// The file that a search writes.
const FILE: &str = "ringquet-search.json";

/// How a search is made, beyond the options of a run. [`RunOptions::accelerators`] is where it begins.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SearchOptions {
    /// Seconds of a round; a point has at least two.
    pub round_seconds: f64,
    /// No more than this many.
    pub accelerators_max: Option<u32>,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { round_seconds: 3.0, accelerators_max: None }
    }
}

/// How far a search is.
#[derive(Debug, Clone, Copy)]
pub struct SearchProgress {
    /// Accelerators of this point.
    pub accelerators: u32,
    /// Points before it.
    pub points: usize,
    /// Rounds before this one.
    pub rounds: usize,
    /// Within the phase.
    pub phase: RunProgress,
}

/// Why no more accelerators were tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CeilingBy {
    /// Each needs a file of its own, and enough full batches in it.
    DataSet,
    /// Their prefetched batches would fill more than half of the memory.
    Memory,
    /// [`ACCELERATORS_MAX`].
    Process,
    /// [`SearchOptions::accelerators_max`].
    Asked,
}

/// The most that can be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ceiling {
    /// Accelerators.
    pub accelerators: u32,
    /// Why no more.
    pub by: CeilingBy,
}

/// What a search found.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SearchReport {
    /// The search came to its end. If not, it was stopped.
    pub complete: bool,
    /// `model.name` of the workload.
    pub model: String,
    /// Arrow batches or raw column chunks.
    pub decode: DecodeMode,
    /// The bar, `metric.au`, in percent.
    pub au_percent_bar: f64,
    /// The most accelerators at or above the bar; 0 if one is too many.
    pub accelerators: u32,
    /// What was missing beyond them; `None` if no number missed the bar.
    pub bound: Option<Bound>,
    /// The number at which that was seen: of those that missed the bar the one that got most samples
    /// per second.
    pub bound_at: Option<u32>,
    /// The most that could be tried.
    pub ceiling: Ceiling,
    /// Every point, in the order of accelerators.
    pub points: Vec<SearchPoint>,
    /// What the predictions are made of.
    pub capacity: Option<Capacity>,
    /// More cores, more bandwidth, more of both.
    pub predictions: Vec<Prediction>,
    /// Warnings.
    pub warnings: Vec<Warning>,
    /// Where the report lies.
    #[serde(serialize_with = "ringquet_result::path_text::serialize_path")]
    pub file: std::path::PathBuf,
}

/// Searches for the most accelerators at which AU meets the bar of `loaded`, and writes what it found
/// to `ringquet-search.json` in the results folder.
///
/// `progress` is called from the calling thread. When `stop` is set the search ends within a fraction
/// of a second, with the points that it has.
///
/// # Errors
/// [`RunError`], as for a run; [`RunError::NoTarget`] if the workload states no `metric.au`, [`RunError::SearchSteps`] if an
/// epoch is too short for any point.
pub fn find_max_accelerators(
    loaded: &Loaded,
    options: &RunOptions,
    search: &SearchOptions,
    progress: &(dyn Fn(SearchProgress) + Sync),
    stop: &StopFlag,
) -> Result<SearchReport, RunError> {
    let workload = &loaded.workload;
    if let Some(launched) = launcher::launched(|name| std::env::var(name).ok()) {
        return Err(RunError::SearchLaunched {
            variable: launched.variable,
            ranks: launched.ranks,
        });
    }
    session::check(workload, options)?;
    if workload.metric.target().is_none() {
        return Err(RunError::NoTarget);
    }
    let memory = host::memory_bytes(&options.engine.sys_root);
    let ceiling = ceiling(workload, search, memory)?;
    let data_dir = options.data_dir.clone().unwrap_or_else(|| workload.data_dir());
    let results = Results::new(options.results_dir.clone())?;
    let mut data = Data { loaded, options, data_dir: &data_dir, dataset: None };
    let mut curve = Search::new(options.accelerators, ceiling.accelerators);
    let mut points: Vec<SearchPoint> = Vec::new();
    while let Some(accelerators) = curve.next() {
        let dataset = data.for_ranks(accelerators)?;
        let taken = points.len();
        let report = |rounds, phase| {
            progress(SearchProgress { accelerators, points: taken, rounds, phase });
        };
        let measure = point::Measure {
            loaded,
            options,
            accelerators,
            round_seconds: search.round_seconds.max(0.1),
            dataset,
        };
        let Some(mut point) = measure.take(&report, stop)? else { break };
        if !point.meets_bar && is_disturbed(&point, &points) {
            let Some(again) = measure.take(&report, stop)? else { break };
            if again.samples_per_second > point.samples_per_second {
                point = again;
            }
            point.disturbed = is_disturbed(&point, &points);
        }
        curve.record(accelerators, point.meets_bar);
        points.push(point);
    }
    let complete = curve.next().is_none();
    points.sort_by_key(|point| point.accelerators);
    let found = if complete { curve.found() } else { 0 };
    let report = report(loaded, options, complete, found, ceiling, points, &results);
    write(loaded, options, search, &report, results)?;
    Ok(report)
}

/// Whether `point` got clearly fewer samples per second than fewer accelerators did.
fn is_disturbed(point: &SearchPoint, points: &[SearchPoint]) -> bool {
    points.iter().any(|fewer| {
        fewer.accelerators < point.accelerators
            && point.samples_per_second < DISTURBED_SHARE * fewer.samples_per_second
    })
}

/// Steps at the start and at the end of an epoch that a search does not count: those that the
/// workload excludes, and those whose batches can have been prefetched while the first was waited
/// for, outside of the counted time. In an epoch of 12 steps with 2 batches ahead they would raise AU
/// by a tenth.
fn excluded_steps(workload: &Workload) -> (u64, u64) {
    let metric = &workload.output.metric;
    let prefetched = u64::from(workload.reader.prefetch_size.max(1)) + 1;
    (metric.exclude_start_steps.max(prefetched), metric.exclude_end_steps)
}

/// The data set, opened again only for another number of reader threads: footers of a real
/// data set are gigabytes.
struct Data<'a> {
    loaded: &'a Loaded,
    options: &'a RunOptions,
    data_dir: &'a Path,
    dataset: Option<Arc<Dataset>>,
}

impl Data<'_> {
    fn for_ranks(&mut self, accelerators: u32) -> Result<Arc<Dataset>, RunError> {
        let workload = &self.loaded.workload;
        let threads = engine_options(workload, &self.options.engine, accelerators).threads;
        if let Some(dataset) = &self.dataset
            && Some(dataset.resolved().threads) == threads
        {
            return Ok(Arc::clone(dataset));
        }
        let options = RunOptions { accelerators, ..self.options.clone() };
        let all = workload.dataset.num_files(DatasetType::Train);
        let dataset = half::open(self.loaded, &options, all, self.data_dir, DatasetType::Train)?;
        self.dataset = Some(Arc::clone(&dataset));
        Ok(dataset)
    }
}

/// The most accelerators that the data, the memory of so many bytes and the process allow. 0 bytes are an unknown number.
fn ceiling(workload: &Workload, search: &SearchOptions, memory: f64) -> Result<Ceiling, RunError> {
    let (start, end) = excluded_steps(workload);
    let needed = start.saturating_add(end).saturating_add(COUNTED_STEPS_MIN);
    let steps = |accelerators: u32| {
        workload
            .sharding(DatasetType::Train, u64::from(accelerators))
            .map(|sharding| sharding.steps)
    };
    let of_one = steps(1)?;
    if of_one < needed {
        return Err(RunError::SearchSteps { steps: of_one, needed });
    }
    // Files per accelerator, and with them steps, fall with the number: bisection.
    let (mut fits, mut beyond) = (1, ACCELERATORS_MAX + 1);
    while beyond - fits > 1 {
        let middle = u32::midpoint(fits, beyond);
        if steps(middle).is_ok_and(|steps| steps >= needed) {
            fits = middle
        } else {
            beyond = middle
        }
    }
    let by = if fits == ACCELERATORS_MAX { CeilingBy::Process } else { CeilingBy::DataSet };
    let mut ceiling = Ceiling { accelerators: fits, by };
    let batch_bytes =
        workload.reader.batch_size as f64 * workload.dataset.read_record_bytes() as f64;
    let each = batch_bytes * f64::from(workload.reader.prefetch_size.max(1));
    let room = (MEMORY_SHARE * memory / each.max(1.0)).clamp(1.0, f64::from(ACCELERATORS_MAX));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and ACCELERATORS_MAX"
    )]
    let room = room as u32;
    if memory > 0.0 && room < ceiling.accelerators {
        ceiling = Ceiling { accelerators: room, by: CeilingBy::Memory };
    }
    if let Some(requested) = search.accelerators_max
        && requested < ceiling.accelerators
    {
        ceiling = Ceiling { accelerators: requested.max(1), by: CeilingBy::Asked };
    }
    Ok(ceiling)
}

fn report(
    loaded: &Loaded,
    options: &RunOptions,
    complete: bool,
    found: u32,
    ceiling: Ceiling,
    points: Vec<SearchPoint>,
    results: &Results,
) -> SearchReport {
    let workload = &loaded.workload;
    // Beyond the maximum the machine gives what it can; without such a point its best is known.
    let most = |one: &&SearchPoint, other: &&SearchPoint| {
        one.samples_per_second.total_cmp(&other.samples_per_second)
    };
    let missed = points.iter().filter(|point| !point.meets_bar).max_by(most);
    let bound = missed.map(|point| Bound::of(&point.reader_time));
    let bound_at = missed.map(|point| point.accelerators);
    let best = points.iter().max_by(most);
    let capacity = missed.or(best).and_then(|point| point.capacity(workload)).map(|capacity| {
        let device = best.map_or(0.0, |point| point.samples_per_second);
        Capacity { device_rows_per_second: device, ..capacity }
    });
    let predictions =
        capacity.map_or_else(Vec::new, |capacity| capacity.predictions(workload.metric.au));
    let mut warnings: Vec<Warning> = Vec::new();
    for warning in points.iter().flat_map(|point| &point.warnings) {
        if !warnings.iter().any(|known| known.code == warning.code) {
            warnings.push(warning.clone());
        }
    }
    if !complete {
        let message = "the search was stopped before its end: the maximum is unknown";
        warnings.push(Warning::new(WarningCode::Incomplete, message));
    }
    if let Some(point) = points.iter().find(|point| !point.steady) {
        let message = format!(
            "at {} accelerators AU did not become steady in {} rounds: use longer rounds or a quieter machine",
            point.accelerators,
            point.au_percent_of_rounds.len()
        );
        warnings.push(Warning::new(WarningCode::NotSteady, message));
    }
    if let Some(point) = points.iter().find(|point| point.disturbed) {
        let message = format!(
            "at {} accelerators fewer samples per second arrived than at fewer accelerators, twice: something else uses the machine or its device",
            point.accelerators
        );
        warnings.push(Warning::new(WarningCode::Disturbed, message));
    }
    SearchReport {
        complete,
        model: workload.model.name.clone(),
        decode: options.decode,
        au_percent_bar: 100.0 * workload.metric.au,
        accelerators: found,
        bound,
        bound_at,
        ceiling,
        points,
        capacity,
        predictions,
        warnings,
        file: results.folder().join(FILE),
    }
}

fn write(
    loaded: &Loaded,
    options: &RunOptions,
    search: &SearchOptions,
    report: &SearchReport,
    mut results: Results,
) -> Result<(), RunError> {
    let requested = search.shown(loaded, options);
    let document = session::document(loaded, options, &requested, &report.warnings, report);
    results.write_json(FILE, &document)
}

impl SearchOptions {
    /// As the document of a search has them: with those of a run.
    pub fn shown<'a>(&'a self, loaded: &'a Loaded, options: &RunOptions) -> ShownSearchOptions<'a> {
        ShownSearchOptions { run: options.shown(loaded), find_max_accelerators: true, search: self }
    }
}

/// `options` in the document of a search.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShownSearchOptions<'a> {
    /// Those of each point, but for the number of accelerators.
    #[serde(flatten)]
    run: ShownRunOptions<'a>,
    /// Always true: a search, not a run.
    find_max_accelerators: bool,
    /// Those of the search.
    #[serde(flatten)]
    search: &'a SearchOptions,
}

#[cfg(test)]
mod tests {
    use ringquet::engine::EngineOptions;

    use super::*;

    fn of(text: &str, search: &SearchOptions) -> Result<Ceiling, RunError> {
        let text = format!("dataset: {{format: parquet, {text}}}\nreader: {{batch_size: 10}}");
        let loaded = ringquet_workload::load_text(&text, Path::new("w.yaml"), &[], false);
        let memory = host::memory_bytes(&EngineOptions::default().sys_root);
        ceiling(&loaded.expect("a sound workload").workload, search, memory)
    }

    #[test]
    fn what_there_is_for_each_holds_the_search() {
        let all = SearchOptions::default();
        // Three steps are excluded (two batches are prefetched): 7 steps of 10 rows; 35 rows of a
        // file, so 2 files each.
        let found = of("num_files_train: 8, num_samples_per_file: 35", &all).unwrap();
        assert_eq!(found, Ceiling { accelerators: 4, by: CeilingBy::DataSet });
        let few = SearchOptions { accelerators_max: Some(3), ..all.clone() };
        let found = of("num_files_train: 8, num_samples_per_file: 35", &few).unwrap();
        assert_eq!(found, Ceiling { accelerators: 3, by: CeilingBy::Asked });
        let found = of("num_files_train: 9000, num_samples_per_file: 70", &all).unwrap();
        assert_eq!(found, Ceiling { accelerators: ACCELERATORS_MAX, by: CeilingBy::Process });
    }

    #[test]
    fn an_epoch_that_is_too_short_says_so() {
        let error = of("num_files_train: 1, num_samples_per_file: 60", &SearchOptions::default());
        let message = error.unwrap_err().to_string();
        assert!(message.contains("6 steps") && message.contains('7'), "{message}");
    }

    #[test]
    fn memory_holds_the_search() {
        let columns = "parquet: {columns: [{name: x, dtype: float64, size: 500000000}]}";
        let text = format!("num_files_train: 4096, num_samples_per_file: 70, {columns}");
        let found = of(&text, &SearchOptions::default()).unwrap();
        assert_eq!(found.by, CeilingBy::Memory, "80 GB per accelerator: {found:?}");
    }
}
