//! Thrift's compact protocol, as far as Parquet's metadata needs it: page headers and footers.
//!
//! ```text
//! struct  field*  0x00
//! field   ┌ id delta:4 │ kind:4 ┐ [zigzag id when delta = 0]  value
//! list    ┌ size:4 │ kind:4 ┐ [varint size when size = 15]    value*
//! binary  varint length, bytes        i16, i32, i64   zigzag varint
//! ```
//! What is public here is for the writer of `ringquet-datagen`.

pub(crate) mod kind;
pub(crate) mod varint;

pub(crate) mod reader;
pub(crate) mod writer;

pub(crate) mod masked;

pub use varint::write as write_varint;
pub use writer::StructWriter;
