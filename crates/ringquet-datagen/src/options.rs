//! What a caller can choose, and how it hears of progress.

use ringquet::engine::{DirectChoice, EngineOptions};
use ringquet_io::{DriverChoice, IoError, IoOptions, WriteChoice, WriteOptions, WriteQueue};

use ringquet_result::Warning;
use serde::{Serialize, Serializer};

use crate::content::options::ContentOptions;
use crate::writer::options::PageOptions;

/// What to do with files that are already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    /// Refuse to touch them.
    #[default]
    Refuse,
    /// Keep those that a manifest of the same seed and workload lists and whose size and digest are
    /// as listed; write the others again.
    Resume,
    /// Write all of them again.
    Force,
}

/// How a data set is generated.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DatagenOptions {
    /// Seed of all content. Default 10, DLIO's seed for generation.
    pub seed: u64,
    /// Index of the first file to write, counted over training files then evaluation files.
    pub first_file: u64,
    /// Files to write from there on; `None`: all that follow. Fewer are written where the data set
    /// ends sooner.
    pub files: Option<u64>,
    /// Threads; 0, which documents show as null, takes one per CPU that this process may use. Never more than there are files.
    #[serde(serialize_with = "null_if_0")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<usize>"))]
    pub threads: usize,
    /// What to do with files that are there. Default [`Existing::Refuse`].
    pub existing: Existing,
    /// Whether files are written around the page cache. Default: where the file system can.
    pub direct: DirectChoice,
    /// The I/O driver for writes. Default: io_uring where it works, else pwrite and a warning.
    pub driver: WriteChoice,
    /// Choices about values.
    pub content: ContentOptions,
    /// Choices about pages.
    pub pages: PageOptions,
    /// In place of this machine's storage: for tests.
    #[doc(hidden)]
    #[serde(skip)]
    pub storage: Option<TestStorage>,
}

/// What a test has in place of this machine's storage.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestStorage {
    /// How it is read; with [`DriverChoice::Sim`] also how it is written.
    pub io: IoOptions,
    /// Memory of all reader threads, in bytes.
    pub memory_budget_bytes: u64,
}

/// Options for reading files back.
pub(crate) fn engine_options(storage: Option<&TestStorage>, threads: usize) -> EngineOptions {
    let threads = (threads > 0).then_some(threads);
    let engine = EngineOptions { threads, ..EngineOptions::default() };
    match storage {
        None => engine,
        Some(TestStorage { io, memory_budget_bytes }) => EngineOptions {
            io: io.clone(),
            memory_budget_bytes: Some(*memory_budget_bytes),
            ..engine
        },
    }
}

/// The queue of a thread that writes.
pub(crate) fn write_queue(
    storage: Option<&TestStorage>,
    driver: WriteChoice,
    warnings: &mut Vec<Warning>,
) -> Result<WriteQueue, IoError> {
    let options = WriteOptions { driver, ..WriteOptions::default() };
    match storage {
        Some(TestStorage { io, .. }) if io.driver == DriverChoice::Sim => {
            // Small slots: a file of a test shall have several.
            let patience = io.patience;
            let options = WriteOptions { slot_bytes: 64 << 10, slots: 4, patience, ..options };
            WriteQueue::simulated(&io.sim, &options)
        }
        _ => WriteQueue::new(&options, warnings),
    }
}

impl Default for DatagenOptions {
    fn default() -> Self {
        Self {
            seed: 10,
            first_file: 0,
            files: None,
            threads: 0,
            existing: Existing::Refuse,
            direct: DirectChoice::Auto,
            driver: WriteChoice::Auto,
            content: ContentOptions::default(),
            pages: PageOptions::default(),
            storage: None,
        }
    }
}

/// Hears of progress, from any thread.
pub trait Progress: Sync {
    /// Work of about so many bytes and exactly so many files begins.
    fn begin(&self, bytes_estimated: u64, files: u64) {
        let _ = (bytes_estimated, files);
    }

    /// So many more bytes and files are done. Called at least once per mebibyte or file.
    fn advance(&self, bytes: u64, files: u64);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn advance(&self, _: u64, _: u64) {}
}

impl<F: Fn(u64, u64) + Sync> Progress for F {
    fn advance(&self, bytes: u64, files: u64) {
        self(bytes, files);
    }
}

/// Threads to use for `units` of work.
pub(crate) fn threads_for(asked: usize, units: usize) -> usize {
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    let wanted = if asked == 0 { available() } else { asked };
    wanted.clamp(1, units.max(1))
}

/// A number of which 0 means that it is left open.
pub(crate) fn null_if_0<S: Serializer>(number: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    (*number > 0).then_some(*number).serialize(serializer)
}
