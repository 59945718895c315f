//! What drivers without a queue in the kernel share: reads wait in a line, and whoever waits for a completion carries the
//! first of them out.

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::driver::{Driver, DriverFacts, DriverName, RawCompletion, RawRead};

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

/// Reads when it is waited for, in the order pushed; in between it does nothing.
pub(crate) struct OneByOne<R> {
    facts: DriverFacts,
    reader: R,
    pushed: VecDeque<RawRead>,
    completed: Vec<RawCompletion>,
}

impl<R: ReadOne> OneByOne<R> {
    pub(crate) fn new(name: DriverName, queue_depth: u32, reader: R) -> OneByOne<R> {
        let facts = DriverFacts {
            name,
            registered_buffers: false,
            registered_files: false,
            setup_flags: Vec::new(),
        };
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

    fn set_file(&mut self, index: u32, _fd: Option<RawFd>) -> io::Result<()> {
        self.reader.forget_file(index);
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
        let result = unsafe { self.reader.read_one(&read) };
        self.completed.push(RawCompletion { token: read.token, result });
        Ok(1)
    }

    fn reap(&mut self, completions: &mut Vec<RawCompletion>) {
        completions.append(&mut self.completed);
    }

    fn cancel(&mut self) {
        self.completed.extend(self.pushed.drain(..).map(cancelled));
    }
}

/// How a read ends that was given up before it began.
pub(crate) fn cancelled(read: RawRead) -> RawCompletion {
    RawCompletion { token: read.token, result: -libc::ECANCELED }
}
