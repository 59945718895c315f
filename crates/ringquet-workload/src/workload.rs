//! The workload: every section of DLIO's YAML that has an effect here, checked, with its defaults.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::dataset::Dataset;
use crate::distribution::Distribution;
use crate::enums::{
    DataLoaderSampler, DataLoaderType, FileAccess, FormatType, FrameworkType, ReadType, Shuffle,
    StorageType,
};
use crate::error::WorkloadError;
use crate::section::{COUNT_MAX, Section};

/// Rows of one batch. A batch is one Arrow record batch per column, whose lengths other tools keep
/// in 32 bits.
const BATCH_SIZE_MAX: u64 = i32::MAX as u64;

/// Reader threads of one rank: MLPerf's own bound is 32; four thousand is a mistake.
const READ_THREADS_MAX: u64 = 4096;

/// Batches or row groups held ahead of the consumer.
const PREFETCH_MAX: u64 = 1 << 20;

/// Epochs of one run. With it, no seed of an epoch and rank leaves 32 bits, see [`SEED_MAX`].
const EPOCHS_MAX: u64 = 1_000_000;

/// Ranks of one run that shuffle files; the seed of a rank is 31 times its number further on.
pub const RANKS_MAX: u64 = 1 << 20;

/// NumPy's legacy generator takes 32-bit seeds, and DLIO adds epoch and 31 · rank to this one.
const SEED_MAX: u64 = u32::MAX as u64 - EPOCHS_MAX - 1 - 31 * RANKS_MAX;

/// A workload, checked: every value is in range, and products of its counts fit in 63 bits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Workload {
    /// `model`.
    pub model: Model,
    /// `framework`. Default `tensorflow`, as in DLIO.
    pub framework: FrameworkType,
    /// `workflow`.
    pub workflow: Workflow,
    /// `storage`.
    pub storage: Storage,
    /// `dataset`.
    pub dataset: Dataset,
    /// `reader`, or its alias `data_reader`.
    pub reader: Reader,
    /// `train`.
    pub train: Train,
    /// `evaluation`.
    pub evaluation: Evaluation,
    /// `output`.
    pub output: Output,
    /// `metric`.
    pub metric: Metric,
}

/// `model`: a name for reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    /// `name`. Default `default`.
    pub name: String,
    /// `type`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// `workflow`: the phases that a run has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Workflow {
    /// `generate_data`. Default false.
    pub generate_data: bool,
    /// `train`. Default true.
    pub train: bool,
    /// `evaluation`. Default false.
    pub evaluation: bool,
    /// `checkpoint`. Default false. Out of scope here; loading warns.
    pub checkpoint: bool,
    /// `profiling`. Default false. Without effect here; loading warns.
    pub profiling: bool,
}

impl Workflow {
    /// Whether data is generated and nothing else happens.
    pub fn is_generate_only(&self) -> bool {
        self.generate_data && !self.train && !self.checkpoint
    }
}

/// `storage`: where the files lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Storage {
    /// `storage_type`. Default `local_fs`.
    pub storage_type: StorageType,
    /// `storage_root`. Default `./`.
    pub storage_root: PathBuf,
    /// `storage_options.columns`: the fork's column selector. If given it decides what is read,
    /// whatever `read` is; it is applied to [`crate::Parquet::columns`] on load.
    pub columns: Option<Vec<String>>,
}

/// `reader`: how the data is read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reader {
    /// `data_loader`. Default `tensorflow`, as in DLIO. The engine is the loader here.
    pub data_loader: DataLoaderType,
    /// `batch_size`: rows per step of one accelerator. Default 1.
    pub batch_size: u64,
    /// `batch_size_eval`. Default 1.
    pub batch_size_eval: u64,
    /// `read_threads`: reader threads per accelerator. Default 1, which means one (DLIO sizes it up
    /// by itself). 0, DLIO's word for "in the process of the consumer", counts as 1.
    pub read_threads: u32,
    /// `prefetch_size`: finished batches held ahead of the consumer, per accelerator. Default 2.
    pub prefetch_size: u32,
    /// `file_shuffle`. Default `off`.
    pub file_shuffle: Shuffle,
    /// `sample_shuffle`. Default `off`.
    pub sample_shuffle: Shuffle,
    /// `read_type`. Default `on_demand`. Epochs always reread here.
    pub read_type: ReadType,
    /// `file_access`. Default `multi`.
    pub file_access: FileAccess,
    /// `odirect`: around the page cache. `None` if absent, which leaves the choice to the command.
    pub odirect: Option<bool>,
    /// `transfer_size` in bytes: size of one device read. `None` leaves the choice to the command.
    pub transfer_size: Option<u64>,
    /// `preprocess_time` in seconds per batch, spent by the reader before it hands the batch over.
    pub preprocess_time: Distribution,
    /// `data_loader_sampler`.
    pub data_loader_sampler: Option<DataLoaderSampler>,
}

impl Reader {
    /// Reader threads per accelerator, at least 1.
    pub fn reader_threads(&self) -> u32 {
        self.read_threads.max(1)
    }
}

/// `train`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Train {
    /// `epochs`. Default 1.
    pub epochs: u32,
    /// `total_training_steps`: at most this many steps **per epoch**. `None` (-1): all there are.
    pub total_training_steps: Option<u64>,
    /// `seed_change_epoch`: whether the shuffle changes from epoch to epoch. Default true.
    pub seed_change_epoch: bool,
    /// `seed`. Default 123.
    pub seed: u32,
    /// `computation_time` in seconds per step.
    pub computation_time: Distribution,
}

/// `evaluation`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// `eval_time` in seconds per step.
    pub eval_time: Distribution,
    /// `eval_after_epoch`: the first epoch followed by an evaluation. Default 1.
    pub eval_after_epoch: u32,
    /// `epochs_between_evals`. Default 1.
    pub epochs_between_evals: u32,
}

impl Evaluation {
    /// Whether epoch `epoch` (counted from 1) is followed by an evaluation.
    pub fn follows(&self, epoch: u32) -> bool {
        epoch >= self.eval_after_epoch
            && (epoch - self.eval_after_epoch).is_multiple_of(self.epochs_between_evals)
    }
}

/// `output`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Output {
    /// `folder`.
    pub folder: Option<PathBuf>,
    /// `log_file`. Default `dlio.log`.
    pub log_file: String,
    /// `metric`: which steps count.
    pub metric: OutputMetric,
}

/// `output.metric`: steps of a block that are left out of its metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutputMetric {
    /// `exclude_start_steps`. Default 1.
    pub exclude_start_steps: u64,
    /// `exclude_end_steps`. Default 0.
    pub exclude_end_steps: u64,
}

/// `metric`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// `au`: the accelerator utilization to meet, a fraction from 0 to 1. Default 0.90, as in DLIO, whose documents
    /// compare with it.
    pub au: f64,
    /// Whether the workload or an override states `au`.
    pub is_stated: bool,
}

impl Metric {
    /// The target that a run is judged by, a fraction: `au` where it is stated. DLIO's default is not used as a target.
    pub fn target(&self) -> Option<f64> {
        self.is_stated.then_some(self.au)
    }

    fn read(section: &Section<'_>) -> Result<Self, WorkloadError> {
        let stated = section.opt_number("au", 0.0..=1.0)?;
        Ok(Self { au: stated.unwrap_or(0.90), is_stated: stated.is_some() })
    }
}

impl Workload {
    /// `storage.storage_root` joined with `dataset.data_folder`; an absolute data folder wins, as
    /// with Python's `os.path.join`.
    pub fn data_dir(&self) -> PathBuf {
        let (root, folder) = (&self.storage.storage_root, &self.dataset.data_folder);
        if folder.is_absolute() || root == Path::new(".") || root == Path::new("./") {
            return folder.clone();
        }
        root.join(folder)
    }

    /// Whether the workload reads around the page cache: `reader.odirect`, or
    /// `storage.storage_type: direct_fs`. `None` if it leaves the choice open.
    pub fn wants_direct(&self) -> Option<bool> {
        let by_storage = (self.storage.storage_type == StorageType::DirectFs).then_some(true);
        self.reader.odirect.or(by_storage)
    }

    /// Whether this tool can move the data: Parquet files in a file system.
    ///
    /// # Errors
    /// [`WorkloadError::Unsupported`] names the key with something else.
    pub fn require_local_parquet(&self) -> Result<(), WorkloadError> {
        if self.dataset.format != FormatType::Parquet {
            return Err(WorkloadError::Unsupported {
                key: "dataset.format".to_owned(),
                value: self.dataset.format.to_string(),
                reason: "ringquet generates and reads `parquet` only".to_owned(),
            });
        }
        if matches!(self.storage.storage_type, StorageType::S3 | StorageType::Aistore) {
            return Err(WorkloadError::Unsupported {
                key: "storage.storage_type".to_owned(),
                value: self.storage.storage_type.to_string(),
                reason: "ringquet reads file systems: local_fs, parallel_fs, direct_fs".to_owned(),
            });
        }
        Ok(())
    }

    pub(crate) fn read(root: &Section<'_>) -> Result<Self, WorkloadError> {
        let storage = Storage::read(&root.section("storage")?)?;
        let dataset = Dataset::read(&root.section("dataset")?, storage.columns.as_deref())?;
        let alias = root.section("data_reader")?;
        let reader = root.section("reader")?;
        if alias.is_present() && reader.is_present() {
            let reason = "is another name of `reader`; this workload has both, keep one".to_owned();
            return Err(root.conflict("data_reader", reason));
        }
        let reader = if alias.is_present() { alias } else { reader };
        let framework = root.opt_named("framework")?;
        if let (Some(framework), Some(loader)) = (framework, reader.opt_named("data_loader")?) {
            let mismatch = matches!(
                (framework, loader),
                (FrameworkType::Tensorflow, DataLoaderType::Pytorch)
                    | (FrameworkType::Pytorch, DataLoaderType::Tensorflow)
            );
            if mismatch {
                let reason = format!("`{loader}` cannot be combined with framework `{framework}`");
                return Err(reader.conflict("data_loader", reason));
            }
        }
        Ok(Self {
            model: Model::read(&root.section("model")?)?,
            framework: framework.unwrap_or(FrameworkType::Tensorflow),
            workflow: Workflow::read(&root.section("workflow")?)?,
            storage,
            dataset,
            reader: Reader::read(&reader)?,
            train: Train::read(&root.section("train")?)?,
            evaluation: Evaluation::read(&root.section("evaluation")?)?,
            output: Output::read(&root.section("output")?)?,
            metric: Metric::read(&root.section("metric")?)?,
        })
    }
}

impl Model {
    fn read(section: &Section<'_>) -> Result<Self, WorkloadError> {
        Ok(Self { name: section.text("name", "default")?, kind: section.opt_text("type")? })
    }
}

impl Workflow {
    fn read(section: &Section<'_>) -> Result<Self, WorkloadError> {
        Ok(Self {
            generate_data: section.boolean("generate_data", false)?,
            train: section.boolean("train", true)?,
            evaluation: section.boolean("evaluation", false)?,
            checkpoint: section.boolean("checkpoint", false)?,
            profiling: section.boolean("profiling", false)?,
        })
    }
}

impl Storage {
    fn read(section: &Section<'_>) -> Result<Self, WorkloadError> {
        let options = section.section("storage_options")?;
        let columns = match options.get("columns") {
            None => None,
            Some(_) => {
                let names = options.list("columns")?.iter().map(|item| match item {
                    Value::String(name) => Ok(name.clone()),
                    other => Err(options.refuse("columns", other, "a list of column names")),
                });
                Some(names.collect::<Result<Vec<_>, _>>()?).filter(|names| !names.is_empty())
            }
        };
        Ok(Self {
            storage_type: section.named("storage_type", StorageType::LocalFs)?,
            storage_root: PathBuf::from(section.text("storage_root", "./")?),
            columns,
        })
    }
}

impl Reader {
    fn read(section: &Section<'_>) -> Result<Self, WorkloadError> {
        let small = |count: u64| u32::try_from(count).expect("its range ends below 2^32");
        Ok(Self {
            data_loader: section.named("data_loader", DataLoaderType::Tensorflow)?,
            batch_size: section.count("batch_size", 1, 1..=BATCH_SIZE_MAX)?,
            batch_size_eval: section.count("batch_size_eval", 1, 1..=BATCH_SIZE_MAX)?,
            read_threads: small(section.count("read_threads", 1, 0..=READ_THREADS_MAX)?),
            prefetch_size: small(section.count("prefetch_size", 2, 0..=PREFETCH_MAX)?),
            file_shuffle: section.shuffle("file_shuffle")?,
            sample_shuffle: section.shuffle("sample_shuffle")?,
            read_type: section.named("read_type", ReadType::OnDemand)?,
            file_access: section.named("file_access", FileAccess::Multi)?,
            odirect: match section.get("odirect") {
                None => None,
                Some(_) => Some(section.boolean("odirect", false)?),
            },
            transfer_size: section.opt_count("transfer_size", 1..=COUNT_MAX)?,
            preprocess_time: section.seconds("preprocess_time")?,
            data_loader_sampler: section.opt_named("data_loader_sampler")?,
        })
    }
}

impl Train {
    fn read(section: &Section<'_>) -> Result<Self, WorkloadError> {
        let epochs = section.count("epochs", 1, 1..=EPOCHS_MAX)?;
        let seed = section.count("seed", 123, 0..=SEED_MAX)?;
        Ok(Self {
            epochs: u32::try_from(epochs).expect("at most a million"),
            total_training_steps: section
                .opt_count_or_negative("total_training_steps", 1..=COUNT_MAX)?,
            seed_change_epoch: section.boolean("seed_change_epoch", true)?,
            seed: u32::try_from(seed).expect("below 2^32"),
            computation_time: section.seconds("computation_time")?,
        })
    }
}

impl Evaluation {
    fn read(section: &Section<'_>) -> Result<Self, WorkloadError> {
        let small = |count: u64| u32::try_from(count).expect("at most a million");
        Ok(Self {
            eval_time: section.seconds("eval_time")?,
            eval_after_epoch: small(section.count("eval_after_epoch", 1, 1..=EPOCHS_MAX)?),
            epochs_between_evals: small(section.count(
                "epochs_between_evals",
                1,
                1..=EPOCHS_MAX,
            )?),
        })
    }
}

impl Output {
    /// A name in the folder of results, and none of the others' there.
    fn log_file(section: &Section<'_>) -> Result<String, WorkloadError> {
        let name = section.text("log_file", "dlio.log")?;
        let is_name = Path::new(&name).file_name().is_some_and(|file| file == name.as_str());
        if is_name && !name.ends_with(".json") && !name.starts_with('.') {
            return Ok(name);
        }
        let value = section.get("log_file").cloned().unwrap_or_default();
        let accepted = "a file name such as dlio.log, without a folder and not ending in .json";
        Err(section.refuse("log_file", &value, accepted))
    }

    fn read(section: &Section<'_>) -> Result<Self, WorkloadError> {
        let metric = section.section("metric")?;
        Ok(Self {
            folder: section.opt_text("folder")?.map(PathBuf::from),
            log_file: Self::log_file(section)?,
            metric: OutputMetric {
                exclude_start_steps: metric.count("exclude_start_steps", 1, 0..=COUNT_MAX)?,
                exclude_end_steps: metric.count("exclude_end_steps", 0, 0..=COUNT_MAX)?,
            },
        })
    }
}
