//! Bytes to columns: footers, row groups and digests, held against the `parquet` crate on the same bytes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, and its line says why")]

mod arrays;
pub(crate) mod by_hand;
mod support;

mod all_null;
mod annotations;
mod differential;
mod digest;
mod footer;
mod golden;
mod hostile;
mod metadata;
mod old_lists;
mod old_v2_pages;
mod pyarrow;
mod reuse;
mod short_chunks;
mod twelve_bytes;
