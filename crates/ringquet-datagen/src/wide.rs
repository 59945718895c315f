//! The loops that make and look at every value, compiled for AVX-512 and AVX2 as well.
//!
//! Each checks the CPU and runs the widest available version: 64-bit products, of which random values are
//! made, and 32-bit minima are single instructions only there. The closures that they are given
//! become part of them; they are to own what they use, tables apart, for what is behind a reference
//! may be loaded anew for every value. The dispatch is `multiversion`'s, and so is what is unsafe
//! about it.

use multiversion::multiversion;

/// Values that are looked at together.
const BLOCK: usize = 64;

/// Appends `value` of each of `numbers`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(crate) fn extend<N, T: Copy + Default>(
    out: &mut Vec<T>,
    numbers: impl ExactSizeIterator<Item = N>,
    value: impl Fn(N) -> T + Copy,
) {
    // A loop of its own: that of `Vec::extend` may stay a function, and narrow.
    let start = out.len();
    out.resize(start + numbers.len(), T::default());
    for (out, number) in out[start..].iter_mut().zip(numbers) {
        *out = value(number);
    }
}

/// Replaces values by their `step` until all are `valid`. Blocks in which all are, are only looked
/// at.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(crate) fn walk<T: Copy + Default>(
    values: &mut [T],
    valid: impl Fn(T) -> bool + Copy,
    step: impl Fn(T) -> T + Copy,
) {
    let (blocks, rest) = values.as_chunks_mut::<BLOCK>();
    blocks.iter_mut().for_each(|block| walk_block(block, valid, step));
    walk_block(rest, valid, step);
}

#[inline(always)]
fn walk_block<T: Copy + Default>(
    block: &mut [T],
    valid: impl Fn(T) -> bool + Copy,
    step: impl Fn(T) -> T + Copy,
) {
    while block.iter().fold(false, |any, value| any | !valid(*value)) {
        // To another place: in their own it would be a store under a mask, for which the next look
        // has to wait.
        let mut stepped = [T::default(); BLOCK];
        for (stepped, value) in stepped.iter_mut().zip(&*block) {
            *stepped = if valid(*value) { *value } else { step(*value) };
        }
        block.copy_from_slice(&stepped[..block.len()]);
    }
}

/// Smallest and largest `key`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(crate) fn extent<T: Copy, K: Copy + Ord>(values: &[T], key: impl Fn(T) -> K) -> Option<(K, K)> {
    let first = key(*values.first()?);
    let fold = |(low, high): (K, K), value: &T| {
        let key = key(*value);
        (low.min(key), high.max(key))
    };
    Some(values.iter().fold((first, first), fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_do_what_they_say_at_all_lengths() {
        for length in (0..70_u32).chain([127, 128, 129, 1000]) {
            let mut values = vec![7];
            extend(&mut values, 0..length, |n: u32| u64::from(n) * u64::from(n));
            let one_by_one: Vec<u64> = std::iter::once(7)
                .chain((0..length).map(|n| u64::from(n) * u64::from(n)))
                .collect();
            assert_eq!(values, one_by_one);

            walk(&mut values, |value| value % 3 != 0, |value| value / 3 + 1);
            let walked = one_by_one.iter().map(|value| {
                let mut value = *value;
                while value % 3 == 0 {
                    value = value / 3 + 1;
                }
                value
            });
            assert!(walked.eq(values.iter().copied()), "{length}");

            let key = |value: u64| (value % 101).cast_signed() - 50;
            let keys = values.iter().map(|value| key(*value));
            let expected = keys.clone().min().zip(keys.max());
            assert_eq!(extent(&values, key), expected, "{length}");
        }
        assert_eq!(extent(&[0_u8; 0], |value| value), None);
    }
}
