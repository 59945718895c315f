//! What drivers without a queue in the kernel share: requests wait in a line, and a wait for a completion
//! carries the first of them out.

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::driver::pread::write_now;
use crate::driver::{Begins, Driver, DriverFacts, DriverName, RawCompletion, RawRead, RawWrite};

/// How one read is carried out.
pub(crate) trait ReadOne {
    /// The result as a CQE's `res`.
    ///
    /// # Safety
    /// As [`Driver::push`].
    unsafe fn read_one(&mut self, read: &RawRead) -> i32;

    /// Another file comes to this index of the file table, or none.
    fn forget_file(&mut self, _index: u32) {}
}

/// What was pushed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Request {
    Read(RawRead),
    Write(RawWrite),
}

impl Request {
    pub(crate) fn token(&self) -> u64 {
        match self {
            Request::Read(read) => read.token,
            Request::Write(write) => write.token,
        }
    }

    /// How a request ends that was given up before it began.
    pub(crate) fn cancelled(self) -> RawCompletion {
        RawCompletion { token: self.token(), result: -libc::ECANCELED }
    }
}

/// Works when it is waited for, in the order pushed; in between it does nothing.
pub(crate) struct OneByOne<R> {
    facts: DriverFacts,
    reader: R,
    pushed: VecDeque<Request>,
    completed: Vec<RawCompletion>,
}

impl<R: ReadOne> OneByOne<R> {
    pub(crate) fn new(name: DriverName, queue_depth: u32, reader: R) -> OneByOne<R> {
        let facts = DriverFacts::without_ring(name);
        let depth = queue_depth as usize;
        OneByOne {
            facts,
            reader,
            pushed: VecDeque::with_capacity(depth),
            completed: Vec::with_capacity(depth),
        }
    }
}

impl<R: ReadOne> Driver for OneByOne<R> {
    fn facts(&self) -> &DriverFacts {
        &self.facts
    }

    fn begins(&self) -> Begins {
        Begins::AtWait
    }

    fn set_file(&mut self, index: u32, _fd: Option<RawFd>) -> io::Result<()> {
        self.reader.forget_file(index);
        Ok(())
    }

    unsafe fn push(&mut self, read: RawRead) {
        self.pushed.push_back(Request::Read(read));
    }

    unsafe fn push_write(&mut self, write: RawWrite) {
        self.pushed.push_back(Request::Write(write));
    }

    fn enter(&mut self, wait: Option<Duration>) -> io::Result<u32> {
        if wait.is_none() || !self.completed.is_empty() {
            return Ok(0);
        }
        let Some(request) = self.pushed.pop_front() else { return Ok(0) };
        let result = match &request {
            // SAFETY: the contract of `push` holds until the completion below is reaped.
            Request::Read(read) => unsafe { self.reader.read_one(read) },
            // SAFETY: and so does that of `push_write`.
            Request::Write(write) => unsafe { write_now(write) },
        };
        self.completed.push(RawCompletion { token: request.token(), result });
        Ok(1)
    }

    fn reap(&mut self, completions: &mut Vec<RawCompletion>) {
        completions.append(&mut self.completed);
    }

    fn cancel(&mut self) {
        self.completed.extend(self.pushed.drain(..).map(Request::cancelled));
    }
}
