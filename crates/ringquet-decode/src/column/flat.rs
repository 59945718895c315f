//! Columns with one slot per row.

use super::data_page::DataPage;
use super::output::Output;
use crate::error::Fault;
use crate::levels::HybridRun;

/// Takes the page's levels of the first `rows` rows of the output: the slots that they make, and how many have a value.
pub(super) fn take_levels(
    page: &mut DataPage,
    bytes: &[u8],
    nullable: bool,
    output: &mut Output,
    rows: usize,
) -> Result<(usize, usize), Fault> {
    let slots = (rows - output.rows).min(page.left());
    let present = if nullable { definition_levels(page, bytes, output, slots)? } else { slots };
    page.taken += slots;
    output.rows += slots;
    output.slots += slots;
    Ok((slots, present))
}

/// Takes `slots` definition levels into the output's validity and says how many slots are not null.
fn definition_levels(
    page: &mut DataPage,
    bytes: &[u8],
    output: &mut Output,
    slots: usize,
) -> Result<usize, Fault> {
    let (cursor, bytes) = page.definition.with(bytes);
    let (mut done, mut present) = (0, 0);
    while done < slots {
        let (run, left) = cursor.run(bytes)?;
        let now = left.min(slots - done);
        present += match run {
            HybridRun::Rle(0) => output.validity.push_zeros(now).map(|()| 0)?,
            HybridRun::Rle(1) => output.validity.push_ones(now).map(|()| now)?,
            HybridRun::Rle(level) => {
                return Err(Fault::out_of_spec(format!("definition level {level}, at most 1")));
            }
            // One bit per level: they are the bitmap.
            HybridRun::Packed(bit) => output.validity.push_bits(bytes, bit, now)?,
        };
        cursor.advance(now);
        done += now;
    }
    Ok(present)
}
