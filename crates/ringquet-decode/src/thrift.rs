//! Thrift's compact protocol, as far as Parquet's metadata needs it: page headers and footers.

pub(crate) mod masked;
pub(crate) mod reader;
pub(crate) mod writer;
