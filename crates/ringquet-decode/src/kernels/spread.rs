//! Values that stand close together, moved apart to where their rows are: the way from Parquet, which leaves nulls out,
//! to Arrow, which has a slot for each.

use arrow_buffer::bit_util::get_bit;

use crate::words::Word;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
use crate::words::words_as;

/// Moves the first `present` of `values` to the slots whose bit in `validity` (from `offset` on) is set, in order. Slots
/// of nulls become 0. There are `present` set bits.
///
/// # Panics
/// When there are more set bits than `present`, or fewer bits than values.
pub(crate) fn spread<T: Word>(values: &mut [T], present: usize, validity: &[u8], offset: usize) {
    // From the end: a value's slot is never before the value.
    let (slots, mut next) =
        spread_fast(values, present, validity, offset).unwrap_or((values.len(), present));
    for slot in (0..slots).rev() {
        if next == slot + 1 {
            // No null before this slot: everything is where it should be.
            return;
        }
        values[slot] = if get_bit(validity, offset + slot) {
            next -= 1;
            values[next]
        } else {
            T::default()
        };
    }
}

/// The last slots, where this CPU has a kernel for the width: the slots that are left, and the values for them.
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
fn spread_fast<T: Word>(
    values: &mut [T],
    present: usize,
    validity: &[u8],
    offset: usize,
) -> Option<(usize, usize)> {
    match size_of::<T>() {
        4 => super::spread_x86::spread_32(words_as(values), present, validity, offset),
        8 => super::spread_x86::spread_64(words_as(values), present, validity, offset),
        _ => None,
    }
}

#[cfg(any(not(target_arch = "x86_64"), feature = "portable"))]
fn spread_fast<T: Word>(
    _values: &mut [T],
    _present: usize,
    _validity: &[u8],
    _offset: usize,
) -> Option<(usize, usize)> {
    None
}

/// [`spread`] for values of any `width` in bytes.
pub(crate) fn spread_bytes(
    values: &mut [u8],
    width: usize,
    present: usize,
    validity: &[u8],
    offset: usize,
) {
    let slots = values.len() / width.max(1);
    let mut next = present;
    for slot in (0..slots).rev() {
        if next == slot + 1 {
            return;
        }
        if get_bit(validity, offset + slot) {
            next -= 1;
            values.copy_within(next * width..(next + 1) * width, slot * width);
        } else {
            values[slot * width..(slot + 1) * width].fill(0);
        }
    }
}

/// The same for ends of strings: a null's end is that of the string before it, or `start`.
pub(crate) fn spread_ends<T: Copy>(
    ends: &mut [T],
    start: T,
    present: usize,
    validity: &[u8],
    offset: usize,
) {
    let mut next = present;
    for slot in (0..ends.len()).rev() {
        if next == slot + 1 {
            return;
        }
        let end = next.checked_sub(1).map_or(start, |last| ends[last]);
        if get_bit(validity, offset + slot) {
            next -= 1;
        }
        ends[slot] = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_plain_version(
            valid in proptest::collection::vec(any::<bool>(), 0..200),
            offset in 0_usize..9,
        ) {
            let mut validity = vec![0xa5_u8; (valid.len() + offset).div_ceil(8)];
            for (slot, valid) in valid.iter().enumerate() {
                let (byte, bit) = ((offset + slot) / 8, (offset + slot) % 8);
                validity[byte] = (validity[byte] & !(1 << bit)) | (u8::from(*valid) << bit);
            }
            let present = valid.iter().filter(|valid| **valid).count();
            let dense: Vec<u32> = (1..).take(present).collect();
            let mut counter = 0..;
            let expect: Vec<u32> = valid
                .iter()
                .map(|valid| if *valid { dense[counter.next().unwrap()] } else { 0 })
                .collect();

            let mut wide: Vec<u64> = dense.iter().map(|value| u64::from(*value)).collect();
            wide.resize(valid.len(), 99);
            spread(&mut wide, present, &validity, offset);
            let expect_wide: Vec<u64> = expect.iter().map(|value| u64::from(*value)).collect();
            prop_assert_eq!(wide, expect_wide);
            let mut narrow: Vec<u8> = dense.iter().map(|value| (value & 0xff) as u8).collect();
            narrow.resize(valid.len(), 99);
            spread(&mut narrow, present, &validity, offset);
            let expect_narrow: Vec<u8> = expect.iter().map(|value| (value & 0xff) as u8).collect();
            prop_assert_eq!(narrow, expect_narrow);

            let mut values = dense.clone();
            values.resize(valid.len(), 99);
            let mut bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            spread(&mut values, present, &validity, offset);
            prop_assert_eq!(&values, &expect);
            spread_bytes(&mut bytes, 4, present, &validity, offset);
            let expect_bytes: Vec<u8> = expect.iter().flat_map(|v| v.to_le_bytes()).collect();
            prop_assert_eq!(bytes, expect_bytes);

            let mut ends: Vec<i32> = (1..).map(|i| i * 10).take(present).collect();
            ends.resize(valid.len(), -1);
            spread_ends(&mut ends, 5, present, &validity, offset);
            let mut last = 5;
            let mut counter = 1..;
            let expect: Vec<i32> = valid
                .iter()
                .map(|valid| {
                    if *valid {
                        last = counter.next().unwrap() * 10;
                    }
                    last
                })
                .collect();
            prop_assert_eq!(ends, expect);
        }
    }
}
