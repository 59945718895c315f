//! Tests of locks and condition variables, run under every schedule of their threads or under thousands of them.
//!
//! ```text
//!  crate::sync ──▶ std::sync                     always, but
//!              └─▶ ringquet_interleave::sync     under the feature `interleave`: each operation may switch threads
//! ```
//! A crate with synchronisation of its own takes its types from its module `sync`. Its tests under
//! `interleavings` build that code with the types below and run it in [`every_schedule`] or
//! [`many_schedules`]. `cargo xtask interleave` runs them all.
//!
//! A schedule fails when a thread panics, when all threads wait, or when it has no end. All threads wait after a lost
//! wake-up: a wait with a time limit never times out here, so that no limit hides one. Then the test prints the schedule;
//! this runs that one again:
//! ```text
//! RINGQUET_SCHEDULE=91022600006c50a6699b246d92… cargo xtask interleave NAME_OF_THE_TEST
//! ```
//! What this does not show: orderings weaker than sequential consistency. The code under test publishes nothing
//! through atomics alone; its relaxed counters and flags carry no other memory.

use std::sync::Arc;

use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, Runner};

/// What `std::sync` has under the same names.
pub mod sync {
    pub use shuttle::sync::{Condvar, Mutex, MutexGuard, mpsc};

    /// What `std::sync::atomic` has under the same names.
    pub mod atomic {
        pub use shuttle::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
    }
}

/// What `std::thread` has under the same names.
pub mod thread {
    pub use shuttle::thread::{JoinHandle, spawn, yield_now};
}

/// Schedules that [`every_schedule`] runs at most: a model with more of them takes minutes.
const EVERY_MAX: usize = 300_000;

/// Schedules of each kind that [`many_schedules`] runs, unless `RINGQUET_SCHEDULES` gives another number.
const MANY: usize = 3_000;

/// Forced switches per schedule of the second kind: most faults need one or two.
const SWITCHES: usize = 3;

/// The same schedules each time: a test that fails once fails again.
const SEED: u64 = 13;

/// Stack of a thread of the model. Batches are made and compared on it.
const STACK_BYTES: usize = 256 << 10;

/// Runs `model` under every schedule there is, and gives their number. `model` sets everything up anew each time
/// and does nothing that time or chance decides.
///
/// # Panics
/// When a schedule fails, and when there are more than 300,000: the model is too large, see [`many_schedules`].
pub fn every_schedule(model: impl Fn() + Send + Sync + 'static) -> usize {
    let model = Arc::new(model);
    if replayed(&model) {
        return 1;
    }
    let schedules = run(DfsScheduler::new(Some(EVERY_MAX), false), &model);
    assert!(schedules < EVERY_MAX, "more than {EVERY_MAX} schedules: make the model smaller");
    schedules
}

/// Runs `model` under thousands of schedules: some that switch threads at random, some that let one thread run as far
/// as it can but for a few switches at random places.
///
/// # Panics
/// When a schedule fails.
pub fn many_schedules(model: impl Fn() + Send + Sync + 'static) {
    let model = Arc::new(model);
    if replayed(&model) {
        return;
    }
    let many = std::env::var("RINGQUET_SCHEDULES")
        .map_or(MANY, |many| many.parse().expect("RINGQUET_SCHEDULES is a number of schedules"));
    run(RandomScheduler::new_from_seed(SEED, many), &model);
    run(PctScheduler::new_from_seed(SEED, SWITCHES, many), &model);
}

/// Runs the schedule that the environment names, if it names one.
fn replayed(model: &Arc<impl Fn() + Send + Sync + 'static>) -> bool {
    let Ok(schedule) = std::env::var("RINGQUET_SCHEDULE") else { return false };
    run(ReplayScheduler::new_from_encoded(&schedule), model);
    true
}

fn run(
    scheduler: impl Scheduler + 'static,
    model: &Arc<impl Fn() + Send + Sync + 'static>,
) -> usize {
    let mut config = Config::default();
    config.stack_size = STACK_BYTES;
    let model = Arc::clone(model);
    Runner::new(scheduler, config).run(move || model())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::atomic::AtomicUsize;
    use crate::sync::{Condvar, Mutex};
    use std::sync::atomic::Ordering;

    /// Two threads that each add one; with `is_atomic` in one operation, else in two.
    fn two_add_one(is_atomic: bool) -> usize {
        let sum = Arc::new(AtomicUsize::new(0));
        let add = move |sum: &AtomicUsize| {
            if is_atomic {
                sum.fetch_add(1, Ordering::SeqCst);
            } else {
                let before = sum.load(Ordering::SeqCst);
                sum.store(before + 1, Ordering::SeqCst);
            }
        };
        let other = {
            let sum = Arc::clone(&sum);
            thread::spawn(move || add(&sum))
        };
        add(&sum);
        other.join().expect("it only adds");
        sum.load(Ordering::SeqCst)
    }

    #[test]
    fn a_sound_model_passes() {
        let model = || assert_eq!(two_add_one(true), 2);
        assert!(every_schedule(model) > 1);
        many_schedules(model);
    }

    #[test]
    #[should_panic(expected = "a lost update")]
    fn a_lost_update_is_found() {
        every_schedule(|| assert_eq!(two_add_one(false), 2, "a lost update"));
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn a_lost_wake_up_is_found_though_the_wait_has_a_limit() {
        many_schedules(|| {
            let shared = Arc::new((Mutex::new(()), Condvar::new()));
            let waker = Arc::clone(&shared);
            thread::spawn(move || waker.1.notify_one());
            // Nobody looks whether it was notified before.
            let guard = shared.0.lock().expect("no thread panics");
            drop(shared.1.wait_timeout(guard, std::time::Duration::from_millis(1)));
        });
    }
}
