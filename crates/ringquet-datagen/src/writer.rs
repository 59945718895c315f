//! A Parquet writer: pages, column chunks, the footer.

pub(crate) mod chunk;
pub(crate) mod codec;
pub(crate) mod dictionary;
pub(crate) mod footer;
pub(crate) mod hybrid;
pub(crate) mod page;
pub(crate) mod plain;
pub(crate) mod schema;
pub(crate) mod statistics;
