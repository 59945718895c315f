//! The driver that everyone has: one `pread` at a time on the thread that waits.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

use rustix::io::ReadWriteFlags;

use crate::driver::{Driver, DriverFacts, DriverName, RawCompletion, RawRead};

/// Reads when it is waited for, in the order pushed; in between it does nothing.
pub(crate) struct Pread {
    facts: DriverFacts,
    pushed: VecDeque<RawRead>,
    completed: Vec<RawCompletion>,
}

impl Pread {
    pub(crate) fn new(queue_depth: u32) -> Pread {
        let facts = DriverFacts {
            name: DriverName::Pread,
            registered_buffers: false,
            registered_files: false,
            setup_flags: Vec::new(),
        };
        let depth = queue_depth as usize;
        Pread {
            facts,
            pushed: VecDeque::with_capacity(depth),
            completed: Vec::with_capacity(depth),
        }
    }
}

impl Driver for Pread {
    fn facts(&self) -> &DriverFacts {
        &self.facts
    }

    fn set_file(&mut self, _index: u32, _fd: Option<RawFd>) -> io::Result<()> {
        Ok(())
    }

    unsafe fn push(&mut self, read: RawRead) {
        self.pushed.push_back(read);
    }

    fn enter(&mut self, wait: Option<Duration>) -> io::Result<u32> {
        if wait.is_none() || !self.completed.is_empty() {
            return Ok(0);
        }
        let Some(read) = self.pushed.pop_front() else { return Ok(0) };
        // SAFETY: the contract of `push` holds until the completion below is reaped.
        let result = unsafe { read_now(&read) };
        self.completed.push(RawCompletion { token: read.token, result });
        Ok(1)
    }

    fn reap(&mut self, completions: &mut Vec<RawCompletion>) {
        completions.append(&mut self.completed);
    }

    fn cancel(&mut self) {
        let cancelled = self
            .pushed
            .drain(..)
            .map(|read| RawCompletion { token: read.token, result: -libc::ECANCELED });
        self.completed.extend(cancelled);
    }
}

/// One `preadv2`; the result as a CQE's `res`.
///
/// # Safety
/// As [`Driver::push`].
pub(crate) unsafe fn read_now(read: &RawRead) -> i32 {
    // SAFETY: `push` promises that the memory is writable and ours.
    let buffer = unsafe { std::slice::from_raw_parts_mut(read.address, read.len as usize) };
    // SAFETY: `push` promises that the file stays open.
    let fd = unsafe { BorrowedFd::borrow_raw(read.fd) };
    let flags = ReadWriteFlags::from_bits_retain(read.rw_flags);
    let answer = if flags.is_empty() {
        rustix::io::pread(fd, &mut *buffer, read.offset)
    } else {
        rustix::io::preadv2(fd, &mut [io::IoSliceMut::new(buffer)], read.offset, flags)
    };
    match answer {
        Ok(count) => i32::try_from(count).expect("a read is at most read_size_bytes long"),
        Err(errno) => -errno.raw_os_error(),
    }
}
