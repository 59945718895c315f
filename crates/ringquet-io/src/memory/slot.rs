//! A part of an arena with one owner: memory to be read into or written from, and the bytes that came.

use std::ops::Deref;
use std::sync::Arc;

use crate::memory::arena::Arena;
use crate::memory::free_runs::PIECE_BYTES_MAX;

/// Memory that is ready to be read into; the kernel's while a read is in flight.
pub struct Slot {
    arena: Arc<Arena>,
    start: usize,
    len: usize,
}

impl Slot {
    /// Bytes `start..start + len` of the arena, which its list has just handed out.
    pub(crate) fn new(arena: Arc<Arena>, start: usize, len: usize) -> Slot {
        Slot { arena, start, len }
    }

    /// Where it lies in the arena: first byte and length.
    #[cfg(test)]
    pub(crate) fn span(&self) -> (usize, usize) {
        (self.start, self.len)
    }

    /// Capacity in bytes, a multiple of the granule.
    pub fn len_bytes(&self) -> usize {
        self.len
    }

    /// Address of byte `at` of the slot, for the kernel to write to.
    pub(crate) fn address(&self, at: usize) -> *mut u8 {
        debug_assert!(at <= self.len);
        self.arena.address(self.start + at)
    }

    /// Which registered piece it lies in.
    pub(crate) fn piece(&self) -> u16 {
        u16::try_from(self.start / PIECE_BYTES_MAX).expect("an arena has fewer than 65,536 GiB")
    }

    /// All reads into it are complete and `range` of it was written: now it can be looked at.
    pub(crate) fn filled(self, range: std::ops::Range<usize>) -> Filled {
        assert!(range.start <= range.end && range.end <= self.len, "filled beyond the slot");
        Filled { slot: self, range }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.arena.give_back(self.start, self.len);
    }
}

/// Bytes that came from storage. Dropping it frees the slot, also after the queue is gone.
pub struct Filled {
    slot: Slot,
    range: std::ops::Range<usize>,
}

impl Deref for Filled {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let address = self.slot.address(self.range.start);
        // SAFETY: the slot is ours alone until it is dropped, no read into it is in flight (that is
        // when `Slot::filled` is called), `range` lies inside it, and the mapping is zeroed memory
        // that the kernel has written: initialised bytes.
        unsafe { std::slice::from_raw_parts(address, self.range.len()) }
    }
}

impl std::fmt::Debug for Filled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filled({} bytes)", self.range.len())
    }
}
