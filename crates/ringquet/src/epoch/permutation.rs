//! Random orders from a seed.

use ringquet_io::random::{SplitMix64, finish};

/// What a random order is of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    /// The row groups of an epoch.
    RowGroups,
    /// The rows of a window, by its number.
    Rows(u64),
}

/// The order of the numbers below `len`, for an epoch under a seed: Fisher and Yates' shuffle. Every order is as likely as any
/// other, as far as 64 bits can tell them apart.
pub(super) fn permutation(len: u32, seed: u64, epoch: u64, of: Of) -> Vec<u32> {
    let what = match of {
        Of::RowGroups => 0,
        Of::Rows(window) => window + 1,
    };
    // Each of the three goes through the mixer, so that neighbours have nothing in common.
    let start = finish(finish(finish(seed).wrapping_add(epoch)).wrapping_add(what));
    let mut random = SplitMix64::new(start);
    let mut order: Vec<u32> = (0..len).collect();
    for at in (1..len).rev() {
        order.swap(at as usize, below(at + 1, &mut random) as usize);
    }
    order
}

/// A number below `bound`, each as likely as the others: Lemire's multiplication ("Fast Random Integer Generation in an
/// Interval", 2019).
fn below(bound: u32, random: &mut SplitMix64) -> u32 {
    loop {
        let product = (random.bits() >> 32) * u64::from(bound);
        let half = |bits: u64| u32::try_from(bits & 0xFFFF_FFFF).expect("32 bits");
        let (high, low) = (half(product >> 32), half(product));
        if low >= bound || low >= bound.wrapping_neg() % bound {
            return high;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_holds_each_number_once() {
        for len in [0, 1, 2, 3, 100, 65_536] {
            let mut order = permutation(len, 7, 3, Of::RowGroups);
            order.sort_unstable();
            assert!(order.into_iter().eq(0..len));
        }
    }

    /// Orders are saved in checkpoints by their seed alone: they must never change.
    #[test]
    fn the_orders_of_a_seed_stay_what_they_are() {
        assert_eq!(permutation(8, 0, 0, Of::RowGroups), [1, 2, 6, 5, 4, 0, 3, 7]);
        assert_eq!(permutation(8, 7, 1, Of::RowGroups), [4, 6, 5, 3, 1, 0, 7, 2]);
        assert_eq!(permutation(8, 7, 1, Of::Rows(0)), [2, 6, 3, 7, 1, 4, 5, 0]);
    }

    #[test]
    fn seed_epoch_and_window_each_give_another_order() {
        let orders = [
            permutation(1000, 1, 0, Of::RowGroups),
            permutation(1000, 2, 0, Of::RowGroups),
            permutation(1000, 1, 1, Of::RowGroups),
            permutation(1000, 1, 0, Of::Rows(0)),
            permutation(1000, 1, 0, Of::Rows(1)),
        ];
        for (at, order) in orders.iter().enumerate() {
            for other in &orders[at + 1..] {
                let same = order.iter().zip(other).filter(|(a, b)| a == b).count();
                assert!(same < 20, "{same} of 1000 numbers at the same place");
            }
        }
    }

    #[test]
    fn each_place_is_as_likely_as_the_others() {
        let mut counts = [[0u32; 5]; 5];
        for seed in 0..20_000 {
            for (at, number) in permutation(5, seed, 0, Of::RowGroups).into_iter().enumerate() {
                counts[at][number as usize] += 1;
            }
        }
        // 4000 are expected, with a standard deviation of 57.
        assert!(counts.iter().flatten().all(|count| (3700..4300).contains(count)), "{counts:?}");
    }
}
