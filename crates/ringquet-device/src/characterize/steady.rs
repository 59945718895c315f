//! When a point is reliable: its rate no longer drifts or jumps.
//!
//! The test is that of SNIA's Solid State Storage Performance Test Specification (PTS 2.0, "Steady State"): over a
//! window of five rounds the range of the rates is at most 20 % of their mean, and the line of least squares through
//! them rises or falls by at most 10 % of the mean. PTS rounds last a minute, after preconditioning of the drive;
//! ours last as long as the preset states, and reading needs no preconditioning beyond data that was really written.

/// Rounds of the window.
pub const WINDOW_ROUNDS: usize = 5;

/// Largest minus smallest rate, as a share of the mean, at most.
pub const RANGE_MAX: f64 = 0.20;

/// Rise or fall of the fitted line over the window, as a share of the mean, at most.
pub const SLOPE_MAX: f64 = 0.10;

/// How much the rates of a window move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steadiness {
    /// Mean rate.
    pub mean: f64,
    /// (largest − smallest) / mean.
    pub range: f64,
    /// |rise of the fitted line from the first to the last round| / mean.
    pub slope: f64,
}

impl Steadiness {
    /// Both within their limits?
    pub fn is_steady(&self) -> bool {
        self.range <= RANGE_MAX && self.slope <= SLOPE_MAX
    }
}

/// Of the last [`WINDOW_ROUNDS`] of `rates`; `None` while there are fewer, or where nothing moved at all.
pub fn judge(rates: &[f64]) -> Option<Steadiness> {
    let window = rates.get(rates.len().checked_sub(WINDOW_ROUNDS)?..)?;
    let count = window.len() as f64;
    let mean = window.iter().sum::<f64>() / count;
    if !(mean > 0.0 && mean.is_finite()) {
        return None;
    }
    let largest = window.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let smallest = window.iter().copied().fold(f64::INFINITY, f64::min);
    let middle = (count - 1.0) / 2.0;
    let (mut above, mut below) = (0.0, 0.0);
    for (round, rate) in window.iter().enumerate() {
        let x = round as f64 - middle;
        above += x * (rate - mean);
        below += x * x;
    }
    let rise = above / below * (count - 1.0);
    Some(Steadiness { mean, range: (largest - smallest) / mean, slope: rise.abs() / mean })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(rates: &[f64]) -> bool {
        judge(rates).is_some_and(|steadiness| steadiness.is_steady())
    }

    #[test]
    fn a_window_has_to_be_full() {
        assert_eq!(judge(&[1.0; 4]), None);
        assert_eq!(judge(&[0.0; 5]), None);
        assert_eq!(judge(&[f64::NAN; 5]), None);
        assert!(steady(&[1.0; 5]));
    }

    #[test]
    fn only_the_last_rounds_count() {
        assert!(steady(&[9.0, 0.1, 1.0, 1.0, 1.0, 1.0, 1.0]));
        assert!(!steady(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.5]));
    }

    #[test]
    fn a_drift_is_not_steady_although_its_range_is_small() {
        // 100 to 114: a range of 13 %, which alone would pass, and a slope of 13 %.
        let drift = judge(&[100.0, 103.5, 107.0, 110.5, 114.0]).unwrap();
        assert!(drift.range < RANGE_MAX && (drift.slope - 14.0 / 107.0).abs() < 1e-12);
        assert!(!drift.is_steady());
        let falling = judge(&[114.0, 110.5, 107.0, 103.5, 100.0]).unwrap();
        assert!((falling.slope - drift.slope).abs() < 1e-12);
    }

    #[test]
    fn a_jump_is_not_steady_although_its_slope_is_flat() {
        let jump = judge(&[100.0, 100.0, 125.0, 100.0, 100.0]).unwrap();
        assert!(jump.slope < 1e-12 && jump.range > RANGE_MAX);
        assert!(!jump.is_steady());
    }

    /// MB/s of rounds of 0.25 s on a virtual disk that others used, too: recorded, from the first after the ramp on.
    #[test]
    fn recorded_rounds() {
        let at_depth_32 = [2149.0, 3087.0, 3691.0, 3694.0, 3657.0, 3146.0];
        assert!(!steady(&at_depth_32[..5]), "2149 is still in the window");
        assert!(steady(&at_depth_32), "3087 to 3694");
        let at_depth_4 = [
            218.0, 331.0, 3930.0, 200.0, 1020.0, 1622.0, 108.0, 386.0, 203.0, 546.0, 1772.0,
            3993.0, 4029.0, 3989.0, 3263.0, 2355.0, 3993.0, 3734.0, 3270.0, 3800.0,
        ];
        for rounds in 5..=at_depth_4.len() {
            assert!(!steady(&at_depth_4[..rounds]), "after {rounds} rounds");
        }
    }
}
