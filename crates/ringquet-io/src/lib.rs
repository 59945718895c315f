//! Bytes from storage, at the speed of the device, on as little CPU as possible. This crate is about files, offsets
//! and memory, not about Parquet.
//!
//! ```text
//!              a reader thread's queue                            storage
//!  read(range, slot) ─▶ pieces ≤ 512 KiB ─▶ SQ ─▶ io_uring ─▶ ┌────────────┐
//!                                                             │ O_DIRECT   │
//!  Completed ◀─ whole ranges ◀─ short? resubmit ◀─ CQ ◀─────  └────────────┘
//!      │                       arena (registered once)
//!      └─▶ Filled: &[u8] in place; dropping it frees the slot
//! ```
//! Modules in reading order: what is asked (`options`), memory (`memory`: arena, slots, pages), files and what lies below them
//! (`storage`), one system call at a time (`driver` and its implementations), the queues of reads and of writes over it
//! (`queue`), and what is reported afterwards (`counters`, [`throughput`]).

mod error;
mod options;

mod sync;

mod memory;

mod storage;

mod driver;

mod counters;
mod queue;

#[doc(hidden)]
pub mod random;
pub mod throughput;

pub use counters::{DepthPoint, DepthTimeline, IoCounters, Latency};
pub use driver::sim;
pub use driver::uring::{UringFeature, UringFeatures, uring_features};
pub use driver::{Begins, Driver, DriverFacts, DriverName, RawCompletion, RawRead, RawWrite};
pub use error::IoError;
pub use memory::{Alignment, Arena, Filled, PageKind, Slot};
pub use options::{DirectChoice, DriverChoice, HugePages, IoOptions, Patience, SqPoll};
pub use queue::engine::WAIT_MAX;
pub use queue::read::{Completed, ReadQueue};
pub use queue::write::{
    WRITE_ALIGNMENT, WriteChoice, WriteDriver, WriteOptions, WriteQueue, WriteSlot,
};
pub use storage::file::{DataFile, Identity};
pub use storage::memory_limit::MemoryLimit;
pub use storage::write_file::WriteFile;
pub use storage::{cpus, device, file, usage};
pub use throughput::throughput_text;

#[cfg(all(test, feature = "interleave"))]
mod interleavings;
