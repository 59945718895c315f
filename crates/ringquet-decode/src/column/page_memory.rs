//! Memory for one decompressed page.

use crate::error::Fault;
use crate::pool::{BufferPool, Hold, PoolBuffer};

/// A page's memory is used for the next one if that takes at least this part of it: one large page would otherwise keep its
/// memory until the end of the column chunk.
const USED_PART: usize = 4;

/// Memory for one decompressed page, used for one after another.
#[derive(Debug)]
pub(super) struct PageMemory {
    buffer: Option<PoolBuffer>,
    length: usize,
    hold: Hold,
    pool: BufferPool,
}

impl PageMemory {
    /// None yet.
    pub(super) fn new(pool: &BufferPool) -> Self {
        Self { buffer: None, length: 0, hold: pool.hold(), pool: pool.clone() }
    }

    /// A copy of a page that lies elsewhere.
    pub(super) fn copied(bytes: &[u8], pool: &BufferPool) -> Result<Self, Fault> {
        let mut memory = Self::new(pool);
        memory.hold(bytes.len())?;
        memory.of_length(bytes.len()).copy_from_slice(bytes);
        Ok(memory)
    }

    /// Counts the memory for a page of `length` bytes, before [`Self::of_length`] takes it.
    pub(super) fn hold(&mut self, length: usize) -> Result<(), Fault> {
        let present = self.room();
        if length > present || length < present / USED_PART {
            self.buffer = None;
        }
        self.hold.set(self.room().max(length))
    }

    /// Memory for a page of `length` bytes, which [`Self::hold`] was given.
    pub(super) fn of_length(&mut self, length: usize) -> &mut [u8] {
        self.length = length;
        let buffer = self.buffer.get_or_insert_with(|| self.pool.take(length));
        &mut buffer.bytes_mut()[..length]
    }

    /// Gives the memory back: the page will be decompressed again.
    pub(super) fn release(&mut self) -> Result<(), Fault> {
        self.buffer = None;
        self.hold.set(0)
    }

    /// Whether there is memory.
    pub(super) fn is_there(&self) -> bool {
        self.buffer.is_some()
    }

    /// Bytes that it has room for.
    pub(super) fn room(&self) -> usize {
        self.buffer.as_ref().map_or(0, |buffer| buffer.bytes().len())
    }

    /// The page.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], |buffer| &buffer.bytes()[..self.length])
    }

    /// Counts what is kept beside the page.
    pub(super) fn new_hold(&self) -> Hold {
        self.pool.hold()
    }

    /// All of the memory, and what counts it; `None` if there is no page.
    pub(super) fn into_parts(self) -> Option<(PoolBuffer, Hold)> {
        self.buffer.map(|buffer| (buffer, self.hold))
    }
}
