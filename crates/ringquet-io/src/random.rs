//! SplitMix64 (Steele, Lea, Flood 2014): a counter that goes on by [`STEP`], and a bijection that mixes it, [`finish`].
//! Any seed is good. Noise for files, simulations and tests, not for secrets.

/// 2^64 divided by the golden ratio, odd: the step of a Weyl sequence.
pub const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The factors of [`finish`].
pub const FACTORS: [u64; 2] = [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb];

/// Mixes 64 bits, so that each depends on all: a bijection.
#[inline]
#[must_use]
pub fn finish(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(FACTORS[0]);
    z = (z ^ (z >> 27)).wrapping_mul(FACTORS[1]);
    z ^ (z >> 31)
}

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> SplitMix64 {
        SplitMix64(seed)
    }

    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        finish(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of seed 0, as the paper's generator gives them.
    #[test]
    fn the_sequence_is_the_published_one() {
        let mut numbers = SplitMix64::new(0);
        let first = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
        assert_eq!([(); 3].map(|()| numbers.bits()), first);
    }
}
