//! Time that passes exactly: the computation of an emulated accelerator.
//!
//! A sleep of 375 µs takes 430 to 560 on an ordinary kernel: 50 µs of timer slack, then the way back
//! onto a CPU. The pacer asks for the least slack there is, sleeps until shortly before the deadline
//! and spins the rest. How shortly follows from how late it was woken before, so that a quiet machine
//! spins for 10 µs a step and a busy one for 100 at most: spinning takes time from reader threads.
//! What is late in spite of that is reported as oversleep, never as computation.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Spin at least this long: waking up takes about as much even on an idle machine.
const MARGIN_MIN: Duration = Duration::from_micros(10);

/// Spin at most this long, however late the kernel was: beyond it the CPU belongs to others.
const MARGIN_MAX: Duration = Duration::from_micros(100);

/// Longest single sleep: this is how long a stop may go unnoticed.
const NAP: Duration = Duration::from_millis(50);

/// Waits until instants, for one thread.
#[derive(Debug)]
pub(crate) struct Pacer {
    margin: Duration,
}

impl Pacer {
    /// For the calling thread, whose timer slack is set to one nanosecond.
    pub(crate) fn new() -> Self {
        // Where a sandbox forbids it, the margin adapts to 50 µs more.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        Self { margin: Duration::from_micros(50) }
    }

    /// Returns at `deadline`, or soon after `halted` is set; the instant at which it returned.
    pub(crate) fn until(&mut self, deadline: Instant, halted: &AtomicBool) -> Instant {
        loop {
            let now = Instant::now();
            let Some(left) = deadline.checked_duration_since(now).filter(|left| !left.is_zero())
            else {
                return now;
            };
            if left <= self.margin {
                std::hint::spin_loop();
                continue;
            }
            if halted.load(Ordering::Relaxed) {
                return now;
            }
            let nap = (left - self.margin).min(NAP);
            std::thread::sleep(nap);
            self.learn(now.elapsed().saturating_sub(nap));
        }
    }

    /// Up at once when a wake-up was late, down slowly when it was not.
    fn learn(&mut self, late: Duration) {
        let wanted = late + late / 4;
        let decayed = self.margin - self.margin / 16;
        self.margin = wanted.max(decayed).clamp(MARGIN_MIN, MARGIN_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bar of a 375 µs step is 2 %. Tests run beside others, so the median counts, of the best of
    /// a few rounds; too short is never right.
    #[test]
    fn a_step_of_375_microseconds_takes_375() {
        let (mut pacer, never) = (Pacer::new(), AtomicBool::new(false));
        let step = Duration::from_micros(375);
        let mut round = || {
            let mut taken: Vec<Duration> = (0..200)
                .map(|_| {
                    let start = Instant::now();
                    pacer.until(start + step, &never).duration_since(start)
                })
                .collect();
            taken.sort();
            assert!(taken[0] >= step, "{:?} is too short", taken[0]);
            taken[taken.len() / 2]
        };
        let medians: Vec<Duration> = (0..10).map(|_| round()).collect();
        assert!(medians.iter().any(|median| *median < step.mul_f64(1.02)), "{medians:?}");
    }

    #[test]
    fn a_halt_ends_a_long_computation() {
        let halted = AtomicBool::new(true);
        let start = Instant::now();
        Pacer::new().until(start + Duration::from_secs(60), &halted);
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn the_margin_stays_within_its_bounds() {
        let mut pacer = Pacer { margin: MARGIN_MIN };
        pacer.learn(Duration::from_secs(1));
        assert_eq!(pacer.margin, MARGIN_MAX);
        for _ in 0..1000 {
            pacer.learn(Duration::ZERO);
        }
        assert_eq!(pacer.margin, MARGIN_MIN);
    }
}
