//! A queue of writes: filled slots go to the kernel at their offsets, empty ones come back.
//!
//! ```text
//! take ─▶ WriteSlot, filled by the caller ─▶ write(file, offset) ─▶ in kernel ─▶ free again
//!                                                 ▲                    │ short, EAGAIN, EINTR
//!                                                 ╰────────────────────╯
//! ```
//! A write owns slot and file until it has ended. The bound is the number of slots: when all are in the
//! kernel, [`WriteQueue::take`] waits for one. An error is reported by the next call; on drop what is in the
//! kernel is waited for before its memory is freed.
//!
//! Carriers (`write_carrier.rs`): io_uring on the calling thread with the arena registered (`WriteFixed`), or
//! where it is refused a thread that does one `pwrite` after the other, so that filling goes on meanwhile there too.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use ringquet_result::{OptionError, Warning, WarningCode};

use crate::driver::is_momentary;
use crate::driver::probe;
use crate::driver::sim::SimOptions;
use crate::error::IoError;
use crate::memory::Alignment;
use crate::memory::stream_copy::stream_copy;
use crate::memory::{Arena, Slot};
use crate::options::Patience;
use crate::options::{DirectChoice, DriverChoice, HugePages, IoOptions};
use crate::queue::patience::{Entering, Refusals};
use crate::queue::write_carrier::{Carrier, DriverCarrier, Job, PwriteCarrier, WAIT_MAX};
use crate::storage::device;
use crate::storage::write_file::WriteFile;

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

/// The I/O driver for writes. JSON: `written_with`.
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
    /// The I/O driver for writes.
    pub driver: WriteChoice,
    /// Bytes of a slot, one write: a multiple of 4096 up to 64 MiB. Default 1 MiB: unlike reads, writes gain by
    /// more than 512 KiB, 8 to 14 % here, for all that the kernel hands them to a worker.
    pub slot_bytes: u32,
    /// Slots, 2 to 1024: one is filled while the others are in the kernel. Default 12: with
    /// 8 the device waits now and then, 7 % of the time here; more gains nothing.
    pub slots: u32,
    /// How long is waited for what may never come. The same for everyone but tests.
    pub patience: Patience,
}

impl Default for WriteOptions {
    fn default() -> WriteOptions {
        let patience = Patience::default();
        WriteOptions { driver: WriteChoice::Auto, slot_bytes: 1 << 20, slots: 12, patience }
    }
}

impl WriteOptions {
    fn check(&self) -> Result<(), IoError> {
        let WriteOptions { slot_bytes, slots, .. } = *self;
        if !(4096..=64 << 20).contains(&slot_bytes) || !slot_bytes.is_multiple_of(4096) {
            let accepted = "must be a multiple of 4096 from 4 KiB to 64 MiB";
            return Err(IoError::Options(OptionError::new("slot_bytes", slot_bytes, accepted)));
        }
        if !(2..=1024).contains(&slots) {
            return Err(IoError::Options(OptionError::new("slots", slots, "must be 2 to 1024")));
        }
        Ok(())
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

/// Writes of one thread.
pub struct WriteQueue {
    carrier: Box<dyn Carrier>,
    arena: Arc<Arena>,
    driver: WriteDriver,
    slot_bytes: usize,
    in_flight: usize,
    /// Writes that were refused for the moment, until they are due again. Counted in `in_flight`.
    delayed: Vec<(Instant, Job)>,
    failed: Option<IoError>,
    ended: Vec<(Job, i32)>,
    patience: Patience,
    /// Of the carrier's answers.
    waiting: Entering,
    /// Set once the carrier does not answer or cannot be used: nothing more is waited for.
    given_up: Option<GivenUp>,
}

/// Why a queue is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GivenUp {
    /// Nothing came back for too long.
    Silent,
    /// The carrier failed.
    Broken,
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
            Ok(Box::new(DriverCarrier::new(Box::new(ring), options.slots, options.patience)))
        };
        let (carrier, driver) = match options.driver {
            WriteChoice::Pwrite => (PwriteCarrier::start()?, WriteDriver::Pwrite),
            WriteChoice::Uring => (uring(warnings)?, WriteDriver::Uring),
            WriteChoice::Auto => match uring(warnings) {
                Ok(carrier) => (carrier, WriteDriver::Uring),
                Err(error) => {
                    warnings.push(Warning::new(
                        WarningCode::UringUnavailable,
                        format!("{error}; writing with pwrite instead"),
                    ));
                    (PwriteCarrier::start()?, WriteDriver::Pwrite)
                }
            },
        };
        Ok(WriteQueue::over(carrier, driver, arena, options))
    }

    /// As [`WriteQueue::new`] over a simulated driver: for tests.
    ///
    /// # Errors
    /// As [`WriteQueue::new`].
    #[doc(hidden)]
    pub fn simulated(sim: &SimOptions, options: &WriteOptions) -> Result<WriteQueue, IoError> {
        options.check()?;
        let bytes = options.slot_bytes as usize * options.slots as usize;
        let arena = Arena::new(bytes, HugePages::Off, &mut Vec::new())?;
        let driver = Box::new(probe::simulated(sim, &arena));
        let carrier = Box::new(DriverCarrier::new(driver, options.slots, options.patience));
        Ok(WriteQueue::over(carrier, WriteDriver::Uring, arena, options))
    }

    fn over(
        carrier: Box<dyn Carrier>,
        driver: WriteDriver,
        arena: Arc<Arena>,
        options: &WriteOptions,
    ) -> WriteQueue {
        WriteQueue {
            carrier,
            arena,
            driver,
            slot_bytes: options.slot_bytes as usize,
            in_flight: 0,
            delayed: Vec::new(),
            failed: None,
            ended: Vec::new(),
            patience: options.patience,
            waiting: Entering::default(),
            given_up: None,
        }
    }

    /// The I/O driver for writes.
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
    /// That of an earlier write, [`IoError::Enter`] or [`IoError::NoAnswer`].
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
    /// That of an earlier write, [`IoError::Enter`] or [`IoError::NoAnswer`].
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
        let refusals = Refusals::default();
        self.in_flight += 1;
        self.begin(Job { slot: slot.slot, file, offset, len, done: 0, refusals, direct })
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// The first that a write since the last call ended with.
    pub fn finish(&mut self) -> Result<(), IoError> {
        self.drain()?;
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Waits until the kernel holds nothing, at most [`Patience::drain`], and forgets how it ended: for a file that
    /// is given up.
    ///
    /// # Errors
    /// [`IoError::Enter`], [`IoError::NoAnswer`]: the queue is unusable.
    pub fn discard(&mut self) -> Result<(), IoError> {
        self.in_flight -= self.delayed.len();
        self.delayed.clear();
        if self.in_flight > 0 && self.given_up.is_none() {
            self.carrier.cancel();
        }
        let patience = self.patience;
        self.patience.answer = patience.drain;
        self.waiting.heard();
        let drained = self.drain();
        self.patience = patience;
        self.failed = None;
        drained
    }

    fn drain(&mut self) -> Result<(), IoError> {
        while self.in_flight > 0 {
            self.reap(true)?;
        }
        Ok(())
    }

    /// Takes what has ended and reports an error.
    fn settle(&mut self, wait: bool) -> Result<(), IoError> {
        self.reap(wait)?;
        self.failed.take().map_or(Ok(()), Err)
    }

    fn begin(&mut self, job: Job) -> Result<(), IoError> {
        let begun = self.carrier.begin(job);
        if begun.is_err() {
            self.given_up = Some(GivenUp::Broken);
        }
        begun
    }

    fn reap(&mut self, wait: bool) -> Result<(), IoError> {
        if let Some(why) = self.given_up {
            return Err(self.unusable(why));
        }
        self.begin_due()?;
        if self.in_flight == 0 {
            return Ok(());
        }
        let mut ended = std::mem::take(&mut self.ended);
        let begun = Instant::now();
        let limit = wait.then(|| self.wait_limit(begun));
        let result = if self.in_flight > self.delayed.len() {
            self.carrier.ended(limit, &mut ended)
        } else {
            // Only what was refused is left: nothing to wait for but the time of its next try.
            std::thread::sleep(limit.unwrap_or_default());
            Ok(())
        };
        if let Err(error) = result {
            self.given_up = Some(GivenUp::Broken);
            return Err(error);
        }
        if !ended.is_empty() || self.in_flight == self.delayed.len() {
            self.waiting.heard();
        } else if wait && self.waiting.is_too_long(begun.elapsed(), &self.patience) {
            self.given_up = Some(GivenUp::Silent);
            return Err(self.unusable(GivenUp::Silent));
        }
        self.in_flight -= ended.len();
        for (job, result) in ended.drain(..) {
            match judge(job, result, &self.patience) {
                Ok(None) => {}
                Ok(Some((job, pause))) => {
                    self.in_flight += 1;
                    if pause.is_zero() {
                        self.begin(job)?;
                    } else {
                        self.delayed.push((Instant::now() + pause, job));
                    }
                }
                Err(error) => drop(self.failed.get_or_insert(error)),
            }
        }
        self.ended = ended;
        Ok(())
    }

    /// Begins the refused writes whose time has come.
    fn begin_due(&mut self) -> Result<(), IoError> {
        let now = Instant::now();
        while let Some(at) = self.delayed.iter().position(|(due, _)| *due <= now) {
            let (_, job) = self.delayed.swap_remove(at);
            self.begin(job)?;
        }
        Ok(())
    }

    /// How long to wait at most: until a refused write is due.
    fn wait_limit(&self, now: Instant) -> Duration {
        let due = self.delayed.iter().map(|(due, _)| due.saturating_duration_since(now)).min();
        due.unwrap_or(WAIT_MAX).min(WAIT_MAX)
    }

    /// The error of a queue that is of no use any more.
    fn unusable(&self, why: GivenUp) -> IoError {
        match self.carrier.example() {
            Some((file, offset, length)) if why == GivenUp::Silent => IoError::NoAnswer {
                path: file.path().to_owned(),
                offset,
                length,
                device: file.device().and_then(device::name_of),
                seconds: self.waiting.silent().as_secs(),
                others: self.in_flight.saturating_sub(1),
            },
            _ => IoError::Enter {
                driver: self.driver.as_str(),
                source: io::Error::other(
                    "an earlier call failed, and what it had begun is unknown",
                ),
            },
        }
    }
}

impl Drop for WriteQueue {
    /// Waits for what the kernel holds, once; the carrier keeps what is left for ever.
    fn drop(&mut self) {
        if self.given_up.is_none() {
            // What went wrong was reported, or nobody asked.
            drop(self.discard());
        }
    }
}

/// What a write's end means: nothing left, something left to be tried after a pause, or an error.
fn judge(
    mut job: Job,
    result: i32,
    patience: &Patience,
) -> Result<Option<(Job, Duration)>, IoError> {
    if result < 0 {
        let errno = -result;
        if is_momentary(errno)
            && let Some(pause) = job.refusals.again(Instant::now(), patience.retry)
        {
            return Ok(Some((job, pause)));
        }
        if errno == libc::EINVAL && gives_up_direct(&mut job) {
            return Ok(Some((job, Duration::ZERO)));
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
    job.refusals = Refusals::default();
    Ok(Some((job, Duration::ZERO)))
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
        path: job.file.path().to_owned(),
        offset: job.position(),
        length: job.rest().len() as u64,
        source,
    }
}

#[cfg(test)]
mod tests;
