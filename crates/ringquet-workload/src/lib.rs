//! A DLIO-shaped workload as a checked value.
//!
//! A workload is one YAML file with DLIO's keys: the shape of a data set, how it is read, and how
//! long a step of computation takes. [`load`] applies overrides and returns a [`Workload`] in which
//! every value is in range and every product fits in 63 bits, warnings about keys without effect,
//! and the composed configuration. Everything else here is arithmetic on that value:
//!
//! ```text
//!  file.yaml ─▶ yaml ─▶ overrides ─▶ section ─▶ Workload
//!                          keys ─▶ warnings        │
//!        ┌──────────────┬──────────────┬──────────┴───┬───────────────┐
//!      files          rows           sharding       shuffle         datasize
//!      names of       rows of each   steps of       files of each   how many files,
//!      files          row group      each rank      rank and epoch  bytes on disk
//! ```
//!
//! Orders and record sizes that DLIO draws from NumPy's legacy generator are reproduced exactly
//! ([`Mt19937`]). `docs/dlio-differences.md` lists what differs from DLIO; loading warns of each key
//! that has no effect here.

mod bounds;
mod enums;
mod error;

mod keys;
mod load;
mod overrides;
mod section;
mod yaml;

mod column;
mod dataset;
mod distribution;
mod workload;

mod datasize;
mod dimensions;
mod files;
mod footprint;
mod mt19937;
mod partition;
mod rows;
mod sharding;
mod shuffle;

pub use column::{Column, Dtype};
pub use dataset::{Dataset, Parquet};
pub use datasize::{Client, Datasize, FILES_PER_FOLDER, MEMORY_FACTOR, STEPS_MIN};
pub use dimensions::Dimensions;
pub use distribution::Distribution;
pub use enums::{
    Compression, DataLoaderSampler, DataLoaderType, DatasetType, FileAccess, FormatType,
    FrameworkType, LegacySchema, Named, Profiler, ReadType, Shuffle, StorageType, UnknownName,
};
pub use error::{Place, WorkloadError};
pub use footprint::Footprint;
pub use load::{Loaded, load, load_text};
pub use mt19937::Mt19937;
pub use rows::{ROW_GROUP_ROWS_MAX, RowLayout};
pub use sharding::{Sharding, files_per_rank};
pub use shuffle::FileShuffle;
pub use workload::{
    Evaluation, Metric, Model, Output, OutputMetric, RANKS_MAX, Reader, Storage, Train, Workflow,
    Workload,
};
