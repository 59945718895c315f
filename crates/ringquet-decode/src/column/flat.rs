//! Columns with one slot per row.

use super::data_page::DataPage;
use super::output::Output;
use super::quota::Quota;
use crate::error::Fault;
use crate::kernels::bitmap;
use crate::levels::HybridRun;

/// Takes the page's levels of the first `rows` rows of the output, as far as the quota reaches: the slots that they make,
/// and how many have a value.
pub(super) fn take_levels(
    page: &mut DataPage,
    bytes: &[u8],
    nullable: bool,
    output: &mut Output,
    rows: usize,
    quota: Quota,
) -> Result<(usize, usize), Fault> {
    let slots = (rows - output.rows).min(page.left()).min(quota.slots);
    let (slots, present) = if nullable {
        definition_levels(page, bytes, output, slots, quota.values)?
    } else {
        let slots = slots.min(quota.values);
        (slots, slots)
    };
    page.taken += slots;
    output.rows += slots;
    output.slots += slots;
    Ok((slots, present))
}

/// Takes `slots` definition levels into the output's validity, or as many as have `values` values: how many it took, and how
/// many of those slots are not null.
fn definition_levels(
    page: &mut DataPage,
    bytes: &[u8],
    output: &mut Output,
    slots: usize,
    values: usize,
) -> Result<(usize, usize), Fault> {
    let (cursor, bytes) = page.definition.with(bytes);
    let (mut done, mut present) = (0, 0);
    while done < slots {
        let (run, left) = cursor.run(bytes)?;
        let left = left.min(slots - done);
        let now = match run {
            HybridRun::Rle(0) => {
                output.validity.push_zeros(left)?;
                left
            }
            HybridRun::Rle(1) => {
                let now = left.min(values - present);
                output.validity.push_ones(now)?;
                present += now;
                now
            }
            HybridRun::Rle(level) => {
                return Err(Fault::out_of_spec(format!("definition level {level}, at most 1")));
            }
            // One bit per level: they are the bitmap.
            HybridRun::Packed(bit) => {
                let now = match values - present {
                    room if room >= left => left,
                    room => bitmap::until_ones(bytes, bit, left, room),
                };
                present += output.validity.push_bits(bytes, bit, now)?;
                now
            }
        };
        cursor.advance(now);
        done += now;
        if now < left {
            break;
        }
    }
    Ok((done, present))
}
