//! Footers: where everything in a file lies.

mod chunks;
mod created_by;
mod details;
pub(crate) mod file_footer;
mod narrow;
mod parse;
mod short_chunks;
mod template;

pub use details::{ColumnChunkDetails, FooterDetails, PageCount};
