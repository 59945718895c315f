//! A value that one thread uses at a time, and others wait for within a limit.
//!
//! A plain lock would be held as long as its owner waits for storage, and a thread that wants it could not handle signals
//! meanwhile: std's mutex has no limit of time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A value that threads take turns to use.
pub(crate) struct Turn<T> {
    /// `None` while a thread uses it.
    value: Mutex<Option<T>>,
    free: Condvar,
}

impl<T> Turn<T> {
    pub(crate) fn new(value: T) -> Turn<T> {
        Turn { value: Mutex::new(Some(value)), free: Condvar::new() }
    }

    /// What `work` makes of the value, once no other thread uses it; `None` if that takes longer than `limit`.
    pub(crate) fn within<R>(&self, limit: Duration, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        let (mut value, _) = self
            .free
            .wait_timeout_while(self.value(), limit, |value| value.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        let mut used = Used { value: Some(value.take()?), turn: self };
        drop(value);
        Some(work(used.value.as_mut().expect("it is given back when this is dropped")))
    }

    fn value(&self) -> MutexGuard<'_, Option<T>> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the value back, also if the thread that uses it panics.
struct Used<'a, T> {
    value: Option<T>,
    turn: &'a Turn<T>,
}

impl<T> Drop for Used<'_, T> {
    fn drop(&mut self) {
        *self.turn.value() = self.value.take();
        self.turn.free.notify_one();
    }
}
