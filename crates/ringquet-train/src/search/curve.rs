//! Which number of accelerators to try next: doubling, then bisection.
//!
//! ```text
//!  1 ✓  2 ✓  4 ✓  8 ✓  16 ✗        doubling finds 8 ≤ max < 16
//!             12 ✓  14 ✗  13 ✓     bisection ends where they meet: 13
//! ```

/// The state of a search for the largest number that meets a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Search {
    /// Meets the bar: the largest known; 0 at first.
    meets: u32,
    /// Misses it: the smallest known.
    misses: Option<u32>,
    start: u32,
    ceiling: u32,
}

impl Search {
    /// From `start`, which is held to 1..=`ceiling`, never beyond `ceiling`.
    pub(crate) fn new(start: u32, ceiling: u32) -> Self {
        Self { meets: 0, misses: None, start: start.clamp(1, ceiling.max(1)), ceiling }
    }

    /// The number to try; `None` once [`Search::found`] is the answer.
    pub(crate) fn next(&self) -> Option<u32> {
        match self.misses {
            Some(misses) if misses - self.meets <= 1 => None,
            Some(misses) => Some(u32::midpoint(self.meets, misses)),
            None if self.meets >= self.ceiling => None,
            None if self.meets == 0 => Some(self.start),
            None => Some(self.meets.saturating_mul(2).min(self.ceiling)),
        }
    }

    /// What came of trying `accelerators`.
    pub(crate) fn record(&mut self, accelerators: u32, meets: bool) {
        if meets {
            self.meets = self.meets.max(accelerators);
        } else {
            let least = self.misses.map_or(accelerators, |misses| misses.min(accelerators));
            // Noise can make fewer miss what more have met; then the search goes on below.
            self.meets = self.meets.min(least - 1);
            self.misses = Some(least);
        }
    }

    /// The largest that met the bar; 0 if none did.
    pub(crate) fn found(&self) -> u32 {
        self.meets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a search against a curve; the numbers tried, and what was found.
    fn play(start: u32, ceiling: u32, meets: impl Fn(u32) -> bool) -> (Vec<u32>, u32) {
        let mut search = Search::new(start, ceiling);
        let mut tried = Vec::new();
        while let Some(accelerators) = search.next() {
            assert!(tried.len() < 64, "it does not end: {tried:?}");
            assert!(!tried.contains(&accelerators), "{accelerators} twice: {tried:?}");
            tried.push(accelerators);
            search.record(accelerators, meets(accelerators));
        }
        (tried, search.found())
    }

    #[test]
    fn the_picture_of_the_module() {
        assert_eq!(play(1, 4096, |n| n <= 13), (vec![1, 2, 4, 8, 16, 12, 14, 13], 13));
    }

    #[test]
    fn every_maximum_is_found_from_every_start() {
        for ceiling in [1, 2, 7, 64] {
            for start in [1, 3, 64, 500] {
                for most in 0..=ceiling {
                    let (tried, found) = play(start, ceiling, |n| n <= most);
                    assert_eq!(found, most, "ceiling {ceiling}, start {start}: {tried:?}");
                    assert!(tried.iter().all(|n| (1..=ceiling).contains(n)), "{tried:?}");
                }
            }
        }
    }

    #[test]
    fn a_saturating_curve_of_au_gives_the_knee() {
        // Device of 3,400 MiB/s, 77 MiB/s each at 100 %: AU = min(1, 3400 / (77 n)).
        let au = |n: u32| (3400.0 / (77.0 * f64::from(n))).min(1.0);
        assert_eq!(play(1, 4096, |n| au(n) >= 0.90).1, 49);
        assert_eq!(play(32, 4096, |n| au(n) >= 0.90).1, 49);
    }

    #[test]
    fn nothing_meets_and_all_meet() {
        assert_eq!(play(8, 100, |_| false), (vec![8, 4, 2, 1], 0));
        assert_eq!(play(1, 5, |_| true), (vec![1, 2, 4, 5], 5));
    }

    #[test]
    fn noise_ends_too() {
        // 6 misses although 8 met.
        let mut search = Search::new(8, 64);
        search.record(8, true);
        search.record(6, false);
        assert_eq!((search.found(), search.next()), (5, None));
    }
}
