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

mod chunks;
pub(crate) mod column_chunk;
mod created_by;
mod details;
pub(crate) mod file_footer;
mod narrow;
mod parse;
mod short_chunks;
pub(crate) mod tail;
mod template;

pub use column_chunk::ColumnChunk;
pub use details::{ColumnChunkDetails, FooterDetails, PageCount};
pub use file_footer::Footer;
pub use parse::ParseOptions;
pub use tail::{TAIL_LEN, footer_len};
