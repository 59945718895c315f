//! Packed indices that count up: 0, 1, 2, …
//!
//! Writers number dictionary entries in order of first appearance, so among values that rarely repeat the indices count
//! up, often through the whole column chunk. Such a stretch is a copy of a stretch of the dictionary, and need not even
//! be unpacked into memory: it is enough to see that it counts.

use super::bit_unpack::{bits_at, unpack};
use super::counting;

/// Values that are looked at together; the answer is a multiple of it. A whole number of bytes at every width.
pub(crate) const STEP: usize = 16;

/// How many of the `count` values of `width` bits at the start of `bytes` are the first, the first + 1, and so on:
/// all of them, or a multiple of [`STEP`], rounded down. The first value comes with it.
pub(crate) fn leading_ascending(bytes: &[u8], width: u32, count: usize) -> (u32, usize) {
    #[expect(clippy::cast_possible_truncation, reason = "widths are 32 bits or fewer")]
    let first = bits_at(bytes, 0, width) as u32;
    if counting::counts(bytes, width, first, count) {
        return (first, count);
    }
    let done = leading_fast(bytes, width, first, count);
    (first, leading_plain(bytes, width, first, count, done))
}

#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
fn leading_fast(bytes: &[u8], width: u32, first: u32, count: usize) -> Leading {
    super::ascending_x86::leading(bytes, width, first, count)
}

#[cfg(any(not(target_arch = "x86_64"), feature = "portable"))]
fn leading_fast(_bytes: &[u8], _width: u32, _first: u32, _count: usize) -> Leading {
    Leading { values: 0, is_end: false }
}

/// What a kernel found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leading {
    /// Values that count up: all, or a multiple of [`STEP`].
    pub(super) values: usize,
    /// The next [`STEP`] values do not; otherwise the kernel has only come to the end of what it can read.
    pub(super) is_end: bool,
}

/// The portable version, from where another left off.
fn leading_plain(bytes: &[u8], width: u32, first: u32, count: usize, done: Leading) -> usize {
    let mut values = done.values;
    let step_bytes = STEP / 8 * width as usize;
    let mut block = [0; STEP];
    while !done.is_end && values < count {
        let block = &mut block[..(count - values).min(STEP)];
        let start = values / STEP * step_bytes;
        if start + (block.len() * width as usize).div_ceil(8) > bytes.len() {
            break;
        }
        unpack(&bytes[start..], width, block);
        let start = first.wrapping_add(u32::try_from(values).unwrap_or(u32::MAX));
        let counts =
            (0_u32..).zip(&*block).all(|(index, value)| *value == start.wrapping_add(index));
        if !counts {
            break;
        }
        values += block.len();
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pack(values: &[u32], width: u32) -> Vec<u8> {
        let mut bytes = vec![0; (values.len() * width as usize).div_ceil(8)];
        for (index, value) in values.iter().enumerate() {
            for bit in (0..width as usize).filter(|bit| value >> bit & 1 == 1) {
                let bit = index * width as usize + bit;
                bytes[bit / 8] |= 1 << (bit % 8);
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn equals_the_plain_version(
            width in 1_u32..=32,
            start in any::<u32>(),
            length in 1_usize..400,
            breaks in proptest::option::of(0_usize..400),
        ) {
            let mask = u32::MAX >> (32 - width);
            let start = start & mask;
            let mut values: Vec<u32> =
                (0..).take(length).map(|index| start.wrapping_add(index) & mask).collect();
            if let Some(value) = breaks.and_then(|index| values.get_mut(index)) {
                *value = value.wrapping_add(3) & mask;
            }
            let bytes = pack(&values, width);
            let counts = (0..)
                .zip(&values)
                .take_while(|(index, value)| **value == values[0].wrapping_add(*index))
                .count();
            let expect = if counts == length { counts } else { counts / STEP * STEP };
            prop_assert_eq!(leading_ascending(&bytes, width, length), (values[0], expect));
            let nothing = Leading { values: 0, is_end: false };
            prop_assert_eq!(leading_plain(&bytes, width, values[0], length, nothing), expect);
        }
    }
}
