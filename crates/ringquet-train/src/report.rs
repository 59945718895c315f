//! What a run reports: everything that DLIO's files have no field for.

use std::path::PathBuf;

use ringquet::engine::DecodeMode;
use ringquet::report::{DecoderReport, DriverReport, ScanReport};
use ringquet_io::Latency;
use ringquet_io::throughput::GIB;
use ringquet_workload::Metric;
use serde::Serialize;
use serde_json::Value;

use crate::accelerator::{RankRun, TimeByCause};
use crate::ensemble::Others;
use crate::lost::{LostTime, ReaderTime};
use crate::phase::PhaseRun;
use crate::priority::Granted;
use crate::touch::Touched;
use ringquet_result::Warning;
use ringquet_result::metrics::{self, BlockMetrics, EpochMetrics, OverEpochs};

/// A whole run. Serialized it has the plain keys that every `--json` document has; totals are over
/// all phases, their rates over the time in which accelerators ran.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunReport {
    /// Every step of every epoch was done. If not, the run was stopped and its metrics are those of
    /// the steps until then.
    pub complete: bool,
    /// `model.name` of the workload.
    pub model: String,
    /// Emulated accelerators.
    pub accelerators: u32,
    /// Processes that played them, each with reader threads of its own. With several, totals are over
    /// all of them, and `epochs`, `driver` and times by cause are those of the first.
    pub processes: u32,
    /// Hosts that they ran on.
    pub hosts: usize,
    /// Arrow batches or raw column chunks.
    pub decode: DecodeMode,
    /// The target of the workload, `metric.au`, in percent; `None` if it states none.
    pub au_percent_bar: Option<f64>,
    /// Whether the mean AU of training is at or above the target, and the run complete; `None` without a target.
    pub au_meets_expectation: Option<bool>,
    /// Training over all epochs.
    pub train: OverEpochs,
    /// Evaluation, if there was one.
    pub eval: Option<OverEpochs>,
    /// Seconds in which accelerators ran.
    pub seconds: f64,
    /// Rows that accelerators consumed.
    pub rows: u64,
    /// Per second.
    pub rows_per_second: f64,
    /// Nominal bytes, DLIO's way: rows times the size of **all** columns.
    pub nominal_bytes: u64,
    /// Per second.
    pub nominal_bytes_per_second: f64,
    /// Bytes of the Arrow data that reader threads delivered.
    pub decoded_bytes: u64,
    /// Per second.
    pub decoded_bytes_per_second: f64,
    /// Bytes whose cache lines accelerators (raw: reader threads) read.
    pub touched_bytes: u64,
    /// Bytes of all reads.
    pub read_bytes: u64,
    /// Per second.
    pub read_bytes_per_second: f64,
    /// Bytes that the devices read; `None` if they have no counter.
    pub device_read_bytes: Option<u64>,
    /// Per second.
    pub device_read_bytes_per_second: Option<f64>,
    /// CPU seconds of the process while accelerators ran, spinning included.
    pub cpu_seconds: f64,
    /// The same per decoded GiB (raw: touched bytes).
    pub cpu_seconds_per_gib: Option<f64>,
    /// Latency of reads in the phase that had the highest p99.
    pub latency_ns: Latency,
    /// How long their completions can have waited for their reaps at most, in the same phase.
    pub reap_delay_ns: Latency,
    /// Sum over all accelerators and phases.
    pub time_by_cause: TimeByCause,
    /// The part that was not computation, by cause.
    pub lost_time: LostTime,
    /// What reader threads did.
    pub reader_time: ReaderTime,
    /// Whether accelerators ran before reader threads.
    pub accelerator_priority: Granted,
    /// From the start to the first batch, in the epoch in which that took longest.
    pub first_batch_seconds: f64,
    /// Sum of one value from each cache line of the data: equal for equal rows, however they were
    /// batched. (Raw: of one byte each, which depends on how reads were cut.)
    pub checksum: u64,
    /// Reading all footers, before the first epoch.
    pub open_seconds: f64,
    /// I/O driver of the reads.
    pub driver: DriverReport,
    /// Which decoder was used, over all phases.
    pub decoder: DecoderReport,
    /// Each epoch.
    pub epochs: Vec<EpochReport>,
    /// Where the results lie.
    #[serde(serialize_with = "ringquet_result::path_text::serialize_path")]
    pub results_dir: PathBuf,
    /// The files there.
    #[serde(serialize_with = "ringquet_result::path_text::serialize_paths")]
    pub files: Vec<PathBuf>,
    /// Warnings.
    pub warnings: Vec<Warning>,
}

/// What `ringquet.json` and `ringquet-search.json` hold after the header: the report, with the workload that was played.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunDocument<'a, R> {
    /// The workload as it was played: the file with the overrides applied, in DLIO's form.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Map<String, Value>"))]
    pub(crate) workload: &'a Value,
    /// What the user should know about the keys of the workload.
    pub(crate) workload_warnings: &'a [Warning],
    /// Of the run or the search.
    #[serde(flatten)]
    pub(crate) report: &'a R,
}

/// One epoch.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EpochReport {
    /// Counted from 1.
    pub epoch: u32,
    /// Local time.
    pub start: String,
    /// Local time.
    pub end: String,
    /// Training.
    pub train: PhaseReport,
    /// The evaluation that followed it.
    pub eval: Option<PhaseReport>,
}

/// Training of one epoch, or one evaluation.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PhaseReport {
    /// Every step was done.
    pub complete: bool,
    /// Steps of each rank that there are.
    pub steps: u64,
    /// AU as the mean and throughput as the sum of the ranks.
    #[serde(flatten)]
    pub metrics: EpochMetrics,
    /// From the start of the first rank to the end of the last.
    pub seconds: f64,
    /// Rows that accelerators consumed.
    pub rows: u64,
    /// Rows times the nominal size of all columns.
    pub nominal_bytes: u64,
    /// Bytes that were touched.
    pub touched_bytes: u64,
    /// Their sum.
    pub checksum: u64,
    /// From the start to the first batch, for the rank that waited longest.
    pub first_batch_seconds: f64,
    /// Where the accelerators' time went, summed over ranks.
    pub time_by_cause: TimeByCause,
    /// The part that was not computation, by cause.
    pub lost_time: LostTime,
    /// What reader threads did meanwhile.
    pub reader_time: ReaderTime,
    /// Whether accelerators ran before reader threads: only if all of them did.
    pub accelerator_priority: Granted,
    /// The longest oversleep of a step.
    pub oversleep_ns_max: u64,
    /// Each rank.
    pub ranks: Vec<RankReport>,
    /// What the reader threads did.
    pub engine: ScanReport,
}

/// One rank in one phase.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RankReport {
    /// Its number.
    pub rank: u32,
    /// Steps that it did.
    pub steps: u64,
    /// AU and throughput, and what they were counted over.
    #[serde(flatten)]
    pub metrics: BlockMetrics,
    /// Where its time went.
    pub time_by_cause: TimeByCause,
}

impl PhaseReport {
    /// Of `run`, whose ranks have `metrics`.
    pub(crate) fn new(
        run: &PhaseRun,
        metrics: &[BlockMetrics],
        first_rank: u32,
        steps: u64,
        record: u64,
    ) -> Self {
        let (mut by_cause, mut touched) = (TimeByCause::default(), run.raw);
        for rank in &run.ranks {
            by_cause.add(&rank.by_cause);
            touched.add(rank.touched);
        }
        let rows = run.ranks.iter().map(|rank| rank.rows).sum::<u64>();
        let rank = |(rank, (run, metrics)): (u32, (&RankRun, &BlockMetrics))| RankReport {
            rank,
            steps: run.times.len() as u64,
            metrics: *metrics,
            time_by_cause: run.by_cause,
        };
        let started = run.ranks.iter().map(|rank| rank.started).min();
        let ended = run.ranks.iter().map(|rank| rank.ended).max();
        let seconds = started.zip(ended).map(|(start, end)| end.duration_since(start));
        let first = run.ranks.iter().filter_map(|rank| rank.times.load.first().copied());
        let Touched { bytes: touched_bytes, sum: checksum } = touched;
        let seconds = seconds.unwrap_or_default().as_secs_f64();
        let reader_time = ReaderTime::new(&run.engine, seconds);
        Self {
            complete: run.ranks.iter().all(|rank| rank.times.len() as u64 == steps),
            steps,
            metrics: metrics::over_ranks(metrics),
            seconds,
            rows,
            nominal_bytes: rows.saturating_mul(record),
            touched_bytes,
            checksum,
            first_batch_seconds: first.fold(0.0, f64::max),
            time_by_cause: by_cause,
            lost_time: LostTime::new(&by_cause, &reader_time),
            reader_time,
            accelerator_priority: Granted::of_all(run.ranks.iter().map(|rank| rank.granted)),
            oversleep_ns_max: run.ranks.iter().map(|r| r.oversleep_ns_max).max().unwrap_or(0),
            ranks: (first_rank..).zip(run.ranks.iter().zip(metrics)).map(rank).collect(),
            engine: run.engine.clone(),
        }
    }
}

/// What the totals of a run are made of, beside its epochs.
pub(crate) struct Whole {
    pub(crate) model: String,
    pub(crate) accelerators: u32,
    pub(crate) processes: u32,
    pub(crate) hosts: usize,
    pub(crate) decode: DecodeMode,
    pub(crate) metric: Metric,
    pub(crate) record_bytes: u64,
    pub(crate) complete: bool,
    pub(crate) open_seconds: f64,
    pub(crate) results_dir: PathBuf,
    pub(crate) warnings: Vec<Warning>,
}

impl RunReport {
    /// Sums up `epochs`, of which there is at least one.
    pub(crate) fn new(whole: Whole, epochs: Vec<EpochReport>) -> Self {
        let Whole { record_bytes, complete, mut warnings, .. } = whole;
        // Of `train` and `eval`, which become DLIO's documents: DLIO compares with its default where no target is stated.
        let au_bar = whole.metric.au;
        let target = whole.metric.target();
        let phases = || epochs.iter().flat_map(|e| std::iter::once(&e.train).chain(&e.eval));
        let total = |of: fn(&PhaseReport) -> u64| phases().map(of).sum::<u64>();
        let of_train: Vec<EpochMetrics> = epochs.iter().map(|epoch| epoch.train.metrics).collect();
        let of_eval: Vec<EpochMetrics> =
            epochs.iter().filter_map(|epoch| Some(epoch.eval.as_ref()?.metrics)).collect();
        let mut train = OverEpochs::new(&of_train, au_bar, record_bytes);
        train.au_meets_expectation &= complete;
        let mut eval =
            (!of_eval.is_empty()).then(|| OverEpochs::new(&of_eval, au_bar, record_bytes));
        if let Some(eval) = &mut eval {
            eval.au_meets_expectation &= complete;
        }

        let seconds = phases().map(|phase| phase.seconds).sum::<f64>();
        let per_second = |amount: u64| if seconds > 0.0 { amount as f64 / seconds } else { 0.0 };
        let (rows, read_bytes) = (total(|p| p.rows), total(|p| p.engine.read_bytes));
        let decoded_bytes = total(|p| p.engine.decoded_bytes);
        let (touched_bytes, cpu_seconds) =
            (total(|p| p.touched_bytes), phases().map(|phase| phase.engine.cpu_seconds).sum());
        let device_read_bytes: Option<u64> =
            phases().map(|phase| phase.engine.device_read_bytes).sum();
        let served = if whole.decode == DecodeMode::Raw { touched_bytes } else { decoded_bytes };
        let mut by_cause = TimeByCause::default();
        let (mut lost_time, mut reader_time) = (LostTime::default(), ReaderTime::default());
        for phase in phases() {
            by_cause.add(&phase.time_by_cause);
            lost_time.add(&phase.lost_time);
            reader_time.add(&phase.reader_time);
            for warning in &phase.engine.warnings {
                if !warnings.iter().any(|known| known.code == warning.code) {
                    warnings.push(warning.clone());
                }
            }
        }
        let first = &epochs.first().expect("a run has an epoch").train.engine;
        let slowest = phases().map(|phase| &phase.engine).max_by_key(|of| of.latency_ns.p99);
        let slowest = slowest.unwrap_or(first);
        Self {
            complete,
            model: whole.model,
            accelerators: whole.accelerators,
            processes: whole.processes,
            hosts: whole.hosts,
            decode: whole.decode,
            au_percent_bar: target.map(|target| 100.0 * target),
            au_meets_expectation: target.map(|_| train.au_meets_expectation),
            train,
            eval,
            seconds,
            rows,
            rows_per_second: per_second(rows),
            nominal_bytes: total(|p| p.nominal_bytes),
            nominal_bytes_per_second: per_second(total(|p| p.nominal_bytes)),
            decoded_bytes,
            decoded_bytes_per_second: per_second(decoded_bytes),
            touched_bytes,
            read_bytes,
            read_bytes_per_second: per_second(read_bytes),
            device_read_bytes,
            device_read_bytes_per_second: device_read_bytes.map(per_second),
            cpu_seconds,
            cpu_seconds_per_gib: (served > 0).then(|| cpu_seconds / (served as f64 / GIB)),
            latency_ns: slowest.latency_ns,
            reap_delay_ns: slowest.reap_delay_ns,
            time_by_cause: by_cause,
            lost_time,
            reader_time,
            accelerator_priority: Granted::of_all(phases().map(|p| p.accelerator_priority)),
            first_batch_seconds: phases().map(|p| p.first_batch_seconds).fold(0.0, f64::max),
            checksum: phases().fold(0, |sum, phase| sum.wrapping_add(phase.checksum)),
            open_seconds: whole.open_seconds,
            driver: first.driver.clone(),
            decoder: phases().skip(1).fold(first.decoder, |sum, p| add(sum, &p.engine.decoder)),
            results_dir: whole.results_dir,
            files: Vec::new(),
            warnings,
            epochs,
        }
    }
}

impl RunReport {
    /// Makes the totals those of all processes. Device counters are those of a host: of the processes
    /// on one only the one that `leads` it counts.
    pub(crate) fn over_processes(&mut self, others: Others, leads: bool) {
        if others.processes() == 1 {
            return;
        }
        let device = self.device_read_bytes.filter(|_| leads).unwrap_or(0);
        let silent = leads && self.device_read_bytes.is_none();
        let mut integers = [
            self.rows,
            self.nominal_bytes,
            self.decoded_bytes,
            self.touched_bytes,
            self.read_bytes,
            self.checksum,
            device,
            u64::from(silent),
        ];
        let mut floats = [self.cpu_seconds];
        others.sum(&mut floats, &mut integers);
        let slowest =
            others.gather_floats([self.seconds, self.open_seconds, self.first_batch_seconds]);
        let most = |at: usize| slowest.iter().map(|of| of[at]).fold(0.0, f64::max);
        (self.seconds, self.open_seconds, self.first_batch_seconds) = (most(0), most(1), most(2));
        [self.cpu_seconds] = floats;
        let device;
        let silent;
        [
            self.rows,
            self.nominal_bytes,
            self.decoded_bytes,
            self.touched_bytes,
            self.read_bytes,
            self.checksum,
            device,
            silent,
        ] = integers;
        self.device_read_bytes = (silent == 0).then_some(device);
        let seconds = self.seconds;
        let per_second = |amount: u64| if seconds > 0.0 { amount as f64 / seconds } else { 0.0 };
        self.rows_per_second = per_second(self.rows);
        self.nominal_bytes_per_second = per_second(self.nominal_bytes);
        self.decoded_bytes_per_second = per_second(self.decoded_bytes);
        self.read_bytes_per_second = per_second(self.read_bytes);
        self.device_read_bytes_per_second = self.device_read_bytes.map(per_second);
        let raw = self.decode == DecodeMode::Raw;
        let served = if raw { self.touched_bytes } else { self.decoded_bytes };
        self.cpu_seconds_per_gib = (served > 0).then(|| self.cpu_seconds / (served as f64 / GIB));
    }
}

fn add(mut sum: DecoderReport, other: &DecoderReport) -> DecoderReport {
    sum.fast_column_chunks += other.fast_column_chunks;
    sum.fallback_column_chunks += other.fallback_column_chunks;
    sum.pages += other.pages;
    sum.decompressed_bytes += other.decompressed_bytes;
    sum.allocated_buffers += other.allocated_buffers;
    sum.reused_buffers += other.reused_buffers;
    sum
}
