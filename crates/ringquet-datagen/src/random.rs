//! Random values by their number: any value of a column chunk without the ones before it.
//!
//! The n-th value of a chunk is a scramble of n under a key of the chunk. For values of 31, 32 and
//! 64 bits the scramble is a bijection (adding, multiplying by odd numbers and xor with a right
//! shift can all be undone), so no value occurs twice in a chunk: the dictionary of such a chunk is
//! its values in order, and its indices count 0, 1, 2, … Narrower values are the bytes of a stream
//! of 64-bit words.
//!
//! The scrambles have the well-known shapes of SplitMix64 and of the 32-bit finalizers; this is
//! noise for files, not for secrets.

/// 2^64 divided by the golden ratio, odd: the step of a Weyl sequence.
const STEP64: u64 = 0x9e37_79b9_7f4a_7c15;
/// The same for 32 bits.
const STEP32: u32 = 0x9e37_79b9;

/// After this many values a 32-bit key is changed, so that numbers fit well below 2^31. Within such
/// a block values differ; a dictionary is full long before.
pub(crate) const BLOCK_VALUES: u64 = 1 << 30;

/// The finalizer of SplitMix64, a bijection.
fn finish64(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Key of a column chunk: everything that its values depend on, mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    /// Mixes `parts` in their order.
    pub(crate) fn new(parts: &[u64]) -> Self {
        let mix = |key: u64, part: &u64| {
            finish64(key.wrapping_mul(STEP64) ^ finish64(part.wrapping_add(STEP64)))
        };
        Self(parts.iter().fold(0x7269_6e67_7175_6574, mix))
    }

    /// A key for another purpose under the same parts.
    pub(crate) fn with(self, part: u64) -> Self {
        Self::new(&[self.0, part])
    }

    /// 64-bit value number `n`: a bijection of `n`.
    pub(crate) fn value64(self, n: u64) -> u64 {
        // The key goes in twice: added alone, chunks would be shifts of one sequence.
        let z = n.wrapping_add(1).wrapping_mul(STEP64) ^ self.0;
        let z = (z ^ (z >> 32)).wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(self.0);
        let z = (z ^ (z >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The two halves of the 32-bit key of block `n / BLOCK_VALUES`.
    pub(crate) fn halves(self, block: u64) -> (u32, u32) {
        let key = finish64(self.0 ^ block.wrapping_mul(STEP64));
        let low = u32::try_from(key & u64::from(u32::MAX)).expect("32 bits");
        (low, u32::try_from(key >> 32).expect("32 bits"))
    }

    /// 64 bits that belong to `n`, for decisions.
    pub(crate) fn draw(self, n: u64) -> u64 {
        self.value64(n)
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

    /// Byte `n` of the byte stream.
    pub(crate) fn byte(self, n: u64) -> u8 {
        self.value64(n / 8).to_le_bytes()[usize::try_from(n % 8).expect("below 8")]
    }
}

/// 32-bit value number `n` of a block: a bijection of `n`.
#[inline]
pub(crate) fn value32(n: u32, (first, second): (u32, u32)) -> u32 {
    let mut x = n.wrapping_mul(STEP32) ^ first;
    x = (x ^ (x >> 16)).wrapping_mul(0x21f0_aaad).wrapping_add(second);
    x = (x ^ (x >> 15)).wrapping_mul(0x735a_2d97);
    x ^ (x >> 15)
}

/// 31-bit value number `n`, below 2^31, of a block: a bijection of `n`.
pub(crate) fn value31(n: u32, (first, second): (u32, u32)) -> u32 {
    const MASK: u32 = (1 << 31) - 1;
    let mut x = (n.wrapping_mul(STEP32) ^ first) & MASK;
    x = (x ^ (x >> 16)).wrapping_mul(0x21f0_aaad).wrapping_add(second) & MASK;
    x = (x ^ (x >> 15)).wrapping_mul(0x735a_2d97) & MASK;
    x ^ (x >> 15)
}

/// The bits of a finite float32: `bits`, or if these are NaN or infinite, what walking on under the
/// same bijection meets first. That keeps it a bijection, since numbers of values are themselves
/// bits of finite floats.
pub(crate) fn finite32(mut bits: u32, halves: (u32, u32)) -> u32 {
    const EXPONENT: u32 = 0x7f80_0000;
    while bits & EXPONENT == EXPONENT {
        bits = value32(bits, halves);
    }
    bits
}

/// As [`finite32`] for float64.
pub(crate) fn finite64(mut bits: u64, key: Key) -> u64 {
    const EXPONENT: u64 = 0x7ff0_0000_0000_0000;
    while bits & EXPONENT == EXPONENT {
        bits = key.value64(bits);
    }
    bits
}

/// The bits of a finite float16: NaN and infinities lose the top bit of their exponent, which makes
/// the 2,048 patterns from 1.0 to below 2.0 twice as likely as others.
#[inline]
pub(crate) fn finite16(bits: u16) -> u16 {
    const EXPONENT: u16 = 0x7c00;
    if bits & EXPONENT == EXPONENT { bits ^ 0x4000 } else { bits }
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
        let short: HashSet<u32> = (0..300_000).map(|n| value31(n, halves)).collect();
        assert_eq!(short.len(), 300_000);
        assert!(short.iter().all(|value| *value < 1 << 31));
        let wide: HashSet<u64> = (0..300_000).map(|n| finite64(key.value64(n), key)).collect();
        assert_eq!(wide.len(), 300_000);
        assert!(wide.iter().all(|bits| f64::from_bits(*bits).is_finite()));
        assert!((0..=u16::MAX).all(|bits| half::f16::from_bits(finite16(bits)).is_finite()));
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
        assert!((0..100).all(|n| key.byte(n as u64) == whole[n]));
    }
}
