//! One mapping per reader thread in which all its reads land, and the slots cut from it.
//!
//! ```text
//! arena   |slot 0 ......|slot 1 ..|        free        |slot 2 ....|   free   |
//!          4 KiB granules; a slot is a run of them, handed out first fit
//! ```
//! A slot is in exactly one state: free (in the list of free runs), in kernel (owned by the in-flight
//! table), or filled (owned by a `Filled`). It goes back to the list when its owner is dropped,
//! from whatever thread. Nothing is allocated for it in the steady state.

use std::ptr::NonNull;
use std::sync::{Arc, PoisonError};

use memmap2::MmapMut;
use ringquet_result::Warning;

use crate::error::IoError;
use crate::memory::align::Alignment;
use crate::memory::free_runs::{FreeRuns, PIECE_BYTES_MAX};
use crate::memory::pages::{PageKind, map_pages};
use crate::memory::slot::Slot;
use crate::options::HugePages;
use crate::sync::{Mutex, MutexGuard};

/// Granule of slots: the memory alignment that suffices for O_DIRECT on every device.
pub(crate) const GRANULE_BYTES: usize = 4096;

/// Alignment of every slot's address, at least.
pub(crate) const SLOT_ALIGNMENT: Alignment = Alignment::PAGE;

/// The mapping and its list of free runs.
pub struct Arena {
    /// Kept for its Drop; memory is reached through `base` only, so that no `&mut [u8]` over memory
    /// that the kernel writes ever exists.
    _map: MmapMut,
    base: NonNull<u8>,
    len: usize,
    pages: PageKind,
    free: Mutex<FreeRuns>,
}

// SAFETY: `base` points into the mapping that `_map` owns, which does not move and is not tied to a
// thread; the free list is behind a mutex and slots are disjoint.
unsafe impl Send for Arena {}
// SAFETY: as above; shared access hands out only disjoint slots.
unsafe impl Sync for Arena {}

impl Arena {
    /// Maps `bytes` (rounded up to whole granules) and touches every page on the calling thread, so
    /// that the memory comes from that thread's NUMA node.
    ///
    /// # Errors
    /// [`IoError::Arena`] if the mapping is refused.
    pub fn new(
        bytes: usize,
        huge: HugePages,
        warnings: &mut Vec<Warning>,
    ) -> Result<Arc<Arena>, IoError> {
        let len = bytes.max(GRANULE_BYTES).next_multiple_of(GRANULE_BYTES);
        let (mut map, pages) = map_pages(len, huge, warnings)?;
        // First touch: one byte per page is enough to have it allocated here.
        for page in map.chunks_mut(GRANULE_BYTES) {
            page[0] = 0;
        }
        let base = NonNull::new(map.as_mut_ptr()).expect("a mapping is never at address zero");
        let free = Mutex::new(FreeRuns::new(len));
        Ok(Arc::new(Arena { _map: map, base, len, pages, free }))
    }

    /// Size in bytes.
    pub fn len_bytes(&self) -> usize {
        self.len
    }

    /// Bytes that are in no slot.
    pub fn free_bytes(&self) -> usize {
        self.runs().free_bytes
    }

    /// Which pages it lies on.
    pub fn pages(&self) -> PageKind {
        self.pages
    }

    /// The pieces to register, in order: (address, length), each at most 1 GiB.
    pub fn pieces(&self) -> Vec<(*mut u8, usize)> {
        (0..self.len)
            .step_by(PIECE_BYTES_MAX)
            .map(|start| (self.address(start), PIECE_BYTES_MAX.min(self.len - start)))
            .collect()
    }

    /// A slot of at least `len` bytes, or `None` while there is no such run: come back after a
    /// `Filled` was dropped.
    pub fn acquire(self: &Arc<Self>, len: usize) -> Option<Slot> {
        self.acquire_aligned(len, SLOT_ALIGNMENT)
    }

    /// As [`Arena::acquire`], with address and length at multiples of `alignment` where that is more than
    /// a page: what O_DIRECT wants on devices whose logical blocks are larger than a page.
    pub fn acquire_aligned(self: &Arc<Self>, len: usize, alignment: Alignment) -> Option<Slot> {
        let step = usize::try_from(alignment.max(SLOT_ALIGNMENT).bytes()).ok()?;
        let len = len.max(1).checked_next_multiple_of(step)?;
        // The mapping begins at a page, which may lie anywhere within a larger block.
        let before = self.base.as_ptr().addr() % step;
        let start =
            self.runs().take(len, |start| (start + before).next_multiple_of(step) - before)?;
        Some(Slot::new(Arc::clone(self), start, len))
    }

    fn runs(&self) -> MutexGuard<'_, FreeRuns> {
        // The list is consistent between any two of its statements, so a poisoned lock is usable.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The owner of a slot gives it back.
    pub(crate) fn give_back(&self, start: usize, len: usize) {
        self.runs().give(start, len);
    }

    pub(crate) fn address(&self, start: usize) -> *mut u8 {
        debug_assert!(start <= self.len);
        // SAFETY: start <= len, so the result stays inside or one past the mapping.
        unsafe { self.base.as_ptr().add(start) }
    }
}

impl std::fmt::Debug for Arena {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Arena({} bytes, {} free)", self.len, self.free_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn arena(bytes: usize) -> Arc<Arena> {
        Arena::new(bytes, HugePages::Off, &mut Vec::new()).unwrap()
    }

    #[test]
    fn slots_come_back_and_join() {
        let arena = arena(64 << 10);
        let a = arena.acquire(5000).unwrap();
        let b = arena.acquire(4096).unwrap();
        let c = arena.acquire(1).unwrap();
        assert_eq!(a.len_bytes(), 8192);
        assert_eq!(arena.free_bytes(), (64 << 10) - 8192 - 4096 - 4096);
        drop(b);
        drop(a);
        drop(c);
        assert!(arena.acquire(64 << 10).is_some(), "all runs joined again");
    }

    #[test]
    fn a_full_arena_answers_none() {
        let arena = arena(8192);
        let _all = arena.acquire(8192).unwrap();
        assert!(arena.acquire(1).is_none());
        assert!(arena.acquire(usize::MAX).is_none());
    }

    #[test]
    fn a_filled_slot_outlives_the_arena_handle() {
        let arena = arena(8192);
        let filled = arena.acquire(10).unwrap().filled(0..10);
        drop(arena);
        assert_eq!(&filled[..], &[0; 10]);
    }

    /// A child that has the pages, too, makes the parent's next write go to a copy of them: reads that are in the kernel
    /// then land in memory that is not read.
    #[test]
    fn a_child_process_does_not_get_the_arena() {
        for huge in [HugePages::Off, HugePages::Transparent, HugePages::Auto] {
            let arena = Arena::new(2 << 20, huge, &mut Vec::new()).unwrap();
            let place = arena.address(0).addr();
            let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
            // `START-END rw-p …`; neighbours of the same kind are one entry.
            let holds = |line: &&str| {
                let range = line.split(' ').next().and_then(|range| range.split_once('-'));
                let number = |text| usize::from_str_radix(text, 16).ok();
                range.is_some_and(|(start, end)| {
                    number(start).zip(number(end)).is_some_and(|(s, e)| (s..e).contains(&place))
                })
            };
            let mut of_arena = smaps.lines().skip_while(|line| !holds(line));
            let flags = of_arena.find(|line| line.starts_with("VmFlags:")).unwrap();
            assert!(flags.split(' ').any(|flag| flag == "dc"), "{huge:?}: {flags}");
        }
    }

    proptest! {
        /// Slots never overlap, are aligned as requested, and the free bytes are always what is in no slot.
        #[test]
        fn slots_are_disjoint(steps in prop::collection::vec((1usize..40_000, any::<bool>(), any::<u16>(), 0u32..6), 1..200)) {
            let arena = arena(256 << 10);
            let mut held: Vec<Slot> = Vec::new();
            for (len, take, pick, blocks) in steps {
                if take {
                    let alignment = Alignment::new(4096 << blocks).unwrap();
                    if let Some(slot) = arena.acquire_aligned(len, alignment) {
                        prop_assert!(alignment.divides(slot.address(0).addr() as u64));
                        prop_assert!(slot.len_bytes() as u64 == alignment.up(len as u64));
                        held.push(slot);
                    }
                } else if !held.is_empty() {
                    held.swap_remove(usize::from(pick) % held.len());
                }
                let mut spans: Vec<_> = held.iter().map(|s| s.span()).collect();
                spans.sort_unstable();
                prop_assert!(spans.windows(2).all(|w| w[0].0 + w[0].1 <= w[1].0));
                let used: usize = held.iter().map(Slot::len_bytes).sum();
                prop_assert_eq!(arena.free_bytes(), (256 << 10) - used);
            }
        }
    }
}
