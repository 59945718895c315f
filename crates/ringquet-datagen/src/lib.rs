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
//! - A file appears under its name only when it is whole and on disk. A full disk, an error or a
//!   stop leaves nothing under a final name, and no temporary file.
//! - [`generate`] with [`Existing::Resume`] trusts only what the manifest lists and what still has
//!   the size and digest that it lists.
//! - [`verify`] reads everything back, compares digests, and where one differs regenerates the
//!   content and names the first row that is not what it was.

// Modules in reading order; each uses only those above it.

// loops over values, compiled for wide vectors
mod wide;

// values as a Parquet file
mod writer;

// every value, from the seed
mod content;

// what can go wrong, what can be chosen
mod manifest_name;

mod error;
mod options;

// from a workload to rows, columns and files
mod columns;
mod recipe;

mod plan;

// one file on disk
mod partial;
mod sink;

mod data_file;

// what was written
mod manifest;

// is it still?
mod difference;
mod problem;

mod check;

// all files
mod generate;
mod verify;

pub use columns::columns_of;
pub use content::GENERATOR;
pub use content::options::ContentOptions;
pub use error::DatagenError;
pub use generate::{GenerateReport, generate};
pub use manifest::{
    MANIFEST_SCHEMA_VERSION, Manifest, ManifestColumn, ManifestFile, ManifestWorkload,
};
pub use manifest_name::MANIFEST_NAME;
#[doc(hidden)]
pub use options::TestStorage;
pub use options::{DatagenOptions, Existing, Progress, Silent};
pub use plan::{Plan, PlannedFile};
pub use problem::{Problem, ProblemKind};
pub use ringquet_io::{WriteChoice, WriteDriver};
pub use ringquet_result::{Warning, WarningCode};
pub use verify::{VerifyOptions, VerifyReport, verify};
pub use writer::options::PageOptions;
pub use writer::schema::{DataColumn, DataKind, Shape, schema_of};
