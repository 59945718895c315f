//! Bytes from storage, at the speed of the device, on as little CPU as can be. Knows files, offsets and
//! memory; does not know the word Parquet.
//!
//! ```text
//!              a reader thread's queue                            storage
//!  read(range, slot) ─▶ pieces ≤ 512 KiB ─▶ SQ ─▶ io_uring ─▶ ┌────────────┐
//!                                                             │ O_DIRECT   │
//!  Completed ◀─ whole ranges ◀─ short? resubmit ◀─ CQ ◀─────  └────────────┘
//!      │                       arena (registered once)
//!      └─▶ Filled: &[u8] in place; dropping it frees the slot
//! ```
//! Modules in reading order: what is asked ([`options`]), what is read ([`mod@file`], [`mod@align`]), where it lands
//! ([`arena`]), who carries it ([`driver`] and its four implementations), the queue over them ([`queue`]),
//! the way back ([`write_queue`]), and what is reported afterwards ([`counters`], [`device`], [`usage`], [`throughput`]).

pub mod error;
pub mod options;

pub mod align;
pub mod file;
mod file_table;
pub mod path_text;

pub mod arena;
mod sync;

pub mod driver;
mod one_by_one;

mod mmap;
mod pread;
pub mod sim;
mod uring;

mod patience;
mod probe;
pub mod queue;
mod slab;

mod stream_copy;
mod write_carrier;
mod write_file;
pub mod write_queue;

pub mod counters;
pub mod cpus;
pub mod device;
pub mod memory_limit;
pub mod throughput;
pub mod usage;

pub use align::Alignment;
pub use arena::{Arena, Filled, PageKind, Slot};
pub use counters::{IoCounters, Latency};
pub use driver::{Driver, DriverFacts, DriverName};
pub use error::IoError;
pub use file::{DataFile, Identity};
pub use memory_limit::MemoryLimit;
pub use options::{DirectChoice, DriverChoice, HugePages, IoOptions, SqPoll};
pub use patience::Patience;
pub use queue::{Completed, ReadQueue};
pub use ringquet_result::{Warning, WarningCode};
pub use throughput::throughput_text;
pub use uring::{UringFeature, UringFeatures, uring_features};
pub use write_file::WriteFile;
pub use write_queue::{WriteChoice, WriteDriver, WriteOptions, WriteQueue, WriteSlot};

#[cfg(all(test, feature = "interleave"))]
mod interleavings;
