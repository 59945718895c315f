//! Exact waiting times: the computation of an emulated accelerator.
//!
//! A sleep of 375 µs takes 430 to 560 on an ordinary kernel: 50 µs of timer slack, then the way back
//! onto a CPU. The pacer sets the smallest timer slack, sleeps until shortly before the deadline
//! and spins for the rest. The margin covers the delay of nine in ten wake-ups, so that a machine
//! that wakes in 3 µs spins for 4 a step: spinning takes time from reader threads, and on a machine
//! with as many of them as cores that is time which delivers no data.
//! Any remaining delay is reported as oversleep, never as computation.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Spin at least this long: the clock is read a few times on the way.
const MARGIN_MIN: Duration = Duration::from_micros(2);

/// Spin at most this long, however late the kernel was: beyond it the CPU belongs to others.
const MARGIN_MAX: Duration = Duration::from_micros(100);

/// How the margin begins: the slack of 50 µs may be in force still.
const MARGIN_FIRST: Duration = Duration::from_micros(50);

/// The margin falls by this after a wake-up in time, and rises by [`MARGIN_UP`] after one that was
/// late: it comes to rest where one in ten is late, and one that is late by milliseconds moves it no
/// further than one that is late by a microsecond.
const MARGIN_DOWN: Duration = Duration::from_nanos(500);

/// Nine times [`MARGIN_DOWN`].
const MARGIN_UP: Duration = Duration::from_nanos(4500);

/// Longest single sleep: this is how long a stop may go unnoticed.
const NAP: Duration = Duration::from_millis(50);

/// The source of time; tests have their own.
pub(crate) trait Clock {
    /// Now.
    fn now(&mut self) -> Instant;

    /// Releases the CPU for at least this long.
    fn sleep(&mut self, nap: Duration);

    /// Between two looks at the clock.
    fn spin(&mut self) {
        std::hint::spin_loop();
    }
}

/// The clock of the machine.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&mut self) -> Instant {
        Instant::now()
    }

    fn sleep(&mut self, nap: Duration) {
        std::thread::sleep(nap);
    }
}

/// Waits until instants, for one thread.
#[derive(Debug)]
pub(crate) struct Pacer<C = SystemClock> {
    clock: C,
    margin: Duration,
}

impl Pacer {
    /// For the calling thread, whose timer slack is set to one nanosecond.
    pub(crate) fn new() -> Self {
        // Where a sandbox forbids it, the margin adapts to 50 µs more.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        Self::with_clock(SystemClock)
    }
}

impl<C: Clock> Pacer<C> {
    fn with_clock(clock: C) -> Self {
        Self { clock, margin: MARGIN_FIRST }
    }

    /// Returns at `deadline`, or soon after `halted` is set; the instant at which it returned.
    pub(crate) fn until(&mut self, deadline: Instant, halted: &AtomicBool) -> Instant {
        loop {
            let now = self.clock.now();
            let Some(left) = deadline.checked_duration_since(now).filter(|left| !left.is_zero())
            else {
                return now;
            };
            if left <= self.margin {
                self.clock.spin();
                continue;
            }
            if halted.load(Ordering::Relaxed) {
                return now;
            }
            let nap = (left - self.margin).min(NAP);
            self.clock.sleep(nap);
            let took = self.clock.now().saturating_duration_since(now);
            self.learn(took.saturating_sub(nap));
        }
    }

    fn learn(&mut self, late: Duration) {
        let margin = if late > self.margin {
            self.margin + MARGIN_UP
        } else {
            self.margin.saturating_sub(MARGIN_DOWN)
        };
        self.margin = margin.clamp(MARGIN_MIN, MARGIN_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that wakes sleepers late, by the values of `late` in turn. Reading the clock takes
    /// 50 ns, so spinning ends.
    struct Fake {
        now: Instant,
        late: Vec<Duration>,
        naps: Vec<Duration>,
        spun: Duration,
    }

    const LOOK: Duration = Duration::from_nanos(50);

    impl Fake {
        fn late(late: &[u64]) -> Self {
            let late = late.iter().map(|&micros| Duration::from_micros(micros)).collect();
            Self { now: Instant::now(), late, naps: Vec::new(), spun: Duration::ZERO }
        }
    }

    impl Clock for Fake {
        fn now(&mut self) -> Instant {
            self.now += LOOK;
            self.now
        }

        fn sleep(&mut self, nap: Duration) {
            self.now += nap + self.late[self.naps.len() % self.late.len()];
            self.naps.push(nap);
        }

        fn spin(&mut self) {
            self.spun += LOOK;
        }
    }

    const STEP: Duration = Duration::from_micros(375);

    /// What `steps` steps took beyond their time.
    fn play(pacer: &mut Pacer<Fake>, steps: usize) -> Vec<Duration> {
        let never = AtomicBool::new(false);
        let step = |_| {
            let start = pacer.clock.now();
            (pacer.until(start + STEP, &never) - start).checked_sub(STEP).expect("never too short")
        };
        (0..steps).map(step).collect()
    }

    /// 2 % of 375 µs are 7.5 µs. Wake-ups that are late by 3 µs, once in twenty by 40.
    #[test]
    fn a_step_of_375_microseconds_takes_375() {
        let mut late = [3; 20];
        late[4] = 40;
        let mut pacer = Pacer::with_clock(Fake::late(&late));
        play(&mut pacer, 1000);
        pacer.clock.spun = Duration::ZERO;
        let late = play(&mut pacer, 1000);
        let within = late.iter().filter(|late| **late <= STEP.mul_f64(0.02)).count();
        assert!(within >= 900, "{within} of 1000 steps within 2 %");
        let spun = pacer.clock.spun / 1000;
        assert!(spun < Duration::from_micros(12), "{spun:?} a step is taken from others");
    }

    #[test]
    fn where_every_wake_up_is_late_it_is_spun_for() {
        // The slack of a kernel that does not let it be lowered.
        let mut pacer = Pacer::with_clock(Fake::late(&[55]));
        play(&mut pacer, 100);
        let late = play(&mut pacer, 100);
        let on_time = late.iter().filter(|late| **late <= LOOK).count();
        assert!(on_time >= 85, "{on_time} of 100 steps on time");
    }

    #[test]
    fn one_wake_up_that_is_late_by_milliseconds_changes_little() {
        let mut pacer = Pacer::with_clock(Fake::late(&[2]));
        play(&mut pacer, 1000);
        let before = pacer.margin;
        pacer.learn(Duration::from_millis(5));
        assert_eq!(pacer.margin, before + MARGIN_UP);
    }

    #[test]
    fn the_margin_stays_within_its_bounds() {
        let mut pacer = Pacer::with_clock(Fake::late(&[0]));
        for (late, bound) in [(Duration::from_secs(1), MARGIN_MAX), (Duration::ZERO, MARGIN_MIN)] {
            for _ in 0..1000 {
                pacer.learn(late);
            }
            assert_eq!(pacer.margin, bound);
        }
    }

    #[test]
    fn long_computation_is_slept_in_naps_and_a_halt_ends_it() {
        let mut pacer = Pacer::with_clock(Fake::late(&[0]));
        let (start, halted) = (pacer.clock.now, AtomicBool::new(false));
        pacer.until(start + Duration::from_secs(1), &halted);
        assert!(pacer.clock.naps.iter().all(|nap| *nap <= NAP) && pacer.clock.naps.len() >= 20);
        halted.store(true, Ordering::Relaxed);
        let start = pacer.clock.now;
        let ended = pacer.until(start + Duration::from_secs(60), &halted);
        assert_eq!(ended, start + LOOK);
    }
}
