//! The locks and condition variables of this crate.
//!
//! They are those of `std`. Under the feature `interleave` they are `ringquet_interleave`'s, whose threads a test
//! schedules; then only the tests under `interleavings` can run.

#[cfg(not(feature = "interleave"))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

#[cfg(feature = "interleave")]
pub(crate) use ringquet_interleave::sync::{Condvar, Mutex, MutexGuard};
