//! Writes the data set of a workload from a seed, and verifies it.
//!
//! ```text
//!  Workload ──▶ PLAN ────────▶ CONTENT ─────────▶ WRITE ───────────▶ MANIFEST
//!               which files,    every value from    temporary name,    path, rows, bytes, digest
//!               how many rows   seed, file, row     fsync, rename      of every file
//!               in which        group and column
//!               row group
//! ```
//! - [`Plan`] is arithmetic: a data set of 5 TB is planned in microseconds.
//! - Content is a function of ([`GENERATOR`], seed, half, file, row group, column) alone. It does not depend on
//!   the number of threads nor on which part of the files is written, so several hosts can each
//!   write theirs ([`DatagenOptions::first_file`], [`DatagenOptions::files`]).
//! - A file gets its final name only when it is complete and on disk. A full disk, an error or a
//!   stop leaves neither an incomplete file under a final name nor a temporary file.
//! - [`generate`] with [`Existing::Resume`] keeps only files that the manifest lists and that still have
//!   the listed size and digest.
//! - [`verify`] reads everything back and compares digests. Where one differs, it regenerates the
//!   content and names the first row that differs.

// loops for all that follows
mod wide;

// values as a Parquet file
mod writer;

// every value, from the seed
mod content;

// which files, which rows
mod plan;

// files on disk
mod data_file;
mod partial;
mod sink;

// what was written
mod manifest;

// is it still?
mod check;
mod difference;

mod generate;
mod verify;

mod error;
mod options;

pub use error::DatagenError;
pub use generate::{GenerateReport, generate};
pub use manifest::{
    GENERATOR, MANIFEST_NAME, MANIFEST_SCHEMA_VERSION, Manifest, ManifestColumn, ManifestFile,
    ManifestWorkload,
};
#[doc(hidden)]
pub use options::TestStorage;
pub use options::{ContentOptions, DatagenOptions, Existing, PageOptions, Progress, Silent};
pub use plan::{Plan, PlannedFile};
pub use ringquet_io::{WriteChoice, WriteDriver};
pub use verify::{Problem, ProblemKind, VerifyOptions, VerifyReport, verify};
pub use writer::schema::{DataColumn, DataKind, Shape, columns_of, schema_of};
