//! Waiting without the GIL, so that other Python threads run and Ctrl-C is handled.
//!
//! There is one way: wait for a short time with the GIL released, then let Python handle signals, and again. Locks are
//! taken only while the GIL is released: a thread that waits for a lock with the GIL held, and one that waits for the GIL with
//! the lock held, would wait for each other.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use ringquet::StopFlag;
use ringquet::engine::panics;

/// How long a thread waits before it lets Python handle signals: half of the 100 ms within which Ctrl-C takes effect.
pub(crate) const SIGNALS_EVERY: Duration = Duration::from_millis(50);

/// Calls `step`, which waits at most as long as it is told, until it has a result.
///
/// # Errors
/// What a handler of a signal raises.
pub(crate) fn until<T: Send>(
    py: Python<'_>,
    mut step: impl FnMut(Duration) -> Option<T> + Send,
) -> PyResult<T> {
    loop {
        // Before the wait: an exception must not discard what was waited for.
        py.check_signals()?;
        if let Some(result) = py.detach(|| step(SIGNALS_EVERY)) {
            return Ok(result);
        }
    }
}

/// Does `work` on a thread of its own and waits for it. If the handler of a signal raises meanwhile, `stop` is set and the
/// thread is left to end by itself.
///
/// # Errors
/// What a handler of a signal raises; a panic.
pub(crate) fn on_thread<T: Send + 'static>(
    py: Python<'_>,
    stop: Option<StopFlag>,
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::Builder::new().name("rq-call".to_owned());
    // If the caller was interrupted, the result is not needed.
    thread.spawn(move || drop(sender.send(panics::caught(work))))?;
    let done = until(py, move |limit| match receiver.recv_timeout(limit) {
        Ok(done) => Some(done),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => Some(Err("its thread ended".to_owned())),
    });
    let done = done.inspect_err(|_| stop.iter().for_each(StopFlag::stop))?;
    done.map_err(|panic| {
        PyRuntimeError::new_err(format!(
            "a thread of ringquet panicked: {panic}; this is a bug in ringquet, please report it"
        ))
    })
}
