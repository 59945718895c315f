//! Ctrl-C while a consumer of an Arrow stream reads: `pa.table(scan)` is one call into C++, which comes back to Python when all
//! is read.
//!
//! On the main thread, which is the one that handles signals, the stream lets Python handle them. An exception of a handler
//! cannot pass through the consumer: the stream ends with an error, and the exception is raised when the interpreter runs
//! its next bytecode, before or in place of the consumer's own exception about the error.

#![expect(unsafe_code, reason = "Py_AddPendingCall")]

use std::ffi::{c_int, c_void};

use pyo3::ffi;
use pyo3::prelude::*;
use rustix::process::getpid;
use rustix::thread::gettid;

/// Whether the handler of a signal raised an exception, which is then raised as soon as the interpreter runs again. Called
/// with or without the GIL. On threads that do not handle signals this does nothing, and does not wait for the GIL.
pub(crate) fn was_raised() -> bool {
    if gettid() != getpid() {
        return false;
    }
    // An interpreter that is about to end handles no signals any more.
    let handled = Python::try_attach(|py| py.check_signals());
    let Some(Err(raised)) = handled else { return false };
    raise_later(raised);
    true
}

fn raise_later(raised: PyErr) {
    let raised = Box::into_raw(Box::new(raised));
    // SAFETY: `raise` takes the box back, once; the interpreter calls it on the main thread with the GIL held.
    let refused = unsafe { ffi::Py_AddPendingCall(Some(raise), raised.cast()) };
    if refused != 0 {
        // The list of pending calls is full. The signal is lost but for the error of the stream.
        // SAFETY: the interpreter did not take the box.
        drop(unsafe { Box::from_raw(raised) });
    }
}

extern "C" fn raise(raised: *mut c_void) -> c_int {
    // SAFETY: it is the box of `raise_later`, and this is called once.
    let raised = unsafe { Box::from_raw(raised.cast::<PyErr>()) };
    Python::attach(|py| raised.restore(py));
    -1
}
