//! The knee: the least load that reaches nearly the peak.

use serde::Serialize;

/// Share of the peak that counts as reached: what lies between is less than two runs differ.
pub const KNEE_SHARE: f64 = 0.97;

/// A load and what it got.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Load {
    /// Reader threads.
    pub threads: usize,
    /// Reads in flight per thread.
    pub queue_depth: u32,
    /// Bytes per second.
    pub read_bytes_per_second: f64,
}

impl Load {
    /// Reads in flight of all threads.
    pub fn in_flight(&self) -> u64 {
        self.threads as u64 * u64::from(self.queue_depth)
    }
}

/// The most that was reached, and the least that nearly reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Knee {
    /// The least load with at least [`KNEE_SHARE`] of the peak's rate: fewest reads in flight, of these fewest
    /// threads.
    pub knee: Load,
    /// The fastest.
    pub peak: Load,
}

/// The knee of loads of one block size and access; `None` if none of them read anything.
pub fn knee(loads: &[Load]) -> Option<Knee> {
    let moved = loads
        .iter()
        .filter(|load| load.read_bytes_per_second.is_finite() && load.read_bytes_per_second > 0.0);
    let faster = |a: &&Load, b: &&Load| a.read_bytes_per_second.total_cmp(&b.read_bytes_per_second);
    let peak = *moved.clone().max_by(faster)?;
    let enough = peak.read_bytes_per_second * KNEE_SHARE;
    let knee = moved
        .filter(|load| load.read_bytes_per_second >= enough)
        .min_by_key(|load| (load.in_flight(), load.threads))?;
    Some(Knee { knee: *knee, peak })
}

/// Of the loads with exactly `threads` threads: the least depth with [`KNEE_SHARE`] of `peak` bytes per second, or the
/// fastest where none has. `None` if there is no such load.
pub fn depth_for(loads: &[Load], threads: usize, peak: f64) -> Option<Load> {
    let mut ours: Vec<Load> =
        loads.iter().copied().filter(|load| load.threads == threads).collect();
    ours.sort_by_key(|load| load.queue_depth);
    let enough = ours.iter().find(|load| load.read_bytes_per_second >= peak * KNEE_SHARE);
    let fastest =
        ours.iter().max_by(|a, b| a.read_bytes_per_second.total_cmp(&b.read_bytes_per_second));
    enough.or(fastest).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads(rows: &[(usize, u32, f64)]) -> Vec<Load> {
        rows.iter()
            .map(|&(threads, queue_depth, rate)| Load {
                threads,
                queue_depth,
                read_bytes_per_second: rate,
            })
            .collect()
    }

    fn check(rows: &[(usize, u32, f64)], expect_knee: (usize, u32), expect_peak: (usize, u32)) {
        let found = knee(&loads(rows)).unwrap();
        assert_eq!((found.knee.threads, found.knee.queue_depth), expect_knee);
        assert_eq!((found.peak.threads, found.peak.queue_depth), expect_peak);
    }

    #[test]
    fn the_least_load_that_nearly_reaches_the_peak() {
        // One drive: saturated at 16 in flight, noise above.
        let drive = [
            (1, 1, 0.4),
            (1, 4, 1.5),
            (1, 16, 2.95),
            (1, 64, 3.0),
            (2, 1, 0.8),
            (2, 4, 2.4),
            (2, 16, 2.98),
            (2, 64, 2.97),
        ];
        check(&drive, (1, 16), (1, 64));
    }

    #[test]
    fn of_equal_loads_the_one_with_fewer_threads() {
        check(&[(4, 4, 5.0), (1, 16, 5.0), (2, 8, 5.0)], (1, 16), (2, 8));
    }

    #[test]
    fn one_core_is_not_enough_for_an_array() {
        let array = [(1, 64, 23.0), (1, 128, 23.5), (4, 32, 80.0), (4, 64, 83.0), (8, 64, 84.0)];
        check(&array, (4, 64), (8, 64));
    }

    #[test]
    fn what_read_nothing_does_not_count() {
        assert_eq!(knee(&[]), None);
        assert_eq!(knee(&loads(&[(1, 1, 0.0), (1, 2, f64::NAN)])), None);
        check(&[(1, 1, f64::NAN), (1, 2, 1.0)], (1, 2), (1, 2));
    }

    #[test]
    fn the_depth_of_a_number_of_threads() {
        let all = loads(&[(1, 16, 3.0), (2, 4, 2.5), (2, 8, 2.95), (2, 16, 2.99)]);
        assert_eq!(depth_for(&all, 2, 3.0).unwrap().queue_depth, 8);
        assert_eq!(depth_for(&all, 2, 9.0).unwrap().queue_depth, 16, "the fastest there is");
        assert_eq!(depth_for(&all, 3, 3.0), None);
    }
}
