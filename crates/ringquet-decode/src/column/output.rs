//! The batch that is being decoded: memory from the pool that grows as slots come.

#![expect(unsafe_code, reason = "Arrow would check again what was checked as it was decoded")]

use arrow_array::{ArrayRef, make_array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::ArrayData;

use super::dictionary::Dictionary;
use super::index_blocks::BLOCK;
use crate::error::Fault;
use crate::footer::column_chunk::ColumnChunk;
use crate::kernels::bitmap;
use crate::kernels::join_strings::{End, SHORT_BYTES};
use crate::pool::{BufferPool, PoolBuffer};
use crate::schema::column_layout::{ColumnLayout, Leaf, ListKind, Shape};
use crate::words::{words, words_mut};

/// Room that is made for a block of strings before their lengths are known; longer ones get more.
pub(super) const STRING_ROOM_BYTES: usize = BLOCK * SHORT_BYTES;

/// Bytes that grow in a pool buffer, which is taken when the first of them come.
#[derive(Debug)]
pub(super) struct OutBytes {
    buffer: Option<PoolBuffer>,
    pub(super) len: usize,
    /// Bytes to begin with.
    capacity: usize,
    /// Bytes at most.
    max: usize,
    pool: BufferPool,
}

impl OutBytes {
    fn new(pool: &BufferPool, capacity: usize, max: usize) -> Self {
        Self { buffer: None, len: 0, capacity, max, pool: pool.clone() }
    }

    /// Makes room for `more` bytes behind those that are there.
    #[inline]
    pub(super) fn reserve(&mut self, more: usize) -> Result<(), Fault> {
        let bytes = self.len.saturating_add(more);
        if bytes > self.buffer.as_ref().map_or(0, |buffer| buffer.bytes().len()) {
            self.grow(bytes)?;
        }
        Ok(())
    }

    #[cold]
    fn grow(&mut self, bytes: usize) -> Result<(), Fault> {
        if bytes > self.max {
            // A batch ends before it grows that long, unless it has one row only.
            return Err(Fault::over_limit("one row of it", bytes, self.max, "row_bytes_max"));
        }
        match &mut self.buffer {
            Some(buffer) => buffer.reserve(self.len, bytes),
            none => *none = Some(self.pool.take(bytes.max(self.capacity))),
        }
        Ok(())
    }

    /// `more` bytes behind those that are there, now counted, with whatever was in them.
    #[inline]
    pub(super) fn extend(&mut self, more: usize) -> Result<&mut [u8], Fault> {
        self.reserve(more)?;
        let start = self.len;
        self.len += more;
        let end = self.len;
        Ok(&mut self.all_mut()[start..end])
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.extend(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// All of the memory, counted or not.
    #[inline]
    pub(super) fn all(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], PoolBuffer::bytes)
    }

    /// All of the memory, counted or not.
    #[inline]
    pub(super) fn all_mut(&mut self) -> &mut [u8] {
        self.buffer.as_mut().map_or(&mut [], PoolBuffer::bytes_mut)
    }

    fn finish(self) -> Buffer {
        self.buffer
            .map_or_else(|| Buffer::from_vec(Vec::<u64>::new()), |buffer| buffer.freeze(self.len))
    }
}

/// A bitmap that is only made when the first 0 comes.
#[derive(Debug)]
pub(super) struct Bitmap {
    bits: Option<OutBytes>,
    pub(super) len: usize,
    pub(super) zeros: usize,
    /// Bytes at most.
    max: usize,
    pool: BufferPool,
}

impl Bitmap {
    fn new(pool: &BufferPool, max: usize) -> Self {
        Self { bits: None, len: 0, zeros: 0, max, pool: pool.clone() }
    }

    /// The bits, once there is a 0 among them.
    pub(super) fn bits(&self) -> Option<&[u8]> {
        self.bits.as_ref().map(OutBytes::all)
    }

    fn grow(&mut self, more: usize) -> Result<&mut [u8], Fault> {
        let bytes = (self.len + more).div_ceil(8);
        let bits = match &mut self.bits {
            Some(bits) => bits,
            none => {
                let mut bits = OutBytes::new(&self.pool, bytes, self.max);
                bitmap::fill(bits.extend(bytes)?, 0, self.len, true);
                none.insert(bits)
            }
        };
        let missing = bytes.saturating_sub(bits.len);
        bits.extend(missing)?;
        Ok(bits.all_mut())
    }

    pub(super) fn push_ones(&mut self, length: usize) -> Result<(), Fault> {
        if self.bits.is_some() {
            let start = self.len;
            bitmap::fill(self.grow(length)?, start, length, true);
        }
        self.len += length;
        Ok(())
    }

    pub(super) fn push_zeros(&mut self, length: usize) -> Result<(), Fault> {
        if length > 0 {
            let start = self.len;
            bitmap::fill(self.grow(length)?, start, length, false);
            self.len += length;
            self.zeros += length;
        }
        Ok(())
    }

    /// Appends `length` bits of `source` and returns how many are set.
    pub(super) fn push_bits(
        &mut self,
        source: &[u8],
        start: usize,
        length: usize,
    ) -> Result<usize, Fault> {
        if self.bits.is_none() {
            let is_ones = |offset: usize| {
                let bits = (length - offset).min(64);
                bitmap::word_at(source, start + offset, bits).count_ones() as usize == bits
            };
            if (0..length).step_by(64).all(is_ones) {
                self.len += length;
                return Ok(length);
            }
        }
        let target = self.len;
        let ones = bitmap::copy(source, start, self.grow(length)?, target, length);
        self.len += length;
        self.zeros += length - ones;
        Ok(ones)
    }

    /// Takes the bits behind the first `length` away.
    fn truncate(&mut self, length: usize) {
        if let Some(bits) = self.bits.as_mut().filter(|_| length < self.len) {
            let removed = self.len - length;
            let is_set = |start: usize| {
                let word = bitmap::word_at(bits.all(), start, (self.len - start).min(64));
                word.count_ones() as usize
            };
            let ones: usize = (length..self.len).step_by(64).map(is_set).sum();
            self.zeros -= removed - ones;
            bits.len = length.div_ceil(8);
        }
        self.len = length;
    }

    /// Appends `length` bits of another bitmap.
    fn push_of(&mut self, other: &Bitmap, start: usize, length: usize) -> Result<(), Fault> {
        match other.bits() {
            Some(bits) if length > 0 => self.push_bits(bits, start, length).map(drop),
            _ => self.push_ones(length),
        }
    }

    fn finish(self) -> Option<NullBuffer> {
        let bits = self.bits.filter(|_| self.zeros > 0)?;
        Some(NullBuffer::new(BooleanBuffer::new(bits.finish(), 0, self.len)))
    }
}

/// How much memory to begin a batch with, in bytes. More is taken where it does not do, up to a bound for each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Capacity {
    values: usize,
    ends: usize,
    starts: usize,
    max: usize,
    /// Rows that it is for.
    rows: usize,
}

impl Capacity {
    /// What `rows` of the `rows_of_group` rows of a column chunk should take. The footer's counts are trusted only as
    /// far as the bytes of the chunk could bear them out.
    pub(super) fn guess(
        layout: &ColumnLayout,
        chunk: &ColumnChunk,
        rows: usize,
        rows_of_group: u64,
        max: usize,
    ) -> Self {
        const BYTES_PER_COMPRESSED_BYTE: u64 = 8;
        let believed = chunk.compressed_bytes.saturating_mul(BYTES_PER_COMPRESSED_BYTE);
        let share = |of: u64, width: usize| {
            let share = u128::from(of) * rows as u128 / u128::from(rows_of_group.max(1));
            let bytes = u64::try_from(share).unwrap_or(u64::MAX).saturating_mul(width as u64);
            usize::try_from(bytes.min(believed).min(max as u64)).unwrap_or(0)
        };
        let ends = |large| {
            (if large { 8 } else { 4 }) + share(chunk.num_values, if large { 8 } else { 4 })
        };
        let (values, ends) = match layout.leaf {
            Leaf::Fixed(leaf) => (share(chunk.num_values, leaf.width), 0),
            Leaf::Bool => (share(chunk.num_values, 1) / 8 + 1, 0),
            Leaf::Bytes { large, .. } => (share(chunk.uncompressed_bytes, 1), ends(large)),
        };
        let starts = match &layout.shape {
            Shape::List(shape) if !matches!(shape.kind, ListKind::Fixed(_)) => {
                (rows + 1).min(1 << 16) * 8
            }
            _ => 0,
        };
        Self { values, ends, starts, max, rows }
    }

    /// The same for a batch of `rows` rows, in `bytes` bytes at most: batches that end where a consumer cuts differ in length.
    pub(super) fn for_rows(self, rows: usize, bytes: usize) -> Self {
        let share = |of: usize| {
            let share = of as u128 * rows as u128 / self.rows.max(1) as u128;
            usize::try_from(share).unwrap_or(usize::MAX).min(bytes.max(of)).min(self.max)
        };
        // Ends and starts are one more than there are rows.
        let ends = if self.ends > 0 { share(self.ends).saturating_add(8) } else { 0 };
        let starts = if self.starts > 0 { share(self.starts).saturating_add(8) } else { 0 };
        Self { values: share(self.values), ends, starts, max: self.max, rows }
    }
}

/// The batch that is being decoded.
#[derive(Debug)]
pub(super) struct Output {
    /// Rows that were started.
    pub(super) rows: usize,
    /// Leaf slots, those of nulls included.
    pub(super) slots: usize,
    /// Values of slots: of fixed width, or bits, or the bytes of strings.
    pub(super) values: OutBytes,
    /// Of strings: a 0, then the end of each slot's bytes.
    pub(super) ends: OutBytes,
    pub(super) validity: Bitmap,
    /// Of lists: the slot at which each row starts.
    pub(super) starts: OutBytes,
    pub(super) row_validity: Bitmap,
    row_state: RowState,
}

/// What is known about the last row that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowState {
    /// Always complete: the column has one slot per row.
    Flat,
    /// More slots may follow.
    Open,
    /// The column chunk has ended.
    Closed,
    /// Another row follows, which belongs to the next batch.
    Stopped,
}

impl Output {
    /// An empty batch.
    pub(super) fn new(layout: &ColumnLayout, pool: &BufferPool, capacity: Capacity) -> Self {
        let max = capacity.max;
        let mut output = Self {
            rows: 0,
            slots: 0,
            values: OutBytes::new(pool, capacity.values, max),
            ends: OutBytes::new(pool, capacity.ends, max),
            validity: Bitmap::new(pool, max),
            starts: OutBytes::new(pool, capacity.starts, max),
            row_validity: Bitmap::new(pool, max),
            row_state: match layout.shape {
                Shape::Flat { .. } => RowState::Flat,
                Shape::List(_) => RowState::Open,
            },
        };
        if let Leaf::Bytes { large, .. } = layout.leaf {
            let zero = [0; 8];
            let pushed = output.ends.push(if large { &zero } else { &zero[..4] });
            debug_assert!(pushed.is_ok() || max < 8, "eight bytes are below every other bound");
        }
        output
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes that it has so far.
    pub(super) fn bytes(&self) -> usize {
        let bitmaps = [&self.validity, &self.row_validity];
        let bits = |bitmap: &Bitmap| bitmap.bits.as_ref().map_or(0, |bits| bits.len);
        self.values.len + self.ends.len + self.starts.len + bitmaps.map(bits).iter().sum::<usize>()
    }

    /// Moves the last row, of which more slots may follow, to a batch of its own, which is given back. The rows before it are
    /// complete. Only lists have such rows.
    pub(super) fn split_last_row(
        &mut self,
        layout: &ColumnLayout,
        pool: &BufferPool,
    ) -> Result<Self, Fault> {
        let mut next = Self::new(layout, pool, self.capacity());
        let row = self.rows - 1;
        let Shape::List(shape) = &layout.shape else {
            return Ok(next);
        };
        let slot = match shape.kind {
            ListKind::Fixed(size) => row * size,
            ListKind::Offsets32 => {
                let slot = words::<u32>(&self.starts.all()[row * 4..row * 4 + 4])[0];
                self.starts.len = row * 4;
                slot as usize
            }
            ListKind::Offsets64 => {
                let slot = words::<u64>(&self.starts.all()[row * 8..row * 8 + 8])[0];
                self.starts.len = row * 8;
                usize::try_from(slot).unwrap_or(usize::MAX)
            }
        };
        push_start(&mut next.starts, shape.kind, 0)?;
        next.row_validity.push_of(&self.row_validity, row, 1)?;
        self.row_validity.truncate(row);
        let slots = self.slots - slot;
        next.validity.push_of(&self.validity, slot, slots)?;
        self.validity.truncate(slot);
        match layout.leaf {
            Leaf::Fixed(leaf) => {
                let bytes = slot * leaf.width..self.slots * leaf.width;
                next.values.push(&self.values.all()[bytes])?;
                self.values.len = slot * leaf.width;
            }
            Leaf::Bool => {
                let target = next.values.extend(slots.div_ceil(8))?;
                if slots > 0 {
                    bitmap::copy(self.values.all(), slot, target, 0, slots);
                }
                self.values.len = slot.div_ceil(8);
            }
            Leaf::Bytes { large: false, .. } => self.move_strings::<i32>(&mut next, slot)?,
            Leaf::Bytes { large: true, .. } => self.move_strings::<i64>(&mut next, slot)?,
        }
        next.rows = 1;
        next.slots = slots;
        self.rows = row;
        self.slots = slot;
        self.stop_before_row();
        Ok(next)
    }

    /// Moves the strings of the slots from `slot` on.
    fn move_strings<T: End>(&mut self, next: &mut Self, slot: usize) -> Result<(), Fault> {
        let width = size_of::<T>();
        let ends = words::<T>(&self.ends.all()[..self.ends.len]);
        let (first, moved) = (ends[slot].index(), &ends[slot + 1..]);
        next.values.push(&self.values.all()[first..self.values.len])?;
        let target = words_mut::<T>(next.ends.extend(size_of_val(moved))?);
        for (end, target) in moved.iter().zip(target) {
            *target = T::of(end.index() - first);
        }
        self.values.len = first;
        self.ends.len = (slot + 1) * width;
        Ok(())
    }

    /// Takes the first `slots` entries of a dictionary as its values, memory and all. There are no others.
    pub(super) fn adopt(
        &mut self,
        dictionary: Dictionary,
        leaf: &Leaf,
        slots: usize,
    ) -> Result<(), Fault> {
        match (dictionary, leaf) {
            (Dictionary::Fixed { values, count, .. }, Leaf::Fixed(leaf)) if slots <= count => {
                self.values.len = slots * leaf.width;
                self.values.buffer = Some(values);
                Ok(())
            }
            (Dictionary::Fixed { count, .. }, _) => Err(Fault::out_of_spec(format!(
                "dictionary index {} among {count} entries",
                slots.saturating_sub(1)
            ))),
            (Dictionary::Strings(_), _) => {
                Err(Fault::out_of_spec("a dictionary of strings in a column of numbers"))
            }
        }
    }

    /// The memory that this batch has taken so far.
    pub(super) fn capacity(&self) -> Capacity {
        let max = self.values.max;
        // Strings are copied with room behind them, and are not as long in one batch as in the next.
        let slack = if self.ends.len > 0 { self.values.len / 8 + STRING_ROOM_BYTES } else { 0 };
        let values = self.values.len + slack;
        Capacity { values, ends: self.ends.len, starts: self.starts.len, max, rows: self.rows }
    }

    /// Whether the first `rows` rows are there with all of their slots.
    pub(super) fn is_complete(&self, rows: usize) -> bool {
        match self.row_state {
            RowState::Flat => self.rows >= rows,
            RowState::Open => false,
            RowState::Closed | RowState::Stopped => true,
        }
    }

    /// No slot follows.
    pub(super) fn close_row(&mut self) {
        self.row_state = RowState::Closed;
    }

    /// Another row follows, which belongs to the next batch.
    pub(super) fn stop_before_row(&mut self) {
        self.row_state = RowState::Stopped;
    }

    pub(super) fn stopped_before_a_row(&self) -> bool {
        self.row_state == RowState::Stopped
    }

    /// The array.
    pub(super) fn finish(mut self, layout: &ColumnLayout) -> Result<ArrayRef, Fault> {
        let (leaf_type, leaf_nullable) = match &layout.shape {
            Shape::Flat { nullable } => (&layout.data_type, *nullable),
            Shape::List(shape) => (shape.element.data_type(), shape.element.is_nullable()),
        };
        let nulls = self.validity.finish().filter(|_| leaf_nullable);
        let mut leaf = ArrayData::builder(leaf_type.clone()).len(self.slots).nulls(nulls);
        if matches!(layout.leaf, Leaf::Bytes { .. }) {
            leaf = leaf.add_buffer(self.ends.finish());
        }
        let leaf = leaf.add_buffer(self.values.finish());
        // SAFETY: there is a value, or an end, for each slot; ends only grow, from 0 to the bytes that there are; what
        // must be UTF-8 was checked string by string where it was appended.
        let leaf = checked_in_tests(unsafe { leaf.build_unchecked() });
        let Shape::List(shape) = &layout.shape else {
            return Ok(make_array(leaf));
        };
        let mut list = ArrayData::builder(layout.data_type.clone())
            .len(self.rows)
            .nulls(self.row_validity.finish())
            .add_child_data(leaf);
        match shape.kind {
            ListKind::Fixed(size) if self.rows.checked_mul(size) != Some(self.slots) => {
                return Err(misaligned(self.rows, size, self.slots));
            }
            ListKind::Fixed(_) => {}
            ListKind::Offsets32 | ListKind::Offsets64 => {
                push_start(&mut self.starts, shape.kind, self.slots)?;
                list = list.add_buffer(self.starts.finish());
            }
        }
        // SAFETY: the starts of rows only grow and end with the number of slots; fixed-size lists have their size times
        // as many slots as rows.
        Ok(make_array(checked_in_tests(unsafe { list.build_unchecked() })))
    }
}

/// In debug builds, what [`Output::finish`] promises is looked at.
fn checked_in_tests(array: ArrayData) -> ArrayData {
    debug_assert!(array.validate_full().is_ok(), "{:?}", array.validate_full());
    array
}

/// Writes where a row of a list starts.
#[inline]
pub(super) fn push_start(starts: &mut OutBytes, kind: ListKind, slot: usize) -> Result<(), Fault> {
    match kind {
        ListKind::Offsets32 => {
            let slot = i32::try_from(slot).map_err(|_| {
                Fault::unsupported(
                    "more than 2^31 list elements in one row, too many for 32-bit offsets",
                )
            })?;
            starts.push(&slot.to_le_bytes())
        }
        ListKind::Offsets64 => starts.push(&(slot as u64).to_le_bytes()),
        ListKind::Fixed(_) => Ok(()),
    }
}

/// A fixed-size list whose rows do not have its size.
#[cold]
pub(super) fn misaligned(rows: usize, size: usize, slots: usize) -> Fault {
    Fault::out_of_spec(format!("{rows} rows of a list of fixed size {size} have {slots} elements"))
}
