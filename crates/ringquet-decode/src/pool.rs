//! Memory for decoded columns, used again and again.
//!
//! Fresh memory costs more than decoding does: the kernel clears each page on first touch. So arrays take their memory
//! from a pool, and it goes home when the last reference to the array is dropped, wherever and whenever that is.
//!
//! ```text
//! BufferPool ── take ──▶ PoolBuffer ── freeze ──▶ arrow Buffer ─▶ array ─▶ batch
//!     ▲                  one owner, writable      shared, read only         │
//!     └────────────────────── last reference dropped ◀──────────────────────┘
//! ```

#![expect(unsafe_code, reason = "hands memory to Arrow and takes it back")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::BTreeMap;
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, TryLockError};

use arrow_buffer::Buffer;
use memmap2::{Advice, MmapMut, MmapOptions};

use crate::decompress::Decompressor;
use crate::error::Fault;
use crate::page::header_memo::HeaderMemo;
use crate::sync::atomic::{AtomicU64, AtomicUsize};
use crate::sync::{Mutex, MutexGuard};

/// Alignment of every buffer: a cache line, and what AVX-512 and Arrow's own allocations have.
const ALIGNMENT: usize = 64;

/// Smallest buffer. Smaller wishes get this, so that they can serve each other. A file of 60,000 columns has as many at once.
const BYTES_MIN: usize = 256;

/// Buffers of this size or more are mappings of their own, on huge pages where the kernel has them. The allocator would map them as
/// well, but on pages of 4 KiB, and would write zeros to each: a fresh buffer then takes longer than decoding into it.
const MAPPED_BYTES_MIN: usize = 4 << 20;

/// How much memory a pool and the decoders that use it may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// Free buffers that are kept, in bytes; fewer where decoders leave less of `held_bytes`. Met: those whose size was asked
    /// for longest ago go back to the system. With 0 nothing is used again.
    pub free_bytes_max: usize,
    /// Dictionaries, decompressed and copied pages of all decoders of the pool, in bytes, beyond which they are given back
    /// after each batch, and read again for the next one.
    pub held_bytes: usize,
    /// The same, at most. Only the largest of them may lie beyond it; met otherwise, it is an error.
    pub held_bytes_max: usize,
}

impl Default for PoolLimits {
    /// 64 MiB of free buffers, and no bound on what decoders hold.
    fn default() -> Self {
        Self { free_bytes_max: 64 << 20, held_bytes: usize::MAX, held_bytes_max: usize::MAX }
    }
}

/// A pool of output memory, and of the contexts of codecs. Cloning it gives another handle to the same pool; batches may outlive every handle.
#[derive(Debug, Clone)]
pub struct BufferPool {
    shared: Arc<Shared>,
}

struct Shared {
    /// Free blocks by their capacity.
    free: Mutex<FreeBlocks>,
    /// What no decoder uses at the moment.
    contexts: Mutex<Vec<Contexts>>,
    limits: PoolLimits,
    /// Of the process whose decoders use it. A child of `fork` has its memory, and its lock as it was at that moment.
    pid: u32,
    /// Bytes of dictionaries and decompressed pages, and the largest one there was.
    held_bytes: AtomicUsize,
    largest_held_bytes: AtomicUsize,
    allocated_buffers: AtomicU64,
    allocated_bytes: AtomicU64,
    reused_buffers: AtomicU64,
}

/// What a decoder keeps from one row group to the next.
#[derive(Debug, Default)]
pub(crate) struct Contexts {
    /// Contexts of codecs: making one anew takes longer than a small page.
    pub(crate) decompressor: Decompressor,
    /// Page headers that were met.
    pub(crate) headers: HeaderMemo,
}

#[derive(Default)]
struct FreeBlocks {
    by_capacity: BTreeMap<usize, SizeClass>,
    bytes: usize,
    /// Counts up with every buffer that is requested.
    clock: u64,
}

/// Free blocks of one capacity.
#[derive(Default)]
struct SizeClass {
    blocks: Vec<Block>,
    /// When one of them was last requested.
    asked: u64,
}

impl FreeBlocks {
    /// Takes blocks that may be given back to the system until `bytes` more fit below `max`: those of the size that was asked
    /// for longest ago first.
    fn evict(&mut self, bytes: usize, max: usize) -> Vec<Block> {
        let mut evicted = Vec::new();
        while self.bytes + bytes > max {
            let used = self.by_capacity.iter_mut().filter(|(_, class)| !class.blocks.is_empty());
            let Some((_, class)) = used.min_by_key(|(_, class)| class.asked) else { break };
            let Some(block) = class.blocks.pop() else { break };
            self.bytes -= block.capacity;
            evicted.push(block);
        }
        evicted
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("limits", &self.limits).finish_non_exhaustive()
    }
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

impl PoolCounters {
    /// What was done since a pool had these counters.
    #[must_use]
    pub fn since(&self, before: &PoolCounters) -> PoolCounters {
        PoolCounters {
            allocated_buffers: self.allocated_buffers - before.allocated_buffers,
            allocated_bytes: self.allocated_bytes - before.allocated_bytes,
            reused_buffers: self.reused_buffers - before.reused_buffers,
        }
    }
}

impl Default for BufferPool {
    fn default() -> Self {
        Self::with_limits(PoolLimits::default())
    }
}

impl BufferPool {
    /// An empty pool with the default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty pool with these limits.
    #[must_use]
    pub fn with_limits(limits: PoolLimits) -> Self {
        Self {
            shared: Arc::new(Shared {
                free: Mutex::default(),
                contexts: Mutex::default(),
                limits,
                pid: std::process::id(),
                held_bytes: AtomicUsize::new(0),
                largest_held_bytes: AtomicUsize::new(0),
                allocated_buffers: AtomicU64::new(0),
                allocated_bytes: AtomicU64::new(0),
                reused_buffers: AtomicU64::new(0),
            }),
        }
    }

    /// What it was made with.
    #[must_use]
    pub fn limits(&self) -> PoolLimits {
        self.shared.limits
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

    /// Bytes of free memory that wait to be used again.
    #[must_use]
    pub fn free_bytes(&self) -> usize {
        self.shared.free().bytes
    }

    /// What a decoder keeps from one row group to the next, to be given back.
    pub(crate) fn take_contexts(&self) -> Contexts {
        self.shared.contexts().pop().unwrap_or_default()
    }

    /// Takes it back.
    pub(crate) fn give_back_contexts(&self, contexts: Contexts) {
        self.shared.contexts().push(contexts);
    }

    /// Whether the decoders of this pool, and their sources, hold more than they should.
    #[must_use]
    pub fn holds_too_much(&self) -> bool {
        self.shared.held_bytes.load(Ordering::Relaxed) > self.shared.limits.held_bytes
    }

    /// Nothing yet, of the memory that the decoders of this pool may hold.
    #[must_use]
    pub fn hold(&self) -> Hold {
        Hold { bytes: 0, shared: Arc::clone(&self.shared) }
    }

    /// A buffer of `bytes` bytes or more, with whatever was left in it.
    pub(crate) fn take(&self, bytes: usize) -> PoolBuffer {
        let capacity = size_class(bytes);
        let block = self.shared.reuse(capacity).unwrap_or_else(|| {
            self.shared.allocated_buffers.fetch_add(1, Ordering::Relaxed);
            self.shared.allocated_bytes.fetch_add(capacity as u64, Ordering::Relaxed);
            Block::allocate(capacity)
        });
        PoolBuffer { lease: Lease { block: Some(block), shared: Arc::clone(&self.shared) } }
    }
}

/// Capacities are powers of two and the three steps between them: at most a quarter of a buffer lies idle.
fn size_class(bytes: usize) -> usize {
    let bytes = bytes.max(BYTES_MIN);
    let step = (bytes.next_power_of_two() / 8).max(ALIGNMENT);
    bytes.next_multiple_of(step)
}

impl Shared {
    fn free(&self) -> MutexGuard<'_, FreeBlocks> {
        // Nothing panics while it holds the lock.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Shared::free`], for memory that can come home in a child of `fork`: `None` if a thread of the parent held the lock at
    /// the time, which is never released in the child.
    fn free_unless_forked(&self) -> Option<MutexGuard<'_, FreeBlocks>> {
        match self.free.try_lock() {
            Ok(free) => Some(free),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if std::process::id() != self.pid => None,
            Err(TryLockError::WouldBlock) => Some(self.free()),
        }
    }

    fn contexts(&self) -> MutexGuard<'_, Vec<Contexts>> {
        self.contexts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reuse(&self, capacity: usize) -> Option<Block> {
        let mut free = self.free();
        free.clock += 1;
        let clock = free.clock;
        let class = free.by_capacity.entry(capacity).or_default();
        class.asked = clock;
        let block = class.blocks.pop()?;
        free.bytes -= capacity;
        self.reused_buffers.fetch_add(1, Ordering::Relaxed);
        Some(block)
    }

    fn give_back(&self, block: Block) {
        let held = self.held_bytes.load(Ordering::Relaxed);
        let max = self.limits.free_bytes_max.min(self.limits.held_bytes.saturating_sub(held));
        if block.capacity > max {
            return;
        }
        let Some(mut free) = self.free_unless_forked() else { return };
        let evicted = free.evict(block.capacity, max);
        free.bytes += block.capacity;
        free.by_capacity.entry(block.capacity).or_default().blocks.push(block);
        drop(free);
        // Giving memory back to the system takes time; no thread waits for the lock meanwhile.
        drop(evicted);
    }
}

/// Memory that a decoder or its source holds from one batch to the next: a dictionary, a decompressed page, copied bytes.
/// Counted until it is dropped.
#[derive(Debug)]
pub struct Hold {
    bytes: usize,
    shared: Arc<Shared>,
}

impl Hold {
    /// Holds `after` bytes from now on for what took `before`, whatever the bound: memory that is given back where the pool holds
    /// too much.
    pub fn change(&mut self, before: usize, after: usize) {
        self.count(self.bytes - before + after);
    }

    fn count(&mut self, bytes: usize) {
        // Relaxed: the decoders of a pool are those of one thread; the counters order nothing else.
        if bytes > self.bytes {
            self.shared.held_bytes.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            self.shared.held_bytes.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }

    /// Holds `bytes` from now on, before they are allocated.
    pub(crate) fn set(&mut self, bytes: usize) -> Result<(), Fault> {
        let is_more = bytes > self.bytes;
        self.count(bytes);
        if is_more {
            let shared = &self.shared;
            let largest = shared.largest_held_bytes.fetch_max(bytes, Ordering::Relaxed).max(bytes);
            let total = shared.held_bytes.load(Ordering::Relaxed);
            let bound = shared.limits.held_bytes_max.saturating_add(largest);
            if total > bound {
                let what = "pages and dictionaries of the columns that are read together";
                return Err(Fault::over_limit(what, total, bound, "memory_budget_bytes"));
            }
        }
        Ok(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shared.held_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Memory of its own: `capacity` initialized bytes, aligned to [`ALIGNMENT`].
struct Block {
    address: NonNull<u8>,
    capacity: usize,
    /// What the memory belongs to, if not to the allocator.
    mapping: Option<MmapMut>,
}

// SAFETY: a block owns its memory as a `Vec<u8>` would, and shares it with no one.
unsafe impl Send for Block {}
// SAFETY: through a shared block memory is only read.
unsafe impl Sync for Block {}

impl Block {
    fn layout(capacity: usize) -> Layout {
        Layout::from_size_align(capacity, ALIGNMENT).expect("capacities stay far below isize::MAX")
    }

    fn allocate(capacity: usize) -> Self {
        Self::map(capacity).unwrap_or_else(|| Self::of_the_heap(capacity))
    }

    /// `None` for a small block, and where the kernel refuses: the allocator has the last word.
    fn map(capacity: usize) -> Option<Self> {
        if capacity < MAPPED_BYTES_MIN {
            return None;
        }
        let mut mapping = MmapOptions::new().len(capacity).map_anon().ok()?;
        // A kernel without transparent huge pages refuses; pages of the base size are slower, not wrong.
        let _ = mapping.advise(Advice::HugePage);
        let address = NonNull::new(mapping.as_mut_ptr())?;
        Some(Self { address, capacity, mapping: Some(mapping) })
    }

    fn of_the_heap(capacity: usize) -> Self {
        let layout = Self::layout(capacity);
        // SAFETY: the layout is not empty, its size is a size class.
        let address = unsafe { alloc_zeroed(layout) };
        let address = NonNull::new(address).unwrap_or_else(|| handle_alloc_error(layout));
        Self { address, capacity, mapping: None }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the memory is `capacity` bytes, zeroed when it was allocated or mapped, and lives as long as the block.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.capacity) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; `&mut self` makes this the only access.
        unsafe { std::slice::from_raw_parts_mut(self.address.as_ptr(), self.capacity) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.mapping.is_none() {
            // SAFETY: the memory came from `alloc_zeroed` with this layout and is freed once.
            unsafe { dealloc(self.address.as_ptr(), Self::layout(self.capacity)) }
        }
    }
}

/// A block that goes home when it is dropped.
struct Lease {
    /// `None` only while it is being dropped.
    block: Option<Block>,
    shared: Arc<Shared>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.shared.give_back(block);
        }
    }
}

/// Memory from a pool, in one hand and writable.
pub(crate) struct PoolBuffer {
    lease: Lease,
}

impl fmt::Debug for PoolBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuffer").field("capacity", &self.bytes().len()).finish()
    }
}

impl PoolBuffer {
    fn block(&self) -> &Block {
        self.lease.block.as_ref().expect("the block leaves only when the lease is dropped")
    }

    /// All of its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.block().bytes()
    }

    /// All of its bytes.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let block = self.lease.block.as_mut();
        block.expect("the block leaves only when the lease is dropped").bytes_mut()
    }

    /// Makes room for `bytes` bytes, keeping the first `used`. Grows by half at least, so that growing bit by bit copies
    /// each byte only a few times.
    pub(crate) fn reserve(&mut self, used: usize, bytes: usize) {
        let capacity = self.bytes().len();
        if bytes <= capacity {
            return;
        }
        let pool = BufferPool { shared: Arc::clone(&self.lease.shared) };
        let mut larger = pool.take(bytes.max(capacity + capacity / 2));
        larger.bytes_mut()[..used].copy_from_slice(&self.bytes()[..used]);
        *self = larger;
    }

    /// The first `bytes` bytes as an Arrow buffer. The memory goes home when the last reference to it is dropped.
    pub(crate) fn freeze(self, bytes: usize) -> Buffer {
        let block = self.block();
        assert!(bytes <= block.capacity, "a buffer has the bytes that were written to it");
        let address = block.address;
        let owner = Arc::new(self.lease);
        // SAFETY: the memory is initialized, and `owner` keeps it alive and unwritten until the buffer is dropped.
        unsafe { Buffer::from_custom_allocation(address, bytes, owner) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_waste_at_most_a_quarter() {
        assert_eq!([0, 1, BYTES_MIN].map(size_class), [BYTES_MIN; 3]);
        assert_eq!(size_class(1024), 1024);
        assert_eq!(size_class(1025), 1280);
        for bytes in [1025, 5000, 65_537, 1_000_000, (1 << 30) + 1] {
            let class = size_class(bytes);
            assert!(class >= bytes && class <= bytes + bytes / 4 + 1, "{bytes} → {class}");
            assert_eq!(size_class(class), class);
        }
    }

    #[test]
    fn memory_comes_home_after_the_last_reference() {
        let pool = BufferPool::new();
        let mut buffer = pool.take(5000);
        buffer.bytes_mut()[..3].copy_from_slice(b"abc");
        let address = buffer.bytes().as_ptr();
        let frozen = buffer.freeze(3);
        let clone = frozen.clone();
        assert_eq!(frozen.as_slice(), b"abc");
        drop(frozen);
        assert_eq!(pool.free_bytes(), 0);
        drop(clone);
        assert_eq!(pool.free_bytes(), size_class(5000));
        assert_eq!(pool.take(4900).bytes().as_ptr(), address);
        let expect = PoolCounters {
            allocated_buffers: 1,
            allocated_bytes: size_class(5000) as u64,
            reused_buffers: 1,
        };
        assert_eq!(pool.counters(), expect);
    }

    #[test]
    fn batches_outlive_their_pool() {
        let pool = BufferPool::new();
        let mut buffer = pool.take(10);
        buffer.bytes_mut()[9] = 7;
        let frozen = buffer.freeze(10);
        drop(pool);
        let read = std::thread::spawn(move || frozen.as_slice()[9]).join().unwrap();
        assert_eq!(read, 7);
    }

    /// A thread of the parent held the lock when the child was made: no thread of the child will release it.
    #[test]
    fn in_a_child_of_fork_memory_does_not_wait_for_the_lock() {
        let mut pool = BufferPool::new();
        let shared = Arc::get_mut(&mut pool.shared).unwrap();
        shared.pid = 0;
        let buffer = pool.take(5000);
        let of_the_parent = pool.shared.free();
        drop(buffer);
        drop(of_the_parent);
        assert_eq!(pool.free_bytes(), 0, "it went to the system");
        drop(pool.take(5000));
        assert_eq!(pool.free_bytes(), size_class(5000));
    }

    #[test]
    fn free_memory_is_bounded() {
        let limits = PoolLimits { free_bytes_max: 3000, ..PoolLimits::default() };
        let pool = BufferPool::with_limits(limits);
        let buffers: Vec<PoolBuffer> = (0..4).map(|_| pool.take(1024)).collect();
        drop(buffers);
        assert_eq!(pool.free_bytes(), 2048);
        // Sizes that are no longer requested make room for those that are.
        drop(pool.take(1280));
        drop(pool.take(1280));
        assert_eq!(pool.free_bytes(), 1024 + 1280);
        let reused = pool.counters().reused_buffers;
        assert_eq!(reused, 1);
        drop(pool.take(4096));
        assert_eq!(pool.free_bytes(), 1024 + 1280, "too large to be kept at all");
    }

    #[test]
    fn what_decoders_hold_is_bounded_but_for_the_largest() {
        let pool = BufferPool::with_limits(PoolLimits {
            free_bytes_max: 0,
            held_bytes: 50,
            held_bytes_max: 100,
        });
        let (mut page, mut dictionary, mut other) = (pool.hold(), pool.hold(), pool.hold());
        page.set(50).unwrap();
        assert!(!pool.holds_too_much());
        page.set(60).unwrap();
        assert!(pool.holds_too_much());
        dictionary.set(1000).unwrap();
        other.set(40).unwrap();
        let error = other.set(41).unwrap_err();
        let is_named = matches!(
            error,
            Fault::OverLimit { wanted_bytes: 1101, bound_bytes: 1100, option, .. }
                if option == "memory_budget_bytes"
        );
        assert!(is_named, "{error:?}");
        drop(dictionary);
        other.set(41).unwrap();
        page.set(0).unwrap();
        other.set(1100).unwrap();
    }

    #[test]
    fn growing_keeps_what_was_written() {
        let pool = BufferPool::new();
        let mut buffer = pool.take(1024);
        buffer.bytes_mut().fill(5);
        buffer.reserve(1000, 10_000);
        assert!(buffer.bytes().len() >= 10_000);
        assert!(buffer.bytes()[..1000].iter().all(|byte| *byte == 5));
    }
}
