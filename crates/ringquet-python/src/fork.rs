//! Handles of the process that made them.
//!
//! A child of `fork` has the memory of its parent and none of its threads: whatever waits for a reader thread there waits
//! for ever, and the rings and arenas are not mapped (`dontfork`), so that ending them faults. In a child a handle is
//! refused, and forgotten instead of dropped. Batches are plain memory and stay usable.

use std::fmt;
use std::mem::ManuallyDrop;

use pyo3::PyErr;
use pyo3::exceptions::PyRuntimeError;

/// A value that only the process that made it uses and drops.
pub(crate) struct OwnProcess<T> {
    pid: u32,
    /// `None` only while it is being dropped.
    value: Option<T>,
}

impl<T> OwnProcess<T> {
    /// Of this process.
    pub(crate) fn new(value: T) -> OwnProcess<T> {
        OwnProcess { pid: std::process::id(), value: Some(value) }
    }

    /// The value, in the process that made it.
    pub(crate) fn get(&self) -> Result<&T, Forked> {
        if std::process::id() != self.pid {
            return Err(Forked);
        }
        Ok(self.value.as_ref().expect("it is taken when this is dropped"))
    }
}

impl<T> Drop for OwnProcess<T> {
    fn drop(&mut self) {
        let value = self.value.take();
        if std::process::id() != self.pid {
            let _forgotten = value.map(ManuallyDrop::new);
        }
    }
}

/// A handle was used in a child of the process that made it.
#[derive(Debug)]
pub(crate) struct Forked;

impl fmt::Display for Forked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this ringquet object was made before a fork and cannot be used in the child process, which has none of its \
             threads and rings; start processes with the method 'spawn' or 'forkserver' of multiprocessing, and open the \
             data set in the new process",
        )
    }
}

impl std::error::Error for Forked {}

impl From<Forked> for PyErr {
    fn from(forked: Forked) -> PyErr {
        PyRuntimeError::new_err(forked.to_string())
    }
}
