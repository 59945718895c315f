//! A queue of writes: filled slots go to the kernel at their offsets, empty ones come back.
//!
//! ```text
//! take ─▶ WriteSlot, filled by the caller ─▶ write(file, offset) ─▶ in kernel ─▶ free again
//!                                                 ▲                    │ short, EAGAIN, EINTR
//!                                                 ╰────────────────────╯
//! ```
//! A write owns slot and file until it has ended. The bound is the number of slots: when all are in the
//! kernel, [`WriteQueue::take`] waits for one. An error is told by the next call; on drop what is in the
//! kernel is waited for before its memory is freed.
//!
//! Carriers: io_uring on the calling thread with the arena registered (`WriteFixed`), or where it is refused
//! a thread that does one `pwrite` after the other, so that filling goes on meanwhile there too.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use serde::{Deserialize, Serialize};

use crate::align::Alignment;
use crate::arena::{Arena, Slot};
use crate::driver::{Driver as _, RawCompletion};
use crate::error::{IoError, Warning};
use crate::options::{DirectChoice, DriverChoice, HugePages, IoOptions};
use crate::probe;
use crate::stream_copy::stream_copy;
use crate::uring::{RawWrite, Uring};

/// A write is given up after this many EAGAIN, EINTR or EBUSY in a row, as a read is.
const RETRIES_MAX: u32 = 1000;

/// One wait in the kernel.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// How long a drop waits for writes that the kernel still holds; after it their memory is leaked.
const DRAIN_MAX: Duration = Duration::from_secs(30);

/// What direct writes are aligned to in file and length: the largest logical block of current devices.
pub const WRITE_ALIGNMENT: Alignment = Alignment::PAGE;

/// What shall carry the writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteChoice {
    /// io_uring where a probe shows that it works, else pwrite with a warning.
    #[default]
    Auto,
    /// io_uring or an error.
    Uring,
    /// One `pwrite` at a time, on a thread of its own.
    Pwrite,
}

/// What carries the writes. JSON: `written_with`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteDriver {
    /// io_uring.
    Uring,
    /// One `pwrite` at a time.
    Pwrite,
}

impl WriteDriver {
    /// As on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            WriteDriver::Uring => "uring",
            WriteDriver::Pwrite => "pwrite",
        }
    }
}

/// How a queue of writes is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteOptions {
    /// What carries the writes.
    pub driver: WriteChoice,
    /// Bytes of a slot, one write: a multiple of 4096 up to 64 MiB. Default 1 MiB: unlike reads, writes gain by
    /// more than 512 KiB, 8 to 14 % here, for all that the kernel hands them to a worker.
    pub slot_bytes: u32,
    /// Slots, 2 to 1024: one is filled while the others are in the kernel. Default 12: with
    /// 8 the device waits now and then, 7 % of the time here; more gains nothing.
    pub slots: u32,
}

impl Default for WriteOptions {
    fn default() -> WriteOptions {
        WriteOptions { driver: WriteChoice::Auto, slot_bytes: 1 << 20, slots: 12 }
    }
}

impl WriteOptions {
    fn check(&self) -> Result<(), IoError> {
        let WriteOptions { slot_bytes, slots, .. } = *self;
        if !(4096..=64 << 20).contains(&slot_bytes) || !slot_bytes.is_multiple_of(4096) {
            return Err(IoError::Options(format!(
                "slots of {slot_bytes} bytes: must be a multiple of 4096 from 4 KiB to 64 MiB"
            )));
        }
        if !(2..=1024).contains(&slots) {
            return Err(IoError::Options(format!("{slots} slots: must be 2 to 1024")));
        }
        Ok(())
    }
}

/// A file that is open for writing at offsets.
#[derive(Debug)]
pub struct WriteFile {
    path: PathBuf,
    file: File,
    choice: DirectChoice,
}

impl WriteFile {
    /// Takes an open file; `path` is for messages. With [`DirectChoice::Auto`] a file system that refuses
    /// O_DIRECT is written through the page cache: ask [`WriteFile::is_direct`].
    ///
    /// # Errors
    /// [`IoError::DirectRefused`] with [`DirectChoice::On`].
    pub fn new(path: &Path, file: File, choice: DirectChoice) -> Result<WriteFile, IoError> {
        let made = WriteFile { path: path.to_owned(), file, choice };
        match choice {
            DirectChoice::Off => {}
            DirectChoice::Auto => drop(made.set_direct(true)),
            DirectChoice::On => made
                .set_direct(true)
                .map_err(|source| IoError::DirectRefused { path: path.to_owned(), source })?,
        }
        Ok(made)
    }

    /// Written around the page cache? Some file systems take O_DIRECT and refuse the writes; with
    /// [`DirectChoice::Auto`] the answer is no from then on.
    pub fn is_direct(&self) -> bool {
        fcntl_getfl(&self.file).is_ok_and(|flags| flags.contains(OFlags::DIRECT))
    }

    /// As named by the caller.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn set_direct(&self, direct: bool) -> io::Result<()> {
        let mut flags = fcntl_getfl(&self.file)?;
        flags.set(OFlags::DIRECT, direct);
        Ok(fcntl_setfl(&self.file, flags)?)
    }
}

/// Memory for one write, the caller's to fill.
pub struct WriteSlot {
    slot: Slot,
}

impl WriteSlot {
    /// The whole slot. What an earlier write left is still in it.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let (address, len) = (self.slot.address(0), self.slot.len_bytes());
        // SAFETY: the slot lies inside the mapping that it keeps, which is initialised memory; it is this
        // owner's alone, and no write of it is in the kernel: those own their slot.
        unsafe { std::slice::from_raw_parts_mut(address, len) }
    }

    /// Puts `bytes` at `start`, past the caches: the device is to read them next.
    ///
    /// # Panics
    /// Where they reach past the end of the slot.
    pub fn put(&mut self, start: usize, bytes: &[u8]) {
        stream_copy(&mut self.bytes_mut()[start..start + bytes.len()], bytes);
    }
}

impl std::fmt::Debug for WriteSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WriteSlot({} bytes)", self.slot.len_bytes())
    }
}

/// A write under way. It owns what the kernel looks at.
struct Job {
    slot: Slot,
    file: Arc<WriteFile>,
    offset: u64,
    len: usize,
    /// Bytes of `len` that are written.
    done: usize,
    retries: u32,
    /// The file was written around the page cache when it was last pushed.
    direct: bool,
}

impl Job {
    /// What is left to write.
    fn rest(&self) -> &[u8] {
        let address = self.slot.address(self.done);
        // SAFETY: `done <= len <=` the slot's length, the memory is initialised, and nobody writes to it
        // while the job owns the slot.
        unsafe { std::slice::from_raw_parts(address, self.len - self.done) }
    }

    fn position(&self) -> u64 {
        self.offset + self.done as u64
    }

    fn fd(&self) -> RawFd {
        self.file.file.as_raw_fd()
    }
}

/// Brings jobs to the kernel and back. It reports what one system call would have returned.
trait Carrier {
    /// Begins to write [`Job::rest`]. Never called with more jobs under way than there are slots.
    fn begin(&mut self, job: Job) -> Result<(), IoError>;

    /// Appends the jobs that have ended: bytes written or minus an errno. With `wait`, at least one, or none
    /// after [`WAIT_MAX`].
    fn ended(&mut self, wait: bool, ended: &mut Vec<(Job, i32)>) -> Result<(), IoError>;
}

/// Writes of one thread.
pub struct WriteQueue {
    carrier: Box<dyn Carrier>,
    arena: Arc<Arena>,
    driver: WriteDriver,
    slot_bytes: usize,
    in_flight: usize,
    failed: Option<IoError>,
    ended: Vec<(Job, i32)>,
}

impl WriteQueue {
    /// A queue on the calling thread, which must be the one that uses it.
    ///
    /// # Errors
    /// [`IoError::Options`], [`IoError::Arena`], [`IoError::UringUnavailable`] (not with `auto`).
    pub fn new(options: &WriteOptions, warnings: &mut Vec<Warning>) -> Result<WriteQueue, IoError> {
        options.check()?;
        let slot_bytes = options.slot_bytes as usize;
        let bytes = slot_bytes * options.slots as usize;
        let arena = Arena::new(bytes, HugePages::Auto, warnings)?;
        let uring = |warnings: &mut Vec<Warning>| -> Result<Box<dyn Carrier>, IoError> {
            let io = IoOptions {
                driver: DriverChoice::Uring,
                queue_depth: options.slots,
                registered_files: false,
                ..IoOptions::default()
            };
            let ring = probe::probed_uring(&io, &arena, warnings)?;
            Ok(Box::new(UringCarrier::new(ring, options.slots)))
        };
        let (carrier, driver) = match options.driver {
            WriteChoice::Pwrite => (PwriteCarrier::start()?, WriteDriver::Pwrite),
            WriteChoice::Uring => (uring(warnings)?, WriteDriver::Uring),
            WriteChoice::Auto => match uring(warnings) {
                Ok(carrier) => (carrier, WriteDriver::Uring),
                Err(error) => {
                    warnings.push(Warning::new(
                        "uring_unavailable",
                        format!("{error}; writing with pwrite instead"),
                    ));
                    (PwriteCarrier::start()?, WriteDriver::Pwrite)
                }
            },
        };
        Ok(WriteQueue::over(carrier, driver, arena, slot_bytes))
    }

    fn over(
        carrier: Box<dyn Carrier>,
        driver: WriteDriver,
        arena: Arc<Arena>,
        slot_bytes: usize,
    ) -> WriteQueue {
        WriteQueue {
            carrier,
            arena,
            driver,
            slot_bytes,
            in_flight: 0,
            failed: None,
            ended: Vec::new(),
        }
    }

    /// What carries the writes.
    pub fn driver(&self) -> WriteDriver {
        self.driver
    }

    /// Bytes of a slot.
    pub fn slot_bytes(&self) -> usize {
        self.slot_bytes
    }

    /// A slot to fill. Waits while all are in the kernel.
    ///
    /// # Errors
    /// That of an earlier write, or [`IoError::Enter`].
    ///
    /// # Panics
    /// Where the caller holds all slots itself.
    pub fn take(&mut self) -> Result<WriteSlot, IoError> {
        self.settle(false)?;
        loop {
            if let Some(slot) = self.arena.acquire(self.slot_bytes) {
                return Ok(WriteSlot { slot });
            }
            assert!(self.in_flight > 0, "the caller holds all slots");
            self.settle(true)?;
        }
    }

    /// Begins to write the first `len` bytes of `slot` at `offset`. For a file that is written around the page
    /// cache both are multiples of [`WRITE_ALIGNMENT`].
    ///
    /// # Errors
    /// That of an earlier write, or [`IoError::Enter`].
    ///
    /// # Panics
    /// Where `len` is more than the slot has.
    pub fn write(
        &mut self,
        file: &Arc<WriteFile>,
        offset: u64,
        slot: WriteSlot,
        len: usize,
    ) -> Result<(), IoError> {
        assert!(len <= slot.slot.len_bytes(), "{len} bytes of a slot of {}", self.slot_bytes);
        self.settle(false)?;
        if len == 0 {
            return Ok(());
        }
        let file = Arc::clone(file);
        let direct = file.is_direct();
        self.begin(Job { slot: slot.slot, file, offset, len, done: 0, retries: 0, direct })
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// The first that a write since the last call ended with.
    pub fn finish(&mut self) -> Result<(), IoError> {
        self.drain()?;
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Waits until the kernel holds nothing and forgets how it ended: for a file that is given up.
    ///
    /// # Errors
    /// [`IoError::Enter`]: the queue is unusable.
    pub fn discard(&mut self) -> Result<(), IoError> {
        self.drain()?;
        self.failed = None;
        Ok(())
    }

    fn drain(&mut self) -> Result<(), IoError> {
        while self.in_flight > 0 {
            self.reap(true)?;
        }
        Ok(())
    }

    /// Takes what has ended and tells of an error.
    fn settle(&mut self, wait: bool) -> Result<(), IoError> {
        self.reap(wait)?;
        self.failed.take().map_or(Ok(()), Err)
    }

    fn begin(&mut self, job: Job) -> Result<(), IoError> {
        self.in_flight += 1;
        self.carrier.begin(job)
    }

    fn reap(&mut self, wait: bool) -> Result<(), IoError> {
        if self.in_flight == 0 {
            return Ok(());
        }
        let mut ended = std::mem::take(&mut self.ended);
        self.carrier.ended(wait, &mut ended)?;
        self.in_flight -= ended.len();
        for (job, result) in ended.drain(..) {
            match judge(job, result) {
                Ok(None) => {}
                Ok(Some(job)) => self.begin(job)?,
                Err(error) => drop(self.failed.get_or_insert(error)),
            }
        }
        self.ended = ended;
        Ok(())
    }
}

/// What a write's end means: nothing left, something left, or an error.
fn judge(mut job: Job, result: i32) -> Result<Option<Job>, IoError> {
    if result < 0 {
        let errno = -result;
        if matches!(errno, libc::EAGAIN | libc::EINTR | libc::EBUSY) && job.retries < RETRIES_MAX {
            job.retries += 1;
            return Ok(Some(job));
        }
        if errno == libc::EINVAL && gives_up_direct(&mut job) {
            return Ok(Some(job));
        }
        return Err(failed(&job, io::Error::from_raw_os_error(errno)));
    }
    let written = usize::try_from(result).expect("not negative");
    if written >= job.len - job.done {
        return Ok(None);
    }
    // The rest of a direct write begins with a block; what lies between is written again.
    let there = job.done + written;
    let resume = if job.direct {
        usize::try_from(WRITE_ALIGNMENT.down(there as u64)).expect("at most the slot's length")
    } else {
        there
    };
    if resume <= job.done && !gives_up_direct(&mut job) {
        return Err(failed(&job, io::ErrorKind::WriteZero.into()));
    }
    job.done = resume.max(job.done);
    job.retries = 0;
    Ok(Some(job))
}

/// Has the file written through the page cache from here on, if it was not and the choice is left to us.
fn gives_up_direct(job: &mut Job) -> bool {
    if !job.direct || job.file.choice != DirectChoice::Auto {
        return false;
    }
    job.direct = false;
    job.file.set_direct(false).is_ok()
}

fn failed(job: &Job, source: io::Error) -> IoError {
    IoError::Write {
        path: job.file.path.clone(),
        offset: job.position(),
        length: job.rest().len() as u64,
        source,
    }
}

/// io_uring on the thread that uses the queue.
struct UringCarrier {
    // Dropped first: the ring is closed before the memory of its writes can go.
    ring: Uring,
    /// Jobs in the kernel, at the index that is their token.
    jobs: Vec<Option<Job>>,
    reaped: Vec<RawCompletion>,
}

impl UringCarrier {
    fn new(ring: Uring, slots: u32) -> UringCarrier {
        let jobs = (0..slots).map(|_| None).collect();
        UringCarrier { ring, jobs, reaped: Vec::new() }
    }

    fn enter(&mut self, wait: Option<Duration>) -> Result<(), IoError> {
        let entered = self.ring.enter(wait);
        entered.map(drop).map_err(|source| IoError::Enter { driver: "uring", source })
    }

    fn in_kernel(&self) -> bool {
        self.jobs.iter().any(Option::is_some)
    }
}

impl Carrier for UringCarrier {
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
        // SAFETY: the table owns slot and file of the job until its token is reaped; on drop the ring is
        // drained before they go.
        unsafe { self.ring.push_write(write) };
        self.enter(None)
    }

    fn ended(&mut self, wait: bool, ended: &mut Vec<(Job, i32)>) -> Result<(), IoError> {
        self.ring.reap(&mut self.reaped);
        if self.reaped.is_empty() {
            self.enter(wait.then_some(WAIT_MAX))?;
            self.ring.reap(&mut self.reaped);
        }
        for completion in self.reaped.drain(..) {
            let place = usize::try_from(completion.token).expect("an index of the table");
            let job = self.jobs[place].take().expect("a job ends once");
            ended.push((job, completion.result));
        }
        Ok(())
    }
}

impl Drop for UringCarrier {
    fn drop(&mut self) {
        let begun = Instant::now();
        let mut ended = Vec::new();
        while self.in_kernel() && begun.elapsed() < DRAIN_MAX {
            if self.ended(true, &mut ended).is_err() {
                break;
            }
            ended.clear();
        }
        if self.in_kernel() {
            // The kernel may still read from them: the slots, and with them the arena, must stay for ever.
            #[expect(
                clippy::mem_forget,
                reason = "a leak is the only safe end when a device does not answer"
            )]
            std::mem::forget(std::mem::take(&mut self.jobs));
        }
    }
}

/// A thread that writes one job after the other.
struct PwriteCarrier {
    /// `None` once there is nothing more to write.
    jobs: Option<Sender<Job>>,
    ended: Receiver<(Job, i32)>,
    thread: Option<JoinHandle<()>>,
}

impl PwriteCarrier {
    fn start() -> Result<Box<dyn Carrier>, IoError> {
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
        Ok(Box::new(PwriteCarrier { jobs: Some(jobs), ended, thread: Some(thread) }))
    }
}

/// As a completion's result.
fn pwrite(job: &Job, bytes: &[u8]) -> i32 {
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
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if sent { Ok(()) } else { Err(thread_ended()) }
    }

    fn ended(&mut self, wait: bool, ended: &mut Vec<(Job, i32)>) -> Result<(), IoError> {
        if wait {
            ended.push(self.ended.recv().map_err(|_| thread_ended())?);
        }
        ended.extend(self.ended.try_iter());
        Ok(())
    }
}

impl Drop for PwriteCarrier {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It does not panic; and if it did, its jobs are gone with it.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT_BYTES: usize = 8192;
    const SLOTS: u32 = 4;

    fn options(driver: WriteChoice) -> WriteOptions {
        WriteOptions { driver, slot_bytes: 8192, slots: SLOTS }
    }

    /// Writes at most so many bytes at a time, now and then none because of a signal, and ends jobs in the
    /// reverse of their order.
    struct Stutter {
        most: usize,
        calls: u32,
        ended: Vec<(Job, i32)>,
    }

    impl Carrier for Stutter {
        fn begin(&mut self, job: Job) -> Result<(), IoError> {
            self.calls += 1;
            let rest = job.rest();
            let result = match self.calls % 5 {
                0 => -libc::EINTR,
                3 => -libc::EAGAIN,
                _ => pwrite(&job, &rest[..rest.len().min(self.most)]),
            };
            self.ended.push((job, result));
            Ok(())
        }

        fn ended(&mut self, _: bool, ended: &mut Vec<(Job, i32)>) -> Result<(), IoError> {
            ended.extend(self.ended.drain(..).rev());
            Ok(())
        }
    }

    fn stutter(most: usize) -> WriteQueue {
        let arena =
            Arena::new(SLOT_BYTES * SLOTS as usize, HugePages::Off, &mut Vec::new()).unwrap();
        let carrier = Stutter { most, calls: 0, ended: Vec::new() };
        WriteQueue::over(Box::new(carrier), WriteDriver::Pwrite, arena, SLOT_BYTES)
    }

    /// The list that every carrier passes. Where io_uring is refused, its cases are left out.
    fn for_each_carrier(check: impl Fn(&str, &dyn Fn() -> WriteQueue)) {
        let make = |driver| WriteQueue::new(&options(driver), &mut Vec::new());
        check("pwrite", &|| make(WriteChoice::Pwrite).unwrap());
        check("stutter, one page", &|| stutter(4096));
        match make(WriteChoice::Uring) {
            Ok(_) => check("uring", &|| make(WriteChoice::Uring).unwrap()),
            Err(error) => assert!(matches!(error, IoError::UringUnavailable { .. }), "{error}"),
        }
    }

    /// Under target, which is no tmpfs: O_DIRECT shall be met.
    fn dir() -> tempfile::TempDir {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
        tempfile::tempdir_in(target).or_else(|_| tempfile::tempdir()).unwrap()
    }

    fn create(path: &Path, choice: DirectChoice) -> Arc<WriteFile> {
        Arc::new(WriteFile::new(path, File::create(path).unwrap(), choice).unwrap())
    }

    fn byte(at: usize) -> u8 {
        u8::try_from((at * 31 + at / 251) % 256).unwrap()
    }

    /// Writes `bytes` bytes whose last slot is not full.
    fn write_all(
        queue: &mut WriteQueue,
        file: &Arc<WriteFile>,
        bytes: usize,
    ) -> Result<(), IoError> {
        for start in (0..bytes).step_by(SLOT_BYTES) {
            let mut slot = queue.take()?;
            let len = SLOT_BYTES.min(bytes - start);
            for (at, place) in slot.bytes_mut()[..len].iter_mut().enumerate() {
                *place = byte(start + at);
            }
            queue.write(file, start as u64, slot, len)?;
        }
        queue.finish()
    }

    #[test]
    fn what_is_written_is_what_lies_there() {
        for_each_carrier(|name, make| {
            for choice in [DirectChoice::Auto, DirectChoice::Off] {
                let dir = dir();
                let mut queue = make();
                // Several files over one queue, as datagen writes them.
                for bytes in [0, 4096, SLOT_BYTES * 40 + 4096] {
                    let path = dir.path().join(format!("f{bytes}"));
                    let file = create(&path, choice);
                    write_all(&mut queue, &file, bytes).unwrap();
                    let found = std::fs::read(&path).unwrap();
                    assert_eq!(found.len(), bytes, "{name}, {choice:?}");
                    let wrong = found.iter().enumerate().find(|(at, found)| **found != byte(*at));
                    assert_eq!(wrong, None, "{name}, {choice:?}, {bytes} bytes");
                }
            }
        });
    }

    #[test]
    fn short_writes_go_on_where_they_ended() {
        // 100 bytes at a time: through the page cache any place will do, around it only blocks.
        let dir = dir();
        let path = dir.path().join("f");
        let file = create(&path, DirectChoice::Off);
        write_all(&mut stutter(100), &file, 20_000).unwrap();
        let found = std::fs::read(&path).unwrap();
        assert!(found.len() == 20_000 && (0..20_000).all(|at| found[at] == byte(at)));
    }

    /// A file system that takes O_DIRECT and then refuses the length.
    #[test]
    fn a_refused_direct_write_goes_through_the_page_cache() {
        for_each_carrier(|name, make| {
            let dir = dir();
            let path = dir.path().join("f");
            let file = create(&path, DirectChoice::Auto);
            let mut queue = make();
            write_all(&mut queue, &file, 2 * SLOT_BYTES + 77).unwrap();
            assert_eq!(std::fs::read(&path).unwrap().len(), 2 * SLOT_BYTES + 77, "{name}");
            assert!(!file.is_direct(), "{name}");
        });
    }

    #[test]
    fn a_full_disk_is_named_and_the_queue_goes_on() {
        for_each_carrier(|name, make| {
            let mut queue = make();
            let path = Path::new("/dev/full");
            let full = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            let full = Arc::new(WriteFile::new(path, full, DirectChoice::Auto).unwrap());
            let error = write_all(&mut queue, &full, SLOT_BYTES * 9).unwrap_err().to_string();
            assert!(
                error.starts_with("/dev/full: write of 8192 bytes at offset "),
                "{name}: {error}"
            );
            assert!(error.contains("No space left on device"), "{name}: {error}");
            queue.discard().unwrap();
            let dir = dir();
            let path = dir.path().join("f");
            write_all(&mut queue, &create(&path, DirectChoice::Auto), SLOT_BYTES).unwrap();
            assert_eq!(std::fs::read(&path).unwrap().len(), SLOT_BYTES, "{name}");
        });
    }

    #[test]
    fn a_drop_in_the_middle_waits_for_the_kernel() {
        for_each_carrier(|name, make| {
            let dir = dir();
            let path = dir.path().join("f");
            let file = create(&path, DirectChoice::Auto);
            let mut queue = make();
            let arena = Arc::clone(&queue.arena);
            for n in 0..3 {
                let mut slot = queue.take().unwrap();
                slot.bytes_mut().fill(7);
                queue.write(&file, n * SLOT_BYTES as u64, slot, SLOT_BYTES).unwrap();
            }
            let held = queue.take().unwrap();
            drop(queue);
            assert_eq!(arena.free_bytes(), arena.len_bytes() - SLOT_BYTES, "{name}");
            drop(held);
            assert_eq!(arena.free_bytes(), arena.len_bytes(), "{name}");
            assert_eq!(Arc::strong_count(&file), 1, "{name}: no write holds the file");
        });
    }

    #[test]
    fn options_have_bounds() {
        for wrong in [
            WriteOptions { slots: 1, ..WriteOptions::default() },
            WriteOptions { slots: 1025, ..WriteOptions::default() },
            WriteOptions { slot_bytes: 5000, ..WriteOptions::default() },
            WriteOptions { slot_bytes: 0, ..WriteOptions::default() },
        ] {
            let error = WriteQueue::new(&wrong, &mut Vec::new()).err().unwrap();
            assert!(matches!(error, IoError::Options(_)), "{wrong:?}: {error}");
        }
    }
}
