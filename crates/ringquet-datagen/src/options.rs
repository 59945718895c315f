//! What a caller can choose, and how it hears of progress.

use ringquet::engine::{DirectChoice, EngineOptions};
use ringquet_io::{DriverChoice, IoError, IoOptions, WriteChoice, WriteOptions, WriteQueue};
use ringquet_result::Warning;
use serde::{Deserialize, Serialize, Serializer};

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

/// Choices that change the values of a data set. The manifest holds them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ContentOptions {
    /// Fraction of values, from 0 to below 1, that repeat an earlier value of their column chunk.
    /// Default 0: values of 24 bits and more do not come again while a dictionary has room, so that
    /// every entry is used once and nothing compresses. 0.9 leaves one new value in ten.
    pub repeat_fraction: f64,
    /// Floats of any bit pattern, NaN and infinities included, as DLIO writes them. Default false:
    /// all finite patterns, subnormals included, equally likely.
    pub raw_floats: bool,
}

impl Default for ContentOptions {
    fn default() -> Self {
        Self { repeat_fraction: 0.0, raw_floats: false }
    }
}

/// Choices that change the pages of a data set and none of its values. The default is what PyArrow
/// writes and DLIO therefore has. The manifest holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PageOptions {
    /// Dictionaries, except for booleans. Default true. Without them random content is a quarter
    /// smaller and trivial to decode.
    pub dictionary: bool,
    /// BYTE_STREAM_SPLIT, and no dictionary, for numbers that are stored in 2, 4 or 8 bytes of
    /// their own: floats and integers from 32 bits on. Default false.
    pub byte_stream_split: bool,
    /// Data pages v2. Default false.
    pub data_page_v2: bool,
    /// Column index and offset index, behind each row group. Page headers then have no statistics,
    /// as with Arrow. Default false.
    pub page_index: bool,
    /// Bytes from which on a data page is full, looked at after every 1,024 values or at the next
    /// row. Default 1 MiB.
    pub page_bytes: u32,
}

/// Bounds of [`PageOptions::page_bytes`]: below, headers outweigh values; above, a page does not
/// fit in its 31-bit length together with a row.
pub(crate) const PAGE_BYTES_RANGE: std::ops::RangeInclusive<u32> = 64..=(512 << 20);

impl Default for PageOptions {
    fn default() -> Self {
        Self {
            dictionary: true,
            byte_stream_split: false,
            data_page_v2: false,
            page_index: false,
            page_bytes: 1 << 20,
        }
    }
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

/// A number of which 0 means that it is left open.
pub(crate) fn null_if_0<S: Serializer>(number: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    (*number > 0).then_some(*number).serialize(serializer)
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
