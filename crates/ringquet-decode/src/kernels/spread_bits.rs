//! Bits that stand close together, moved apart to where their rows are: booleans with nulls between them.
//!
//! With BMI2 one instruction does 64 of them.

#![cfg_attr(
    all(target_arch = "x86_64", not(feature = "portable")),
    expect(unsafe_code, reason = "a BMI2 instruction")
)]

use super::bitmap::{put_word, word_at};

/// Puts the bits of `dense` into those of `slots` bits of `target` from `first` on whose bit in `validity` is set, in
/// order; the others become 0.
///
/// # Panics
/// When `dense` has fewer bits than are set, or the slots reach beyond `target` or `validity`.
pub(crate) fn spread_bits(
    dense: &[u8],
    target: &mut [u8],
    first: usize,
    slots: usize,
    validity: &[u8],
) {
    #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
    if is_x86_feature_detected!("bmi2") && is_x86_feature_detected!("popcnt") {
        // SAFETY: the CPU has BMI2 and POPCNT.
        return unsafe { spread_bmi2(dense, target, first, slots, validity) };
    }
    spread_with(dense, target, first, slots, validity, deposit);
}

#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
#[target_feature(enable = "bmi2,popcnt")]
fn spread_bmi2(dense: &[u8], target: &mut [u8], first: usize, slots: usize, validity: &[u8]) {
    let deposit = |bits, mask| std::arch::x86_64::_pdep_u64(bits, mask);
    spread_with(dense, target, first, slots, validity, deposit);
}

#[inline(always)]
fn spread_with(
    dense: &[u8],
    target: &mut [u8],
    first: usize,
    slots: usize,
    validity: &[u8],
    deposit: impl Fn(u64, u64) -> u64,
) {
    let mut next = 0;
    for start in (first..first + slots).step_by(64) {
        let length = (first + slots - start).min(64);
        let valid = word_at(validity, start, length);
        let present = valid.count_ones() as usize;
        let bits = if present == 0 { 0 } else { word_at(dense, next, present) };
        put_word(target, start, deposit(bits, valid), length);
        next += present;
    }
}

/// The lowest bits of `bits` at the places of the set bits of `mask`.
fn deposit(bits: u64, mask: u64) -> u64 {
    let (mut bits, mut mask, mut out) = (bits, mask, 0);
    while mask != 0 {
        let lowest = mask & mask.wrapping_neg();
        out |= if bits & 1 == 1 { lowest } else { 0 };
        bits >>= 1;
        mask ^= lowest;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_buffer::bit_util::get_bit;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_plain_version(
            validity in proptest::collection::vec(any::<u8>(), 40),
            dense in proptest::collection::vec(any::<u8>(), 40),
            before in proptest::collection::vec(any::<u8>(), 40),
            first in 0_usize..100,
            slots in 0_usize..220,
        ) {
            let mut target = before.clone();
            spread_bits(&dense, &mut target, first, slots, &validity);
            let mut portable = before.clone();
            spread_with(&dense, &mut portable, first, slots, &validity, deposit);
            prop_assert_eq!(&portable, &target);
            let mut next = 0;
            for bit in 0..320 {
                let expect = if (first..first + slots).contains(&bit) {
                    let is_valid = get_bit(&validity, bit);
                    next += usize::from(is_valid);
                    is_valid && get_bit(&dense, next - 1)
                } else {
                    get_bit(&before, bit)
                };
                prop_assert_eq!(get_bit(&target, bit), expect, "bit {}", bit);
            }
        }
    }
}
