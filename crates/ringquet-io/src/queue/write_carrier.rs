//! Who brings writes to the kernel and back: a driver on the thread that uses the queue, or a thread of its own
//! that does one `pwrite` after the other.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::driver::{Driver, RawCompletion, RawWrite};
use crate::error::IoError;
use crate::memory::Slot;
use crate::options::Patience;
use crate::queue::patience::{Entering, Refusals};
use crate::storage::write_file::WriteFile;

/// One wait for a write.
pub(crate) const WAIT_MAX: Duration = Duration::from_millis(100);

/// A write under way. It owns what the kernel looks at.
pub(crate) struct Job {
    pub(crate) slot: Slot,
    pub(crate) file: Arc<WriteFile>,
    pub(crate) offset: u64,
    pub(crate) len: usize,
    /// Bytes of `len` that are written.
    pub(crate) done: usize,
    pub(crate) refusals: Refusals,
    /// The file was written around the page cache when it was last pushed.
    pub(crate) direct: bool,
}

impl Job {
    /// What is left to write.
    pub(crate) fn rest(&self) -> &[u8] {
        let address = self.slot.address(self.done);
        // SAFETY: `done <= len <=` the slot's length, the memory is initialised, and nobody writes to it
        // while the job owns the slot.
        unsafe { std::slice::from_raw_parts(address, self.len - self.done) }
    }

    pub(crate) fn position(&self) -> u64 {
        self.offset + self.done as u64
    }

    fn fd(&self) -> RawFd {
        self.file.file.as_raw_fd()
    }
}

/// Brings jobs to the kernel and back. It reports what one system call would have returned.
pub(crate) trait Carrier {
    /// Begins to write [`Job::rest`]. Never called with more jobs under way than there are slots.
    fn begin(&mut self, job: Job) -> Result<(), IoError>;

    /// Appends the jobs that have ended: bytes written or minus an errno. With `wait`, at least one, or none
    /// after that time.
    fn ended(&mut self, wait: Option<Duration>, ended: &mut Vec<(Job, i32)>)
    -> Result<(), IoError>;

    /// Asks the kernel to give up what is under way; all of it still ends.
    fn cancel(&mut self) {}

    /// Of what is under way: file, offset and length, for messages.
    fn example(&self) -> Option<(&WriteFile, u64, u64)> {
        None
    }
}

/// A driver on the thread that uses the queue.
pub(crate) struct DriverCarrier {
    // Dropped first: the ring is closed before the memory of its writes can go.
    driver: Box<dyn Driver>,
    /// Jobs in the kernel, at the index that is their token.
    jobs: Vec<Option<Job>>,
    reaped: Vec<RawCompletion>,
    entering: Entering,
    patience: Patience,
}

impl DriverCarrier {
    pub(crate) fn new(driver: Box<dyn Driver>, slots: u32, patience: Patience) -> DriverCarrier {
        let jobs = (0..slots).map(|_| None).collect();
        let entering = Entering::default();
        DriverCarrier { driver, jobs, reaped: Vec::new(), entering, patience }
    }

    fn enter(&mut self, wait: Option<Duration>) -> Result<(), IoError> {
        let name = self.driver.facts().name.as_str();
        let entered = self.entering.enter(self.driver.as_mut(), wait, &self.patience);
        entered.map(drop).map_err(|source| IoError::Enter { driver: name, source })
    }
}

impl Carrier for DriverCarrier {
    fn begin(&mut self, job: Job) -> Result<(), IoError> {
        let place = self.jobs.iter_mut().zip(0..).find(|(place, _)| place.is_none());
        let (place, token) = place.expect("no more jobs than slots are under way");
        let job = place.insert(job);
        let write = RawWrite {
            token,
            fd: job.fd(),
            offset: job.position(),
            address: job.rest().as_ptr(),
            len: u32::try_from(job.rest().len()).expect("a slot has at most 64 MiB"),
            piece: job.slot.piece(),
        };
        // SAFETY: the table owns slot and file of the job until its token is reaped; the queue drains before it
        // drops its carrier, and what is left then stays for ever.
        unsafe { self.driver.push_write(write) };
        self.enter(None)
    }

    fn ended(
        &mut self,
        wait: Option<Duration>,
        ended: &mut Vec<(Job, i32)>,
    ) -> Result<(), IoError> {
        self.driver.reap(&mut self.reaped);
        if self.reaped.is_empty() {
            self.enter(wait)?;
            self.driver.reap(&mut self.reaped);
        }
        if !self.reaped.is_empty() {
            self.entering.heard();
        }
        for completion in self.reaped.drain(..) {
            let place = usize::try_from(completion.token).expect("an index of the table");
            let job = self.jobs[place].take().expect("a job ends once");
            ended.push((job, completion.result));
        }
        Ok(())
    }

    fn cancel(&mut self) {
        self.driver.cancel();
    }

    fn example(&self) -> Option<(&WriteFile, u64, u64)> {
        let job = self.jobs.iter().flatten().next()?;
        Some((&job.file, job.position(), job.rest().len() as u64))
    }
}

impl Drop for DriverCarrier {
    fn drop(&mut self) {
        if self.jobs.iter().any(Option::is_some) {
            // The kernel may still read from them: the slots, and with them the arena, must stay for ever.
            #[expect(
                clippy::mem_forget,
                reason = "a leak is the only safe end when a device does not answer"
            )]
            std::mem::forget(std::mem::take(&mut self.jobs));
        }
    }
}

/// A thread that writes one job after the other. It owns its job, so that a write that never returns keeps
/// its memory.
pub(crate) struct PwriteCarrier {
    /// `None` once there is nothing more to write.
    jobs: Option<Sender<Job>>,
    ended: Receiver<(Job, i32)>,
    thread: Option<JoinHandle<()>>,
    /// Jobs that were sent and have not come back: file, offset and length.
    under_way: VecDeque<(Arc<WriteFile>, u64, u64)>,
}

impl PwriteCarrier {
    pub(crate) fn start() -> Result<Box<dyn Carrier>, IoError> {
        let (jobs, todo) = channel::<Job>();
        let (done, ended) = channel();
        let work = move || {
            for job in todo {
                let result = pwrite(&job, job.rest());
                // Nobody takes jobs back any more once the queue is dropped.
                drop(done.send((job, result)));
            }
        };
        let thread = std::thread::Builder::new()
            .name("pwrite".to_owned())
            .spawn(work)
            .map_err(|source| IoError::Enter { driver: "pwrite", source })?;
        let (jobs, thread) = (Some(jobs), Some(thread));
        Ok(Box::new(PwriteCarrier { jobs, ended, thread, under_way: VecDeque::new() }))
    }
}

/// As a completion's result.
pub(crate) fn pwrite(job: &Job, bytes: &[u8]) -> i32 {
    match job.file.file.write_at(bytes, job.position()) {
        Ok(written) => i32::try_from(written).expect("a slot has at most 64 MiB"),
        Err(error) => -error.raw_os_error().unwrap_or(libc::EIO),
    }
}

fn thread_ended() -> IoError {
    IoError::Enter { driver: "pwrite", source: io::Error::other("the writing thread has ended") }
}

impl Carrier for PwriteCarrier {
    fn begin(&mut self, job: Job) -> Result<(), IoError> {
        let about = (Arc::clone(&job.file), job.position(), job.rest().len() as u64);
        self.under_way.push_back(about);
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if sent { Ok(()) } else { Err(thread_ended()) }
    }

    fn ended(
        &mut self,
        wait: Option<Duration>,
        ended: &mut Vec<(Job, i32)>,
    ) -> Result<(), IoError> {
        if let Some(limit) = wait {
            match self.ended.recv_timeout(limit) {
                Ok(job) => ended.push(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(thread_ended()),
            }
        }
        ended.extend(self.ended.try_iter());
        // They end in the order in which they were sent.
        self.under_way.drain(..ended.len());
        Ok(())
    }

    fn example(&self) -> Option<(&WriteFile, u64, u64)> {
        self.under_way.front().map(|(file, offset, length)| (file.as_ref(), *offset, *length))
    }
}

impl Drop for PwriteCarrier {
    fn drop(&mut self) {
        self.jobs = None;
        // The queue has waited for its jobs. A thread that is still in a write is left to itself: it owns what it needs.
        if self.under_way.is_empty()
            && let Some(thread) = self.thread.take()
        {
            // It does not panic; and if it did, its jobs are gone with it.
            drop(thread.join());
        }
    }
}
