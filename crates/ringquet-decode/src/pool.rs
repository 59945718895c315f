//! Memory for decoded columns, used again and again.
//!
//! Fresh memory costs more than decoding does: the kernel clears each page on first touch. So arrays take their memory
//! from a pool, and it goes home when the last reference to the array is dropped, wherever and whenever that is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A pool of output memory. Cloning it gives another handle to the same pool; batches may outlive every handle.
#[derive(Debug, Clone, Default)]
pub struct BufferPool {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    allocated_buffers: AtomicU64,
    allocated_bytes: AtomicU64,
    reused_buffers: AtomicU64,
}

/// What a pool has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolCounters {
    /// Buffers taken from the system's allocator.
    pub allocated_buffers: u64,
    /// Bytes of them.
    pub allocated_bytes: u64,
    /// Buffers that had been used before.
    pub reused_buffers: u64,
}

impl BufferPool {
    /// An empty pool.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What this pool has done so far.
    #[must_use]
    pub fn counters(&self) -> PoolCounters {
        // Each counter is exact on its own; between them there is no order to keep.
        PoolCounters {
            allocated_buffers: self.shared.allocated_buffers.load(Ordering::Relaxed),
            allocated_bytes: self.shared.allocated_bytes.load(Ordering::Relaxed),
            reused_buffers: self.shared.reused_buffers.load(Ordering::Relaxed),
        }
    }
}
