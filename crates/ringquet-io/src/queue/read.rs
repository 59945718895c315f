//! A queue of reads: split, pushed up to the queue depth, reaped, resubmitted where short, given back whole.
//!
//! ```text
//! read(range, slot) ─▶ pieces ≤ read_size ─▶ engine ─▶ Completed
//! ```

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ringquet_result::Warning;

use crate::counters::IoCounters;
use crate::driver::probe;
use crate::driver::{Driver, DriverFacts, RawRead};
use crate::error::IoError;
use crate::memory::Alignment;
use crate::memory::Arena;
use crate::memory::{Filled, Slot};
use crate::options::{DirectChoice, DriverChoice, IoOptions};
use crate::queue::engine::{Ended, Engine, Pace, Transfer};
use crate::queue::file_table::FileTable;
use crate::queue::piece::{Piece, Span};
use crate::storage::device;
use crate::storage::file::{DataFile, Identity};

/// What the caller requested.
struct Read {
    tag: u64,
    slot: Slot,
    file_index: u32,
    range: Range<u64>,
}

/// A read that ended.
#[derive(Debug)]
pub struct Completed {
    /// The caller's tag.
    pub tag: u64,
    /// The bytes of the requested range, or why there are none.
    pub result: Result<Filled, IoError>,
}

/// The files that are read, and what was done.
struct Reads {
    files: FileTable,
    counters: IoCounters,
    polled: bool,
}

impl Transfer for Reads {
    type Request = Read;

    unsafe fn push(&self, driver: &mut dyn Driver, token: u64, read: &mut Read, piece: &Piece) {
        let at = piece.position() - read.range.start;
        let file = self.files.file(read.file_index);
        let read = RawRead {
            token,
            fd: file.raw_fd(),
            file_index: read.file_index,
            offset: piece.position(),
            address: read.slot.address(usize::try_from(at).expect("inside a slot")),
            len: piece.rest(),
            piece: read.slot.piece(),
            rw_flags: file.rw_flags(),
        };
        // SAFETY: the caller keeps the request, which owns the slot; the file table keeps a file that has reads in flight;
        // what the slot has beyond this piece belongs to other pieces.
        unsafe { driver.push(read) };
    }

    fn resume(&self, read: &Read, there: u32) -> u32 {
        let alignment = self.files.file(read.file_index).alignment();
        u32::try_from(alignment.down(u64::from(there))).expect("rounded down")
    }

    fn refused(&self, read: &mut Read, piece: &Piece, errno: i32) -> Option<IoError> {
        let file = self.files.file(read.file_index);
        Some(IoError::Read {
            path: file.path().to_owned(),
            offset: piece.position(),
            length: u64::from(piece.rest()),
            device: device::name_of(file.identity().device),
            source: io::Error::from_raw_os_error(errno),
            advice: if self.polled && errno == libc::EOPNOTSUPP {
                "; `iopoll` needs a device with poll queues (for NVMe, the module option nvme.poll_queues): leave it out"
            } else {
                ""
            },
        })
    }

    fn stuck(&self, read: &mut Read, piece: &Piece, there: u32) -> Option<IoError> {
        let file = self.files.file(read.file_index);
        Some(IoError::UnexpectedEof {
            path: file.path().to_owned(),
            offset: piece.offset,
            length: u64::from(piece.wanted),
            missing: u64::from(piece.wanted - there),
            file_len: file.len_bytes(),
        })
    }

    fn no_answer(&self, read: &Read, piece: &Piece, seconds: u64, others: usize) -> IoError {
        let file = self.files.file(read.file_index);
        IoError::NoAnswer {
            path: file.path().to_owned(),
            offset: piece.position(),
            length: u64::from(piece.rest()),
            device: device::name_of(file.identity().device),
            seconds,
            others,
        }
    }

    fn ended(&mut self, read: &Read) {
        self.files.end_read(read.file_index);
    }

    fn counters(&mut self) -> Option<&mut IoCounters> {
        Some(&mut self.counters)
    }
}

/// Reads of one thread.
pub struct ReadQueue {
    // Dropped before the arena: slots, and before them the ring.
    engine: Engine<Reads>,
    arena: Arc<Arena>,
    direct: DirectChoice,
    dontcache: bool,
    read_size_bytes: u32,
    /// The largest alignment of a file opened here.
    slot_alignment: Alignment,
    /// With [`DriverChoice::Sim`], the alignment of files in place of their own.
    assumed_alignment: Option<Alignment>,
}

impl ReadQueue {
    /// A queue on the calling thread, with the driver of `options`.
    ///
    /// # Errors
    /// [`IoError::Options`], [`IoError::Arena`], [`IoError::UringUnavailable`] (not with `auto`).
    pub fn new(options: &IoOptions, warnings: &mut Vec<Warning>) -> Result<ReadQueue, IoError> {
        options.check()?;
        let arena = Arena::new(options.arena_bytes, options.huge_pages, warnings)?;
        ReadQueue::with_arena(arena, options, warnings)
    }

    /// As [`ReadQueue::new`], over an arena that is there already, and all of it free.
    ///
    /// # Errors
    /// As [`ReadQueue::new`].
    pub fn with_arena(
        arena: Arc<Arena>,
        options: &IoOptions,
        warnings: &mut Vec<Warning>,
    ) -> Result<ReadQueue, IoError> {
        options.check()?;
        let driver = probe::make_driver(options, &arena, warnings)?;
        Ok(ReadQueue::with_driver(driver, arena, options))
    }

    /// A queue over a driver made elsewhere (the tests' `sim`).
    pub fn with_driver(
        driver: Box<dyn Driver>,
        arena: Arc<Arena>,
        options: &IoOptions,
    ) -> ReadQueue {
        let reads = Reads {
            files: FileTable::new(options.open_files),
            counters: IoCounters::default(),
            polled: options.iopoll,
        };
        let pace = Pace { depth: options.queue_depth, batch: options.submit_batch };
        ReadQueue {
            engine: Engine::new(driver, reads, pace, options.patience),
            arena,
            direct: options.direct,
            dontcache: options.dontcache,
            read_size_bytes: options.read_size_bytes,
            slot_alignment: Alignment::PAGE,
            assumed_alignment: match options.driver {
                DriverChoice::Sim => options.sim.alignment.and_then(Alignment::new),
                _ => None,
            },
        }
    }

    /// Ends the queue as dropping it does, and gives its arena back for the next one. `None` if the kernel still holds
    /// reads after [`crate::Patience::drain`]: it may write to that memory some day.
    pub fn close(mut self) -> Option<Arc<Arena>> {
        let drained = self.engine.drain();
        let arena = Arc::clone(&self.arena);
        drop(self);
        drained.is_ok().then_some(arena)
    }

    /// What the driver got.
    pub fn facts(&self) -> &DriverFacts {
        self.engine.driver().facts()
    }

    /// The memory that reads land in.
    pub fn arena(&self) -> &Arc<Arena> {
        &self.arena
    }

    /// What was done so far.
    pub fn counters(&self) -> &IoCounters {
        &self.engine.transfer().counters
    }

    /// Reads in the kernel now.
    pub fn in_flight(&self) -> u32 {
        self.engine.in_flight()
    }

    /// Requested reads that are not completed, as pieces: in the kernel or waiting to go there.
    pub fn outstanding(&self) -> usize {
        self.engine.outstanding()
    }

    /// The file behind `key`, opened if it is not (any more). With `expected`, a file that is not the one seen
    /// before is an error.
    ///
    /// # Errors
    /// As [`DataFile::open`], [`IoError::Register`], and [`IoError::Changed`].
    ///
    /// # Panics
    /// If [`ReadQueue::can_open`] is false.
    pub fn file(
        &mut self,
        key: u32,
        path: &Path,
        expected: Option<&Identity>,
    ) -> Result<Arc<DataFile>, IoError> {
        let (direct, dontcache, assumed) = (self.direct, self.dontcache, self.assumed_alignment);
        let (driver, reads) = self.engine.parts_mut();
        let file = reads.files.get_or_open(key, driver, || {
            let mut file = DataFile::open(path, direct)?;
            if dontcache {
                file = file.drop_cache_behind();
            }
            if let Some(alignment) = assumed {
                file = file.aligned_to(alignment);
            }
            if let Some(expected) = expected {
                file.check_unchanged(expected)?;
            }
            Ok(file)
        })?;
        self.slot_alignment = self.slot_alignment.max(file.alignment());
        Ok(file)
    }

    /// Can [`ReadQueue::file`] be called for `key` now? No, while all places of the file table have reads in
    /// flight: wait for completions.
    pub fn can_open(&self, key: u32) -> bool {
        self.engine.transfer().files.can_open(key)
    }

    /// Fails if the file at `key` is no longer what it was when `expected` was taken. Needs no place in the file table:
    /// a file that is not open is looked at by its path.
    ///
    /// # Errors
    /// [`IoError::Changed`], [`IoError::Stat`], [`IoError::Open`].
    pub fn check_unchanged(
        &self,
        key: u32,
        path: &Path,
        expected: &Identity,
    ) -> Result<(), IoError> {
        match self.engine.transfer().files.get(key) {
            Some(file) => file.check_unchanged(expected),
            None => DataFile::check_path_unchanged(path, expected),
        }
    }

    /// A slot for `len` bytes of any file that was opened here before, or `None` while the arena has no such run.
    pub fn acquire(&self, len: usize) -> Option<Slot> {
        self.arena.acquire_aligned(len, self.slot_alignment)
    }

    /// A slot for `len` bytes of a file of this alignment, opened or not.
    pub fn acquire_aligned(&self, len: u64, alignment: Alignment) -> Option<Slot> {
        self.arena.acquire_aligned(usize::try_from(len).ok()?, alignment)
    }

    /// Requests `range` of the file at `key` (just returned by [`ReadQueue::file`]) to be read into `slot`. The
    /// start must be aligned as the file demands; the end may be anywhere up to the file's length. Nothing
    /// goes to the kernel before [`ReadQueue::pump`] or [`ReadQueue::wait`].
    ///
    /// # Panics
    /// Where the range is empty, not aligned, beyond the file, or longer than the slot: mistakes of the
    /// caller, which plans from the same numbers. A slot of [`ReadQueue::acquire`] or
    /// [`ReadQueue::acquire_aligned`] is never too short.
    pub fn read(&mut self, key: u32, range: Range<u64>, slot: Slot, tag: u64) {
        let (_, reads) = self.engine.parts_mut();
        let file_index =
            reads.files.index_of(key).expect("the file was opened before its bytes are asked for");
        let file = reads.files.file(file_index);
        let alignment = file.alignment();
        assert!(
            range.start < range.end && range.end <= file.len_bytes(),
            "range {range:?} of {} bytes",
            file.len_bytes()
        );
        assert!(
            alignment.divides(range.start),
            "{} is not aligned to {}",
            range.start,
            alignment.bytes()
        );
        let len = range.end - range.start;
        assert!(
            alignment.up(len) <= slot.len_bytes() as u64,
            "{len} bytes into a slot of {}",
            slot.len_bytes()
        );

        // Every piece begins at a block.
        let step = alignment.up(u64::from(self.read_size_bytes));
        reads.files.begin_read(file_index);
        let end = range.end;
        let pieces = (range.start..end).step_by(usize::try_from(step).expect("a read size"));
        let pieces = pieces.map(|offset| {
            let wanted = u32::try_from(step.min(end - offset)).expect("at most read_size_bytes");
            let asked =
                u32::try_from(alignment.up(u64::from(wanted))).expect("rounded up within the slot");
            Span { offset, wanted, asked }
        });
        self.engine.begin(Read { tag, slot, file_index, range: range.clone() }, pieces);
    }

    /// Moves things on without waiting: reaps, submits a batch where one is due, and has the kernel post completions that
    /// wait for an enter. Called often, it keeps [`IoCounters::reap_delay_ns`] short.
    ///
    /// # Errors
    /// [`IoError::Enter`]: the queue is unusable.
    pub fn pump(&mut self) -> Result<(), IoError> {
        self.engine.pump()
    }

    /// Submits what is waiting and, if nothing is completed yet, waits for a completion, at most `limit` and [`crate::WAIT_MAX`].
    ///
    /// # Errors
    /// [`IoError::Enter`], [`IoError::NoAnswer`]: the queue is unusable.
    pub fn wait(&mut self, limit: Duration) -> Result<(), IoError> {
        self.engine.wait(limit)
    }

    /// The next read that ended, in the order of their ends.
    pub fn next_completed(&mut self) -> Option<Completed> {
        let Ended { request: Read { tag, slot, range, .. }, error } = self.engine.next_ended()?;
        let len = usize::try_from(range.end - range.start).expect("inside a slot");
        let result = error.map_or_else(|| Ok(slot.filled(0..len)), Err);
        Some(Completed { tag, result })
    }
}

#[cfg(test)]
mod tests;
