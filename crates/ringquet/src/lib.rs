//! Reads Parquet from an NVMe array into Arrow buffers, at the speed of the array.
//!
//! ```text
//!  footers ─▶ PLAN ────────▶ SUBMIT ───────▶ COMPLETE ──────▶ DECODE ─────────▶ DELIVER ───▶ you
//!             which bytes     SQEs, fixed      CQEs, short     decompress,       RecordBatches
//!                             buffers, O_DIRECT reads, errors  levels, values    in reused buffers
//! ```
//! One pinned reader thread per core does all of this for its own row groups in one loop, without passing bytes
//! to another core. While reads are in the kernel, it decodes the bytes that have arrived.
//!
//! ```
//! use ringquet::{Dataset, Direct};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("a.parquet");
//! # ringquet_example::write(&path)?;
//! let dataset = Dataset::open(&[path])?;
//! let mut rows = 0;
//! for batch in dataset.scan().columns(["id"]).threads(2).direct(Direct::Auto).batches()? {
//!     rows += batch?.num_rows(); // an Arrow RecordBatch with the column `id`
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
//! # Which method of a scan
//!
//! | to get | use |
//! |---|---|
//! | an iterator, or a reader for Arrow's own functions | [`Scan::batches`], an Arrow `RecordBatchReader` |
//! | the place of the rows of a batch, or files of several schemas | [`Scan::placed_batches`] |
//! | a callback on the reader threads, without a queue | [`Scan::visit`] |
//! | the order of the files with several threads | [`Scan::ordered`] before any of these |
//! | passes of training: shuffled, shared by ranks, resumed | [`Scan::epoch`] with an [`epoch::Epoch`] |
//! | rows by their numbers | [`Scan::take`] |
//! | batches to await | `Scan::stream`, with the feature `async` |
//! | several consumers, or your own order of row groups | [`engine::play`] with your own [`engine::Lane`]s |
//!
//! A batch has its place: file, row group, first row. A row group has an id, [`RowGroupId`], and [`Scan::row_groups`] takes any
//! of them; its plan is a pure function of column chunks ([`engine::plan::row_group`]).
//!
//! # Stability
//! The items at the root may grow but do not change: its structs and enums are `#[non_exhaustive]`, or builders.
//! [`report`] and [`engine`] follow the engine and change with a minor version.

pub mod arrow;
pub mod engine;
pub mod report;

mod choices;
mod error;
mod options;
mod shares;

mod panics;
mod sync;
mod threads;

mod open;

mod plan;

mod read;

mod deliver;

mod scan;

pub mod epoch;
mod take;

pub use choices::{Direct, Driver};
#[cfg(feature = "async")]
pub use deliver::batch_stream::BatchStream;
pub use deliver::batches::Batches;
pub use deliver::placed_batches::PlacedBatches;
pub use deliver::waited::Waited;
pub use error::{Error, Unopened};
pub use open::dataset::Dataset;
pub use open::file_entry::FileEntry;
pub use plan::RowGroupId;
pub use read::lane::{Batch, StopFlag};
pub use scan::Scan;

pub use ringquet_decode::ContentDigest;
pub use ringquet_result::{OptionError, Warning, WarningCode};

#[cfg(all(test, feature = "interleave"))]
mod interleavings;
