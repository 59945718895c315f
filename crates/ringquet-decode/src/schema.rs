//! The list of columns in a footer, from thrift bytes to Arrow fields and to what the kernels cover.
//!
//! It is read twice: by us, for its tree and for what is refused or mended, and by the `parquet` crate, which is given a list
//! that we wrote anew ([`rewrite`]).

// read by us
pub(crate) mod kinds;
pub(crate) mod projection;
pub(crate) mod tree;

// written anew, and seen through the `parquet` crate
mod annotation;
pub(crate) mod rewrite;

pub(crate) mod views;

// how the kernels read a column
pub(crate) mod column_layout;

pub(crate) mod file_schema;
