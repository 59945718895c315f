//! Bytes to columns: from the bytes of a Parquet file to Arrow arrays.
//!
//! This crate uses no file descriptors. It takes bytes, or requests them by their offsets, and returns record batches.
//!
//! ```text
//!  file        │PAR1│ row group 0          │ row group 1 │ …              │ footer │ length │PAR1│
//!                   ╱                       ╲                               Footer::parse
//!  row group   │ column chunk a │ column chunk b │ column chunk c │         RowGroupDecoder
//!                              ╱                  ╲
//!  column      │ header │ dictionary page │ header │ data page │ header │ data page │   page walk
//!  chunk                                          ╱             ╲
//!  page        │ repetition levels │ definition levels │ values │           decompressed where needed
//!                                                              ↓
//!                                                       Arrow array of `batch_rows` rows
//! ```
//!
//! - [`footer_len`] and [`Footer::parse`] read the end of the file: the positions of the column chunks of a [`Projection`], in about
//!   ten bytes per column chunk.
//! - [`RowGroupDecoder`] walks one row group. It is a state machine: [`Step::NeedsBytes`] names the bytes it needs next
//!   from a [`ChunkSource`], [`Step::Batch`] returns rows. It never requests more than one page.
//! - Flat columns and lists one level deep are decoded by our own kernels ([`DecoderChoice`]) into memory of a
//!   [`BufferPool`], which is used again once the last reference to a batch is gone.
//! - What our own kernels do not cover is decoded by the `parquet` crate over the same pages; [`DecodeCounters`] counts
//!   both.
//! - [`RowGroupDigest`] hashes decoded content so that two ways of decoding can be compared.
//!
//! Nothing in the bytes is trusted. Every length, count and offset is checked against the existing bytes before it is used or
//! memory is allocated for it. Anything wrong is returned as a [`DecodeError`] with its numbers.

#![deny(unsafe_code)]

// Modules in reading order; each uses only those above it.

// the compact protocol, and numbers in as many bytes as they need
#[doc(hidden)]
pub mod thrift;

// names of the specification
mod codec;
mod encoding;

// what can be wrong, and calls into the parquet crate that become it
mod error;
mod guarded;

// how to read, and from where
mod options;
mod source;

// views of bytes, and loops over them
mod words;

mod kernels;

// runs of levels and of dictionary indices
mod levels;

// columns: as the file lists them, as Arrow shows them, as the kernels read them
mod stored;

mod schema;

// where their chunks lie
mod footer;

// from a chunk to its pages
mod decompress;

mod page;

// memory that is used again
mod sync;

mod pool;

// from pages to arrays: by our kernels, by the parquet crate
mod fill;

mod column;
mod fallback;

// all columns of a row group, batch by batch
mod batch_size;
mod row_group;

// hashes of what came out
mod digest;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

pub use batch_size::COLUMN_BYTES_MIN;
pub use codec::Codec;
pub use digest::{ContentDigest, FileDigest, ParseDigestError, RowGroupDigest};
pub use encoding::{EncodingSet, PageEncoding};
pub use error::{DecodeError, Place};
pub use fill::DecodeCounters;
pub use footer::{
    ColumnChunk, ColumnChunkDetails, Footer, FooterDetails, PageCount, ParseOptions, TAIL_LEN,
    footer_len,
};
pub use options::{BatchGrid, DecodeOptions, DecoderChoice};
pub use page::header::{PageHeader, PageKind};
pub use pool::{BufferPool, Hold, PoolCounters, PoolLimits};
pub use row_group::{RowGroupDecoder, Step};
pub use schema::file_schema::{FileSchema, Root};
pub use schema::projection::Projection;
pub use source::ChunkSource;
pub use stored::Int96;

/// Unpacks bit-packed values: the kernel on its own, for `benches/`, which holds it beside the `parquet` crate's.
///
/// # Panics
/// When `width` is more than 32.
#[doc(hidden)]
pub fn unpack_bits(bytes: &[u8], width: u32, out: &mut [u32]) {
    kernels::bit_unpack::unpack(bytes, width, out);
}

#[cfg(all(test, feature = "interleave"))]
mod interleavings;
