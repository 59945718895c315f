//! A row group while it is read and decoded: which extents are where, and the decoder's view of them.
//!
//! ```text
//! extent   planned ─▶ requested ─▶ filled ─▶ released
//! ```
//! The decoder requests byte ranges of column chunks ([`ChunkSource`]). A range inside one extent is answered in
//! place; one that crosses extents is put together in a scratch buffer of its column, part by part, so that even a
//! page larger than the arena gets through.
//!
//! Where memory is short, columns that are not at work give their copies back, and their decoders their dictionaries. Such
//! bytes are read again ([`Again`]).

use std::collections::VecDeque;
use std::ops::Range;

use ringquet_decode::{BufferPool, ChunkSource, Hold};
use ringquet_io::Filled;

use crate::plan::{Extent, RowGroupId, WantedChunk, overlap};

/// Where the bytes of an extent are.
enum Bytes {
    Planned,
    Requested,
    Filled(Filled),
    /// Copied out of the spare slot, which others wait for.
    Copied(Vec<u8>),
    Released,
}

/// One row group's bytes.
pub(crate) struct RowGroupBytes {
    pub(crate) id: RowGroupId,
    chunks: Vec<ChunkBytes>,
    extents: Vec<Extent>,
    bytes: Vec<Bytes>,
    /// Chunks that still need the extent.
    users: Vec<u32>,
    /// Extents that are not requested yet, in the order of need.
    order: VecDeque<u32>,
    requested: u32,
    /// Bytes of the arena that this row group holds.
    held_bytes: u64,
    /// Memory beside the arena: copies and assemblies.
    copied: Hold,
    pool: BufferPool,
    /// The chunk that the decoder requested last.
    at_work: usize,
    again: Again,
}

struct ChunkBytes {
    wanted: WantedChunk,
    /// Extents that hold it.
    extents: Range<usize>,
    /// First extent that it has not released.
    unreleased: usize,
    assembly: Assembly,
}

/// A range that crosses extents, being put together.
#[derive(Default)]
struct Assembly {
    range: Range<u64>,
    /// The part of it that is there.
    bytes: Vec<u8>,
}

/// A range that is read again: its extents were released. Of one column at a time.
#[derive(Default)]
struct Again {
    chunk: usize,
    assembly: Assembly,
}

impl RowGroupBytes {
    /// `chunks` in the order of leaves, `extents` in that of offsets, `order` in that of need.
    pub(crate) fn new(
        id: RowGroupId,
        chunks: Vec<WantedChunk>,
        extents: Vec<Extent>,
        order: impl IntoIterator<Item = u32>,
        pool: &BufferPool,
    ) -> RowGroupBytes {
        let mut users = vec![0; extents.len()];
        let chunks = chunks.into_iter().map(|wanted| {
            let first = extents.partition_point(|extent| extent.range.end <= wanted.range.start);
            let last = extents.partition_point(|extent| extent.range.start < wanted.range.end);
            let of_chunk =
                if wanted.range.is_empty() { first..first } else { first..last.max(first) };
            users[of_chunk.clone()].iter_mut().for_each(|n| *n += 1);
            ChunkBytes {
                wanted,
                unreleased: of_chunk.start,
                extents: of_chunk,
                assembly: Assembly::default(),
            }
        });
        let chunks = chunks.collect();
        let bytes = extents.iter().map(|_| Bytes::Planned).collect();
        RowGroupBytes {
            id,
            chunks,
            extents,
            bytes,
            users,
            order: order.into_iter().collect(),
            requested: 0,
            held_bytes: 0,
            copied: pool.hold(),
            pool: pool.clone(),
            at_work: 0,
            again: Again::default(),
        }
    }

    /// The extent to request next.
    pub(crate) fn next_planned(&self) -> Option<(u32, Range<u64>)> {
        let &index = self.order.front()?;
        Some((index, self.extents[index as usize].range.clone()))
    }

    /// The extent that [`RowGroupBytes::next_planned`] named is on its way.
    pub(crate) fn set_requested(&mut self, index: u32) {
        debug_assert_eq!(self.order.front(), Some(&index));
        self.order.pop_front();
        self.bytes[index as usize] = Bytes::Requested;
        self.requested += 1;
        self.held_bytes += self.extents[index as usize].len_bytes();
    }

    /// Its bytes came.
    pub(crate) fn set_filled(&mut self, index: u32, filled: Filled) {
        self.requested -= 1;
        self.bytes[index as usize] = Bytes::Filled(filled);
    }

    /// Its bytes came into the spare slot, which must be freed soon.
    pub(crate) fn set_copied(&mut self, index: u32, filled: &Filled) {
        self.requested -= 1;
        self.held_bytes -= self.extents[index as usize].len_bytes();
        self.bytes[index as usize] = Bytes::Copied(filled.to_vec());
        self.copied.change(0, filled.len());
    }

    /// Its read failed: the row group will not be finished.
    pub(crate) fn set_failed(&mut self, index: u32) {
        self.requested -= 1;
        self.held_bytes -= self.extents[index as usize].len_bytes();
        self.bytes[index as usize] = Bytes::Released;
        self.order.clear();
    }

    /// Takes the bytes of an extent away: raw reading has no use for it after delivery.
    pub(crate) fn take_filled(&mut self, index: u32) -> Option<Filled> {
        match std::mem::replace(&mut self.bytes[index as usize], Bytes::Released) {
            Bytes::Filled(filled) => {
                self.held_bytes -= self.extents[index as usize].len_bytes();
                Some(filled)
            }
            other => {
                self.bytes[index as usize] = other;
                None
            }
        }
    }

    /// Number of extents.
    pub(crate) fn len_extents(&self) -> u32 {
        crate::plan::count(self.extents.len())
    }

    /// Extents in the kernel or in a backlog.
    pub(crate) fn requested(&self) -> u32 {
        self.requested
    }

    /// Is everything requested and arrived (or failed)?
    pub(crate) fn all_came(&self) -> bool {
        self.order.is_empty() && self.requested == 0
    }

    /// Bytes of the arena that it holds.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    /// The decoder waits for `range` of `leaf`: what of it is not requested goes to the front of the order.
    /// False if all of it is on its way.
    pub(crate) fn hasten(&mut self, leaf: usize, range: &Range<u64>) -> bool {
        let Some(chunk_at) = self.chunk_of(leaf) else { return false };
        // What was put together of it, or read again, is there.
        let have = if self.again.is_of(chunk_at, range) {
            self.again.assembly.bytes.len()
        } else {
            self.chunks[chunk_at].assembly.have_of(range)
        };
        let missing = range.start + have as u64..range.end;
        let extents = self.chunks[chunk_at].extents.clone();
        let is_needed = |index: &usize| overlap(&self.extents[*index].range, &missing);
        let needed: Vec<usize> = extents.filter(is_needed).collect();
        for &index in needed.iter().rev() {
            if matches!(self.bytes[index], Bytes::Released) {
                self.bytes[index] = Bytes::Planned;
                self.order.push_front(crate::plan::count(index));
            }
        }
        let planned = needed.into_iter().find(|&i| matches!(self.bytes[i], Bytes::Planned));
        let Some(first) = planned else { return false };
        let first = crate::plan::count(first);
        if self.order.front() != Some(&first)
            && let Some(at) = self.order.iter().position(|&index| index == first)
        {
            self.order.remove(at);
            self.order.push_front(first);
        }
        true
    }

    /// The decoder of a leaf is done with everything below `offset`.
    pub(crate) fn release_consumed(&mut self, leaf: usize, offset: u64) {
        if let Some(at) = self.chunk_of(leaf) {
            self.release_below(at, offset);
        }
    }

    fn release_below(&mut self, at: usize, offset: u64) {
        let chunk = &self.chunks[at];
        let offset = offset.max(chunk.assembly.end());
        let (end, done) = (chunk.extents.end, offset >= chunk.wanted.range.end);
        let mut index = chunk.unreleased;
        while index < end && (done || self.extents[index].range.end <= offset) {
            self.users[index] -= 1;
            if self.users[index] == 0 {
                self.release(index);
            }
            index += 1;
        }
        self.chunks[at].unreleased = index;
    }

    /// Lets go of the bytes of an extent.
    fn release(&mut self, index: usize) {
        // What was never requested (a decoder may skip the end of a chunk) stays planned and is read for nothing.
        match &self.bytes[index] {
            Bytes::Filled(_) => self.held_bytes -= self.extents[index].len_bytes(),
            Bytes::Copied(copied) => self.copied.change(copied.len(), 0),
            _ => return,
        }
        self.bytes[index] = Bytes::Released;
    }

    /// Takes the copies of a column back that has its rows of the batch: if the decoder needs them again, it requests them.
    fn give_back(&mut self, chunk_at: usize) {
        let chunk = &mut self.chunks[chunk_at];
        let assembly = std::mem::take(&mut chunk.assembly);
        self.copied.change(assembly.bytes.capacity(), 0);
        for index in chunk.unreleased..chunk.extents.end {
            match self.bytes[index] {
                Bytes::Copied(_) => self.release(index),
                Bytes::Planned => break,
                _ => {}
            }
        }
    }

    fn chunk_of(&self, leaf: usize) -> Option<usize> {
        self.chunks.binary_search_by_key(&leaf, |chunk| chunk.wanted.leaf).ok()
    }
}

impl Bytes {
    fn get(&self) -> Option<&[u8]> {
        match self {
            Bytes::Filled(filled) => Some(filled),
            Bytes::Copied(copied) => Some(copied),
            _ => None,
        }
    }
}

impl ChunkSource for RowGroupBytes {
    fn bytes(&mut self, leaf: usize, range: Range<u64>) -> Option<&[u8]> {
        let chunk_at = self.chunk_of(leaf)?;
        let before = std::mem::replace(&mut self.at_work, chunk_at);
        if before != chunk_at && self.pool.holds_too_much() {
            self.give_back(before);
        }
        let chunk = &self.chunks[chunk_at];
        if self.was_released(chunk, &range) {
            return self.read_again(chunk_at, range);
        }
        let at = chunk.unreleased
            + self.extents[chunk.unreleased..chunk.extents.end]
                .partition_point(|extent| extent.range.end <= range.start);
        // The usual case: all inside one extent.
        if let Some(extent) = self.extents[..chunk.extents.end].get(at)
            && extent.range.start <= range.start
            && range.end <= extent.range.end
        {
            let bytes = self.bytes[at].get()?;
            let from = index(range.start - extent.range.start);
            return bytes.get(from..from + index(range.end - range.start));
        }
        self.assemble(chunk_at, range)
    }
}

impl RowGroupBytes {
    /// Whether the first byte of the range that was not put together is in an extent that the chunk has released.
    fn was_released(&self, chunk: &ChunkBytes, range: &Range<u64>) -> bool {
        let released = chunk.unreleased.checked_sub(1).filter(|last| *last >= chunk.extents.start);
        let next = range.start + chunk.assembly.have_of(range) as u64;
        next < range.end && released.is_some_and(|last| next < self.extents[last].range.end)
    }

    /// Copies a range out of extents that come a second time, and are released as soon as they are copied.
    fn read_again(&mut self, chunk_at: usize, range: Range<u64>) -> Option<&[u8]> {
        if !self.again.is_of(chunk_at, &range) {
            let bytes = Vec::with_capacity(index(range.end - range.start));
            self.copied.change(self.again.assembly.bytes.capacity(), bytes.capacity());
            self.again = Again { chunk: chunk_at, assembly: Assembly { range, bytes } };
        }
        let among = self.chunks[chunk_at].extents.clone();
        while self.again.assembly.left() > 0 {
            let offset = self.again.assembly.end();
            let (at, bytes) = from_offset(&self.extents, &self.bytes, among.clone(), offset)?;
            self.again.assembly.extend(bytes);
            if self.users[at] == 0 {
                self.release(at);
            }
        }
        Some(&self.again.assembly.bytes)
    }

    /// Puts a range together that crosses extents. Extents that were copied whole are released at once.
    fn assemble(&mut self, chunk_at: usize, range: Range<u64>) -> Option<&[u8]> {
        let chunk = &mut self.chunks[chunk_at];
        let assembly = &mut chunk.assembly;
        // What an earlier range put together may be all there is of these bytes: its extents can be released. So
        // the part that this range shares with it is kept.
        match range.start.checked_sub(assembly.range.start).map(index) {
            Some(shift) if shift < assembly.bytes.len() => drop(assembly.bytes.drain(..shift)),
            _ => assembly.bytes.clear(),
        }
        assembly.range = range.clone();
        let capacity = assembly.bytes.capacity();
        assembly.bytes.reserve_exact(assembly.left());
        self.copied.change(capacity, assembly.bytes.capacity());
        let among = chunk.unreleased..chunk.extents.end;
        while assembly.left() > 0
            && let Some((_, bytes)) =
                from_offset(&self.extents, &self.bytes, among.clone(), assembly.end())
        {
            assembly.extend(bytes);
        }
        if assembly.left() > 0 {
            // A page larger than the arena: what was copied makes room for the rest.
            self.release_below(chunk_at, range.start);
            return None;
        }
        Some(&self.chunks[chunk_at].assembly.bytes[..index(range.end - range.start)])
    }
}

/// The bytes of `among` these extents from `offset` on, as far as its extent has them, and which one that is.
fn from_offset<'b>(
    extents: &[Extent],
    bytes: &'b [Bytes],
    among: Range<usize>,
    offset: u64,
) -> Option<(usize, &'b [u8])> {
    let ends_before = |extent: &Extent| extent.range.end <= offset;
    let at = among.start + extents[among.clone()].partition_point(ends_before);
    let bytes = bytes[..among.end].get(at)?.get()?;
    Some((at, &bytes[index(offset - extents[at].range.start)..]))
}

impl Assembly {
    /// The first byte of the file that it does not have.
    fn end(&self) -> u64 {
        self.range.start + self.bytes.len() as u64
    }

    /// Bytes of its range that are missing.
    fn left(&self) -> usize {
        index(self.range.end.saturating_sub(self.end()))
    }

    /// Takes as many of the bytes that follow as are missing.
    fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(self.left())]);
    }

    /// Bytes at the start of `range` that it has.
    fn have_of(&self, range: &Range<u64>) -> usize {
        let end = self.end();
        let is_inside = (self.range.start..end).contains(&range.start);
        if is_inside { index(end.min(range.end) - range.start) } else { 0 }
    }
}

impl Again {
    fn is_of(&self, chunk: usize, range: &Range<u64>) -> bool {
        self.chunk == chunk && self.assembly.range == *range
    }
}

fn index(bytes: u64) -> usize {
    usize::try_from(bytes).expect("inside an extent or a page, both in memory")
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of byte ranges, sometimes of one")]
mod tests {
    use ringquet_decode::PoolLimits;
    use ringquet_io::Alignment;

    use super::*;
    use crate::plan::{PlanBounds, extents, streaming_order};

    /// A row group over a file whose byte at offset n is n, cut into extents of 4096 bytes.
    fn row_group(chunks: &[Range<u64>]) -> RowGroupBytes {
        let chunks: Vec<_> = chunks
            .iter()
            .enumerate()
            .map(|(leaf, range)| WantedChunk { leaf, range: range.clone() })
            .collect();
        let bounds =
            PlanBounds { coalesce_gap_bytes: 0, coalesce_span_bytes: 4096, read_size_bytes: 4096 };
        let extents = extents(&chunks, 1 << 20, Alignment::new(512).unwrap(), &bounds);
        let order = streaming_order(&extents, &chunks);
        let id = RowGroupId { file: 0, row_group: 0 };
        RowGroupBytes::new(id, chunks, extents, order, &BufferPool::new())
    }

    fn fill_next(row_group: &mut RowGroupBytes) {
        let (index, range) = row_group.next_planned().unwrap();
        row_group.set_requested(index);
        let bytes: Vec<u8> = range.map(|n| u8::try_from(n % 251).unwrap()).collect();
        row_group.requested -= 1;
        row_group.copied.change(0, bytes.len());
        row_group.bytes[index as usize] = Bytes::Copied(bytes);
    }

    fn expected(range: Range<u64>) -> Vec<u8> {
        range.map(|n| u8::try_from(n % 251).unwrap()).collect()
    }

    #[test]
    fn a_range_inside_an_extent_is_answered_in_place() {
        let mut row_group = row_group(&[100..5000]);
        assert_eq!(row_group.bytes(0, 100..200), None);
        fill_next(&mut row_group);
        assert_eq!(row_group.bytes(0, 100..200), Some(&expected(100..200)[..]));
        assert_eq!(row_group.bytes(0, 4000..4200), None);
        fill_next(&mut row_group);
        assert_eq!(row_group.bytes(0, 4000..4200), Some(&expected(4000..4200)[..]));
        assert!(row_group.all_came());
    }

    /// A header is requested, then its page, which begins inside the header's range: the extents of the
    /// header's range may be gone by then, its bytes must not be.
    #[test]
    fn a_range_that_begins_inside_the_assembled_one_is_still_there() {
        let mut row_group = row_group(&[0..20_000]);
        fill_next(&mut row_group);
        fill_next(&mut row_group);
        assert_eq!(row_group.bytes(0, 4000..4500), Some(&expected(4000..4500)[..]));
        row_group.release_below(0, 4000);
        assert!(matches!(row_group.bytes[0], Bytes::Released));
        assert_eq!(row_group.bytes(0, 4060..4090), Some(&expected(4060..4090)[..]));
        assert_eq!(row_group.bytes(0, 4060..9000), None);
        fill_next(&mut row_group);
        assert_eq!(row_group.bytes(0, 4060..9000), Some(&expected(4060..9000)[..]));
    }

    #[test]
    fn a_page_larger_than_what_may_be_held_goes_through_part_by_part() {
        let mut row_group = row_group(&[0..40_960]);
        for n in 1..10 {
            fill_next(&mut row_group);
            assert_eq!(row_group.bytes(0, 10..40_000), None, "{n}");
            let kept = row_group.bytes.iter().filter(|b| b.get().is_some()).count();
            assert_eq!(kept, 0, "what was copied is released");
        }
        fill_next(&mut row_group);
        assert_eq!(row_group.bytes(0, 10..40_000), Some(&expected(10..40_000)[..]));
    }

    #[test]
    fn an_extent_of_two_chunks_is_released_by_the_second() {
        let mut row_group = row_group(&[0..1000, 1000..2000]);
        fill_next(&mut row_group);
        row_group.release_below(0, 1000);
        assert!(row_group.bytes(1, 1000..2000).is_some());
        row_group.release_below(1, 2000);
        assert!(matches!(row_group.bytes[0], Bytes::Released));
    }

    fn fill_all(row_group: &mut RowGroupBytes) {
        while row_group.next_planned().is_some() {
            fill_next(row_group);
        }
    }

    /// A dictionary that was given back: the extents are requested a second time, and released once they are copied.
    #[test]
    fn what_was_released_is_read_again() {
        let mut row_group = row_group(&[0..20_000]);
        fill_all(&mut row_group);
        row_group.release_consumed(0, 16_384);
        assert_eq!(row_group.bytes(0, 100..6000), None);
        assert!(row_group.hasten(0, &(100..6000)));
        fill_next(&mut row_group);
        assert_eq!(row_group.bytes(0, 100..6000), None, "its first part");
        assert!(row_group.hasten(0, &(100..6000)));
        fill_all(&mut row_group);
        assert_eq!(row_group.bytes(0, 100..6000), Some(&expected(100..6000)[..]));
        assert!(row_group.bytes[..4].iter().all(|bytes| matches!(bytes, Bytes::Released)));
        assert_eq!(row_group.bytes(0, 17_000..20_000), Some(&expected(17_000..20_000)[..]));
    }

    /// Of a page at the end of its chunk, what was put together for its header is still there, but not the rest.
    #[test]
    fn what_was_released_after_its_header_was_put_together_is_read_again() {
        let mut row_group = row_group(&[0..20_000]);
        fill_all(&mut row_group);
        row_group.release_consumed(0, 16_000);
        assert!(row_group.bytes(0, 16_200..16_600).is_some(), "a header that crosses extents");
        assert!(row_group.bytes(0, 16_300..20_000).is_some());
        row_group.release_consumed(0, 20_000);
        row_group.chunks[0].assembly.bytes.truncate(300);
        while row_group.bytes(0, 16_300..20_000).is_none() {
            assert!(row_group.hasten(0, &(16_300..20_000)));
            fill_all(&mut row_group);
        }
        assert_eq!(row_group.bytes(0, 16_300..20_000), Some(&expected(16_300..20_000)[..]));
    }

    #[test]
    fn columns_that_wait_give_their_copies_back() {
        let mut row_group = row_group(&[0..10_000, 10_000..20_000]);
        let limits = PoolLimits { held_bytes: 0, ..PoolLimits::default() };
        row_group.pool = BufferPool::with_limits(limits);
        row_group.copied = row_group.pool.hold();
        fill_all(&mut row_group);
        assert_eq!(row_group.bytes(0, 100..9000), Some(&expected(100..9000)[..]));
        row_group.release_consumed(0, 5000);
        for (leaf, range) in [(1, 11_000..19_000), (0, 5000..9000), (1, 11_000..19_000)] {
            while row_group.bytes(leaf, range.clone()).is_none() {
                assert!(row_group.hasten(leaf, &range), "{leaf}");
                fill_all(&mut row_group);
            }
            assert_eq!(row_group.bytes(leaf, range.clone()), Some(&expected(range)[..]));
            assert!(row_group.chunks[1 - leaf].assembly.bytes.is_empty());
        }
    }
}
