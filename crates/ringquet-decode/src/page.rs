//! Pages: their headers, and the walk over a column chunk that finds them.

pub(crate) mod header;
pub(crate) mod header_memo;
pub(crate) mod walk;
