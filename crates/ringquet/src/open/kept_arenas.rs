//! Memory of the reader threads, kept from one reading of a data set to the next.
//!
//! A reader thread's arena is zeroed when it is made and pinned when it is registered: tens of milliseconds, which every epoch of a
//! training run would pay again. And base pages that were just freed come back in any order, so that reads into them are many
//! segments for the device. So the arenas of a data set stay with it, each with the thread whose NUMA node it lies on. So do the
//! free buffers that batches were decoded into, for the same reason: the kernel clears fresh memory page by page.

use std::sync::{Arc, Mutex, PoisonError};

use ringquet_decode::{BufferPool, PoolLimits};
use ringquet_io::{Arena, IoError, IoOptions, ReadQueue};
use ringquet_result::Warning;

/// The arenas and pools that no reader thread uses at the moment, by thread. At most one each: the arenas are half of the memory
/// budget together, the free buffers of the pools as much as their limits say.
#[derive(Debug)]
pub(crate) struct KeptArenas {
    threads: Vec<Mutex<Option<Arc<Arena>>>>,
    pools: Vec<Mutex<Option<BufferPool>>>,
}

impl KeptArenas {
    /// None yet, for as many threads.
    pub(crate) fn new(threads: usize) -> KeptArenas {
        KeptArenas {
            threads: (0..threads).map(|_| Mutex::new(None)).collect(),
            pools: (0..threads).map(|_| Mutex::new(None)).collect(),
        }
    }

    /// Gives all of them back to the system.
    pub(crate) fn release(&self) {
        for thread in 0..self.threads.len() {
            drop(self.of(thread).take());
            drop(self.pool_of(thread).take());
        }
    }

    fn pool_of(&self, thread: usize) -> std::sync::MutexGuard<'_, Option<BufferPool>> {
        let kept = &self.pools[thread % self.pools.len()];
        kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pool that this thread had before, if it was one of these limits, or a new one.
    pub(crate) fn pool(&self, thread: usize, limits: PoolLimits) -> BufferPool {
        let kept = self.pool_of(thread).take().filter(|pool| pool.limits() == limits);
        kept.unwrap_or_else(|| BufferPool::with_limits(limits))
    }

    /// Keeps a pool whose decoders are gone. Batches may still use buffers of it, which come home later.
    pub(crate) fn keep_pool(&self, thread: usize, pool: BufferPool) {
        *self.pool_of(thread) = Some(pool);
    }

    fn of(&self, thread: usize) -> std::sync::MutexGuard<'_, Option<Arc<Arena>>> {
        let kept = &self.threads[thread % self.threads.len()];
        kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A queue on the calling thread, over the arena that this thread had before or a new one.
    ///
    /// # Errors
    /// As [`ReadQueue::new`].
    pub(crate) fn queue(
        &self,
        thread: usize,
        options: &IoOptions,
        warnings: &mut Vec<Warning>,
    ) -> Result<ReadQueue, IoError> {
        let kept = self.of(thread).take();
        match kept {
            Some(arena) => ReadQueue::with_arena(arena, options, warnings),
            None => ReadQueue::new(options, warnings),
        }
    }

    /// Ends a queue and keeps its arena, if nothing of it is in use any more.
    pub(crate) fn keep(&self, thread: usize, queue: ReadQueue) {
        if let Some(arena) = queue.close()
            && arena.free_bytes() == arena.len_bytes()
        {
            *self.of(thread) = Some(arena);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arena_is_used_again_once_all_of_it_is_free() {
        let arenas = KeptArenas::new(2);
        let options = IoOptions { arena_bytes: 1 << 20, ..IoOptions::default() };
        let queue = || arenas.queue(1, &options, &mut Vec::new()).unwrap();

        let first = queue();
        let arena = Arc::clone(first.arena());
        arenas.keep(1, first);
        let second = queue();
        assert!(Arc::ptr_eq(second.arena(), &arena));

        arenas.keep(1, second);
        arenas.release();
        let second = queue();
        assert!(!Arc::ptr_eq(second.arena(), &arena), "it was given back");
        let arena = Arc::clone(second.arena());

        let slot = second.acquire(4096).unwrap();
        arenas.keep(1, second);
        assert!(!Arc::ptr_eq(queue().arena(), &arena), "a slot of it is still held");
        drop(slot);
    }
}
