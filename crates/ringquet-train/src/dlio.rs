//! DLIO's files: the same names, keys, order of keys and types.
//!
//! AU can be recomputed from them: `compute` and `proc` of `N_output.json`, and the length of the
//! block, which is `end` − `start` of `block1` in `N_per_epoch_stats.json`. Both stamps come from
//! the clock that measured, so they are exact to the microsecond.

use serde_json::{Map, Value, json};

use ringquet_workload::{Distribution, Loaded, Workload};

use crate::accelerator::RankRun;
use crate::host::Host;
use crate::wall_clock::WallClock;
use ringquet_result::metrics::{BlockMetrics, OverEpochs};

/// A host of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Node {
    pub(crate) cpu_count: usize,
    /// In GiB, although DLIO's key has GB.
    pub(crate) memory_gib: f64,
    /// Its ranks.
    pub(crate) ranks: u32,
}

/// What all files hold about the machine and the data.
pub(crate) struct Setting {
    pub(crate) host: Host,
    /// Ranks of all hosts.
    pub(crate) ranks: u32,
    /// All hosts, in the order of ranks.
    pub(crate) nodes: Vec<Node>,
    /// Nominal bytes that one host reads per epoch, in GiB: the first, as DLIO has it.
    pub(crate) data_gib: f64,
}

impl Setting {
    /// All hosts together read the whole data set.
    pub(crate) fn new(workload: &Workload, host: Host, nodes: Vec<Node>) -> Self {
        let dataset = &workload.dataset;
        let samples = dataset.num_samples_per_file * dataset.num_files_train;
        let bytes = samples as f64 * dataset.record_bytes() as f64;
        let ranks: u32 = nodes.iter().map(|node| node.ranks).sum();
        let share = nodes.first().map_or(1.0, |node| f64::from(node.ranks) / f64::from(ranks));
        Self { host, ranks, nodes, data_gib: bytes * share / 1024.0 / 1024.0 / 1024.0 }
    }

    /// Whether the data of one host is smaller than its memory.
    pub(crate) fn may_be_cached(&self) -> bool {
        self.data_gib < self.host.memory_gib
    }

    fn potential_caching(&self) -> u8 {
        u8::from(self.may_be_cached())
    }

    /// A value of each host.
    fn of_nodes<T>(&self, of: impl Fn(&Node) -> T) -> Vec<T> {
        self.nodes.iter().map(of).collect()
    }
}

/// `N_output.json` and `N_per_epoch_stats.json` of one rank, as they grow.
#[derive(Debug, Default)]
pub(crate) struct RankFiles {
    output: Map<String, Value>,
    stats: Map<String, Value>,
}

/// One block or evaluation of one rank.
pub(crate) struct RankPhase<'a> {
    pub(crate) run: &'a RankRun,
    pub(crate) metrics: &'a BlockMetrics,
}

/// One epoch of one rank; stamps are local time.
pub(crate) struct RankEpoch<'a> {
    pub(crate) epoch: u32,
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) train: RankPhase<'a>,
    pub(crate) eval: Option<RankPhase<'a>>,
    pub(crate) meminfo: Map<String, Value>,
}

impl RankFiles {
    pub(crate) fn new(setting: &Setting, meminfo: &Map<String, Value>) -> Self {
        let host = &setting.host;
        let output = [
            ("host_memory_GB", json!(host.memory_gib)),
            ("host_cpu_count", json!(host.cpu_count)),
            ("host_processor_name", json!(host.processor_name)),
            ("potential_caching", json!(setting.potential_caching())),
            ("host_cpuinfo", json!(host.cpuinfo)),
            ("host_meminfo", json!(meminfo)),
        ];
        let output = output.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
        Self { output, stats: Map::new() }
    }

    pub(crate) fn push(&mut self, epoch: &RankEpoch<'_>, clock: &WallClock) {
        let of_phases = |of: &dyn Fn(&RankPhase<'_>) -> Value| {
            let mut map = Map::new();
            map.insert("block1".to_owned(), of(&epoch.train));
            if let Some(eval) = &epoch.eval {
                map.insert("eval".to_owned(), of(eval));
            }
            map
        };
        let output = json!({
            "load": of_phases(&|phase| json!(phase.run.times.load)),
            "proc": of_phases(&|phase| json!(phase.run.times.proc)),
            "throughput": of_phases(&|phase| json!(phase.metrics.samples_per_second)),
            "au": of_phases(&|phase| json!(phase.metrics.au_percent)),
            "compute": of_phases(&|phase| json!(phase.run.times.compute)),
            "host_meminfo": epoch.meminfo,
            "end": epoch.end,
        });
        self.output.insert(epoch.epoch.to_string(), output);

        // Durations are strings in DLIO.
        let duration = |phase: &RankPhase<'_>| format!("{:.2}", phase.run.seconds());
        let span = |phase: &RankPhase<'_>| {
            json!({
                "start": clock.stamp(phase.run.started),
                "end": clock.stamp(phase.run.ended),
                "duration": duration(phase),
            })
        };
        let mut stats = Map::new();
        stats.insert("start".to_owned(), json!(epoch.start));
        stats.insert("block1".to_owned(), span(&epoch.train));
        stats.insert("end".to_owned(), json!(epoch.end));
        stats.insert("duration".to_owned(), json!(duration(&epoch.train)));
        if let Some(eval) = &epoch.eval {
            stats.insert("eval".to_owned(), span(eval));
        }
        self.stats.insert(epoch.epoch.to_string(), Value::Object(stats));
    }

    /// The contents of both files.
    pub(crate) fn finish(mut self, hostname: &str) -> (Value, Value) {
        self.output.insert("hostname".to_owned(), json!(hostname));
        (Value::Object(self.output), Value::Object(self.stats))
    }
}

/// `summary.json`.
pub(crate) fn summary(
    workload: &Workload,
    setting: &Setting,
    stamps: (String, String),
    epochs: usize,
    train: &OverEpochs,
    eval: Option<&OverEpochs>,
) -> Value {
    let mut metric = Map::new();
    insert_metrics(&mut metric, "train", train);
    if let Some(eval) = eval {
        insert_metrics(&mut metric, "eval", eval);
    }
    let (host, dataset) = (&setting.host, &workload.dataset);
    json!({
        "start": stamps.0,
        "num_accelerators": setting.ranks,
        "num_hosts": setting.nodes.len(),
        "hostname": host.hostname,
        "metric": metric,
        "num_files_train": dataset.num_files_train,
        "num_files_eval": dataset.num_files_eval,
        "num_samples_per_file": dataset.num_samples_per_file,
        "host_cpu_count": setting.of_nodes(|node| node.cpu_count),
        "host_processor_name": host.processor_name,
        "potential_caching": setting.of_nodes(|node| u8::from(setting.data_gib < node.memory_gib)),
        "host_cpuinfo": host.cpuinfo,
        "host_meminfo": crate::host::meminfo(),
        "host_memory_GB": setting.of_nodes(|node| node.memory_gib),
        "data_size_per_host_GB": setting.data_gib,
        "epochs": epochs,
        "end": stamps.1,
    })
}

/// The number is in MiB although the key has MB, as in DLIO.
fn insert_metrics(metric: &mut Map<String, Value>, phase: &str, over: &OverEpochs) {
    let mib = |bytes: f64| bytes / 1024.0 / 1024.0;
    let meets = if over.au_meets_expectation { "success" } else { "fail" };
    let values = [
        ("au_percentage", json!(over.au_percent)),
        ("au_mean_percentage", json!(over.au_percent_mean)),
        ("au_meet_expectation", json!(meets)),
        ("au_stdev_percentage", json!(over.au_percent_stdev)),
        ("throughput_samples_per_second", json!(over.samples_per_second)),
        ("throughput_mean_samples_per_second", json!(over.samples_per_second_mean)),
        ("throughput_stdev_samples_per_second", json!(over.samples_per_second_stdev)),
        ("io_mean_MB_per_second", json!(mib(over.nominal_bytes_per_second_mean))),
        ("io_stdev_MB_per_second", json!(mib(over.nominal_bytes_per_second_stdev))),
    ];
    for (key, value) in values {
        metric.insert(format!("{phase}_{key}"), value);
    }
}

/// The `[METRIC]` lines that end `dlio.log`.
pub(crate) fn metric_lines(
    ranks: u32,
    train: &OverEpochs,
    eval: Option<&OverEpochs>,
) -> Vec<String> {
    let meets = |over: &OverEpochs| if over.au_meets_expectation { "success" } else { "fail" };
    let mib = |bytes: f64| bytes / 1024.0 / 1024.0;
    let rule = "=".repeat(58);
    let mut lines = vec![
        rule.clone(),
        format!("Number of Simulated Accelerators: {ranks} "),
        format!(
            "Training Accelerator Utilization [AU] (%): {:.4} ({:.4})",
            train.au_percent_mean, train.au_percent_stdev
        ),
        format!(
            "Training Throughput (samples/second): {:.4} ({:.4})",
            train.samples_per_second_mean, train.samples_per_second_stdev
        ),
        format!(
            "Training I/O Throughput (MiB/second): {:.4} ({:.4})",
            mib(train.nominal_bytes_per_second_mean),
            mib(train.nominal_bytes_per_second_stdev)
        ),
        format!("train_au_meet_expectation: {}", meets(train)),
    ];
    if let Some(eval) = eval {
        lines.extend([
            format!(
                "Eval Accelerator Utilization [AU] (%): {:.4} ({:.4})",
                eval.au_percent_mean, eval.au_percent_stdev
            ),
            format!(
                "Eval Throughput (samples/second): {:.6} ({:.6})",
                eval.samples_per_second_mean, eval.samples_per_second_stdev
            ),
            format!(
                "Eval Throughput (MiB/second): {:.6} ({:.6})",
                mib(eval.nominal_bytes_per_second_mean),
                mib(eval.nominal_bytes_per_second_stdev)
            ),
            format!("eval_au_meet_expectation: {}", meets(eval)),
        ]);
    }
    lines.push(rule);
    lines
}

/// A distribution as Python prints the configuration that DLIO keeps of it.
pub(crate) fn python_text(distribution: &Distribution) -> String {
    match *distribution {
        Distribution::Constant { mean } => format!("{{'mean': {mean}}}"),
        Distribution::Normal { mean, stdev } => format!("{{'mean': {mean}, 'stdev': {stdev}}}"),
        Distribution::Uniform { min, max } => {
            format!("{{'type': 'uniform', 'min': {min}, 'max': {max}}}")
        }
        Distribution::Gamma { shape, scale } => {
            format!("{{'type': 'gamma', 'shape': {shape}, 'scale': {scale}}}")
        }
        Distribution::Exponential { scale } => {
            format!("{{'type': 'exponential', 'scale': {scale}}}")
        }
        Distribution::Poisson { lam } => format!("{{'type': 'poisson', 'lam': {lam}}}"),
    }
}

/// What a rank logs after a block, in DLIO's words: of rank 0, throughput times the ranks.
pub(crate) fn block_lines(
    epoch: u32,
    phase: &RankPhase<'_>,
    ranks: u32,
    set: &Distribution,
) -> [String; 3] {
    let compute = &phase.run.times.compute;
    [
        format!(
            "Epoch {epoch} - Block 1 [Training] Accelerator Utilization [AU] (%): {:.4}",
            phase.metrics.au_percent
        ),
        format!(
            "Epoch {epoch} - Block 1 [Training] Throughput (samples/second): {:.4}",
            phase.metrics.samples_per_second * f64::from(ranks)
        ),
        format!(
            "Epoch {epoch} - Block 1 [Training] Computation time per step (second): {:.4}+/-{:.4} (set value: {})",
            ringquet_result::metrics::mean(compute),
            ringquet_result::metrics::stdev(compute),
            python_text(set)
        ),
    ]
}

/// `dlio_config/config.yaml`, `overrides.yaml` and `hydra.yaml`. An override of this tool's own form
/// is written as mlpstorage passes it, `++workload.key=value`.
pub(crate) fn config_files(
    loaded: &Loaded,
    data_dir: Option<&std::path::Path>,
    results_dir: &std::path::Path,
) -> [(&'static str, Value); 3] {
    let name = loaded.source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut config = loaded.resolved.clone();
    let mut task = vec![format!("workload={name}")];
    task.extend(loaded.overrides.iter().map(|text| hydra_override(text)));
    if let Some(dir) = data_dir {
        let dir = dir.display().to_string();
        task.push(format!("++workload.dataset.data_folder={dir}"));
        if let Some(workload) = config.get_mut("workload").and_then(Value::as_object_mut) {
            let dataset = workload.entry("dataset").or_insert_with(|| json!({}));
            if let Some(dataset) = dataset.as_object_mut() {
                dataset.insert("data_folder".to_owned(), json!(dir));
            }
        }
    }
    let results = results_dir.display().to_string();
    let cwd = std::env::current_dir().unwrap_or_default().display().to_string();
    let hydra = json!({
        "hydra": {
            "run": {"dir": results},
            "output_subdir": "dlio_config",
            "overrides": {
                "hydra": [format!("hydra.run.dir={results}"), "hydra.output_subdir=dlio_config"],
                "task": task,
            },
            "job": {"name": "ringquet", "config_name": "config"},
            "runtime": {
                "version": env!("CARGO_PKG_VERSION"),
                "cwd": cwd,
                "output_dir": results,
                "choices": {"workload": name},
            },
            "verbose": false,
        }
    });
    [
        ("dlio_config/config.yaml", config),
        ("dlio_config/hydra.yaml", hydra),
        ("dlio_config/overrides.yaml", json!(task)),
    ]
}

fn hydra_override(text: &str) -> String {
    let text = text.trim();
    let rest = text.trim_start_matches('+');
    let (verb, key) = match rest.strip_prefix('~') {
        Some(key) => ("~", key),
        None => ("++", rest),
    };
    let key = key.strip_prefix("workload.").unwrap_or(key);
    format!("{verb}workload.{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_written_as_mlpstorage_passes_them() {
        assert_eq!(hydra_override("train.epochs=2"), "++workload.train.epochs=2");
        assert_eq!(hydra_override("++workload.train.epochs=2"), "++workload.train.epochs=2");
        assert_eq!(hydra_override("~reader.file_shuffle"), "~workload.reader.file_shuffle");
    }

    #[test]
    fn times_are_printed_like_python() {
        assert_eq!(python_text(&Distribution::Constant { mean: 0.000_375 }), "{'mean': 0.000375}");
        let normal = Distribution::Normal { mean: 1.35, stdev: 0.1 };
        assert_eq!(python_text(&normal), "{'mean': 1.35, 'stdev': 0.1}");
    }
}
