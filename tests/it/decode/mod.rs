//! Bytes to columns: footers, row groups and digests, held against the `parquet` crate on the same bytes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, and its line says why")]

mod arrays;
mod support;

mod differential;
mod digest;
mod footer;
mod golden;
mod hostile;
mod pyarrow;
mod reuse;
