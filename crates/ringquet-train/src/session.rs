//! The order of things in a run.
//!
//! ```text
//! check, list, open footers ─▶ for each epoch: drop caches? ─▶ train ─▶ evaluate? ─▶ shuffle
//!                                                                └─▶ write everything at the end
//! ```

use std::path::PathBuf;
use std::time::Instant;

use ringquet::StopFlag;
use ringquet_result::{Header, Warning, WarningCode};
use ringquet_workload::{DatasetType, Loaded, Shuffle, Workload};
use serde::Serialize;
use serde_json::Value;

use crate::dlio::{self, Node, RankEpoch, RankFiles, RankPhase, Setting};
use crate::ensemble::Others;
use crate::error::RunError;
use crate::half::Half;
use crate::host::{self, Host};
use crate::phase::{PhasePlan, PhaseRun};
use crate::priority::Granted;
use crate::report::{EpochReport, PhaseReport, RunDocument, RunReport, Whole};
use crate::results::{self, Log, Results};
use crate::wall_clock::WallClock;
use crate::{ACCELERATORS_MAX, Phase, RunOptions, RunProgress};
use ringquet_result::metrics::{self, BlockMetrics, EpochMetrics};

/// Prefetched batches that would take more than this share of the memory are worth a warning.
const PREFETCH_MEMORY_SHARE: f64 = 0.5;

/// A run that can begin: everything was found, opened and checked.
pub(crate) struct Session<'a> {
    loaded: &'a Loaded,
    options: &'a RunOptions,
    clock: WallClock,
    begun: Instant,
    train: Half,
    eval: Option<Half>,
    setting: Setting,
    open_seconds: f64,
    warnings: Vec<Warning>,
    results: Results,
    /// Of the first process only.
    log: Option<Log>,
    others: Others,
    /// Number of the first rank of this process.
    first_rank: u32,
    /// The first process on this host, which speaks for its devices and drops its caches.
    leads_host: bool,
}

/// A phase of this process, and the metrics of its ranks and of all.
struct MeasuredPhase {
    run: PhaseRun,
    of_ranks: Vec<BlockMetrics>,
    over_all: EpochMetrics,
}

impl<'a> Session<'a> {
    /// # Errors
    /// [`RunError`]: what has to be put right first.
    pub(crate) fn begin(
        loaded: &'a Loaded,
        options: &'a RunOptions,
        others: Others,
    ) -> Result<Self, RunError> {
        let (clock, begun) = (WallClock::now(), Instant::now());
        let workload = &loaded.workload;
        check(workload, options)?;
        // More than a u32 of ranks are more than any sharding allows.
        let ranks = options.accelerators.saturating_mul(others.processes());
        let first_rank = options.accelerators.saturating_mul(others.process());
        let data_dir = options.data_dir.clone().unwrap_or_else(|| workload.data_dir());
        let opening = Instant::now();
        let train = Half::open(loaded, options, ranks, &data_dir, DatasetType::Train)?;
        let eval = if workload.workflow.evaluation {
            Some(Half::open(loaded, options, ranks, &data_dir, DatasetType::Valid)?)
        } else {
            None
        };
        // The two are read in turn, and keep to one memory budget.
        if let Some(eval) = &eval {
            train.dataset.release_memory();
            eval.dataset.release_memory();
        }
        let open_seconds = opening.elapsed().as_secs_f64();
        let host = Host::of_this_machine();
        let (nodes, leads_host) = nodes(&host, options.accelerators, others);
        let setting = Setting::new(workload, host, nodes);
        let warnings = warnings(loaded, options, &setting, &train);
        let results = Results::new(results_dir(workload, options, &clock, others)?)?;
        let log = match others.process() {
            0 => Some(results.log(&workload.output.log_file)?),
            _ => None,
        };
        Ok(Self {
            loaded,
            options,
            clock,
            begun,
            train,
            eval,
            setting,
            open_seconds,
            warnings,
            results,
            log,
            others,
            first_rank,
            leads_host,
        })
    }

    /// # Errors
    /// [`RunError`]; the log then ends with it.
    pub(crate) fn play(
        mut self,
        progress: &(dyn Fn(RunProgress) + Sync),
        stop: &StopFlag,
    ) -> Result<RunReport, RunError> {
        self.log_beginning();
        let meminfo = host::meminfo();
        let ranks = self.options.accelerators;
        let mut files: Vec<RankFiles> =
            (0..ranks).map(|_| RankFiles::new(&self.setting, &meminfo)).collect();
        let mut epochs = Vec::new();
        for epoch in 1..=self.loaded.workload.train.epochs {
            match self.epoch(epoch, &mut files, progress, stop) {
                Ok(report) => epochs.push(report),
                Err(error) => {
                    self.say(&format!("{} The run failed: {error}", self.now()));
                    // The reason for the end is the first error, not a log that could not be closed.
                    if let Some(log) = self.log.take() {
                        let _ = self.results.finish_log(log);
                    }
                    return Err(error);
                }
            }
            if self.others.any(stop.is_stopped()) {
                break;
            }
        }
        self.finish(epochs, files)
    }

    /// One epoch: training, and the evaluation that follows it.
    fn epoch(
        &mut self,
        epoch: u32,
        files: &mut [RankFiles],
        progress: &(dyn Fn(RunProgress) + Sync),
        stop: &StopFlag,
    ) -> Result<EpochReport, RunError> {
        let workload = &self.loaded.workload;
        if self.options.drop_caches && self.leads_host {
            self.drop_caches();
        }
        for half in std::iter::once(&mut self.train).chain(self.eval.as_mut()) {
            if workload.reader.file_shuffle != Shuffle::Off {
                half.shuffle.reconfigure(epoch);
            }
        }
        let start = self.now();
        let steps = self.train.sharding.steps;
        self.say(&format!("{start} Starting epoch {epoch}: {steps} steps expected"));
        self.say(&format!("{} Starting block 1", self.now()));
        let train = self.phase(Phase::Train, epoch, &self.train, progress, stop)?;
        let (lead, steps) = (train.rank(0), train.run.ranks[0].times.len());
        let seconds = lead.run.seconds();
        let ended = self.clock.stamp(lead.run.ended);
        let done = format!("{steps} steps completed in {seconds:.2} s");
        self.say(&format!("{ended} Ending block 1 - {done}"));
        let set = &workload.train.computation_time;
        for line in dlio::block_lines(epoch, &lead, self.setting.ranks, set) {
            self.say(&format!("{} {line}", self.now()));
        }
        self.say(&format!("{} Ending epoch {epoch} - {done}", self.now()));

        let eval = match &self.eval {
            Some(half) if workload.evaluation.follows(epoch) && !train.run.stopped => {
                Some(self.evaluate(epoch, half, progress, stop)?)
            }
            _ => None,
        };
        let (end, meminfo) = (self.now(), host::meminfo());
        for (rank, files) in files.iter_mut().enumerate() {
            let of_rank = RankEpoch {
                epoch,
                start: start.clone(),
                end: end.clone(),
                train: train.rank(rank),
                eval: eval.as_ref().map(|eval| eval.rank(rank)),
                meminfo: meminfo.clone(),
            };
            files.push(&of_rank, &self.clock);
        }
        let record = workload.dataset.record_bytes();
        let report = |measured: &MeasuredPhase, half: &Half| {
            let MeasuredPhase { run, of_ranks, over_all } = measured;
            let steps = half.sharding.steps;
            let report = PhaseReport::new(run, of_ranks, self.first_rank, steps, record);
            PhaseReport { metrics: *over_all, ..report }
        };
        Ok(EpochReport {
            epoch,
            start,
            end,
            train: report(&train, &self.train),
            eval: eval.zip(self.eval.as_ref()).map(|(eval, half)| report(&eval, half)),
        })
    }

    fn evaluate(
        &self,
        epoch: u32,
        half: &Half,
        progress: &(dyn Fn(RunProgress) + Sync),
        stop: &StopFlag,
    ) -> Result<MeasuredPhase, RunError> {
        let steps = half.sharding.steps;
        self.say(&format!("{} Starting eval - {steps} steps expected", self.now()));
        let eval = self.phase(Phase::Eval, epoch, half, progress, stop)?;
        let lead = eval.rank(0);
        self.say(&format!(
            "{} Ending eval - {} steps completed in {:.2} s",
            self.clock.stamp(lead.run.ended),
            lead.run.times.len(),
            lead.run.seconds()
        ));
        let throughput = lead.metrics.samples_per_second * f64::from(self.setting.ranks);
        self.say(&format!(
            "{} Epoch {epoch} [Eval] Accelerator Utilization [AU] (%): {:.4}",
            self.now(),
            lead.metrics.au_percent
        ));
        self.say(&format!(
            "{} Epoch {epoch} [Eval] Throughput (samples/second): {throughput:.4}",
            self.now()
        ));
        Ok(eval)
    }

    fn phase(
        &self,
        phase: Phase,
        epoch: u32,
        half: &Half,
        progress: &(dyn Fn(RunProgress) + Sync),
        stop: &StopFlag,
    ) -> Result<MeasuredPhase, RunError> {
        let workload = &self.loaded.workload;
        let train = &workload.train;
        let of_epoch = if train.seed_change_epoch { train.seed + epoch } else { train.seed };
        let plan = PhasePlan {
            phase,
            epoch,
            epochs: train.epochs,
            dataset: &half.dataset,
            lists: &half.shuffle.lists()[self.ranks()],
            first_rank: self.first_rank,
            others: self.others,
            sample_shuffle: (workload.reader.sample_shuffle != Shuffle::Off).then_some(of_epoch),
            decode: self.options.decode,
            steps: half.sharding.steps,
            batch_size: half.sharding.batch_size,
            prefetch: workload.reader.prefetch_size,
            compute: match phase {
                Phase::Train => train.computation_time,
                Phase::Eval => workload.evaluation.eval_time,
            },
            preprocess: workload.reader.preprocess_time,
            priority: self.options.priority,
            seed: train.seed,
        };
        let run = plan.play(progress, stop)?;
        if self.eval.is_some() {
            half.dataset.release_memory();
        }
        let of_ranks = self.metrics(phase, half, &run);
        let over_all = self.over_all(&of_ranks);
        Ok(MeasuredPhase { run, of_ranks, over_all })
    }

    /// Ranks of this process, as indices into those of all.
    fn ranks(&self) -> std::ops::Range<usize> {
        let first = self.first_rank as usize;
        first..first + self.options.accelerators as usize
    }

    /// The ranks of all processes as one.
    fn over_all(&self, of_ranks: &[BlockMetrics]) -> EpochMetrics {
        let here = metrics::over_ranks(of_ranks);
        let mut sums = [here.au_percent * of_ranks.len() as f64, here.samples_per_second];
        self.others.sum(&mut sums, &mut []);
        let [au_percent, samples_per_second] = sums;
        EpochMetrics { au_percent: au_percent / f64::from(self.setting.ranks), samples_per_second }
    }

    fn metrics(&self, phase: Phase, half: &Half, run: &PhaseRun) -> Vec<BlockMetrics> {
        let exclude = &self.loaded.workload.output.metric;
        let counted = metrics::counted_steps(
            half.sharding.metric_steps,
            exclude.exclude_start_steps,
            exclude.exclude_end_steps,
        );
        let of = match phase {
            Phase::Train => metrics::block_metrics,
            Phase::Eval => metrics::eval_metrics,
        };
        let batch = half.sharding.batch_size;
        run.ranks.iter().map(|rank| of(&rank.times, rank.seconds(), &counted, batch)).collect()
    }

    fn drop_caches(&mut self) {
        if let Err(error) = host::drop_caches() {
            let message = format!(
                "could not drop the page cache before an epoch: {error}; writing /proc/sys/vm/drop_caches requires root. Reads may be served from memory"
            );
            if !self.warnings.iter().any(|warning| warning.code == WarningCode::DropCachesFailed) {
                self.warn(&message);
                self.warnings.push(Warning::new(WarningCode::DropCachesFailed, message));
            }
        }
    }

    fn log_beginning(&self) {
        let workload = &self.loaded.workload;
        let (ranks, exclude) = (self.setting.ranks, &workload.output.metric);
        let processes = match self.others.processes() {
            1 => "one process".to_owned(),
            several => format!("{several} processes"),
        };
        let kind = if self.eval.is_some() { "Training & Evaluation" } else { "Training" };
        self.say(&format!(
            "{} Running ringquet {} [{kind}] with {ranks} emulated accelerator(s) in {processes}",
            self.clock.stamp(self.begun),
            env!("CARGO_PKG_VERSION")
        ));
        let sharding = &self.train.sharding;
        self.say(&format!(
            "{} Metric calculation will exclude the beginning {} and end {} steps",
            self.now(),
            exclude.exclude_start_steps,
            exclude.exclude_end_steps
        ));
        self.say(&format!(
            "{} Max steps per epoch per rank: {} = {} * {} / {} (samples per file * local files / batch size)",
            self.now(),
            sharding.steps,
            workload.dataset.num_samples_per_file,
            sharding.files_per_rank,
            sharding.batch_size
        ));
        if let Some(eval) = &self.eval {
            self.say(&format!(
                "{} Steps per eval per rank: {} = {} * {} / {} (samples per file * local files / batch size eval)",
                self.now(),
                eval.sharding.steps,
                workload.dataset.num_samples_per_file,
                eval.sharding.files_per_rank,
                eval.sharding.batch_size
            ));
        }
        for warning in &self.warnings {
            self.warn(&warning.message);
        }
    }

    fn finish(
        mut self,
        epochs: Vec<EpochReport>,
        files: Vec<RankFiles>,
    ) -> Result<RunReport, RunError> {
        let workload = &self.loaded.workload;
        let complete = epochs.len() == workload.train.epochs as usize
            && epochs.iter().all(|epoch| {
                let evaluated = self.eval.is_none()
                    || !workload.evaluation.follows(epoch.epoch)
                    || epoch.eval.as_ref().is_some_and(|eval| eval.complete);
                epoch.train.complete && evaluated
            });
        let complete = !self.others.any(!complete);
        if !complete {
            let message = "the run was stopped before its end: metrics cover only the steps before that, and au_meet_expectation is fail";
            self.warnings.push(Warning::new(WarningCode::Incomplete, message));
            self.warn(message);
        }
        let phases = epochs.iter().flat_map(|e| std::iter::once(&e.train).chain(e.eval.as_ref()));
        let granted = Granted::of_all(phases.map(|phase| phase.accelerator_priority));
        if let Some(warning) = granted.warning() {
            self.warn(&warning.message);
            self.warnings.push(warning);
        }
        let whole = Whole {
            model: workload.model.name.clone(),
            accelerators: self.setting.ranks,
            processes: self.others.processes(),
            hosts: self.setting.nodes.len(),
            decode: self.options.decode,
            metric: workload.metric.clone(),
            record_bytes: workload.dataset.record_bytes(),
            complete,
            open_seconds: self.open_seconds,
            results_dir: self.results.folder().to_owned(),
            warnings: self.warnings.clone(),
        };
        let mut report = RunReport::new(whole, epochs);
        report.over_processes(self.others, self.leads_host);
        let stamps = (self.clock.stamp(self.begun), self.now());
        for (rank, files) in (self.first_rank..).zip(files) {
            let (output, stats) = files.finish(&self.setting.host.hostname);
            self.results.write_json(&format!("{rank}_output.json"), &output)?;
            self.results.write_json(&format!("{rank}_per_epoch_stats.json"), &stats)?;
        }
        // The summary stands for all ranks: it comes when the files of all of them are there.
        self.others.any(false);
        let Some(log) = self.log.take() else {
            report.files = self.results.written().to_vec();
            return Ok(report);
        };
        self.results.remove_ranks_from(self.setting.ranks);
        let data_dir = self.options.data_dir.as_deref();
        let folder = self.results.folder().to_owned();
        for (name, value) in dlio::config_files(self.loaded, data_dir, &folder) {
            self.results.write_yaml(name, &value)?;
        }
        let (train, eval) = (&report.train, report.eval.as_ref());
        let summary =
            dlio::summary(workload, &self.setting, stamps, report.epochs.len(), train, eval);
        self.results.write_json("summary.json", &summary)?;
        let lines = dlio::metric_lines(self.setting.ranks, train, eval);
        log.output(&format!("{} Saved outputs in {}", self.now(), folder.display()));
        log.output("Averaged metric over all steps/epochs");
        for line in lines {
            log.metric(&line);
        }
        let results = &mut self.results;
        results.finish_log(log)?;
        report.files = results.written().to_vec();
        report.files.push(folder.join("ringquet.json"));
        let requested = self.options.shown(self.loaded);
        let document = document(self.loaded, self.options, &requested, &report.warnings, &report);
        results.write_json("ringquet.json", &document)?;
        Ok(report)
    }

    fn say(&self, message: &str) {
        if let Some(log) = &self.log {
            log.output(message);
        }
    }

    fn warn(&self, message: &str) {
        if let Some(log) = &self.log {
            log.warning(message);
        }
    }

    fn now(&self) -> String {
        self.clock.stamp(Instant::now())
    }
}

/// What can be reported without looking at the data.
pub(crate) fn check(workload: &Workload, options: &RunOptions) -> Result<(), RunError> {
    let accelerators = options.accelerators;
    if !(1..=ACCELERATORS_MAX).contains(&accelerators) {
        return Err(RunError::Accelerators { accelerators, max: ACCELERATORS_MAX });
    }
    if !workload.workflow.train {
        return Err(RunError::NothingToRun);
    }
    Ok(workload.require_local_parquet()?)
}

/// The document of a run or a search, as it lies beside DLIO's files.
pub(crate) fn document(
    loaded: &Loaded,
    options: &RunOptions,
    requested: &impl Serialize,
    warnings: &[Warning],
    report: &impl Serialize,
) -> Value {
    let header = Header { command: "run", argv: &options.argv, options: requested, warnings };
    let played = RunDocument {
        workload: &loaded.resolved["workload"],
        workload_warnings: &loaded.warnings,
        report,
    };
    ringquet_result::document(&header, &played).expect("reports are objects with keys of text")
}

impl MeasuredPhase {
    fn rank(&self, rank: usize) -> RankPhase<'_> {
        RankPhase { run: &self.run.ranks[rank], metrics: &self.of_ranks[rank] }
    }
}

/// The hosts of all processes in the order of ranks; whether this process is the first on its host.
fn nodes(host: &Host, accelerators: u32, others: Others) -> (Vec<Node>, bool) {
    // The memory is a fraction as DLIO has it: its bits cross processes unchanged.
    let here = [host.name_number(), host.cpu_count as u64, host.memory_gib.to_bits()];
    let mut names: Vec<u64> = Vec::new();
    let mut nodes: Vec<Node> = Vec::new();
    let mut leads = false;
    for (process, [name, cpu_count, memory_gib]) in (0..).zip(others.gather(here)) {
        if let Some(at) = names.iter().position(|known| *known == name) {
            nodes[at].ranks += accelerators;
            continue;
        }
        leads |= process == others.process();
        names.push(name);
        nodes.push(Node {
            cpu_count: usize::try_from(cpu_count).expect("a number of CPUs, sent as it was"),
            memory_gib: f64::from_bits(memory_gib),
            ranks: accelerators,
        });
    }
    (nodes, leads)
}

/// The requested folder, or a new leaf of mlpstorage's tree in it.
fn results_dir(
    workload: &Workload,
    options: &RunOptions,
    clock: &WallClock,
    others: Others,
) -> Result<PathBuf, RunError> {
    if !options.results_tree {
        return Ok(options.results_dir.clone());
    }
    let model = results::folder_name(&workload.model.name);
    let runs = options.results_dir.join("training").join(model).join("run");
    // All processes write into the folder that the first one makes.
    let made = match others.process() {
        0 => results::make_leaf(&runs, || clock.folder_numbers(Instant::now())),
        _ => Ok([0; 2]),
    };
    let first = others.gather(*made.as_ref().unwrap_or(&[0; 2]))[0];
    made?;
    Ok(runs.join(results::leaf_name(first)))
}

fn warnings(
    loaded: &Loaded,
    options: &RunOptions,
    setting: &Setting,
    train: &Half,
) -> Vec<Warning> {
    let (workload, mut warnings) = (&loaded.workload, Vec::new());
    let direct = train.dataset.files().iter().all(|file| file.direct);
    if setting.may_be_cached() && !direct {
        let message = format!(
            "the data set ({:.3} GiB) is smaller than the host's memory ({:.3} GiB) and read through the page cache: from the second epoch on it may come from memory",
            setting.data_gib, setting.host.memory_gib
        );
        warnings.push(Warning::new(WarningCode::PotentialCaching, message));
    }
    let prefetch = u64::from(workload.reader.prefetch_size.max(1));
    let row_bytes = workload.dataset.read_record_bytes();
    let held = train.sharding.batch_size as f64
        * prefetch as f64
        * row_bytes as f64
        * f64::from(options.accelerators);
    let memory = setting.host.memory_bytes();
    if memory > 0.0 && held > PREFETCH_MEMORY_SHARE * memory {
        let message = format!(
            "{} accelerators with {prefetch} prefetched batches of {} samples hold up to {held:.0} bytes, the host has {memory:.0}: lower reader.prefetch_size, reader.batch_size or `accelerators`",
            options.accelerators, train.sharding.batch_size
        );
        warnings.push(Warning::new(WarningCode::PrefetchMemory, message));
    }
    warnings
}
