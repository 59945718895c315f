//! What reads and writes have in common: one table of what the kernel holds, one way to try again, one way to end.
//!
//! ```text
//! begin(request, pieces) ─▶ backlog ─▶ in kernel ─▶ all pieces done ─▶ Ended
//!                             ▲            │ short, EAGAIN, EINTR
//!                             └────────────┘
//! ```
//! The table owns what the kernel looks at: memory and file of each request. On drop nothing more is submitted, what is in
//! flight is cancelled and drained, the ring is closed, and then the memory is freed. Where a device does not answer the
//! memory is leaked, because the kernel may still use it.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use crate::counters::IoCounters;
use crate::driver::{Driver, RawCompletion, is_momentary};
use crate::error::IoError;
use crate::options::Patience;
use crate::queue::patience::{Entering, Refusals};
use crate::queue::piece::{Piece, Span};
use crate::queue::slab::Slab;
use crate::queue::watch::Watch;

/// Fewest requests that are worth an enter while there are more to push. On the virtual disk of benches/runs 4 KiB reads at a
/// depth of 32 lose a fifth of their rate when all of them are handed over at once, and nothing in batches of 4.
const BATCH_MIN: u32 = 4;

/// How long one wait in the kernel lasts at most, so that a stop request is seen.
pub const WAIT_MAX: Duration = Duration::from_millis(100);

/// What differs between reads and writes.
pub(crate) trait Transfer {
    /// Owns the memory and the file of one request.
    type Request;

    /// Gives what is left of `piece` to the driver.
    ///
    /// # Safety
    /// `request` is not dropped before the driver gave `token` back, or never. No other piece in the kernel covers the same
    /// bytes.
    unsafe fn push(
        &self,
        driver: &mut dyn Driver,
        token: u64,
        request: &mut Self::Request,
        piece: &Piece,
    );

    /// Where a piece of which `there` bytes are done goes on: at an aligned byte, at most `there`.
    fn resume(&self, request: &Self::Request, there: u32) -> u32;

    /// The kernel refused the piece for good. `None`: the request was changed, and the piece is tried again.
    fn refused(&self, request: &mut Self::Request, piece: &Piece, errno: i32) -> Option<IoError>;

    /// The kernel ended the piece after `there` bytes, too few to go on from. `None`: the request was changed, and the piece
    /// is tried again.
    fn stuck(&self, request: &mut Self::Request, piece: &Piece, there: u32) -> Option<IoError>;

    /// The device has not answered this piece, and `others` more, for `seconds`.
    fn no_answer(
        &self,
        request: &Self::Request,
        piece: &Piece,
        seconds: u64,
        others: usize,
    ) -> IoError;

    /// The request has ended.
    fn ended(&mut self, _request: &Self::Request) {}

    /// Where to count what is done.
    fn counters(&mut self) -> Option<&mut IoCounters> {
        None
    }
}

/// A request that ended.
pub(crate) struct Ended<R> {
    pub(crate) request: R,
    /// The first error of its pieces.
    pub(crate) error: Option<IoError>,
}

/// A request of which pieces are left.
struct Open<R> {
    request: R,
    pieces_left: u32,
    error: Option<IoError>,
}

/// How many requests go to the kernel, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Pieces in the kernel at most.
    pub(crate) depth: u32,
    /// Pieces that are handed over together at most.
    pub(crate) batch: u32,
}

/// Why an engine is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GivenUp {
    /// Nothing came back for so long.
    Silent(Duration),
    /// The driver failed.
    Broken,
}

/// The requests of one thread, in one direction.
pub(crate) struct Engine<T: Transfer> {
    // In the order in which they must be dropped: the ring, then what it may point at.
    driver: Box<dyn Driver>,
    requests: Slab<Open<T::Request>>,
    transfer: T,
    pieces: Slab<Piece>,
    backlog: VecDeque<u32>,
    /// Pieces that were refused for the moment, until they are due again.
    delayed: Vec<(Instant, u32)>,
    /// Tokens of pieces that were pushed and that no enter has handed over yet.
    unsubmitted: Vec<u64>,
    reaped: Vec<RawCompletion>,
    ended: VecDeque<Ended<T::Request>>,
    in_flight: u32,
    pace: Pace,
    watch: Watch,
    entering: Entering,
    patience: Patience,
    /// Set once the driver does not answer or cannot be used: nothing more is waited for.
    given_up: Option<GivenUp>,
}

impl<T: Transfer> Engine<T> {
    pub(crate) fn new(
        driver: Box<dyn Driver>,
        transfer: T,
        pace: Pace,
        patience: Patience,
    ) -> Engine<T> {
        let depth = pace.depth as usize;
        Engine {
            watch: Watch::new(driver.begins()),
            driver,
            requests: Slab::with_capacity(depth),
            transfer,
            pieces: Slab::with_capacity(depth * 4),
            backlog: VecDeque::with_capacity(depth * 4),
            delayed: Vec::new(),
            unsubmitted: Vec::with_capacity(depth),
            reaped: Vec::with_capacity(depth),
            ended: VecDeque::with_capacity(depth),
            in_flight: 0,
            pace,
            entering: Entering::default(),
            patience,
            given_up: None,
        }
    }

    pub(crate) fn driver(&self) -> &dyn Driver {
        self.driver.as_ref()
    }

    pub(crate) fn transfer(&self) -> &T {
        &self.transfer
    }

    /// The driver and what differs, to change both.
    pub(crate) fn parts_mut(&mut self) -> (&mut dyn Driver, &mut T) {
        (self.driver.as_mut(), &mut self.transfer)
    }

    /// Pieces in the kernel.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Pieces that have not ended: in the kernel or waiting to go there.
    pub(crate) fn outstanding(&self) -> usize {
        self.in_flight as usize + self.backlog.len() + self.delayed.len()
    }

    /// Takes a request in pieces, at least one. Nothing goes to the kernel before [`Engine::pump`] or [`Engine::wait`].
    pub(crate) fn begin(&mut self, request: T::Request, pieces: impl Iterator<Item = Span>) {
        let request = self.requests.insert(Open { request, pieces_left: 0, error: None });
        let now = Instant::now();
        let mut count = 0;
        for span in pieces {
            self.backlog.push_back(self.pieces.insert(Piece::new(request, span, now)));
            count += 1;
        }
        debug_assert!(count > 0, "a request without pieces never ends");
        self.requests.get_mut(request).pieces_left = count;
    }

    /// The next request that ended, in the order of their ends.
    pub(crate) fn next_ended(&mut self) -> Option<Ended<T::Request>> {
        self.ended.pop_front()
    }

    /// Moves things on without waiting: reaps, submits a batch where one is due, and has the kernel post completions that
    /// wait for an enter.
    pub(crate) fn pump(&mut self) -> Result<(), IoError> {
        self.check_usable()?;
        self.reap();
        self.push_backlog()?;
        // A small batch is worth an enter only if the device would otherwise run dry.
        let (waiting, in_kernel) = self.waiting_and_in_kernel();
        let batch = self.pace.batch;
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

    /// Submits what is waiting and, if nothing has ended yet, waits for a completion, at most `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<(), IoError> {
        self.check_usable()?;
        self.reap();
        self.push_backlog()?;
        if !self.ended.is_empty() {
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
        if let Some(counters) = self.transfer.counters() {
            counters.wait_ns += u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        }
        if !self.reap() && self.entering.is_too_long(waited, self.patience.answer) {
            self.given_up = Some(GivenUp::Silent(self.entering.silent()));
        }
        self.check_usable()
    }

    /// Gives up all requests, forgets how they ended, and waits until the kernel holds none, at most [`Patience::drain`].
    ///
    /// # Errors
    /// [`IoError::Enter`], [`IoError::NoAnswer`]: the engine is unusable, and the kernel may still hold requests.
    pub(crate) fn drain(&mut self) -> Result<(), IoError> {
        let delayed = std::mem::take(&mut self.delayed).into_iter().map(|(_, index)| index);
        let unpushed: Vec<u32> =
            std::mem::take(&mut self.backlog).into_iter().chain(delayed).collect();
        for index in unpushed {
            self.end_piece(index, None);
        }
        if self.in_flight > 0 && self.given_up.is_none() {
            self.driver.cancel();
        }
        let begun = Instant::now();
        while self.in_flight > 0 {
            self.check_usable()?;
            if begun.elapsed() >= self.patience.drain {
                self.given_up = Some(GivenUp::Silent(begun.elapsed()));
                continue;
            }
            self.enter(Some(WAIT_MAX.min(self.patience.drain)))?;
            let mut reaped = std::mem::take(&mut self.reaped);
            self.driver.reap(&mut reaped);
            for completion in reaped.drain(..) {
                self.entering.heard();
                self.in_flight -= 1;
                self.end_piece(self.pieces.index(completion.token), None);
            }
            self.reaped = reaped;
        }
        self.ended.clear();
        Ok(())
    }

    /// Pieces that wait for an enter, and those that the kernel has. A kernel thread that takes them at the push may have
    /// finished some that no enter has handed over.
    fn waiting_and_in_kernel(&self) -> (u32, u32) {
        let waiting = u32::try_from(self.unsubmitted.len()).expect("bounded by the queue depth");
        (waiting, self.in_flight.saturating_sub(waiting))
    }

    /// Is it time to enter? When half as many pieces wait as the kernel has: a device that ran dry gets its first requests
    /// at once and later ones in ever larger batches.
    fn batch_is_due(&self) -> bool {
        let (waiting, in_kernel) = self.waiting_and_in_kernel();
        waiting >= (in_kernel / 2).clamp(BATCH_MIN.min(self.pace.batch), self.pace.batch)
    }

    fn push_backlog(&mut self) -> Result<(), IoError> {
        if !self.delayed.is_empty() {
            let now = Instant::now();
            let due = self.delayed.extract_if(.., |(due, _)| *due <= now);
            self.backlog.extend(due.map(|(_, index)| index));
        }
        if self.backlog.is_empty() || self.in_flight >= self.pace.depth {
            return Ok(());
        }
        let mut now = Instant::now();
        while self.in_flight < self.pace.depth
            && let Some(index) = self.backlog.pop_front()
        {
            self.push(index, now);
            if self.batch_is_due() {
                self.enter(None)?;
                now = Instant::now();
            }
        }
        self.record_depth(now);
        Ok(())
    }

    fn push(&mut self, index: u32, now: Instant) {
        let token = self.pieces.token(index);
        let piece = self.pieces.get_mut(index);
        piece.submitted = now;
        piece.in_kernel = true;
        let request = &mut self.requests.get_mut(piece.request).request;
        // SAFETY: the table keeps the request until this token is reaped, and for ever where it never is; pieces of a request do not overlap, and a piece is pushed again only after it was reaped.
        unsafe { self.transfer.push(self.driver.as_mut(), token, request, piece) };
        self.in_flight += 1;
        self.unsubmitted.push(token);
    }

    fn enter(&mut self, wait: Option<Duration>) -> Result<(), IoError> {
        self.watch.enters(&self.unsubmitted, &mut self.pieces);
        match self.entering.enter(self.driver.as_mut(), wait, &self.patience) {
            Ok(entered) => {
                if let Some(counters) = self.transfer.counters() {
                    counters.enters += u64::from(entered.enters);
                }
                if entered.is_taken {
                    self.unsubmitted.clear();
                }
                Ok(())
            }
            Err(source) => {
                self.given_up = Some(GivenUp::Broken);
                Err(IoError::Enter { driver: self.driver.facts().name.as_str(), source })
            }
        }
    }

    /// Takes the completions that are there; whether there were any.
    pub(crate) fn reap(&mut self) -> bool {
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
            self.record_depth(now);
        }
        self.reaped = reaped;
        if !self.driver.has_unposted() {
            self.watch.looked(looked);
        }
        any
    }

    fn record_depth(&mut self, now: Instant) {
        let in_flight = self.in_flight;
        if let Some(counters) = self.transfer.counters() {
            counters.depth.record(now, in_flight);
        }
    }

    fn complete(&mut self, completion: RawCompletion, now: Instant) {
        let index = self.pieces.index(completion.token);
        self.in_flight -= 1;
        let piece = self.pieces.get_mut(index);
        piece.in_kernel = false;
        let request = &mut self.requests.get_mut(piece.request).request;
        let error = match u32::try_from(completion.result) {
            Err(_) => {
                let errno = -completion.result;
                if is_momentary(errno)
                    && let Some(pause) = piece.refusals.again(now, self.patience.retry)
                {
                    if let Some(counters) = self.transfer.counters() {
                        counters.retries += 1;
                    }
                    if pause.is_zero() {
                        self.backlog.push_back(index);
                    } else {
                        self.delayed.push((now + pause, index));
                    }
                    return;
                }
                self.transfer.refused(request, piece, errno)
            }
            Ok(count) => {
                if let Some(counters) = self.transfer.counters() {
                    let (latency, reap_delay) = self.watch.latency(piece, now);
                    counters.record_latency(latency, reap_delay);
                    counters.reads += 1;
                    counters.read_bytes += u64::from(count);
                }
                let there = piece.done + count;
                if there >= piece.wanted {
                    self.end_piece(index, None);
                    return;
                }
                // What lies between is transferred again.
                let resume = self.transfer.resume(request, there);
                if resume > piece.done {
                    piece.done = resume;
                    piece.refusals = Refusals::default();
                    if let Some(counters) = self.transfer.counters() {
                        counters.short_reads += 1;
                    }
                    self.backlog.push_back(index);
                    return;
                }
                self.transfer.stuck(request, piece, there)
            }
        };
        match error {
            None => self.backlog.push_back(index),
            Some(error) => {
                if let Some(counters) = self.transfer.counters() {
                    counters.failed_reads += 1;
                }
                self.end_piece(index, Some(error));
            }
        }
    }

    /// The piece is not in the kernel and will not go there again.
    fn end_piece(&mut self, index: u32, error: Option<IoError>) {
        let piece = self.pieces.remove(index);
        let open = self.requests.get_mut(piece.request);
        open.error = open.error.take().or(error);
        open.pieces_left -= 1;
        if open.pieces_left == 0 {
            let Open { request, error, .. } = self.requests.remove(piece.request);
            self.transfer.ended(&request);
            self.ended.push_back(Ended { request, error });
        }
    }

    fn check_usable(&self) -> Result<(), IoError> {
        let Some(why) = self.given_up else { return Ok(()) };
        let held = self.pieces.iter().filter(|piece| piece.in_kernel);
        Err(match (why, held.min_by_key(|piece| piece.submitted)) {
            (GivenUp::Silent(silent), Some(oldest)) => {
                let request = &self.requests.get(oldest.request).request;
                let others = (self.in_flight as usize).saturating_sub(1);
                self.transfer.no_answer(request, oldest, silent.as_secs(), others)
            }
            _ => IoError::Enter {
                driver: self.driver.facts().name.as_str(),
                source: io::Error::other(
                    "an earlier call failed, and what it had begun is unknown",
                ),
            },
        })
    }
}

impl<T: Transfer> Drop for Engine<T> {
    fn drop(&mut self) {
        // What went wrong was reported, or nobody asked.
        drop(self.drain());
        if self.in_flight > 0 {
            // The kernel may still use the memory: the slots, and with them the arena, must stay for ever.
            #[expect(
                clippy::mem_forget,
                reason = "a leak is the only safe end when a device does not answer"
            )]
            std::mem::forget(std::mem::replace(&mut self.requests, Slab::with_capacity(0)));
        }
    }
}
