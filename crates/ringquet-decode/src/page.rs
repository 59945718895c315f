//! Pages: their headers, and the walk over a column chunk that finds them.
//!
//! A header that is like one that was met before is known without being parsed ([`header_memo`]).

pub(crate) mod header;

pub(crate) mod header_memo;
pub(crate) mod walk;
