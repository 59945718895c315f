//! Every key of a DLIO workload, and what it does here.
//!
//! DLIO picks the keys that it has and silently ignores the rest, so that
//! `record_length: 2164832` in a published workload does nothing at all. Here a key without effect
//! is reported, with the nearest one that has an effect.

use ringquet_result::{Warning, WarningCode};
use serde_json::{Map, Value};

use crate::section::Origin;
use crate::yaml::{boolean, join};

/// What a known key does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It has its effect.
    Yes,
    /// It has none, for this reason.
    No(&'static str),
    /// It is an old or misplaced name of this key, and has no effect in DLIO either.
    Renamed(&'static str),
    /// Any keys below it are fine: values of other libraries, a distribution.
    Open,
    /// It switches on something that this tool does not do.
    Phase(&'static str),
    /// It switches off something that this tool does all the same.
    Off(&'static str),
    /// The whole section is outside this tool.
    OutOfScope(&'static str),
}
use Effect::{No, Off, Open, OutOfScope, Phase, Renamed, Yes};

const CHECKPOINT: &str = "checkpoints are out of scope: none is written or read";
const MODEL: &str = "it only shapes checkpoints, which are out of scope";
const OBJECT: &str = "it belongs to object storage; files are read from a file system";
const OTHER_FORMAT: &str = "it belongs to a format other than Parquet";
const FRAMEWORK: &str =
    "it tunes a framework's data loader; the engine has its own threads and buffers";
const DUMMY: &str = "it shapes a dummy tensor; batches hold the data of the files";
const PROFILING: &str = "profilers are not started; the report has its own measurements";

/// All keys by dotted path, with `[]` for the items of a list.
const KEYS: &[(&str, Effect)] = &[
    ("model", Yes),
    ("model.name", Yes),
    ("model.type", Yes),
    ("model.model_size_bytes", No(MODEL)),
    ("model.model_size", Renamed("model.model_size_bytes")),
    ("model.model_datatype", No(MODEL)),
    ("model.optimizer_datatype", No(MODEL)),
    ("model.optimization_groups", No(MODEL)),
    ("model.num_layers", No(MODEL)),
    ("model.layer_parameters", No(MODEL)),
    ("model.parallelism", OutOfScope(MODEL)),
    ("model.transformer", OutOfScope(MODEL)),
    ("framework", Yes),
    ("workflow", Yes),
    ("workflow.generate_data", Yes),
    ("workflow.train", Yes),
    ("workflow.evaluation", Yes),
    ("workflow.checkpoint", Phase(CHECKPOINT)),
    ("workflow.profiling", Phase(PROFILING)),
    ("workflow.query", No("single values are not printed; every JSON document holds the options")),
    ("storage", Yes),
    ("storage.storage_type", Yes),
    ("storage.storage_root", Yes),
    ("storage.storage_library", No(OBJECT)),
    ("storage.post_generation_settle_seconds", No(OBJECT)),
    ("storage.s3_force_path_style", No(OBJECT)),
    ("storage.storage_options", Yes),
    ("storage.storage_options.columns", Yes),
    ("storage.storage_options.decode", No("choose with the option `decode`: arrow or raw")),
    ("storage.storage_options.storage_library", No(OBJECT)),
    ("storage.storage_options.prefetch_workers", No("choose with the option `queue_depth`")),
    ("storage.storage_options.prefetch_window", No("choose with the option `memory_budget_bytes`")),
    ("storage.storage_options.coalesce_rgs", No("choose with the option `coalesce_gap_bytes`")),
    ("storage.storage_options.footer_cap", No(OBJECT)),
    ("storage.storage_options.footer_batch_size", No(OBJECT)),
    ("storage.storage_options.max_outstanding", No("choose with the option `queue_depth`")),
    ("storage.storage_options.decode_output", No(OBJECT)),
    ("storage.storage_options.simulate_io", No(OBJECT)),
    ("storage.storage_options.sim_log_secs", No(OBJECT)),
    ("storage.storage_options.uri_scheme", No(OBJECT)),
    ("storage.storage_options.endpoint_url", No(OBJECT)),
    ("storage.storage_options.region", No(OBJECT)),
    ("storage.storage_options.access_key_id", No(OBJECT)),
    ("storage.storage_options.secret_access_key", No(OBJECT)),
    ("dataset", Yes),
    ("dataset.format", Yes),
    ("dataset.data_folder", Yes),
    ("dataset.record_length_bytes", Yes),
    ("dataset.record_length_bytes_stdev", Yes),
    ("dataset.record_length_bytes_resize", No(DUMMY)),
    ("dataset.record_length", Renamed("dataset.record_length_bytes")),
    ("dataset.record_length_stdev", Renamed("dataset.record_length_bytes_stdev")),
    ("dataset.record_length_resize", Renamed("dataset.record_length_bytes_resize")),
    ("dataset.record_dims", Yes),
    ("dataset.record_element_type", Yes),
    ("dataset.record_element_bytes", No("`dataset.record_element_type` decides")),
    ("dataset.num_files_train", Yes),
    ("dataset.num_files_eval", Yes),
    ("dataset.num_files_generated", Yes),
    ("dataset.num_samples_per_file", Yes),
    ("dataset.num_subfolders_train", Yes),
    ("dataset.num_subfolders_eval", Yes),
    ("dataset.file_prefix", Yes),
    ("dataset.compression", Yes),
    ("dataset.compression_level", Yes),
    ("dataset.enable_chunking", No(OTHER_FORMAT)),
    ("dataset.chunk_size", No(OTHER_FORMAT)),
    ("dataset.chunking", No(OTHER_FORMAT)),
    ("dataset.hdf5", OutOfScope(OTHER_FORMAT)),
    (
        "dataset.keep_files",
        Off("the data set is kept; remove its folder when it is no longer needed"),
    ),
    ("dataset.generation_buffer_size", No(OTHER_FORMAT)),
    ("dataset.data_gen_method", No("content follows from the seed of `ringquet datagen`")),
    ("dataset.skip_listing", Yes),
    ("dataset.listing_validation_interval", No("every file is opened before a run begins")),
    ("dataset.total_disk_bytes", No("`ringquet datasize` computes it")),
    ("dataset.parquet", Yes),
    ("dataset.parquet.columns", Yes),
    ("dataset.parquet.columns[]", Yes),
    ("dataset.parquet.columns[].name", Yes),
    ("dataset.parquet.columns[].dtype", Yes),
    ("dataset.parquet.columns[].size", Yes),
    ("dataset.parquet.columns[].read", Yes),
    ("dataset.parquet.row_group_size", Yes),
    ("dataset.parquet.partition_by", Yes),
    ("dataset.parquet.generation_batch_size", Yes),
    ("dataset.parquet.legacy", Yes),
    ("dataset.parquet.use_s3dlio_gen", No(OBJECT)),
    (
        "dataset.parquet.read_mode",
        No("row groups are always streamed page by page; DLIO ignores it as well"),
    ),
    ("reader", Yes),
    ("reader.data_loader", Yes),
    ("reader.batch_size", Yes),
    ("reader.batch_size_eval", Yes),
    ("reader.read_threads", Yes),
    ("reader.write_threads", No("choose with the option `threads` of datagen")),
    ("reader.computation_threads", No(FRAMEWORK)),
    ("reader.prefetch_size", Yes),
    ("reader.file_shuffle", Yes),
    ("reader.sample_shuffle", Yes),
    ("reader.shuffle_size", No(FRAMEWORK)),
    ("reader.read_type", No("every epoch reads its files again")),
    ("reader.file_access", No("a file is read by one accelerator")),
    ("reader.transfer_size", Yes),
    ("reader.odirect", Yes),
    ("reader.preprocess_time", Open),
    ("reader.preprocess_time_stdev", Yes),
    ("reader.pin_memory", No(FRAMEWORK)),
    ("reader.multiprocessing_context", No(FRAMEWORK)),
    ("reader.reader_classname", No("there is one reader, the engine")),
    ("reader.data_loader_classname", No("there is one reader, the engine")),
    (
        "reader.data_loader_sampler",
        No("files are dealt to accelerators, see `reader.file_shuffle`"),
    ),
    ("reader.transformed_record_dims", No(DUMMY)),
    ("reader.transformed_record_element_type", No(DUMMY)),
    ("reader.dont_use_mmap", No(OTHER_FORMAT)),
    ("train", Yes),
    ("train.epochs", Yes),
    ("train.total_training_steps", Yes),
    ("train.seed_change_epoch", Yes),
    ("train.seed", Yes),
    ("train.computation_time", Open),
    ("train.computation_time_stdev", Yes),
    ("evaluation", Yes),
    ("evaluation.eval_time", Open),
    ("evaluation.eval_time_stdev", Yes),
    ("evaluation.eval_after_epoch", Yes),
    ("evaluation.epochs_between_evals", Yes),
    ("checkpoint", OutOfScope(CHECKPOINT)),
    ("output", Yes),
    ("output.folder", No("results go where `results_dir` says")),
    ("output.log_file", Yes),
    ("output.metric", Yes),
    ("output.metric.exclude_start_steps", Yes),
    ("output.metric.exclude_end_steps", Yes),
    ("metric", Yes),
    ("metric.au", Yes),
    ("metric.exclude_start_steps", Renamed("output.metric.exclude_start_steps")),
    ("metric.exclude_end_steps", Renamed("output.metric.exclude_end_steps")),
    ("profiling", OutOfScope(PROFILING)),
];

fn effect(path: &str) -> Option<Effect> {
    KEYS.iter().find(|(known, _)| *known == path).map(|(_, effect)| *effect)
}

/// Whether `path` names a boolean in DLIO, so that `yes` and `off` are written as booleans into the
/// composed configuration.
pub(crate) fn is_boolean(path: &str) -> bool {
    const BOOLEANS: &[&str] = &[
        "workflow.generate_data",
        "workflow.train",
        "workflow.evaluation",
        "workflow.checkpoint",
        "workflow.profiling",
        "dataset.enable_chunking",
        "dataset.keep_files",
        "dataset.skip_listing",
        "dataset.parquet.columns[].read",
        "dataset.parquet.use_s3dlio_gen",
        "reader.odirect",
        "reader.pin_memory",
        "reader.dont_use_mmap",
        "train.seed_change_epoch",
    ];
    BOOLEANS.contains(&path)
}

/// Warnings about one workload that are reported in full: looking for the nearest key takes time, and
/// more are not read. The others are counted in a last one.
const WARNINGS_MAX: usize = 100;

/// The warnings for all keys of `root`, in the order of the file.
pub(crate) fn warnings(root: &Map<String, Value>, origin: &Origin) -> Vec<Warning> {
    let mut found = Found::default();
    walk(root, "", "", origin, &mut found);
    if found.left_out > 0 {
        let message =
            format!("{}: {} more keys without effect", origin.file.display(), found.left_out);
        found.warnings.push(Warning { code: WarningCode::UnknownKey, message });
    }
    found.warnings
}

#[derive(Default)]
struct Found {
    warnings: Vec<Warning>,
    left_out: usize,
}

impl Found {
    fn push(&mut self, code: WarningCode, message: impl FnOnce() -> String) {
        if self.warnings.len() < WARNINGS_MAX {
            self.warnings.push(Warning { code, message: message() });
        } else {
            self.left_out += 1;
        }
    }
}

/// `path` is where `map` lies, `known` the same with `[]` for indices and `reader` for its alias.
fn walk(map: &Map<String, Value>, path: &str, known: &str, origin: &Origin, found: &mut Found) {
    for (key, value) in map {
        let path = join(path, key);
        let known = match join(known, key) {
            alias if alias == "data_reader" => "reader".to_owned(),
            known => known,
        };
        let place = || origin.place(&path);
        let without_effect = |reason| format!("{}: `{path}` has no effect here: {reason}", place());
        match effect(&known) {
            Some(Yes) => match value {
                Value::Object(section) => walk(section, &path, &known, origin, found),
                Value::Array(items) => walk_items(items, &path, &known, origin, found),
                _ => {}
            },
            Some(Phase(reason)) if boolean(value) == Some(true) => {
                found.push(WarningCode::OutOfScope, || without_effect(reason));
            }
            Some(Off(reason)) if boolean(value) == Some(false) => {
                found.push(WarningCode::IneffectiveKey, || without_effect(reason));
            }
            Some(Open | Phase(_) | Off(_)) => {}
            Some(No(reason)) => found.push(WarningCode::IneffectiveKey, || without_effect(reason)),
            Some(OutOfScope(reason)) => {
                found.push(WarningCode::OutOfScope, || without_effect(reason))
            }
            Some(Renamed(name)) => found.push(WarningCode::UnknownKey, || {
                let place = place();
                format!(
                    "{place}: `{path}` is not a DLIO key and has no effect; did you mean `{name}`?"
                )
            }),
            None => found.push(WarningCode::UnknownKey, || {
                let hint = match nearest(&known) {
                    Some(name) => format!("; did you mean `{name}`?"),
                    None => String::new(),
                };
                format!("{}: `{path}` is not a known key and has no effect{hint}", place())
            }),
        }
    }
}

fn walk_items(items: &[Value], path: &str, known: &str, origin: &Origin, found: &mut Found) {
    let known = format!("{known}[]");
    for (index, item) in items.iter().enumerate() {
        if let Some(map) = item.as_object() {
            walk(map, &format!("{path}[{index}]"), &known, origin, found);
        }
    }
}

/// The known key that `path` was most probably meant to be: near in spelling within its own
/// section, or of the same or nearly the same name in another one.
pub(crate) fn nearest(path: &str) -> Option<&'static str> {
    let (section, name) = split(path);
    KEYS.iter()
        .filter(|(_, effect)| !matches!(effect, Renamed(_)))
        .filter_map(|(known, effect)| {
            let (known_section, known_name) = split(known);
            let edits = distance(name, known_name);
            let alike = edits <= 1 + known_name.len().min(name.len()) / 4;
            let begins =
                name.len() >= 4 && (known_name.starts_with(name) || known_name.ends_with(name));
            let name_cost = match (alike, begins) {
                (true, _) => edits,
                (false, true) => 4,
                (false, false) => return None,
            };
            // Where both fit, a key that does something is the better advice, and one in the same
            // section; across sections only a name that is all but equal counts.
            let elsewhere = edits <= 1 || begins && known_name.len() < name.len() + 4;
            let section_cost = match known_section.strip_prefix(section) {
                Some("") => 0,
                Some(below) if elsewhere && below.starts_with('.') => 2,
                _ if elsewhere => 3,
                _ => return None,
            };
            let effect_cost = if matches!(effect, Yes | Open | Phase(_)) { 0 } else { 2 };
            Some((name_cost + section_cost + effect_cost, *known))
        })
        .min_by_key(|(cost, _)| *cost)
        .map(|(_, known)| known)
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

/// Edit distance: insertions, deletions, replacements and swaps of neighbours.
fn distance(left: &str, right: &str) -> usize {
    // Keys are short; a long one is cut, so that hostile text costs nothing.
    const LENGTH_MAX: usize = 64;
    let left: Vec<char> = left.chars().take(LENGTH_MAX).collect();
    let right: Vec<char> = right.chars().take(LENGTH_MAX).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut current = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut best =
                (previous[j] + usize::from(a != b)).min(previous[j + 1] + 1).min(current[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous[right.len()]
}
