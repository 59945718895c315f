//! From plans to decoded batches, on reader threads: one loop, and the lanes that it serves.

pub(crate) mod lane;
mod row_group;

pub(crate) mod reader;

pub(crate) mod ordered_row_groups;
pub(crate) mod play;
pub(crate) mod row_group_queue;
pub(crate) mod visit;
