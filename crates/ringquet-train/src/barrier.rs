//! Barriers of the accelerators: after every step (the all-reduce of real training), and at the start.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::ensemble::Others;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// The barrier was broken: the run was stopped, or a rank failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

/// A barrier that can be broken, so that no rank waits for one that will not arrive.
#[derive(Debug)]
pub(crate) struct StepBarrier {
    parties: usize,
    /// Processes whose barriers are synchronised with this one.
    others: Others,
    state: Mutex<State>,
    turned: Condvar,
}

#[derive(Debug, Default)]
struct State {
    arrived: usize,
    turn: u64,
    broken: bool,
    /// All processes were informed that it is broken.
    broken_everywhere: bool,
}

impl StepBarrier {
    pub(crate) fn new(parties: usize, others: Others) -> Self {
        Self { parties, others, state: Mutex::default(), turned: Condvar::new() }
    }

    /// Waits for the others and returns the time that took. With one party it costs a lock.
    pub(crate) fn wait(&self) -> Result<Duration, Broken> {
        let start = Instant::now();
        let mut state = self.state();
        if state.broken {
            return Err(Broken);
        }
        state.arrived += 1;
        if state.arrived >= self.parties {
            state.arrived = 0;
            drop(state);
            // The last of this process meets the other processes, for all of them.
            let broken = self.others.any(false);
            let mut state = self.state();
            if broken {
                state.broken = true;
                state.broken_everywhere = true;
            } else {
                state.turn += 1;
            }
            drop(state);
            self.turned.notify_all();
            return if broken { Err(Broken) } else { Ok(start.elapsed()) };
        }
        let turn = state.turn;
        while state.turn == turn && !state.broken {
            state = self.turned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // Whoever got through before it broke got through.
        if state.turn == turn { Err(Broken) } else { Ok(start.elapsed()) }
    }

    /// Before the first step: whether all processes are ready. `ready`: whether this one is.
    pub(crate) fn begin(&self, ready: bool) -> bool {
        if self.others.any(!ready) {
            let mut state = self.state();
            state.broken = true;
            state.broken_everywhere = true;
        }
        !self.state().broken
    }

    /// After the last step that this process will do: informs the other processes if it was broken here,
    /// so that they do not wait. Returns whether any of them broke it. No thread waits at it any more.
    pub(crate) fn end(&self, complete: bool) -> bool {
        if !complete && !self.state().broken_everywhere {
            self.others.any(true);
            self.state().broken_everywhere = true;
        }
        self.state().broken_everywhere
    }

    /// Releases all waiting threads of this process, now and later.
    pub(crate) fn break_up(&self) {
        self.state().broken = true;
        self.turned.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The start of an epoch: reader threads set up their rings and accelerators their threads before
/// the clock runs, and no data is read before it does. (DLIO's workers read ahead
/// outside the timed region.)
#[derive(Debug)]
pub(crate) struct StartLine {
    state: Mutex<Line>,
    changed: Condvar,
}

#[derive(Debug)]
struct Line {
    /// By reader thread, then by accelerator: has it arrived, or gone away?
    there: Vec<bool>,
    opened: bool,
}

impl StartLine {
    pub(crate) fn new(parties: usize) -> Self {
        let line = Line { there: vec![false; parties], opened: false };
        Self { state: Mutex::new(line), changed: Condvar::new() }
    }

    /// `party` is ready, or never will be; in both cases no thread waits for it any longer.
    pub(crate) fn arrive(&self, party: usize) {
        self.line().there[party] = true;
        self.changed.notify_all();
    }

    /// `party` is ready and waits for the start.
    pub(crate) fn arrive_and_wait(&self, party: usize) {
        let mut line = self.line();
        if line.opened {
            return;
        }
        line.there[party] = true;
        self.changed.notify_all();
        while !line.opened {
            line = self.changed.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits up to `patience` for all parties. Returns whether all have arrived.
    pub(crate) fn all_there(&self, patience: Duration) -> bool {
        let line = self.line();
        let (line, _) = self
            .changed
            .wait_timeout_while(line, patience, |line| !line.there.iter().all(|there| *there))
            .unwrap_or_else(PoisonError::into_inner);
        line.there.iter().all(|there| *there)
    }

    /// Starts the epoch.
    pub(crate) fn open(&self) {
        self.line().opened = true;
        self.changed.notify_all();
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn nobody_is_a_step_ahead() {
        let (barrier, done) = (StepBarrier::new(3, Others::default()), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for step in 0..200 {
                        done.fetch_add(1, Ordering::SeqCst);
                        barrier.wait().expect("no thread breaks it");
                        let seen = done.load(Ordering::SeqCst);
                        assert!(seen >= 3 * (step + 1), "{seen} arrivals after step {step}");
                    }
                });
            }
        });
        assert_eq!(done.into_inner(), 600);
    }

    #[test]
    fn a_break_is_sent_to_the_others_once() {
        let barrier = StepBarrier::new(1, Others::default());
        assert!(barrier.begin(true));
        assert!(barrier.wait().is_ok());
        assert!(!barrier.end(true), "complete: nothing to send");
        let barrier = StepBarrier::new(1, Others::default());
        assert!(!barrier.begin(false));
        assert_eq!(barrier.wait(), Err(Broken));
        assert!(barrier.end(false));
    }

    #[test]
    fn the_line_opens_for_all_at_once() {
        let line = StartLine::new(3);
        assert!(!line.all_there(Duration::from_millis(1)));
        std::thread::scope(|scope| {
            scope.spawn(|| line.arrive_and_wait(0));
            scope.spawn(|| line.arrive_and_wait(1));
            line.arrive(2);
            assert!(line.all_there(Duration::from_secs(10)));
            line.open();
        });
        line.arrive_and_wait(0);
    }
}
