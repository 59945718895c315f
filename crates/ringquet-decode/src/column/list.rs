//! Lists one level deep.
//!
//! Levels come in runs. Where the definition levels are a run of "a value is there" and the repetition levels a run of
//! "the row goes on", a whole stretch of elements is settled at once; where the repetition levels are packed, each is
//! one bit, and rows start at the zeros. Everything else (nulls, empty lists) goes level by level.
//!
//! ```text
//! repetition   0 1 1 1 1 1 1 1 │ 1 × 524,280                  a FLUX row: a packed group and a run
//! definition   3 × 524,288                                    one run: no null anywhere
//! ```

use super::data_page::DataPage;
use super::output::{Output, misaligned, push_start};
use super::quota::Quota;
use crate::error::Fault;
use crate::kernels::bitmap::word_at;
use crate::levels::HybridRun;
use crate::schema::column_layout::{ListKind, ListShape};

/// Levels looked at together where they must be looked at one by one.
const BLOCK: usize = 64;

/// Takes the page's levels of the first `rows` rows of the output, as far as the quota reaches: the slots that they make,
/// and how many have a value.
pub(super) fn take_levels(
    page: &mut DataPage,
    bytes: &[u8],
    shape: &ListShape,
    output: &mut Output,
    rows: usize,
    quota: Quota,
) -> Result<(usize, usize), Fault> {
    let first_slot = output.slots;
    let mut rows = ListRows { output, shape, target: rows, present: 0 };
    let mut stopped = false;
    while page.left() > 0 && !stopped {
        // Each level may be a slot with a value; a null of a fixed-size list has slots without a level.
        let slots = quota.slots.saturating_sub(rows.output.slots - first_slot);
        let most = slots.min(quota.values - rows.present);
        if most == 0 {
            break;
        }
        let (taken, stop) = rows.take(page, bytes, most)?;
        page.taken += taken;
        stopped = stop;
    }
    let present = rows.present;
    if stopped {
        output.stop_before_row();
    }
    Ok((output.slots - first_slot, present))
}

/// Turns levels into rows and slots.
struct ListRows<'a> {
    output: &'a mut Output,
    shape: &'a ListShape,
    /// Requested rows; the one after them stays in the page.
    target: usize,
    /// Slots with a value.
    present: usize,
}

impl ListRows<'_> {
    /// Takes at most `most` levels of the page. Returns how many, and whether the next one starts a row that was not requested.
    fn take(
        &mut self,
        page: &mut DataPage,
        bytes: &[u8],
        most: usize,
    ) -> Result<(usize, bool), Fault> {
        let page_left = page.left().min(most);
        let (repetition, repetition_bytes) = page.repetition.with(bytes);
        let (definition, definition_bytes) = page.definition.with(bytes);
        let (repetition_run, repetition_left) = repetition.run(repetition_bytes)?;
        let (definition_run, definition_left) = definition.run(definition_bytes)?;
        let length = repetition_left.min(definition_left).min(page_left);
        if definition_run == HybridRun::Rle(self.shape.value_level) {
            let (taken, stopped) = match repetition_run {
                HybridRun::Rle(1) => (length, self.go_on(length).map(|()| false)?),
                HybridRun::Rle(0) => self.single_rows(length)?,
                HybridRun::Rle(level) => return Err(too_high(level)),
                HybridRun::Packed(bit) => self.dense(repetition_bytes, bit, length)?,
            };
            repetition.advance(taken);
            definition.advance(taken);
            return Ok((taken, stopped));
        }
        // Any mixture, one by one. The cursors are put back when a block is not taken whole.
        let (saved_repetition, saved_definition) = (*repetition, *definition);
        let block = page_left.min(BLOCK);
        let first_slot = self.output.slots;
        let (mut repetitions, mut definitions) = ([0; BLOCK], [0; BLOCK]);
        repetition.read(repetition_bytes, &mut repetitions[..block])?;
        definition.read(definition_bytes, &mut definitions[..block])?;
        for index in 0..block {
            if repetitions[index] == 0 && self.output.rows == self.target {
                (*repetition, *definition) = (saved_repetition, saved_definition);
                repetition.read(repetition_bytes, &mut repetitions[..index])?;
                definition.read(definition_bytes, &mut definitions[..index])?;
                return Ok((index, true));
            }
            self.one(repetitions[index], definitions[index])?;
            // Nulls of a fixed-size list take as much as others do.
            if self.output.slots - first_slot >= most && index + 1 < block {
                let taken = index + 1;
                (*repetition, *definition) = (saved_repetition, saved_definition);
                repetition.read(repetition_bytes, &mut repetitions[..taken])?;
                definition.read(definition_bytes, &mut definitions[..taken])?;
                return Ok((taken, false));
            }
        }
        Ok((block, false))
    }

    /// A row starts with the next slot.
    #[inline]
    fn start_row(&mut self, slot: usize) -> Result<(), Fault> {
        if let ListKind::Fixed(size) = self.shape.kind {
            if self.output.rows.checked_mul(size) != Some(slot) {
                return Err(misaligned(self.output.rows, size, slot));
            }
        } else {
            push_start(&mut self.output.starts, self.shape.kind, slot)?;
        }
        self.output.rows += 1;
        Ok(())
    }

    /// `length` elements of the current row.
    fn go_on(&mut self, length: usize) -> Result<(), Fault> {
        if self.output.rows == 0 && length > 0 {
            return Err(no_row());
        }
        self.push_values(length)
    }

    fn push_values(&mut self, length: usize) -> Result<(), Fault> {
        self.output.slots += length;
        self.present += length;
        self.output.validity.push_ones(length)
    }

    /// Rows of one element each.
    fn single_rows(&mut self, length: usize) -> Result<(usize, bool), Fault> {
        let rows = length.min(self.target - self.output.rows);
        let first = self.output.slots;
        for row in 0..rows {
            self.start_row(first + row)?;
        }
        self.output.row_validity.push_ones(rows)?;
        self.push_values(rows)?;
        Ok((rows, rows < length))
    }

    /// Elements that all have a value, with one bit each: whether the row continues.
    fn dense(&mut self, bits: &[u8], bit: usize, length: usize) -> Result<(usize, bool), Fault> {
        let mut done = 0;
        let rows_before = self.output.rows;
        let mut stopped = false;
        while done < length && !stopped {
            let mut count = (length - done).min(64);
            let mut starts = !word_at(bits, bit + done, count) & (u64::MAX >> (64 - count));
            if self.output.rows == 0 && starts & 1 == 0 {
                return Err(no_row());
            }
            while starts != 0 {
                let index = starts.trailing_zeros() as usize;
                if self.output.rows == self.target {
                    count = index;
                    stopped = true;
                    break;
                }
                self.start_row(self.output.slots + done + index)?;
                starts &= starts - 1;
            }
            done += count;
        }
        self.output.row_validity.push_ones(self.output.rows - rows_before)?;
        self.push_values(done)?;
        Ok((done, stopped))
    }

    /// Any level.
    fn one(&mut self, repetition: u32, definition: u32) -> Result<(), Fault> {
        let ListShape { empty_level, value_level, kind, .. } = *self.shape;
        match repetition {
            0 => {
                self.start_row(self.output.slots)?;
                if definition < empty_level {
                    self.output.row_validity.push_zeros(1)?;
                    if let ListKind::Fixed(size) = kind {
                        // A null row of a fixed-size list has its slots all the same.
                        self.output.slots += size;
                        self.output.validity.push_zeros(size)?;
                    }
                    return Ok(());
                }
                self.output.row_validity.push_ones(1)?;
                if definition == empty_level {
                    return Ok(());
                }
            }
            1 if self.output.rows == 0 => return Err(no_row()),
            1 if definition <= empty_level => {
                return Err(Fault::out_of_spec("a list that goes on without an element"));
            }
            1 => {}
            level => return Err(too_high(level)),
        }
        if definition == value_level {
            self.push_values(1)
        } else if definition < value_level {
            self.output.slots += 1;
            self.output.validity.push_zeros(1)
        } else {
            let what = format!("definition level {definition}, at most {value_level}");
            Err(Fault::out_of_spec(what))
        }
    }
}

#[cold]
fn no_row() -> Fault {
    Fault::out_of_spec("a column chunk that starts in the middle of a row")
}

#[cold]
fn too_high(level: u32) -> Fault {
    Fault::out_of_spec(format!("repetition level {level}, at most 1"))
}
