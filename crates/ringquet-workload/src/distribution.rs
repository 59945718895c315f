//! A time in seconds, constant or drawn: computation, preprocessing, evaluation.
//!
//! DLIO draws once per step and takes the absolute value; zero means no wait. The draws themselves
//! are not NumPy's: the shape is what a workload defines, the sequence follows from the caller's
//! random number generator.

use std::time::Duration;

use rand::Rng;
use rand_distr::{Distribution as _, Exp, Gamma, Normal, Poisson};
use serde::Serialize;

/// A longer time in seconds than any step has reason to take (a year). Parameters and draws are
/// held within it, so that a [`Duration`] always exists.
pub(crate) const SECONDS_MAX: f64 = 365.0 * 24.0 * 3600.0;

/// How long something takes, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Distribution {
    /// Exactly this long.
    Constant {
        /// Seconds.
        mean: f64,
    },
    /// Gaussian.
    Normal {
        /// Seconds.
        mean: f64,
        /// Seconds, above 0.
        stdev: f64,
    },
    /// Evenly between two bounds.
    Uniform {
        /// Seconds.
        min: f64,
        /// Seconds, not below `min`.
        max: f64,
    },
    /// Gamma.
    Gamma {
        /// Above 0.
        shape: f64,
        /// Seconds, above 0.
        scale: f64,
    },
    /// Exponential.
    Exponential {
        /// The mean, in seconds, above 0.
        scale: f64,
    },
    /// Poisson: whole seconds.
    Poisson {
        /// The mean, in seconds, above 0.
        lam: f64,
    },
}

impl Distribution {
    /// No time at all.
    pub const ZERO: Self = Self::Constant { mean: 0.0 };

    /// The mean in seconds of what is drawn, before the absolute value is taken.
    pub fn mean_seconds(&self) -> f64 {
        match *self {
            Self::Constant { mean } | Self::Normal { mean, .. } => mean,
            Self::Uniform { min, max } => f64::midpoint(min, max),
            Self::Gamma { shape, scale } => shape * scale,
            Self::Exponential { scale } => scale,
            Self::Poisson { lam } => lam,
        }
    }

    /// Whether every draw is zero.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// One draw. A constant is exact (to the nanosecond) and leaves `rng` alone.
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> Duration {
        let seconds = match *self {
            Self::Constant { mean } => mean,
            Self::Normal { mean, stdev } => {
                Normal::new(mean, stdev).expect("stdev is finite: checked on load").sample(rng)
            }
            Self::Uniform { min, max } => {
                let unit: f64 = rand_distr::StandardUniform.sample(rng);
                min + (max - min) * unit
            }
            Self::Gamma { shape, scale } => {
                Gamma::new(shape, scale).expect("both above 0: checked on load").sample(rng)
            }
            Self::Exponential { scale } => {
                scale * Exp::new(1.0_f64).expect("1 is a rate").sample(rng)
            }
            Self::Poisson { lam } => {
                Poisson::new(lam).expect("0 < lam < a year: checked on load").sample(rng)
            }
        };
        Duration::from_secs_f64(seconds.abs().min(SECONDS_MAX))
    }
}
