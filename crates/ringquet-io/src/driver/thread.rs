//! A thread that carries out one request after the other, for where io_uring is refused and the caller has other work: it
//! makes values while others are written.

use std::io;
use std::os::fd::RawFd;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::driver::one_by_one::Request;
use crate::driver::pread::{read_now, write_now};
use crate::driver::{Begins, Driver, DriverFacts, DriverName, RawCompletion, RawRead, RawWrite};

/// A request on its way to the thread.
struct Sent(Request);

// SAFETY: the addresses in it are of memory that [`Driver::push`] and [`Driver::push_write`] promise to keep, and to leave
// alone, until the completion was reaped; no thread owns that memory.
unsafe impl Send for Sent {}

/// `pread` and `pwrite` on a thread of their own. Completions come in the order of the requests.
pub(crate) struct OnThread {
    facts: DriverFacts,
    /// `None` once there is nothing more to do.
    requests: Option<Sender<Sent>>,
    ended: Receiver<RawCompletion>,
    thread: Option<JoinHandle<()>>,
    completed: Vec<RawCompletion>,
    /// Requests that were pushed and not reaped.
    under_way: usize,
}

impl OnThread {
    /// # Errors
    /// Where no thread can be started.
    pub(crate) fn start(name: DriverName) -> io::Result<OnThread> {
        let (requests, todo) = channel::<Sent>();
        let (done, ended) = channel();
        let work = move || {
            for Sent(request) in todo {
                let result = match &request {
                    // SAFETY: the contract of `push` holds until the completion below is reaped.
                    Request::Read(read) => unsafe { read_now(read) },
                    // SAFETY: and so does that of `push_write`.
                    Request::Write(write) => unsafe { write_now(write) },
                };
                let completion = RawCompletion { token: request.token(), result };
                if done.send(completion).is_err() {
                    // Nobody takes completions any more: the driver was dropped.
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name(name.as_str().to_owned()).spawn(work)?;
        let facts = DriverFacts::without_ring(name);
        Ok(OnThread {
            facts,
            requests: Some(requests),
            ended,
            thread: Some(thread),
            completed: Vec::new(),
            under_way: 0,
        })
    }

    fn send(&mut self, request: Request) {
        self.under_way += 1;
        let is_sent = self.requests.as_ref().map(|requests| requests.send(Sent(request)).is_ok());
        if is_sent != Some(true) {
            // It did not get there: nobody looks at its memory.
            self.completed.push(RawCompletion { token: request.token(), result: -libc::EIO });
        }
    }
}

impl Driver for OnThread {
    fn facts(&self) -> &DriverFacts {
        &self.facts
    }

    fn begins(&self) -> Begins {
        Begins::AtPush
    }

    fn set_file(&mut self, _: u32, _: Option<RawFd>) -> io::Result<()> {
        Ok(())
    }

    unsafe fn push(&mut self, read: RawRead) {
        self.send(Request::Read(read));
    }

    unsafe fn push_write(&mut self, write: RawWrite) {
        self.send(Request::Write(write));
    }

    fn enter(&mut self, wait: Option<Duration>) -> io::Result<u32> {
        if let Some(limit) = wait
            && self.completed.is_empty()
        {
            match self.ended.recv_timeout(limit) {
                Ok(completion) => self.completed.push(completion),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("its thread has ended"));
                }
            }
        }
        Ok(0)
    }

    fn reap(&mut self, completions: &mut Vec<RawCompletion>) {
        let before = completions.len();
        completions.append(&mut self.completed);
        completions.extend(self.ended.try_iter());
        self.under_way -= completions.len() - before;
    }
}

impl Drop for OnThread {
    fn drop(&mut self) {
        self.requests = None;
        // A thread that is still in a system call is left to itself: the memory of its request stays.
        if self.under_way == 0
            && let Some(thread) = self.thread.take()
        {
            // It does not panic; and if it did, its requests are gone with it.
            drop(thread.join());
        }
    }
}
