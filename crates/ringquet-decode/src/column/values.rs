//! Decoding values of a page, whatever they are, to where their slots are.

use super::dictionary::Dictionary;
use super::output::Output;
use super::value_cursor::ValueCursor;
use crate::error::Fault;
use crate::kernels::spread;
use crate::schema::column_layout::Leaf;
use crate::words::words_mut;

impl ValueCursor {
    /// Decodes `present` values and puts them into the last `slots` slots of the output, those that are not null.
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        leaf: &Leaf,
        dictionary: Option<&Dictionary>,
        output: &mut Output,
        slots: usize,
        present: usize,
    ) -> Result<(), Fault> {
        let first_slot = output.slots - slots;
        match leaf {
            Leaf::Fixed(leaf) => {
                let target = output.values.extend(slots * leaf.width)?;
                let dense = &mut target[..present * leaf.width];
                self.fixed(bytes, leaf, dictionary, dense)?;
                if present < slots {
                    let validity = output.validity.bits().unwrap_or(&[]);
                    spread_fixed(target, leaf.width, present, validity, first_slot);
                }
                Ok(())
            }
            Leaf::Bool => self.bools(bytes, output, first_slot, slots, present),
            Leaf::Bytes { large: false, is_text } => {
                self.strings::<i32>(bytes, dictionary, output, slots, present, *is_text)
            }
            Leaf::Bytes { large: true, is_text } => {
                self.strings::<i64>(bytes, dictionary, output, slots, present, *is_text)
            }
        }
    }
}

fn spread_fixed(target: &mut [u8], width: usize, present: usize, validity: &[u8], offset: usize) {
    match width {
        1 => spread::spread::<u8>(target, present, validity, offset),
        2 => spread::spread::<u16>(words_mut(target), present, validity, offset),
        4 => spread::spread::<u32>(words_mut(target), present, validity, offset),
        8 => spread::spread::<u64>(words_mut(target), present, validity, offset),
        16 => spread::spread::<u128>(words_mut(target), present, validity, offset),
        width => spread::spread_bytes(target, width, present, validity, offset),
    }
}
