//! Where the time of a reader thread goes, beside waiting.

use std::time::{Duration, Instant};

use ringquet_decode::ChunkSource;
use ringquet_io::{DriverName, IoError, ReadQueue};

use crate::read::lane::{Delivery, Lane, Work};
use crate::read::row_group::RowGroupBytes;

/// Nanoseconds by what was done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WorkTime {
    /// Submitting reads and reaping completions.
    pub(crate) submit_ns: u64,
    /// Decoding, and nothing else.
    pub(crate) decode_ns: u64,
    /// In lanes: [`Work::Deliver`].
    pub(crate) deliver_ns: u64,
    /// In lanes: [`Work::Digest`].
    pub(crate) digest_ns: u64,
    /// In lanes: [`Work::Touch`].
    pub(crate) touch_ns: u64,
    /// Asking whether files are still what they were.
    pub(crate) check_ns: u64,
}

impl WorkTime {
    /// Gives `lane` a delivery and counts the time that it takes under the name that the lane has for it.
    pub(super) fn deliver(&mut self, lane: &mut dyn Lane, delivery: Delivery) {
        let total = match lane.work(&delivery) {
            Work::Deliver => &mut self.deliver_ns,
            Work::Digest => &mut self.digest_ns,
            Work::Touch => &mut self.touch_ns,
        };
        let begun = Instant::now();
        lane.deliver(delivery);
        *total += nanos(begun.elapsed());
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// While a batch is decoded, completions are looked for this often at most. A look costs about 0.1 µs, one that finds
/// something a system call: 2 % of the time at worst. Met: a completion waits that long for its reap, or as long as one
/// page takes to decode.
const LOOK_EVERY: Duration = Duration::from_micros(50);

/// A row group's bytes for its decoder. Between pages it keeps the queue going: what came is reaped, and what waits in the
/// backlog takes its place.
pub(super) struct Watching<'a> {
    bytes: &'a mut RowGroupBytes,
    queue: &'a mut ReadQueue,
    /// The kernel reads while this thread decodes. Other drivers read only when they are waited for.
    goes_on: bool,
    looked: Instant,
    pumped: Duration,
    broken: Option<IoError>,
}

impl<'a> Watching<'a> {
    pub(super) fn new(bytes: &'a mut RowGroupBytes, queue: &'a mut ReadQueue) -> Watching<'a> {
        let goes_on = queue.facts().name == DriverName::Uring;
        let (looked, pumped) = (Instant::now(), Duration::ZERO);
        Watching { bytes, queue, goes_on, looked, pumped, broken: None }
    }

    /// The time that went into the queue, and what made it unusable.
    pub(super) fn end(self) -> (Duration, Option<IoError>) {
        (self.pumped, self.broken)
    }

    fn look(&mut self) {
        if !self.goes_on || self.queue.outstanding() == 0 {
            return;
        }
        let begun = Instant::now();
        if begun.duration_since(self.looked) < LOOK_EVERY {
            return;
        }
        if let Err(error) = self.queue.pump() {
            self.goes_on = false;
            self.broken = Some(error);
        }
        self.looked = Instant::now();
        self.pumped += self.looked - begun;
    }
}

impl ChunkSource for Watching<'_> {
    fn bytes(&mut self, leaf: usize, range: std::ops::Range<u64>) -> Option<&[u8]> {
        self.look();
        self.bytes.bytes(leaf, range)
    }
}
