//! Parquet from an NVMe array into Arrow buffers, at the speed of the array, decoded for real.
//!
//! ```text
//!  footers ─▶ PLAN ────────▶ SUBMIT ───────▶ COMPLETE ──────▶ DECODE ─────────▶ DELIVER ───▶ you
//!             which bytes     SQEs, fixed      CQEs, short     decompress,       RecordBatches
//!                             buffers, O_DIRECT reads, errors  levels, values    in reused buffers
//! ```
//! One pinned reader thread per core does all of it for its own row groups, in one loop, without handing bytes
//! to another core: while reads are in the kernel it decodes what has come back.
//!
//! ```
//! use std::sync::Arc;
//! use ringquet::{Dataset, EngineOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("a.parquet");
//! # ringquet_example::write(&path)?;
//! let options = EngineOptions { columns: Some(vec!["id".into()]), threads: Some(1), ..EngineOptions::default() };
//! let dataset = Arc::new(Dataset::open(&[path], options)?);
//! let mut rows = 0;
//! for batch in dataset.batches() {
//!     rows += batch?.columns.num_rows(); // a RecordBatch with the column `id`
//! }
//! assert_eq!(rows as u64, dataset.num_rows());
//! # Ok(())
//! # }
//! # mod ringquet_example {
//! #     use std::sync::Arc;
//! #     use arrow_array::{Int64Array, RecordBatch};
//! #     pub fn write(path: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
//! #         let ids = Arc::new(Int64Array::from_iter_values(0..1000));
//! #         let batch = RecordBatch::try_from_iter([("id", ids.clone() as _), ("other", ids as _)])?;
//! #         let file = std::fs::File::create(path)?;
//! #         let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None)?;
//! #         writer.write(&batch)?;
//! #         writer.close()?;
//! #         Ok(())
//! #     }
//! # }
//! ```
//! A consumer that can work on the reader thread itself passes a visitor to [`Dataset::scan`]: no queue, no
//! other core. One that emulates many readers brings its own [`Lane`]s to [`play`].
//!
//! Modules in reading order: [`options`], [`shares`] (of memory), [`listing`], [`dataset`] and [`footers`] (open), [`plan`], `row_group` and `reader` (the
//! loop), [`lane`], [`scan`] and [`stream`] (deliver), [`report`] and [`environment`] (tell).

pub mod error;
pub mod options;
pub mod shares;

pub mod listing;

pub mod dataset;
pub mod footers;
mod foreign;

pub mod plan;

mod batch_queue;
mod memory;
mod oddities;
pub mod panics;
mod reader;
mod row_group;
mod sync;
mod threads;

pub mod lane;
pub mod scan;
pub mod stream;

pub mod environment;
pub mod report;

pub use dataset::{Dataset, FileEntry};
pub use environment::Environment;
pub use error::{Error, Unopened};
pub use lane::{Batch, Delivery, Demand, Gate, Lane, StopFlag};
pub use listing::{Listing, find_files};
pub use options::EngineOptions;
pub use plan::{Plan, RowGroupId};
pub use reader::DecodeMode;
pub use report::ScanReport;
pub use stream::{BatchStream, Playing, play};

pub use ringquet_decode::{ContentDigest, DecoderChoice, Int96};
pub use ringquet_io::{DirectChoice, DriverChoice, HugePages, IoOptions, SqPoll, Warning};

#[cfg(all(test, feature = "interleave"))]
mod interleavings;
