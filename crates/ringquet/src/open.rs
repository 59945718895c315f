//! From paths to footers: which files there are, and what they hold.

mod foreign;
pub(crate) mod listing;

pub(crate) mod file_entry;
pub(crate) mod footers;
pub(crate) mod kept_arenas;
mod oddities;

pub(crate) mod dataset;
