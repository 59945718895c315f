//! A queue of reads: split, pushed up to the queue depth, reaped, resubmitted where short, given back whole.
//!
//! ```text
//! read(range, slot) ─▶ pieces ≤ read_size ─▶ backlog ─▶ in kernel ─▶ all pieces done ─▶ Completed
//!                                              ▲            │ short, EAGAIN, EINTR
//!                                              └────────────┘
//! ```
//! The in-flight table owns slot and file while the kernel may write. On drop: nothing more is submitted,
//! what is in flight is cancelled and drained, the ring is closed, then the memory is freed.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringquet_result::Warning;

use crate::counters::IoCounters;
use crate::driver::is_momentary;
use crate::driver::probe;
use crate::driver::{Driver, DriverFacts, RawCompletion, RawRead};
use crate::error::IoError;
use crate::memory::Alignment;
use crate::memory::{Arena, Slot};
use crate::options::Patience;
use crate::options::{DirectChoice, DriverChoice, IoOptions};
use crate::queue::file_table::FileTable;
use crate::queue::patience::{Entering, Refusals};
pub use crate::queue::request::Completed;
use crate::queue::request::{Piece, Request};
use crate::queue::slab::Slab;
use crate::queue::watch::Watch;
use crate::storage::device;
use crate::storage::file::{DataFile, Identity};

/// Fewest reads that are worth an enter while there are more to push. On the virtual disk of benches/runs 4 KiB reads at a depth
/// of 32 lose a fifth of their rate when all of them are handed over at once, and nothing in batches of 4.
const BATCH_MIN: u32 = 4;

/// How long one wait in the kernel lasts at most, so that a stop request is seen.
pub const WAIT_MAX: Duration = Duration::from_millis(100);

/// Reads of one thread.
pub struct ReadQueue {
    // In the order in which they must be dropped: ring, then slots, then arena.
    driver: Box<dyn Driver>,
    requests: Slab<Request>,
    arena: Arc<Arena>,
    pieces: Slab<Piece>,
    backlog: VecDeque<u32>,
    /// Pieces that were refused for the moment, until they are due again.
    delayed: Vec<(Instant, u32)>,
    files: FileTable,
    completed: VecDeque<Completed>,
    reaped: Vec<RawCompletion>,
    counters: IoCounters,
    direct: DirectChoice,
    dontcache: bool,
    queue_depth: u32,
    read_size_bytes: u32,
    submit_batch: u32,
    in_flight: u32,
    /// Tokens of reads that were pushed and that no enter has handed over yet.
    unsubmitted: Vec<u64>,
    watch: Watch,
    polled: bool,
    entering: Entering,
    patience: Patience,
    /// The largest that a file opened here asked for.
    slot_alignment: Alignment,
    /// What [`DriverChoice::Sim`] has files ask for in place of their own alignment.
    assumed_alignment: Option<Alignment>,
    /// [`ReadQueue::drain`] was called: what it did not get will not come.
    drained: bool,
}

impl ReadQueue {
    /// A queue on the calling thread, with the driver that `options` ask for.
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
        let depth = options.queue_depth as usize;
        ReadQueue {
            watch: Watch::new(driver.begins()),
            driver,
            requests: Slab::with_capacity(depth),
            arena,
            pieces: Slab::with_capacity(depth * 4),
            backlog: VecDeque::with_capacity(depth * 4),
            delayed: Vec::new(),
            files: FileTable::new(options.open_files),
            completed: VecDeque::with_capacity(depth),
            reaped: Vec::with_capacity(depth),
            counters: IoCounters::default(),
            direct: options.direct,
            dontcache: options.dontcache,
            queue_depth: options.queue_depth,
            read_size_bytes: options.read_size_bytes,
            submit_batch: options.submit_batch,
            in_flight: 0,
            unsubmitted: Vec::with_capacity(depth),
            polled: options.iopoll,
            entering: Entering::default(),
            patience: options.patience,
            slot_alignment: Alignment::PAGE,
            assumed_alignment: match options.driver {
                DriverChoice::Sim => options.sim.alignment.and_then(Alignment::new),
                _ => None,
            },
            drained: false,
        }
    }

    /// Ends the queue as dropping it does, and gives its arena back for the next one. `None` where the kernel still holds
    /// reads after [`Patience::drain`]: it may write to that memory some day.
    pub fn close(mut self) -> Option<Arc<Arena>> {
        self.drain();
        let is_drained = self.in_flight == 0;
        let arena = Arc::clone(&self.arena);
        drop(self);
        is_drained.then_some(arena)
    }

    /// What the driver got.
    pub fn facts(&self) -> &DriverFacts {
        self.driver.facts()
    }

    /// The memory that reads land in.
    pub fn arena(&self) -> &Arc<Arena> {
        &self.arena
    }

    /// What was done so far.
    pub fn counters(&self) -> &IoCounters {
        &self.counters
    }

    /// Reads in the kernel now.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Reads that were asked for and are not completed, as pieces: in the kernel or waiting to go there.
    pub fn outstanding(&self) -> usize {
        self.in_flight as usize + self.backlog.len() + self.delayed.len()
    }

    /// The file behind `key`, opened if it is not (any more). With `expected`, a file that is not the one seen
    /// before is an error.
    ///
    /// # Errors
    /// As [`DataFile::open`], [`IoError::Register`], and [`IoError::Changed`].
    ///
    /// # Panics
    /// Where [`ReadQueue::can_open`] says no.
    pub fn file(
        &mut self,
        key: u32,
        path: &Path,
        expected: Option<&Identity>,
    ) -> Result<Arc<DataFile>, IoError> {
        let (direct, dontcache, assumed) = (self.direct, self.dontcache, self.assumed_alignment);
        let file = self.files.get_or_open(key, self.driver.as_mut(), || {
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
        self.files.can_open(key)
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
        match self.files.get(key) {
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

    /// Asks for `range` of the file at `key` (just returned by [`ReadQueue::file`]) to be read into `slot`. The
    /// start must be aligned as the file demands; the end may be anywhere up to the file's length. Nothing
    /// goes to the kernel before [`ReadQueue::pump`] or [`ReadQueue::wait`].
    ///
    /// # Panics
    /// Where the range is empty, not aligned, beyond the file, or longer than the slot: mistakes of the
    /// caller, which plans from the same numbers. A slot of [`ReadQueue::acquire`] or
    /// [`ReadQueue::acquire_aligned`] is never too short.
    pub fn read(&mut self, key: u32, range: Range<u64>, slot: Slot, tag: u64) {
        let file_index =
            self.files.index_of(key).expect("the file was opened before its bytes are asked for");
        let file = self.files.file(file_index);
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
        let pieces_left =
            u32::try_from(len.div_ceil(step)).expect("a slot holds fewer than 2^32 reads");
        self.files.begin_read(file_index);
        let request = self.requests.insert(Request {
            tag,
            slot,
            file_index,
            range: range.clone(),
            pieces_left,
            error: None,
        });
        let now = Instant::now();
        let mut offset = range.start;
        while offset < range.end {
            let wanted =
                u32::try_from(step.min(range.end - offset)).expect("at most read_size_bytes");
            let asked =
                u32::try_from(alignment.up(u64::from(wanted))).expect("rounded up within the slot");
            let piece = Piece {
                request,
                offset,
                wanted,
                asked,
                done: 0,
                refusals: Refusals::default(),
                submitted: now,
                in_kernel: false,
            };
            self.backlog.push_back(self.pieces.insert(piece));
            offset += u64::from(wanted);
        }
    }

    /// Moves things on without waiting: reaps, submits a batch where one is due, and has the kernel post completions that
    /// wait for an enter. Called often, it keeps [`IoCounters::reap_delay_ns`] short.
    ///
    /// # Errors
    /// [`IoError::Enter`]: the queue is unusable.
    pub fn pump(&mut self) -> Result<(), IoError> {
        self.reap();
        self.push_backlog()?;
        // A small batch is worth an enter only if the device would otherwise run dry.
        let (waiting, in_kernel) = self.waiting_and_in_kernel();
        let batch = self.submit_batch;
        let is_due = waiting >= batch || (waiting > 0 && in_kernel < batch);
        let has_unposted = self.driver.has_unposted();
        if is_due || has_unposted {
            self.enter(None)?;
        }
        if has_unposted {
            self.reap();
        }
        Ok(())
    }

    /// Reads that wait for an enter, and those that the kernel has. A kernel thread that takes them at the push may have
    /// finished some that no enter has handed over.
    fn waiting_and_in_kernel(&self) -> (u32, u32) {
        let waiting = u32::try_from(self.unsubmitted.len()).expect("bounded by the queue depth");
        (waiting, self.in_flight.saturating_sub(waiting))
    }

    /// Is it time to enter? When half as many reads wait as the kernel has: a device that ran dry gets its first reads at
    /// once and later ones in ever larger batches.
    fn batch_is_due(&self) -> bool {
        let (waiting, in_kernel) = self.waiting_and_in_kernel();
        waiting >= (in_kernel / 2).clamp(BATCH_MIN.min(self.submit_batch), self.submit_batch)
    }

    /// Submits what is waiting and, if nothing is completed yet, waits for a completion, at most `limit`.
    ///
    /// # Errors
    /// [`IoError::Enter`]: the queue is unusable.
    pub fn wait(&mut self, limit: Duration) -> Result<(), IoError> {
        self.reap();
        self.push_backlog()?;
        if !self.completed.is_empty() {
            return if self.unsubmitted.is_empty() { Ok(()) } else { self.enter(None) };
        }
        let due = self.delayed.iter().map(|(due, _)| *due).min();
        let mut limit = limit.min(WAIT_MAX);
        if let Some(due) = due {
            limit = limit.min(due.saturating_duration_since(Instant::now()));
        }
        let begun = Instant::now();
        if self.in_flight == 0 {
            // Only what was refused is left: nothing to wait for but the time of its next try.
            if due.is_some() {
                std::thread::sleep(limit);
            }
            return Ok(());
        }
        self.watch.waits(begun);
        self.enter(Some(limit))?;
        let waited = begun.elapsed();
        self.watch.waited(waited);
        self.counters.wait_ns += u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        if !self.reap() && self.entering.is_too_long(waited, &self.patience) {
            return Err(self.no_answer());
        }
        Ok(())
    }

    /// The error of a device that has not answered for too long.
    fn no_answer(&self) -> IoError {
        let held = self.pieces.iter().filter(|piece| piece.in_kernel);
        let oldest = held.min_by_key(|piece| piece.submitted).expect("some are in flight");
        let request = self.requests.get(oldest.request);
        let file = self.files.file(request.file_index);
        IoError::NoAnswer {
            path: file.path().to_owned(),
            offset: oldest.offset + u64::from(oldest.done),
            length: u64::from(oldest.asked - oldest.done),
            device: device::name_of(file.identity().device),
            seconds: self.entering.silent().as_secs(),
            others: self.in_flight as usize - 1,
        }
    }

    /// The next read that ended, in the order of their ends.
    pub fn next_completed(&mut self) -> Option<Completed> {
        self.completed.pop_front()
    }

    fn push_backlog(&mut self) -> Result<(), IoError> {
        if !self.delayed.is_empty() {
            let now = Instant::now();
            let due = self.delayed.extract_if(.., |(due, _)| *due <= now);
            self.backlog.extend(due.map(|(_, index)| index));
        }
        if self.backlog.is_empty() || self.in_flight >= self.queue_depth {
            return Ok(());
        }
        let mut now = Instant::now();
        while self.in_flight < self.queue_depth
            && let Some(index) = self.backlog.pop_front()
        {
            self.push(index, now);
            if self.batch_is_due() {
                self.enter(None)?;
                now = Instant::now();
            }
        }
        self.counters.depth.record(now, self.in_flight);
        Ok(())
    }

    fn push(&mut self, index: u32, now: Instant) {
        let token = self.pieces.token(index);
        let piece = self.pieces.get_mut(index);
        piece.submitted = now;
        piece.in_kernel = true;
        let request = self.requests.get_mut(piece.request);
        let at = piece.offset - request.range.start + u64::from(piece.done);
        let file = self.files.file(request.file_index);
        let read = RawRead {
            token,
            fd: file.raw_fd(),
            file_index: request.file_index,
            offset: piece.offset + u64::from(piece.done),
            address: request.slot.address(usize::try_from(at).expect("inside a slot")),
            len: piece.asked - piece.done,
            piece: request.slot.piece(),
            rw_flags: file.rw_flags(),
        };
        // SAFETY: the request owns the slot and the file table keeps the file until this token is reaped;
        // pieces of a request do not overlap; on drop the queue drains before anything is freed.
        unsafe { self.driver.push(read) };
        self.in_flight += 1;
        self.unsubmitted.push(token);
    }

    fn enter(&mut self, wait: Option<Duration>) -> Result<(), IoError> {
        let driver = self.driver.facts().name.as_str();
        self.watch.enters(&self.unsubmitted, &mut self.pieces);
        let entered = self.entering.enter(self.driver.as_mut(), wait, &self.patience);
        let entered = entered.map_err(|source| IoError::Enter { driver, source })?;
        self.counters.enters += u64::from(entered.enters);
        if entered.is_taken {
            self.unsubmitted.clear();
        }
        Ok(())
    }

    /// Takes the completions that are there; whether there were any.
    fn reap(&mut self) -> bool {
        let mut reaped = std::mem::take(&mut self.reaped);
        // What is completed after this moment may be missed by the look.
        let looked = Instant::now();
        self.driver.reap(&mut reaped);
        let any = !reaped.is_empty();
        if any {
            self.entering.heard();
            let now = Instant::now();
            for completion in reaped.drain(..) {
                self.complete(completion, now);
            }
            self.counters.depth.record(now, self.in_flight);
        }
        self.reaped = reaped;
        if !self.driver.has_unposted() {
            self.watch.looked(looked);
        }
        any
    }

    fn complete(&mut self, completion: RawCompletion, now: Instant) {
        let index = self.pieces.index(completion.token);
        self.in_flight -= 1;
        let piece = self.pieces.get_mut(index);
        piece.in_kernel = false;
        let request = self.requests.get_mut(piece.request);
        let file = self.files.file(request.file_index);
        let failed = match completion.result {
            result if result < 0 => {
                let errno = -result;
                if is_momentary(errno)
                    && let Some(pause) = piece.refusals.again(now, self.patience.retry)
                {
                    self.counters.retries += 1;
                    if pause.is_zero() {
                        self.backlog.push_back(index);
                    } else {
                        self.delayed.push((now + pause, index));
                    }
                    return;
                }
                Some(piece.failed(file, errno, self.polled))
            }
            result => {
                let count = u32::try_from(result).expect("not negative");
                let (latency, reap_delay) = self.watch.latency(piece, now);
                self.counters.record_latency(latency, reap_delay);
                self.counters.reads += 1;
                self.counters.read_bytes += u64::from(count);
                let there = piece.done + count;
                if there >= piece.wanted {
                    None
                } else {
                    // The rest starts at an aligned byte; what lies between is read again.
                    let resume = u32::try_from(file.alignment().down(u64::from(there)))
                        .expect("rounded down");
                    if resume > piece.done {
                        piece.done = resume;
                        piece.refusals = Refusals::default();
                        self.counters.short_reads += 1;
                        self.backlog.push_back(index);
                        return;
                    }
                    Some(IoError::UnexpectedEof {
                        path: file.path().to_owned(),
                        offset: piece.offset,
                        length: u64::from(piece.wanted),
                        missing: u64::from(piece.wanted - there),
                        file_len: file.len_bytes(),
                    })
                }
            }
        };
        if let Some(error) = failed {
            self.counters.failed_reads += 1;
            request.error.get_or_insert(error);
        }
        request.pieces_left -= 1;
        let request_done = request.pieces_left == 0;
        let request_index = piece.request;
        self.pieces.remove(index);
        if request_done {
            let request = self.requests.remove(request_index);
            self.files.end_read(request.file_index);
            let len =
                usize::try_from(request.range.end - request.range.start).expect("inside a slot");
            let result = match request.error {
                Some(error) => Err(error),
                None => Ok(request.slot.filled(0..len)),
            };
            self.completed.push_back(Completed { tag: request.tag, result });
        }
    }

    /// Gives up all reads and waits until the kernel holds none, at most [`Patience::drain`], and only once.
    fn drain(&mut self) {
        self.backlog.clear();
        self.delayed.clear();
        if self.in_flight == 0 || std::mem::replace(&mut self.drained, true) {
            return;
        }
        self.driver.cancel();
        let begun = Instant::now();
        while self.in_flight > 0 && begun.elapsed() < self.patience.drain {
            let wait = Some(WAIT_MAX.min(self.patience.drain));
            if self.entering.enter(self.driver.as_mut(), wait, &self.patience).is_err() {
                break;
            }
            self.driver.reap(&mut self.reaped);
            let reaped = self.reaped.drain(..).count();
            if reaped > 0 {
                self.entering.heard();
            }
            self.in_flight -= u32::try_from(reaped).expect("bounded by the queue depth");
        }
    }
}

impl Drop for ReadQueue {
    fn drop(&mut self) {
        self.drain();
        if self.in_flight > 0 {
            // The kernel may still write: the slots, and with them the arena, must stay for ever.
            #[expect(
                clippy::mem_forget,
                reason = "a leak is the only safe end when a device does not answer"
            )]
            std::mem::forget(std::mem::replace(&mut self.requests, Slab::with_capacity(0)));
        }
    }
}

#[cfg(test)]
mod tests;
