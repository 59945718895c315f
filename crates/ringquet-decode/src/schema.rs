//! The list of columns in a footer, from thrift bytes to Arrow fields and to what the kernels cover.

mod annotation;
pub(crate) mod column_plan;
pub(crate) mod file_schema;
pub(crate) mod kinds;
pub(crate) mod projection;
pub(crate) mod rewrite;
pub(crate) mod tree;
pub(crate) mod views;
