//! What 0, 1, 2, … looks like when it is packed.
//!
//! Indices of a column whose values do not repeat are, bit by bit, the beginning of one and the same string of bytes for
//! each width. So whether they count up is a comparison of bytes, which runs at the speed of the cache, and nothing needs to be
//! unpacked to see it.
//!
//! ```text
//! width 13    00 20 00 08 80 01 40 00 0a 80 01 38 00 │ 08 20 01 28 …
//!             0, 1, 2, … 7: thirteen bytes           │ 8, 9, …
//! ```
//! A stretch may begin with any multiple of eight: there a value starts with a byte.

use std::sync::OnceLock;

/// Widest values that have a string: it is 128 KiB long, and with wider ones would not stay in the cache.
const WIDTH_MAX: u32 = 16;

/// The strings, each made when it is first needed.
static COUNTING: [OnceLock<Box<[u8]>>; WIDTH_MAX as usize + 1] =
    [const { OnceLock::new() }; WIDTH_MAX as usize + 1];

/// Whether `count` values of `width` bits at the start of `bytes` are `first`, `first` + 1, and so on. `false` also where
/// this kernel does not decide.
#[inline]
pub(crate) fn counts(bytes: &[u8], width: u32, first: u32, count: usize) -> bool {
    if width == 0 || width > WIDTH_MAX || !first.is_multiple_of(8) {
        return false;
    }
    let values = 1_usize << width;
    if first as usize + count > values {
        return false;
    }
    let counting = COUNTING[width as usize].get_or_init(|| pack_counting(width));
    let start = first as usize / 8 * width as usize;
    let (whole, rest) = (count * width as usize / 8, count * width as usize % 8);
    let expect = &counting[start..];
    if bytes.get(..whole) != expect.get(..whole) || bytes.len() < whole {
        return false;
    }
    // The last value may end inside a byte.
    rest == 0 || bytes.get(whole).is_some_and(|byte| (byte ^ expect[whole]) << (8 - rest) == 0)
}

/// All values of `width` bits, packed.
fn pack_counting(width: u32) -> Box<[u8]> {
    let values = 1_u64 << width;
    let mut packed =
        Vec::with_capacity(usize::try_from(values * u64::from(width) / 8).unwrap_or(0) + 1);
    let (mut pending, mut bits) = (0_u64, 0);
    for value in 0..values {
        pending |= value << bits;
        bits += width;
        while bits >= 8 {
            packed.push((pending & 0xff) as u8);
            pending >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        packed.push((pending & 0xff) as u8);
    }
    packed.into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::bit_unpack::unpack;
    use proptest::prelude::*;

    #[test]
    fn strings_unpack_to_what_they_count() {
        for width in 1..=WIDTH_MAX {
            let mut values = vec![0; 1 << width];
            unpack(&pack_counting(width), width, &mut values);
            assert!((0_u32..).zip(&values).all(|(index, value)| index == *value), "width {width}");
        }
    }

    proptest! {
        /// One flipped bit among the values is seen, and none behind them.
        #[test]
        fn equals_the_plain_version(
            width in 1_u32..=WIDTH_MAX,
            first in 0_u32..5000,
            count in 0_usize..3000,
            flip in proptest::option::of(0_usize..30_000),
        ) {
            let first = first % (1 << width) / 8 * 8;
            let count = count.min((1 << width) - first as usize);
            let start = first as usize / 8 * width as usize;
            let mut bytes = pack_counting(width)[start..].to_vec();
            let bits = count * width as usize;
            let mut expect = true;
            if let Some(bit) = flip.filter(|bit| bit / 8 < bytes.len()) {
                bytes[bit / 8] ^= 1 << (bit % 8);
                expect = bit >= bits;
            }
            prop_assert_eq!(counts(&bytes, width, first, count), expect);
            let cut = bits.div_ceil(8);
            if let Some(shorter) = cut.checked_sub(1) {
                prop_assert!(!counts(&bytes[..shorter], width, first, count));
            }
        }
    }

    #[test]
    fn what_it_cannot_tell_it_denies() {
        assert!(!counts(&[0; 64], 0, 0, 8), "no bits, no counting");
        assert!(!counts(&pack_counting(13)[13..], 13, 1, 8), "does not start with a byte");
        assert!(!counts(&pack_counting(4), 4, 0, 17), "sixteen values are all there are");
        assert!(!counts(&[0; 4096], 17, 0, 8), "no string for such values");
    }
}
