//! What a driver must do: take reads and writes, enter the kernel, give completions.
//!
//! A driver does not handle short reads, retries or slots: [`crate::ReadQueue`] and [`crate::WriteQueue`] do, once
//! for all of them. It reports what one system call would have reported.

pub(crate) mod one_by_one;

mod mmap;
pub(crate) mod pread;
pub(crate) mod probe;
pub mod sim;
pub(crate) mod thread;
pub(crate) mod uring;

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use serde::Serialize;

/// Which driver carries the requests. JSON: `driver.name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DriverName {
    /// io_uring.
    Uring,
    /// One `pread` at a time.
    Pread,
    /// One `pwrite` at a time, on a thread of its own.
    Pwrite,
    /// Copies out of a mapping.
    Mmap,
    /// The seeded driver of the tests.
    Sim,
}

impl DriverName {
    /// As on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            DriverName::Uring => "uring",
            DriverName::Pread => "pread",
            DriverName::Pwrite => "pwrite",
            DriverName::Mmap => "mmap",
            DriverName::Sim => "sim",
        }
    }
}

/// What a driver got when it was made: printed in every report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DriverFacts {
    /// Which one.
    pub name: DriverName,
    /// The arena is registered with the ring.
    pub registered_buffers: bool,
    /// Files are registered with the ring.
    pub registered_files: bool,
    /// Setup flags that the kernel took, e.g. `SINGLE_ISSUER`.
    pub setup_flags: Vec<&'static str>,
}

impl DriverFacts {
    /// Those of a driver that has no ring.
    pub(crate) fn without_ring(name: DriverName) -> DriverFacts {
        DriverFacts {
            name,
            registered_buffers: false,
            registered_files: false,
            setup_flags: Vec::new(),
        }
    }
}

/// One read as one system call would do it. `fd_index` and `buffer_index` name the registered forms.
#[derive(Debug, Clone, Copy)]
pub struct RawRead {
    /// Comes back with the completion.
    pub token: u64,
    /// The file.
    pub fd: RawFd,
    /// Its place in the file table.
    pub file_index: u32,
    /// First byte.
    pub offset: u64,
    /// Where the bytes go.
    pub address: *mut u8,
    /// How many.
    pub len: u32,
    /// Which piece of the arena `address` lies in.
    pub piece: u16,
    /// `RWF_*` flags, as of preadv2(2).
    pub rw_flags: u32,
}

/// One write as one system call would do it.
#[derive(Debug, Clone, Copy)]
pub struct RawWrite {
    /// Comes back with the completion.
    pub token: u64,
    /// The file.
    pub fd: RawFd,
    /// First byte.
    pub offset: u64,
    /// Where the bytes are.
    pub address: *const u8,
    /// How many.
    pub len: u32,
    /// Which piece of the arena `address` lies in.
    pub piece: u16,
}

/// How one [`RawRead`] or [`RawWrite`] ended: bytes read or written, or minus an errno.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawCompletion {
    /// The token of the request.
    pub token: u64,
    /// As a CQE's `res`.
    pub result: i32,
}

/// Can the same request be expected to pass a moment later?
pub(crate) fn is_momentary(errno: i32) -> bool {
    matches!(errno, libc::EAGAIN | libc::EINTR | libc::EBUSY)
}

/// When a request that was pushed begins: its latency counts from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// A thread of the kernel takes it as soon as it is pushed.
    AtPush,
    /// The next [`Driver::enter`] hands it to the kernel.
    AtEnter,
    /// An [`Driver::enter`] that waits carries it out, one request at a time.
    AtWait,
}

/// Carries requests to the kernel and their completions back. Not shared between threads.
pub trait Driver {
    /// What it got.
    fn facts(&self) -> &DriverFacts;

    /// When requests begin.
    fn begins(&self) -> Begins {
        Begins::AtEnter
    }

    /// Completions are ready that only an [`Driver::enter`] posts: [`Driver::reap`] does not see them before it.
    fn has_unposted(&mut self) -> bool {
        false
    }

    /// A file was put at `index` of the file table (`Some`), or taken from it (`None`); no read of the
    /// index is in flight.
    ///
    /// # Errors
    /// What the kernel answered.
    fn set_file(&mut self, index: u32, fd: Option<RawFd>) -> io::Result<()>;

    /// Takes a read; it begins at the next [`Driver::enter`]. Never called with more reads outstanding than
    /// the queue depth.
    ///
    /// # Safety
    /// `address..address + len` is writable, nothing else accesses it, and both it and the file stay
    /// until [`Driver::reap`] gave this token back or the driver is dropped **after being drained**.
    unsafe fn push(&mut self, read: RawRead);

    /// Takes a write, as [`Driver::push`] takes a read.
    ///
    /// # Safety
    /// `address..address + len` stays, and nothing changes it, until [`Driver::reap`] gave this token back or the
    /// driver is dropped after being drained; so does the file.
    unsafe fn push_write(&mut self, write: RawWrite);

    /// Begins what was pushed. With `wait`, returns when at least one completion is there or the time is
    /// over, whichever is first. Returns the number of system calls it took.
    ///
    /// # Errors
    /// EAGAIN, EBUSY, EINTR: not now; what was pushed waits for the next call. Anything else makes the driver
    /// unusable. Errors of single requests come as completions.
    fn enter(&mut self, wait: Option<Duration>) -> io::Result<u32>;

    /// Appends the completions that are there.
    fn reap(&mut self, completions: &mut Vec<RawCompletion>);

    /// Cancels what is in flight; each request still completes.
    fn cancel(&mut self) {}
}
