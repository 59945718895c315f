//! Which value stands where: every value of a column chunk by its *ordinal*, the number of its first
//! appearance.
//!
//! Arrow numbers the entries of a dictionary by their first appearance too, so ordinals are
//! dictionary indices, and no value is ever looked up.
//!
//! Values of 24 bits and more are new each time, unless repeats are requested: 0, 1, 2, … Values
//! of a [`Domain`] are drawn, each as likely as any other, and many come again. To draw values and
//! number them by a table costs a miss of the level-1 cache per value. It can be done the other way
//! round: of K values, k have appeared; a draw u below K is the old one with ordinal u if there is
//! one, and otherwise one of those that have not appeared, whose ordinal is k.
//!
//! ```text
//! u    5  2  5  0  3      below K = 6
//! k    0  1  2  3  3      u < k ? old : new
//!      0  1  2  0  3      min(u, k), the ordinal
//! ```
//! A new one comes with probability 1 − k / K, and each of the old ones with 1 / K, as when values
//! are drawn. Which value is the n-th to appear is a random order of the domain.

use std::ops::Range;

use super::domain::Domain;
use super::random::Key;

/// The ordinals of some consecutive values.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ordinals {
    /// All new.
    Fresh(Range<u64>),
    /// One by one, of values of 24 bits and more.
    Wide(Vec<u64>),
    /// One by one, of values of this domain.
    Narrow(Domain, Vec<u32>),
}

/// Draws the ordinals of a column chunk.
#[derive(Debug)]
pub(crate) struct OrdinalDraw {
    domain: Option<Domain>,
    /// Decides what repeats.
    repeat_key: Key,
    /// What of a domain comes.
    draw_key: Key,
    /// A value repeats if 32 random bits are below this.
    repeat_below: u64,
    position: u64,
    /// Ordinals so far.
    seen: u64,
}

/// Draws between two looks at whether all of a domain has appeared.
const LOOK_EVERY: usize = 256;

impl OrdinalDraw {
    pub(crate) fn new(key: Key, domain: Option<Domain>, repeat_fraction: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a fraction from 0 to 1, checked with the options"
        )]
        let repeat_below = (repeat_fraction * 4_294_967_296.0) as u64;
        let (repeat_key, draw_key) = (key.with(1), key.with(3));
        Self { domain, repeat_key, draw_key, repeat_below, position: 0, seen: 0 }
    }

    /// How many values have appeared: the next new one has this ordinal.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// The ordinals of the next `count` values.
    pub(crate) fn next(&mut self, count: usize) -> Ordinals {
        let start = self.position;
        self.position += count as u64;
        let repeats = self.repeat_below > 0;
        match self.domain {
            None if !repeats => {
                self.seen = self.position;
                Ordinals::Fresh(start..self.position)
            }
            None => Ordinals::Wide((start..self.position).map(|n| self.next_wide(n)).collect()),
            Some(domain) => {
                let numbers = start..self.position;
                let mut draws = self.draw_key.draws(numbers.clone(), domain.len());
                if repeats {
                    draws.iter_mut().zip(numbers).for_each(|(draw, n)| self.repeat(draw, n));
                } else {
                    self.number(&mut draws, domain.len());
                }
                Ordinals::Narrow(domain, draws)
            }
        }
    }

    fn next_wide(&mut self, n: u64) -> u64 {
        self.earlier(n).unwrap_or_else(|| {
            self.seen += 1;
            self.seen - 1
        })
    }

    /// Turns a draw of a domain into an ordinal, a repeated one as often as requested.
    fn repeat(&mut self, draw: &mut u32, n: u64) {
        let ordinal = self.earlier(n).unwrap_or_else(|| self.seen.min(u64::from(*draw)));
        self.seen = self.seen.max(ordinal + 1);
        *draw = u32::try_from(ordinal).expect("below the size of a domain");
    }

    /// If value `n` is to repeat: one of the ordinals so far, each as likely.
    fn earlier(&self, n: u64) -> Option<u64> {
        if self.seen == 0 || self.repeat_key.value64(n) >> 32 >= self.repeat_below {
            return None;
        }
        // Uniform by the high half of a product.
        let product = u128::from(self.repeat_key.value64(!n)) * u128::from(self.seen);
        Some(u64::try_from(product >> 64).expect("below `seen`"))
    }

    /// Turns draws of a domain of `size` into ordinals.
    fn number(&mut self, draws: &mut [u32], size: u32) {
        let mut seen = u32::try_from(self.seen).expect("a domain has 2^16 values at most");
        for draws in draws.chunks_mut(LOOK_EVERY) {
            if seen == size {
                break;
            }
            for draw in draws {
                let is_new = *draw >= seen;
                *draw = seen.min(*draw);
                seen += u32::from(is_new);
            }
        }
        self.seen = u64::from(seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrow(ordinals: Ordinals) -> Vec<u32> {
        match ordinals {
            Ordinals::Narrow(_, ordinals) => ordinals,
            other => panic!("{other:?} are not of a domain"),
        }
    }

    #[test]
    fn ordinals_count_first_appearances() {
        for fraction in [0.0, 0.5] {
            for domain in [Domain::Bit, Domain::Byte, Domain::FiniteFloat16] {
                let mut draw = OrdinalDraw::new(Key::new(&[4]), Some(domain), fraction);
                let mut seen = 0;
                for ordinal in narrow(draw.next(100_000)) {
                    assert!(ordinal <= seen, "{ordinal} after {seen}, {domain:?}");
                    seen = seen.max(ordinal + 1);
                }
                assert_eq!(u64::from(seen), draw.seen());
                assert!(seen <= domain.len());
            }
        }
    }

    #[test]
    fn as_many_appear_as_when_values_are_drawn() {
        // Expected: K (1 − (1 − 1/K)^n). Six standard deviations, which are below √n.
        for (domain, count) in [(Domain::Byte, 300), (Domain::Word, 6_144), (Domain::Word, 70_000)]
        {
            let size = f64::from(domain.len());
            let expected = size * (1.0 - (1.0 - 1.0 / size).powi(count));
            let draw = |part: u64| {
                let mut draw = OrdinalDraw::new(Key::new(&[part]), Some(domain), 0.0);
                draw.next(usize::try_from(count).unwrap());
                u32::try_from(draw.seen()).unwrap()
            };
            let mean = (0..50).map(|part| f64::from(draw(part))).sum::<f64>() / 50.0;
            let bound = 6.0 * f64::from(count).sqrt() / 50_f64.sqrt();
            assert!((mean - expected).abs() < bound, "{mean} of {size}, expected {expected}");
        }
    }

    #[test]
    fn every_entry_is_as_likely_once_all_appeared() {
        let mut draw = OrdinalDraw::new(Key::new(&[8]), Some(Domain::Byte), 0.0);
        draw.next(10_000);
        let mut counts = [0_u32; 256];
        narrow(draw.next(256_000)).iter().for_each(|ordinal| counts[*ordinal as usize] += 1);
        // 1,000 ± six standard deviations.
        assert!(counts.iter().all(|count| (810..1190).contains(count)), "{counts:?}");
    }

    #[test]
    fn ordinals_may_be_asked_for_in_any_portions() {
        for (domain, fraction) in
            [(None, 0.0), (None, 0.4), (Some(Domain::Word), 0.0), (Some(Domain::Byte), 0.7)]
        {
            let flat = |ordinals| match ordinals {
                Ordinals::Fresh(range) => range.collect(),
                Ordinals::Wide(ordinals) => ordinals,
                Ordinals::Narrow(_, ordinals) => ordinals.into_iter().map(u64::from).collect(),
            };
            let new = || OrdinalDraw::new(Key::new(&[2]), domain, fraction);
            let whole: Vec<u64> = flat(new().next(5_000));
            let mut draw = new();
            let parts = [1, 2, 255, 257, 1_000, 3_485].map(|count| flat(draw.next(count)));
            assert_eq!(parts.concat(), whole, "{domain:?}, {fraction}");
        }
    }
}
