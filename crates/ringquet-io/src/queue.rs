//! Queues over a driver: split, pushed, reaped, tried again where short or refused, given back whole.

pub(crate) mod patience;
mod piece;
pub(crate) mod slab;
mod watch;

pub(crate) mod engine;

mod file_table;
pub(crate) mod read;

pub(crate) mod write;
