//! The locks and atomics of this crate.
//!
//! They are those of `std`. Under the feature `interleave` they are `ringquet_interleave`'s, whose threads a test
//! schedules; then only the tests under `interleavings` can run.

#[cfg(not(feature = "interleave"))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(feature = "interleave")]
pub(crate) use ringquet_interleave::sync::{Mutex, MutexGuard};

pub(crate) mod atomic {
    //! The same for atomics.

    #[cfg(not(feature = "interleave"))]
    pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize};

    #[cfg(feature = "interleave")]
    pub(crate) use ringquet_interleave::sync::atomic::{AtomicU64, AtomicUsize};
}
