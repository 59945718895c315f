//! A queue of writes: filled slots go to the kernel at their offsets, empty ones come back.
//!
//! ```text
//! take ─▶ WriteSlot, filled by the caller ─▶ write(file, offset) ─▶ engine ─▶ free again
//! ```
//! The bound is the number of slots: when all are in the kernel, [`WriteQueue::take`] waits for one. An error is reported by
//! the next call; on drop what is in the kernel is waited for before its memory is freed.
//!
//! Writes go through io_uring on the calling thread with the arena registered (`WriteFixed`), or where it is refused through
//! a thread that does one `pwrite` after the other, so that filling goes on meanwhile there too.

use std::io;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use ringquet_result::{OptionError, Warning, WarningCode};

use crate::driver::probe;
use crate::driver::sim::SimOptions;
use crate::driver::thread::OnThread;
use crate::driver::{Driver, DriverName, RawWrite};
use crate::error::IoError;
use crate::memory::Alignment;
use crate::memory::stream_copy::stream_copy;
use crate::memory::{Arena, Slot};
use crate::options::{DirectChoice, DriverChoice, HugePages, IoOptions, Patience};
use crate::queue::engine::{Engine, Pace, Transfer, WAIT_MAX};
use crate::queue::piece::{Piece, Span};
use crate::storage::device;
use crate::storage::write_file::WriteFile;

/// What direct writes are aligned to in file and length: the largest logical block of current devices.
pub const WRITE_ALIGNMENT: Alignment = Alignment::PAGE;

/// What shall carry the writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// A write under way. It owns what the kernel looks at.
struct Write {
    slot: Slot,
    file: Arc<WriteFile>,
    offset: u64,
    /// The file was written around the page cache when this write was last pushed.
    direct: bool,
}

impl Write {
    /// Has the file written through the page cache from here on, if it was not and the choice is left to us.
    fn gives_up_direct(&mut self) -> bool {
        if !self.direct || self.file.choice != DirectChoice::Auto {
            return false;
        }
        self.direct = false;
        self.file.set_direct(false).is_ok()
    }

    fn failed(&self, piece: &Piece, source: io::Error) -> IoError {
        IoError::Write {
            path: self.file.path().to_owned(),
            offset: piece.position(),
            length: u64::from(piece.rest()),
            source,
        }
    }
}

struct Writes;

impl Transfer for Writes {
    type Request = Write;

    unsafe fn push(&self, driver: &mut dyn Driver, token: u64, write: &mut Write, piece: &Piece) {
        let at = usize::try_from(piece.position() - write.offset).expect("inside a slot");
        let write = RawWrite {
            token,
            fd: write.file.file.as_raw_fd(),
            offset: piece.position(),
            address: write.slot.address(at),
            len: piece.rest(),
            piece: write.slot.piece(),
        };
        // SAFETY: the caller keeps the request, which owns slot and file; nobody fills a slot that a request owns.
        unsafe { driver.push_write(write) };
    }

    fn resume(&self, write: &Write, there: u32) -> u32 {
        if !write.direct {
            return there;
        }
        u32::try_from(WRITE_ALIGNMENT.down(u64::from(there))).expect("rounded down")
    }

    fn refused(&self, write: &mut Write, piece: &Piece, errno: i32) -> Option<IoError> {
        if errno == libc::EINVAL && write.gives_up_direct() {
            return None;
        }
        Some(write.failed(piece, io::Error::from_raw_os_error(errno)))
    }

    fn stuck(&self, write: &mut Write, piece: &Piece, _: u32) -> Option<IoError> {
        if write.gives_up_direct() {
            return None;
        }
        Some(write.failed(piece, io::ErrorKind::WriteZero.into()))
    }

    fn no_answer(&self, write: &Write, piece: &Piece, seconds: u64, others: usize) -> IoError {
        IoError::NoAnswer {
            path: write.file.path().to_owned(),
            offset: piece.position(),
            length: u64::from(piece.rest()),
            device: write.file.device().and_then(device::name_of),
            seconds,
            others,
        }
    }
}

/// Writes of one thread.
pub struct WriteQueue {
    engine: Engine<Writes>,
    arena: Arc<Arena>,
    driver: WriteDriver,
    slot_bytes: usize,
    failed: Option<IoError>,
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
        let uring = |warnings: &mut Vec<Warning>| -> Result<Box<dyn Driver>, IoError> {
            let io = IoOptions {
                driver: DriverChoice::Uring,
                queue_depth: options.slots,
                registered_files: false,
                ..IoOptions::default()
            };
            Ok(Box::new(probe::probed_uring(&io, &arena, warnings)?))
        };
        let pwrite = || -> Result<Box<dyn Driver>, IoError> {
            let refused = |source| IoError::Enter { driver: DriverName::Pwrite.as_str(), source };
            Ok(Box::new(OnThread::start(DriverName::Pwrite).map_err(refused)?))
        };
        let (driver, name) = match options.driver {
            WriteChoice::Pwrite => (pwrite()?, WriteDriver::Pwrite),
            WriteChoice::Uring => (uring(warnings)?, WriteDriver::Uring),
            WriteChoice::Auto => match uring(warnings) {
                Ok(ring) => (ring, WriteDriver::Uring),
                Err(error) => {
                    warnings.push(Warning::new(
                        WarningCode::UringUnavailable,
                        format!("{error}; writing with pwrite instead"),
                    ));
                    (pwrite()?, WriteDriver::Pwrite)
                }
            },
        };
        Ok(WriteQueue::over(driver, name, arena, options))
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
        Ok(WriteQueue::over(driver, WriteDriver::Uring, arena, options))
    }

    fn over(
        driver: Box<dyn Driver>,
        name: WriteDriver,
        arena: Arc<Arena>,
        options: &WriteOptions,
    ) -> WriteQueue {
        // A write is large: each goes to the kernel at once.
        let pace = Pace { depth: options.slots, batch: 1 };
        WriteQueue {
            engine: Engine::new(driver, Writes, pace, options.patience),
            arena,
            driver: name,
            slot_bytes: options.slot_bytes as usize,
            failed: None,
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
            assert!(self.engine.outstanding() > 0, "the caller holds all slots");
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
        let direct = file.is_direct();
        let bytes = u32::try_from(len).expect("a slot has at most 64 MiB");
        let span = Span { offset, wanted: bytes, asked: bytes };
        let write = Write { slot: slot.slot, file: Arc::clone(file), offset, direct };
        self.engine.begin(write, std::iter::once(span));
        self.engine.pump()
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// The first that a write since the last call ended with, [`IoError::Enter`] or [`IoError::NoAnswer`].
    pub fn finish(&mut self) -> Result<(), IoError> {
        while self.engine.outstanding() > 0 {
            self.reap(true)?;
        }
        self.settle(false)
    }

    /// Waits until the kernel holds nothing, at most [`Patience::drain`], and forgets how it ended: for a file that
    /// is given up.
    ///
    /// # Errors
    /// [`IoError::Enter`], [`IoError::NoAnswer`]: the queue is unusable.
    pub fn discard(&mut self) -> Result<(), IoError> {
        let drained = self.engine.drain();
        self.failed = None;
        drained
    }

    /// Takes what has ended and reports an error.
    fn settle(&mut self, wait: bool) -> Result<(), IoError> {
        self.reap(wait)?;
        self.failed.take().map_or(Ok(()), Err)
    }

    fn reap(&mut self, wait: bool) -> Result<(), IoError> {
        if wait {
            self.engine.wait(WAIT_MAX)?;
        } else {
            self.engine.pump()?;
        }
        while let Some(ended) = self.engine.next_ended() {
            self.failed = self.failed.take().or(ended.error);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
