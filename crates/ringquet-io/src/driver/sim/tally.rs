//! What simulated drivers did, counted over all of them.

use std::collections::BTreeSet;
use std::ops::Range;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::memory::Arena;

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// EAGAIN or EINTR of one request.
    Retry,
    /// EAGAIN in a storm.
    Storm,
    /// A read of fewer bytes than requested.
    ShortRead,
    /// A write of fewer bytes than requested.
    ShortWrite,
    /// A read that failed for good.
    ReadError,
    /// A write that failed for good.
    WriteError,
    /// A write that failed for lack of space.
    NoSpace,
    /// A write that failed after a part of it was done.
    TornWrite,
    /// A read beyond the end of a file that was cut.
    Truncated,
    /// An enter that completed nothing.
    Delay,
    /// An enter that was refused for the moment.
    RefusedEnter,
    /// A completion that did not fit into the completion queue.
    Overflow,
    /// A file that could not be registered.
    FileTable,
    /// An enter of a ring that is dead.
    DeadRing,
    /// A request that is never answered.
    Silence,
    /// A request that does not keep to the alignment: a mistake of the queue.
    Misaligned,
    /// A driver that was dropped while it had requests: a mistake of the queue.
    Abandoned,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Fault; 17] = [
        Fault::Retry,
        Fault::Storm,
        Fault::ShortRead,
        Fault::ShortWrite,
        Fault::ReadError,
        Fault::WriteError,
        Fault::NoSpace,
        Fault::TornWrite,
        Fault::Truncated,
        Fault::Delay,
        Fault::RefusedEnter,
        Fault::Overflow,
        Fault::FileTable,
        Fault::DeadRing,
        Fault::Silence,
        Fault::Misaligned,
        Fault::Abandoned,
    ];
}

/// What happened, counted; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    faults: [AtomicU64; Fault::ALL.len()],
    completions: AtomicU64,
    drivers: AtomicU64,
    arena_bytes_max: AtomicU64,
    /// Files whose requests failed.
    files: Mutex<BTreeSet<PathBuf>>,
    /// Memory of the queues over simulated drivers.
    arenas: Mutex<Vec<Weak<Arena>>>,
    /// Byte ranges of the reads that were pushed, in their order, where they are logged.
    reads: Option<Mutex<Vec<Range<u64>>>>,
}

/// What was counted does not make two options different.
impl PartialEq for Tally {
    fn eq(&self, _: &Tally) -> bool {
        true
    }
}

impl Eq for Tally {}

impl Tally {
    /// One that logs the reads.
    pub fn with_log() -> Tally {
        let counts = Counts { reads: Some(Mutex::default()), ..Counts::default() };
        Tally { counts: Arc::new(counts) }
    }

    /// Takes the log: the byte ranges of the reads that were pushed since it was taken last, retries included. Empty where
    /// nothing is logged.
    pub fn take_log(&self) -> Vec<Range<u64>> {
        let take = |log: &Mutex<Vec<Range<u64>>>| {
            std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner))
        };
        self.counts.reads.as_ref().map(take).unwrap_or_default()
    }

    pub(super) fn log(&self, read: Range<u64>) {
        if let Some(log) = &self.counts.reads {
            log.lock().unwrap_or_else(PoisonError::into_inner).push(read);
        }
    }

    /// How often a fault was injected.
    pub fn count(&self, fault: Fault) -> u64 {
        self.counts.faults[fault as usize].load(Ordering::Relaxed)
    }

    /// Completions that were taken.
    pub fn completions(&self) -> u64 {
        self.counts.completions.load(Ordering::Relaxed)
    }

    /// The files that faults were injected into, as the kernel names them.
    pub fn files(&self) -> Vec<PathBuf> {
        let files = self.counts.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.iter().cloned().collect()
    }

    /// Arenas that are still mapped although every queue over them should be gone: a slot of theirs is still held.
    pub fn arenas_in_use(&self) -> usize {
        let arenas = self.counts.arenas.lock().unwrap_or_else(PoisonError::into_inner);
        arenas.iter().filter(|arena| arena.strong_count() > 0).count()
    }

    /// Bytes of the largest arena.
    pub fn arena_bytes_max(&self) -> u64 {
        self.counts.arena_bytes_max.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, fault: Fault) {
        self.counts.faults[fault as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// As [`Tally::add`], of a request to this file.
    pub(super) fn note(&self, fault: Fault, fd: RawFd) {
        self.add(fault);
        if matches!(fault, Fault::Retry | Fault::Storm) {
            return;
        }
        if let Ok(path) = std::fs::read_link(format!("/proc/self/fd/{fd}")) {
            self.counts.files.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
        }
    }

    pub(super) fn reaped(&self, completions: usize) {
        self.counts.completions.fetch_add(completions as u64, Ordering::Relaxed);
    }

    /// Watches the memory of a queue, and gives the number of its driver.
    pub(crate) fn watch(&self, arena: &Arc<Arena>) -> u64 {
        let mut arenas = self.counts.arenas.lock().unwrap_or_else(PoisonError::into_inner);
        if !arenas.iter().any(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(arena))) {
            arenas.push(Arc::downgrade(arena));
        }
        drop(arenas);
        self.counts.arena_bytes_max.fetch_max(arena.len_bytes() as u64, Ordering::Relaxed);
        self.counts.drivers.fetch_add(1, Ordering::Relaxed)
    }
}
