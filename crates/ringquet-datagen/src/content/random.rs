//! Random values by their number: any value of a column chunk without the ones before it.
//!
//! The n-th value of a chunk is a scramble of n under a key of the chunk. The scramble is a bijection
//! (adding, multiplying by odd numbers and xor with a right shift can all be undone), so that n is
//! also the index of the value in a dictionary. Values of 24, 31, 32 and 64 bits come in the order
//! of n; which of the codes of 1, 8 and 16 bits stands where is drawn ([`crate::content::ordinals`]).
//!
//! The scrambles have the well-known shapes of SplitMix64 and of the 32-bit finalizers; this is
//! noise for files, not for secrets.

use std::ops::Range;

use ringquet_io::random::{FACTORS, STEP, finish};

use crate::wide;

/// 2^32 divided by the golden ratio, odd.
const STEP32: u32 = 0x9e37_79b9;

/// After this many values a 32-bit key is changed, so that numbers fit well below 2^31. Within such
/// a block values differ; a dictionary is full long before.
pub(crate) const BLOCK_VALUES: u64 = 1 << 30;

/// Key of a column chunk: everything that its values depend on, mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    /// Mixes `parts` in their order.
    pub(crate) fn new(parts: &[u64]) -> Self {
        let mix =
            |key: u64, part: &u64| finish(key.wrapping_mul(STEP) ^ finish(part.wrapping_add(STEP)));
        Self(parts.iter().fold(0x7269_6e67_7175_6574, mix))
    }

    /// A key for another purpose under the same parts.
    pub(crate) fn with(self, part: u64) -> Self {
        Self::new(&[self.0, part])
    }

    /// 64-bit value number `n`: a bijection of `n`.
    #[inline]
    pub(crate) fn value64(self, n: u64) -> u64 {
        // The key goes in twice: added alone, chunks would be shifts of one sequence.
        let z = n.wrapping_add(1).wrapping_mul(STEP) ^ self.0;
        let z = (z ^ (z >> 32)).wrapping_mul(FACTORS[0]).wrapping_add(self.0);
        let z = (z ^ (z >> 29)).wrapping_mul(FACTORS[1]);
        z ^ (z >> 31)
    }

    /// The 64-bit values of `numbers`, finite if they are to be.
    pub(crate) fn values64(self, numbers: Range<u64>, finite: bool) -> Vec<u64> {
        let (mut values, start) = (Vec::new(), numbers.start);
        wide::extend(&mut values, 0..length(&numbers), move |n| self.value64(start + n as u64));
        if finite {
            wide::walk(&mut values, is_finite64, move |bits| self.value64(bits));
        }
        values
    }

    /// The 32-bit values of `numbers`, finite if they are to be.
    pub(crate) fn values32(self, numbers: Range<u64>, finite: bool) -> Vec<u32> {
        let mut values = Vec::new();
        for (block, numbers) in blocks(numbers) {
            let (start, halves) = (values.len(), self.halves(block));
            wide::extend(&mut values, numbers, move |n| value32(n, halves));
            if finite {
                wide::walk(&mut values[start..], is_finite32, move |bits| value32(bits, halves));
            }
        }
        values
    }

    /// The draws `numbers`, each below `bound`: a 32-bit value scaled down, so that two results differ
    /// in likelihood by `bound` / 2^32 at most.
    pub(crate) fn draws(self, numbers: Range<u64>, bound: u32) -> Vec<u32> {
        let mut draws = Vec::new();
        for (block, numbers) in blocks(numbers) {
            let halves = self.halves(block);
            wide::extend(&mut draws, numbers, move |n| {
                let product = u64::from(value32(n, halves)) * u64::from(bound);
                u32::try_from(product >> 32).expect("32 bits")
            });
        }
        draws
    }

    /// The two halves of the 32-bit key of block `n / BLOCK_VALUES`.
    pub(crate) fn halves(self, block: u64) -> (u32, u32) {
        let key = finish(self.0 ^ block.wrapping_mul(STEP));
        let low = u32::try_from(key & u64::from(u32::MAX)).expect("32 bits");
        (low, u32::try_from(key >> 32).expect("32 bits"))
    }

    /// Bytes `start..` of the byte stream of this key, into `out`.
    pub(crate) fn fill_bytes(self, start: u64, out: &mut [u8]) {
        let mut word = start / 8;
        let skipped = usize::try_from(start % 8).expect("below 8");
        let mut rest = out;
        if skipped > 0 && !rest.is_empty() {
            let bytes = self.value64(word).to_le_bytes();
            let head = (8 - skipped).min(rest.len());
            let (first, tail) = rest.split_at_mut(head);
            first.copy_from_slice(&bytes[skipped..skipped + head]);
            rest = tail;
            word += 1;
        }
        let mut words = rest.chunks_exact_mut(8);
        for out in &mut words {
            out.copy_from_slice(&self.value64(word).to_le_bytes());
            word += 1;
        }
        let tail = words.into_remainder();
        let bytes = self.value64(word).to_le_bytes();
        tail.copy_from_slice(&bytes[..tail.len()]);
    }
}

fn length(numbers: &Range<u64>) -> usize {
    usize::try_from(numbers.end - numbers.start).expect("a batch has a few mebibytes")
}

/// Cuts a range of numbers where the block changes: (block, numbers within it).
fn blocks(range: Range<u64>) -> impl Iterator<Item = (u64, Range<u32>)> {
    let first = range.start / BLOCK_VALUES;
    let last = range.end.div_ceil(BLOCK_VALUES);
    let number = |n: u64| u32::try_from(n).expect("blocks are shorter than 2^31");
    (first..last).map(move |block| {
        let base = block * BLOCK_VALUES;
        let start = range.start.max(base) - base;
        let end = range.end.min(base + BLOCK_VALUES) - base;
        (block, number(start)..number(end))
    })
}

/// 32-bit value number `n` of a block: a bijection of `n`.
#[inline]
pub(crate) fn value32(n: u32, (first, second): (u32, u32)) -> u32 {
    let mut x = n.wrapping_mul(STEP32) ^ first;
    x = (x ^ (x >> 16)).wrapping_mul(0x21f0_aaad).wrapping_add(second);
    x = (x ^ (x >> 15)).wrapping_mul(0x735a_2d97);
    x ^ (x >> 15)
}

/// Value number `n`, below 2^`BITS`, of a block: a bijection of `n`. `BITS` is at most 31.
#[inline]
pub(crate) fn short<const BITS: u32>(n: u32, (first, second): (u32, u32)) -> u32 {
    let mask = (1 << BITS) - 1;
    let mut x = (n.wrapping_mul(STEP32) ^ first) & mask;
    x = (x ^ (x >> BITS.div_ceil(2))).wrapping_mul(0x21f0_aaad).wrapping_add(second) & mask;
    x = (x ^ (x >> (BITS / 2).max(1))).wrapping_mul(0x735a_2d97) & mask;
    x ^ (x >> (BITS / 2).max(1))
}

fn is_finite32(bits: u32) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    bits & EXPONENT != EXPONENT
}

fn is_finite64(bits: u64) -> bool {
    const EXPONENT: u64 = 0x7ff0_0000_0000_0000;
    bits & EXPONENT != EXPONENT
}

/// The bits of a finite float32: `bits`, or if these are NaN or infinite, what walking on under the
/// same bijection meets first. That keeps it a bijection, since numbers of values are themselves
/// bits of finite floats.
pub(crate) fn finite32(mut bits: u32, halves: (u32, u32)) -> u32 {
    while !is_finite32(bits) {
        bits = value32(bits, halves);
    }
    bits
}

/// As [`finite32`] for float64.
pub(crate) fn finite64(mut bits: u64, key: Key) -> u64 {
    while !is_finite64(bits) {
        bits = key.value64(bits);
    }
    bits
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn scrambles_are_bijections() {
        let key = Key::new(&[1, 2, 3]);
        let halves = key.halves(0);
        let values: HashSet<u32> = (0..300_000).map(|n| value32(n, halves)).collect();
        assert_eq!(values.len(), 300_000);
        let finite: HashSet<u32> =
            (0..300_000).map(|n| finite32(value32(n, halves), halves)).collect();
        assert_eq!(finite.len(), 300_000, "walking on keeps values apart");
        assert!(finite.iter().all(|bits| f32::from_bits(*bits).is_finite()));
        let shorter: HashSet<u32> = (0..300_000).map(|n| short::<31>(n, halves)).collect();
        assert_eq!(shorter.len(), 300_000);
        assert!(shorter.iter().all(|value| *value < 1 << 31));
        let wide: HashSet<u64> = (0..300_000).map(|n| finite64(key.value64(n), key)).collect();
        assert_eq!(wide.len(), 300_000);
        assert!(wide.iter().all(|bits| f64::from_bits(*bits).is_finite()));
        let three: HashSet<u32> = (0..300_000).map(|n| short::<24>(n, halves)).collect();
        assert_eq!(three.len(), 300_000);
        assert!(three.iter().all(|value| *value < 1 << 24));
    }

    #[test]
    fn bits_look_random() {
        for key in (0..50).map(|part| Key::new(&[7, part])) {
            let halves = key.halves(0);
            for bit in 0..32 {
                let ones: u32 = (0..4096).map(|n| value32(n, halves) >> bit & 1).sum();
                assert!((1800..2300).contains(&ones), "bit {bit} of 32: {ones} of 4096");
            }
            for bit in 0..64 {
                let ones: u64 = (0..4096).map(|n| key.value64(n) >> bit & 1).sum();
                assert!((1800..2300).contains(&ones), "bit {bit} of 64: {ones} of 4096");
            }
        }
    }

    #[test]
    fn chunks_are_not_shifts_of_each_other() {
        let pairs = |key: Key| {
            let halves = key.halves(0);
            let pairs: HashSet<(u32, u32)> =
                (0..20_000).map(|n| (value32(n, halves), value32(n + 1, halves))).collect();
            pairs
        };
        let (left, right) = (pairs(Key::new(&[1])), pairs(Key::new(&[2])));
        assert!(left.is_disjoint(&right));
    }

    #[test]
    fn byte_streams_can_be_cut_anywhere() {
        let key = Key::new(&[9]);
        let mut whole = vec![0; 100];
        key.fill_bytes(0, &mut whole);
        for start in 0..20_usize {
            for end in start..100 {
                let mut part = vec![0; end - start];
                key.fill_bytes(start as u64, &mut part);
                assert_eq!(part, whole[start..end], "{start}..{end}");
            }
        }
    }

    #[test]
    fn slices_hold_the_values_of_their_numbers() {
        let key = Key::new(&[3, 4]);
        for finite in [false, true] {
            // Across a change of the block.
            for numbers in [0..1, 5..70, 77..5000, BLOCK_VALUES - 300..BLOCK_VALUES + 700] {
                let wide = numbers.clone().map(|n| {
                    let bits = key.value64(n);
                    if finite { finite64(bits, key) } else { bits }
                });
                assert!(wide.eq(key.values64(numbers.clone(), finite)), "{numbers:?}");
                let words = numbers.clone().map(|n| {
                    let halves = key.halves(n / BLOCK_VALUES);
                    let bits = value32(u32::try_from(n % BLOCK_VALUES).unwrap(), halves);
                    if finite { finite32(bits, halves) } else { bits }
                });
                assert!(words.eq(key.values32(numbers.clone(), finite)), "{numbers:?}");
            }
        }
    }

    #[test]
    fn draws_are_below_their_bound_and_can_be_cut_anywhere() {
        let key = Key::new(&[9]);
        for bound in [1, 2, 255, 63_488, 65_536] {
            let whole = key.draws(0..200, bound);
            assert!(whole.iter().all(|draw| *draw < bound));
            assert!(bound == 1 || whole.iter().any(|draw| *draw >= bound / 2), "{bound}");
            for start in 0..20 {
                for end in start..60 {
                    let part = key.draws(start as u64..end as u64, bound);
                    assert_eq!(part, whole[start..end], "{start}..{end}");
                }
            }
        }
    }
}
