//! Memory that reads land in and writes come from: one arena per thread, and the slots cut from it.

pub(crate) mod align;

mod free_runs;
mod pages;

pub(crate) mod arena;
mod slot;
pub(crate) mod stream_copy;

pub use align::Alignment;
pub use arena::Arena;
pub use pages::PageKind;
pub use slot::{Filled, Slot};
