//! Queues over a driver: split, pushed, reaped, tried again where short or refused, given back whole.

pub(crate) mod patience;
pub(crate) mod slab;
mod watch;

mod file_table;
pub(crate) mod read;
mod request;

pub(crate) mod write;
mod write_carrier;
