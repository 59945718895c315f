//! The order of things in a run.
//!
//! ```text
//! check, list, open footers ─▶ for each epoch: drop caches? ─▶ train ─▶ evaluate? ─▶ shuffle
//!                                                                └─▶ write everything at the end
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use ringquet::{Dataset, Environment, StopFlag, Warning};
use ringquet_workload::{DatasetType, FileShuffle, Loaded, Sharding, Shuffle, Workload};
use serde_json::json;

use crate::run::dlio::{self, RankEpoch, RankFiles, RankPhase, Setting};
use crate::run::error::RunError;
use crate::run::host::{self, Host};
use crate::run::metrics::{self, BlockMetrics};
use crate::run::phase::{PhasePlan, PhaseRun};
use crate::run::report::{EpochReport, PhaseReport, RunReport, Whole};
use crate::run::results::{Log, Results};
use crate::run::wall_clock::WallClock;
use crate::run::{
    ACCELERATORS_MAX, Phase, Progress, RunOptions, engine_options, launcher, listing,
};

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
    log: Log,
}

/// Training or evaluation data.
struct Half {
    sharding: Sharding,
    dataset: Arc<Dataset>,
    shuffle: FileShuffle,
}

impl Half {
    fn open(
        loaded: &Loaded,
        options: &RunOptions,
        data_dir: &Path,
        half: DatasetType,
    ) -> Result<Self, RunError> {
        let (workload, ranks) = (&loaded.workload, options.accelerators);
        let sharding = workload.sharding(half, u64::from(ranks))?;
        let mut paths = listing::list(loaded, data_dir, half)?;
        // What does not divide evenly is read by nobody; its footers are not either.
        let used = sharding.files_per_rank.saturating_mul(u64::from(ranks));
        paths.truncate(usize::try_from(used).unwrap_or(usize::MAX));
        let engine = engine_options(workload, &options.engine, ranks);
        let dataset = Dataset::open_files(paths, engine)?;
        let expected = workload.dataset.num_samples_per_file;
        for file in dataset.files() {
            let found = file.footer.num_rows();
            if found != expected {
                return Err(RunError::RowsDiffer { path: file.path.clone(), found, expected });
            }
        }
        let train = &workload.train;
        let listing = 0..dataset.files().len() as u64;
        let shuffle = FileShuffle::new(listing, used, ranks, train.seed, train.seed_change_epoch);
        Ok(Self { sharding, dataset: Arc::new(dataset), shuffle })
    }
}

impl<'a> Session<'a> {
    /// # Errors
    /// [`RunError`]: what has to be put right first.
    pub(crate) fn begin(loaded: &'a Loaded, options: &'a RunOptions) -> Result<Self, RunError> {
        let (clock, begun) = (WallClock::now(), Instant::now());
        let (workload, ranks) = (&loaded.workload, options.accelerators);
        if let Some(launched) = launcher::launched(|name| std::env::var(name).ok()) {
            let launcher::Launched { variable, launcher, ranks } = launched;
            return Err(RunError::Launcher { variable, launcher, ranks });
        }
        if !(1..=ACCELERATORS_MAX).contains(&ranks) {
            return Err(RunError::Accelerators { accelerators: ranks, max: ACCELERATORS_MAX });
        }
        if !workload.workflow.train {
            return Err(RunError::NothingToRun);
        }
        workload.require_local_parquet()?;
        let data_dir = options.data_dir.clone().unwrap_or_else(|| workload.data_dir());
        let opening = Instant::now();
        let train = Half::open(loaded, options, &data_dir, DatasetType::Train)?;
        let eval = if workload.workflow.evaluation {
            Some(Half::open(loaded, options, &data_dir, DatasetType::Valid)?)
        } else {
            None
        };
        let open_seconds = opening.elapsed().as_secs_f64();
        let setting = Setting::new(workload, Host::of_this_machine(), ranks);
        let warnings = warnings(loaded, options, &setting, &train);
        let results = Results::new(results_dir(workload, options, &clock))?;
        let log = results.log(&workload.output.log_file)?;
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
        })
    }

    /// # Errors
    /// [`RunError`]; the log then ends with it.
    pub(crate) fn play(
        mut self,
        progress: &(dyn Fn(Progress) + Sync),
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
                    self.log.output(&format!("{} The run failed: {error}", self.now()));
                    // The reason for the end is the first error, not a log that could not be closed.
                    let _ = self.results.finish_log(self.log);
                    return Err(error);
                }
            }
            if stop.is_stopped() {
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
        progress: &(dyn Fn(Progress) + Sync),
        stop: &StopFlag,
    ) -> Result<EpochReport, RunError> {
        let workload = &self.loaded.workload;
        if self.options.drop_caches {
            self.drop_caches();
        }
        for half in std::iter::once(&mut self.train).chain(self.eval.as_mut()) {
            if workload.reader.file_shuffle != Shuffle::Off {
                half.shuffle.reconfigure(epoch);
            }
        }
        let start = self.now();
        let steps = self.train.sharding.steps;
        self.log.output(&format!("{start} Starting epoch {epoch}: {steps} steps expected"));
        self.log.output(&format!("{} Starting block 1", self.now()));
        let train = self.phase(Phase::Train, epoch, &self.train, progress, stop)?;
        let of_train = self.metrics(Phase::Train, &self.train, &train);
        let (lead, steps) = (rank_phase(&train, &of_train, 0), train.ranks[0].times.len());
        let seconds = lead.run.seconds();
        let ended = self.clock.stamp(lead.run.ended);
        let done = format!("{steps} steps completed in {seconds:.2} s");
        self.log.output(&format!("{ended} Ending block 1 - {done}"));
        let set = &workload.train.computation_time;
        for line in dlio::block_lines(epoch, &lead, self.options.accelerators, set) {
            self.log.output(&format!("{} {line}", self.now()));
        }
        self.log.output(&format!("{} Ending epoch {epoch} - {done}", self.now()));

        let eval = match &self.eval {
            Some(half) if workload.evaluation.follows(epoch) && !train.stopped => {
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
                train: rank_phase(&train, &of_train, rank),
                eval: eval.as_ref().map(|(run, metrics)| rank_phase(run, metrics, rank)),
                meminfo: meminfo.clone(),
            };
            files.push(&of_rank, &self.clock);
        }
        let record = workload.dataset.record_bytes();
        let report = |run: &PhaseRun, metrics: &[BlockMetrics], half: &Half| {
            PhaseReport::new(run, metrics, half.sharding.steps, record)
        };
        Ok(EpochReport {
            epoch,
            start,
            end,
            train: report(&train, &of_train, &self.train),
            eval: eval
                .zip(self.eval.as_ref())
                .map(|((run, metrics), half)| report(&run, &metrics, half)),
        })
    }

    fn evaluate(
        &self,
        epoch: u32,
        half: &Half,
        progress: &(dyn Fn(Progress) + Sync),
        stop: &StopFlag,
    ) -> Result<(PhaseRun, Vec<BlockMetrics>), RunError> {
        let steps = half.sharding.steps;
        self.log.output(&format!("{} Starting eval - {steps} steps expected", self.now()));
        let run = self.phase(Phase::Eval, epoch, half, progress, stop)?;
        let metrics = self.metrics(Phase::Eval, half, &run);
        let lead = rank_phase(&run, &metrics, 0);
        self.log.output(&format!(
            "{} Ending eval - {} steps completed in {:.2} s",
            self.clock.stamp(lead.run.ended),
            lead.run.times.len(),
            lead.run.seconds()
        ));
        let throughput = lead.metrics.samples_per_second * f64::from(self.options.accelerators);
        self.log.output(&format!(
            "{} Epoch {epoch} [Eval] Accelerator Utilization [AU] (%): {:.4}",
            self.now(),
            lead.metrics.au_percent
        ));
        self.log.output(&format!(
            "{} Epoch {epoch} [Eval] Throughput (samples/second): {throughput:.4}",
            self.now()
        ));
        Ok((run, metrics))
    }

    fn phase(
        &self,
        phase: Phase,
        epoch: u32,
        half: &Half,
        progress: &(dyn Fn(Progress) + Sync),
        stop: &StopFlag,
    ) -> Result<PhaseRun, RunError> {
        let workload = &self.loaded.workload;
        let train = &workload.train;
        let of_epoch = if train.seed_change_epoch { train.seed + epoch } else { train.seed };
        let plan = PhasePlan {
            phase,
            epoch,
            epochs: train.epochs,
            dataset: &half.dataset,
            lists: half.shuffle.lists(),
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
            seed: train.seed,
        };
        plan.play(progress, stop)
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
                "could not drop the page cache before an epoch: {error}; writing /proc/sys/vm/drop_caches needs root. Reads may be served from memory"
            );
            if !self.warnings.iter().any(|warning| warning.code == "drop_caches_failed") {
                self.log.warning(&message);
                self.warnings.push(Warning::new("drop_caches_failed", message));
            }
        }
    }

    fn log_beginning(&self) {
        let workload = &self.loaded.workload;
        let (ranks, exclude) = (self.options.accelerators, &workload.output.metric);
        let kind = if self.eval.is_some() { "Training & Evaluation" } else { "Training" };
        self.log.output(&format!(
            "{} Running ringquet {} [{kind}] with {ranks} emulated accelerator(s) in one process",
            self.clock.stamp(self.begun),
            env!("CARGO_PKG_VERSION")
        ));
        let sharding = &self.train.sharding;
        self.log.output(&format!(
            "{} Metric calculation will exclude the beginning {} and end {} steps",
            self.now(),
            exclude.exclude_start_steps,
            exclude.exclude_end_steps
        ));
        self.log.output(&format!(
            "{} Max steps per epoch per rank: {} = {} * {} / {} (samples per file * local files / batch size)",
            self.now(),
            sharding.steps,
            workload.dataset.num_samples_per_file,
            sharding.files_per_rank,
            sharding.batch_size
        ));
        if let Some(eval) = &self.eval {
            self.log.output(&format!(
                "{} Steps per eval per rank: {} = {} * {} / {} (samples per file * local files / batch size eval)",
                self.now(),
                eval.sharding.steps,
                workload.dataset.num_samples_per_file,
                eval.sharding.files_per_rank,
                eval.sharding.batch_size
            ));
        }
        for warning in &self.warnings {
            self.log.warning(&warning.message);
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
        if !complete {
            let message = "the run was stopped before its end: metrics are those of the steps until then, and au_meet_expectation is fail";
            self.warnings.push(Warning::new("incomplete", message));
            self.log.warning(message);
        }
        let whole = Whole {
            model: workload.model.name.clone(),
            accelerators: self.options.accelerators,
            decode: self.options.decode,
            au_bar: workload.metric.au,
            record_bytes: workload.dataset.record_bytes(),
            complete,
            open_seconds: self.open_seconds,
            results_dir: self.results.folder().to_owned(),
            warnings: self.warnings.clone(),
        };
        let mut report = RunReport::new(whole, epochs);
        let stamps = (self.clock.stamp(self.begun), self.now());
        for (rank, files) in files.into_iter().enumerate() {
            let (output, stats) = files.finish(&self.setting.host.hostname);
            self.results.write_json(&format!("{rank}_output.json"), &output)?;
            self.results.write_json(&format!("{rank}_per_epoch_stats.json"), &stats)?;
        }
        self.results.remove_ranks_from(self.options.accelerators);
        let data_dir = self.options.data_dir.as_deref();
        let folder = self.results.folder().to_owned();
        for (name, value) in dlio::config_files(self.loaded, data_dir, &folder) {
            self.results.write_yaml(name, &value)?;
        }
        let (train, eval) = (&report.train, report.eval.as_ref());
        let summary =
            dlio::summary(workload, &self.setting, stamps, report.epochs.len(), train, eval);
        self.results.write_json("summary.json", &summary)?;
        let lines = dlio::metric_lines(self.options.accelerators, train, eval);
        self.log.output(&format!("{} Saved outputs in {}", self.now(), folder.display()));
        self.log.output("Averaged metric over all steps/epochs");
        for line in lines {
            self.log.metric(&line);
        }
        let Self { mut results, log, .. } = self;
        results.finish_log(log)?;
        report.files = results.written().to_vec();
        report.files.push(folder.join("ringquet.json"));
        let mut document = json!({
            "schema_version": 1,
            "command": "run",
            "environment": Environment::of_this_machine(),
            "options": self.options.to_json(self.loaded),
            "workload": self.loaded.resolved["workload"],
            "workload_warnings": self.loaded.warnings,
        });
        merge(&mut document, &report);
        results.write_json("ringquet.json", &document)?;
        Ok(report)
    }

    fn now(&self) -> String {
        self.clock.stamp(Instant::now())
    }
}

fn merge(document: &mut serde_json::Value, report: &RunReport) {
    let report = serde_json::to_value(report).unwrap_or_default();
    if let (Some(document), serde_json::Value::Object(report)) = (document.as_object_mut(), report)
    {
        document.extend(report);
    }
}

fn rank_phase<'r>(run: &'r PhaseRun, metrics: &'r [BlockMetrics], rank: usize) -> RankPhase<'r> {
    RankPhase { run: &run.ranks[rank], metrics: &metrics[rank] }
}

/// The folder asked for, or the leaf of mlpstorage's tree in it.
fn results_dir(workload: &Workload, options: &RunOptions, clock: &WallClock) -> PathBuf {
    if !options.results_tree {
        return options.results_dir.clone();
    }
    // A model's name is free text; as a folder it must be one.
    let model: String =
        workload.model.name.chars().map(|c| if c == '/' || c == '\0' { '_' } else { c }).collect();
    options.results_dir.join("training").join(model).join("run").join(clock.folder_name())
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
        warnings.push(Warning::new("potential_caching", message));
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
            "{} accelerators with {prefetch} prefetched batches of {} samples hold up to {held:.0} bytes, the host has {memory:.0}: lower reader.prefetch_size, reader.batch_size or --accelerators",
            options.accelerators, train.sharding.batch_size
        );
        warnings.push(Warning::new("prefetch_memory", message));
    }
    warnings
}
