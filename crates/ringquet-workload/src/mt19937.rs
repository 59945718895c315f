//! NumPy's legacy random generator, as far as DLIO's order and sizes hang on it: the Mersenne
//! Twister MT19937 (Matsumoto and Nishimura, 1998) with `init_genrand`, the masked-rejection
//! shuffle of `np.random.shuffle` and the polar method of `np.random.normal`.

const LENGTH: usize = 624;
const SHIFT: usize = 397;

/// `np.random.RandomState(seed)`.
#[derive(Clone)]
pub struct Mt19937 {
    state: [u32; LENGTH],
    next: usize,
    /// The second value of the last pair of normal draws, not yet given out.
    spare_normal: Option<f64>,
}

impl std::fmt::Debug for Mt19937 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mt19937").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Mt19937 {
    /// What `np.random.seed(seed)` leaves.
    pub fn new(seed: u32) -> Self {
        let mut state = [0; LENGTH];
        let mut previous = seed;
        for (index, word) in (0_u32..).zip(state.iter_mut()) {
            if index > 0 {
                previous =
                    1_812_433_253_u32.wrapping_mul(previous ^ (previous >> 30)).wrapping_add(index);
            }
            *word = previous;
        }
        Self { state, next: LENGTH, spare_normal: None }
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.next == LENGTH {
            self.refill();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn refill(&mut self) {
        for index in 0..LENGTH {
            let upper = self.state[index] & 0x8000_0000;
            let mixed = upper | (self.state[(index + 1) % LENGTH] & 0x7fff_ffff);
            let twist = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[index] = self.state[(index + SHIFT) % LENGTH] ^ (mixed >> 1) ^ twist;
        }
        self.next = 0;
    }

    /// A whole number from 0 to `max`, each as likely: 32-bit draws, masked to the bits of `max`,
    /// until one is not above it.
    pub fn at_most(&mut self, max: u32) -> u32 {
        let mask = u32::MAX.checked_shr(max.leading_zeros()).unwrap_or(0);
        loop {
            // `max` 0 draws nothing in NumPy.
            let value = if mask == 0 { 0 } else { self.next_u32() & mask };
            if value <= max {
                return value;
            }
        }
    }

    /// `np.random.shuffle`.
    ///
    /// # Panics
    /// With more than 2^32 items, which NumPy would shuffle from 64-bit draws.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            let max = u32::try_from(index).expect("at most 2^32 items");
            items.swap(index, self.at_most(max) as usize);
        }
    }

    /// A number from 0 (included) to 1 (excluded) with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        let (high, low) = (self.next_u32() >> 5, self.next_u32() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// `np.random.normal(mean, stdev)`.
    pub fn normal(&mut self, mean: f64, stdev: f64) -> f64 {
        mean + stdev * self.standard_normal()
    }

    fn standard_normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let radius = x * x + y * y;
            if radius < 1.0 && radius != 0.0 {
                let factor = (-2.0 * radius.ln() / radius).sqrt();
                self.spare_normal = Some(factor * x);
                return factor * y;
            }
        }
    }
}

/// The same generator for the distributions of `rand_distr`, in the order of NumPy's 64-bit draws.
impl rand::TryRng for Mt19937 {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(Self::next_u32(self))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let high = u64::from(Self::next_u32(self));
        Ok(high << 32 | u64::from(Self::next_u32(self)))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Self::Error> {
        for part in target.chunks_mut(4) {
            let bytes = Self::next_u32(self).to_le_bytes();
            part.copy_from_slice(&bytes[..part.len()]);
        }
        Ok(())
    }
}
