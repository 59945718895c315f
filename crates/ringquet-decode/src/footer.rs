//! The footer: where everything in a file lies.
//!
//! ```text
//! … row groups … │ FileMetaData, thrift │ length: u32 LE │ "PAR1" │
//!                └──── footer_len ──────┴─── tail, 8 bytes ───────┘ end of file
//! ```
//!
//! A real DLRM file has 768 row groups of 200 columns and a footer of 17.7 MB, nearly all of it statistics and columns
//! that are not needed. So the thrift bytes are walked once by our own reader, which steps over both ([`template`]), and what is
//! kept is a few bytes per selected column chunk ([`chunks`]). Only the schema goes to the `parquet` crate: it gets a
//! little footer of its own, with no row groups and the schema written anew ([`crate::schema::rewrite`]).

pub(crate) mod column_chunk;
pub(crate) mod tail;

// what is kept
mod chunks;

pub(crate) mod file_footer;

// how it is read: once, most of it by its likeness to what came before
mod created_by;
mod short_chunks;
mod template;

mod parse;

// fewer columns of it, and more about them
mod details;
mod narrow;

pub use column_chunk::ColumnChunk;
pub use details::{ColumnChunkDetails, FooterDetails, PageCount};
pub use file_footer::Footer;
pub use parse::ParseOptions;
pub use tail::{TAIL_LEN, footer_len};
