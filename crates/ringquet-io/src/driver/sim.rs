//! A driver for tests that makes everything that can happen happen often, from a seed: completions come late and out of
//! order, requests are cut short, EAGAIN and EINTR turn up alone or in storms, requests fail, the kernel refuses to be
//! entered, the completion queue overflows, files cannot be registered, a ring dies, a device falls silent, and
//! files end earlier than they did when they were opened.
//!
//! It works on real files, and spoils what comes of it. What the kernel may do to memory it does: bytes of a
//! buffer beyond what was read are overwritten. What a queue must not do is a panic here: two requests in the same
//! memory.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::driver::one_by_one::Request;
use crate::driver::pread::{read_now, write_now};
use crate::driver::{Driver, DriverFacts, DriverName, RawCompletion, RawRead, RawWrite};
use crate::random::SplitMix64;

mod tally;

pub use tally::{Fault, Tally};

/// What the simulated kernel does. A share that is a `u8` is out of 256, one that is a `u16` out of 65,536.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimOptions {
    /// Where all choices come from: print it when a test fails.
    pub seed: u64,
    /// Share of requests that complete with fewer bytes than requested.
    pub short_share: u8,
    /// Short requests end at multiples of this many bytes (O_DIRECT ends at sectors).
    pub short_granule: u32,
    /// Share of requests that are answered with EAGAIN or EINTR.
    pub retry_share: u8,
    /// Share of enters that complete nothing although requests are pending.
    pub delay_share: u8,
    /// Reads that touch this range of any file fail with EIO.
    pub eio: Option<Range<u64>>,
    /// Every file ends here for reads, however long it was when it was opened.
    pub truncate_at: Option<u64>,
    /// Share of requests that fail for good: EIO, and ENOSPC for half of the writes.
    pub fault_share: u16,
    /// Share of writes that put a part of their bytes into the file and then fail with EIO.
    pub torn_share: u16,
    /// Share of requests that begin a storm: all requests are answered with EAGAIN, up to [`STORM_MAX`] times.
    pub storm_share: u16,
    /// Share of enters that are refused with EAGAIN, EBUSY or EINTR.
    pub refuse_share: u8,
    /// Completions that fit into the completion queue. Met: the others are kept back, and an enter is
    /// refused with EBUSY until there is room. `None`: no bound.
    pub cq_entries: Option<u32>,
    /// Share of changes to the file table that are refused with ENOMEM.
    pub file_table_share: u16,
    /// The ring dies after this many enters: each further one is refused with ENXIO.
    pub enters_max: Option<u32>,
    /// The device falls silent after this many requests: later ones never complete, cancelled or not.
    pub answers_max: Option<u32>,
    /// Alignment of files in place of their own. Requests that violate it fail with EINVAL.
    pub alignment: Option<u32>,
    /// What was done, counted over all drivers that were made with clones of this value.
    pub tally: Tally,
}

impl Default for SimOptions {
    fn default() -> SimOptions {
        SimOptions {
            seed: 0,
            short_share: 64,
            short_granule: 512,
            retry_share: 32,
            delay_share: 64,
            eio: None,
            truncate_at: None,
            fault_share: 0,
            torn_share: 0,
            storm_share: 0,
            refuse_share: 0,
            cq_entries: None,
            file_table_share: 0,
            enters_max: None,
            answers_max: None,
            alignment: None,
            tally: Tally::default(),
        }
    }
}

/// Answers of the longest storm: with the pauses between tries of one request it lasts for a tenth of a second.
pub const STORM_MAX: u32 = 16;

/// The random numbers of a simulation.
#[derive(Debug, Clone)]
pub struct SimRandom(SplitMix64);

impl SimRandom {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> SimRandom {
        SimRandom(SplitMix64::new(seed))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.bits()
    }

    /// A number below `bound`, or 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.bits() % u64::from(bound.max(1))).expect("below a u32")
    }

    /// True in `share` of 256 cases.
    pub fn chance(&mut self, share: u8) -> bool {
        // Drawn even where the share is 0, so that streams of the same seed stay together.
        self.bits() % 256 < u64::from(share)
    }

    fn rarely(&mut self, share: u16) -> bool {
        share > 0 && self.bits() % 65_536 < u64::from(share)
    }
}

/// Works on real files, then spoils the answers.
pub struct Sim {
    facts: DriverFacts,
    options: SimOptions,
    random: SimRandom,
    pending: Vec<Request>,
    /// Of a device that fell silent.
    never: Vec<Request>,
    completed: Vec<RawCompletion>,
    /// Completions that the completion queue had no room for.
    overflow: VecDeque<RawCompletion>,
    enters: u32,
    pushed: u32,
    /// Answers of the storm that are left.
    storm: u32,
}

impl Sim {
    /// A driver whose whole behaviour follows from `options`.
    pub fn new(options: SimOptions) -> Sim {
        let facts = DriverFacts::without_ring(DriverName::Sim);
        let random = SimRandom::new(options.seed);
        Sim {
            facts,
            options,
            random,
            pending: Vec::new(),
            never: Vec::new(),
            completed: Vec::new(),
            overflow: VecDeque::new(),
            enters: 0,
            pushed: 0,
            storm: 0,
        }
    }

    fn take(&mut self, request: Request) {
        let place = memory_of(&request);
        let others = self.pending.iter().chain(&self.never).map(memory_of);
        for other in others {
            assert!(
                place.end <= other.start || other.end <= place.start,
                "two requests in the same memory: {place:x?} and {other:x?}"
            );
        }
        self.pushed += 1;
        if let Request::Read(read) = &request {
            self.options.tally.log(read.offset..read.offset + u64::from(read.len));
        }
        if self.options.answers_max.is_some_and(|max| self.pushed > max) {
            self.options.tally.add(Fault::Silence);
            self.never.push(request);
        } else {
            self.pending.push(request);
        }
    }

    fn answer(&mut self, request: Request) -> i32 {
        if self.random.rarely(self.options.storm_share) {
            self.storm = 1 + self.random.below(STORM_MAX);
        }
        if self.storm > 0 {
            self.storm -= 1;
            return self.fault(&request, Fault::Storm, libc::EAGAIN);
        }
        if self.random.chance(self.options.retry_share) {
            let errno = if self.random.chance(128) { libc::EAGAIN } else { libc::EINTR };
            return self.fault(&request, Fault::Retry, errno);
        }
        let fails = self.random.rarely(self.options.fault_share);
        match request {
            Request::Read(_) if fails => self.fault(&request, Fault::ReadError, libc::EIO),
            Request::Write(_) if fails && self.random.chance(128) => {
                self.fault(&request, Fault::NoSpace, libc::ENOSPC)
            }
            Request::Write(_) if fails => self.fault(&request, Fault::WriteError, libc::EIO),
            Request::Read(read) => self.read(read),
            Request::Write(write) => self.write(write),
        }
    }

    fn read(&mut self, mut read: RawRead) -> i32 {
        let request = Request::Read(read);
        if self.is_misaligned(read.offset, read.address.addr(), read.len) {
            return self.fault(&request, Fault::Misaligned, libc::EINVAL);
        }
        let end = read.offset + u64::from(read.len);
        if self.options.eio.as_ref().is_some_and(|bad| read.offset < bad.end && bad.start < end) {
            return self.fault(&request, Fault::ReadError, libc::EIO);
        }
        let whole = read.len;
        if let Some(cut) = self.options.truncate_at {
            let left = cut.saturating_sub(read.offset);
            read.len = u32::try_from(left).unwrap_or(u32::MAX).min(read.len);
            if read.len < whole {
                self.options.tally.note(Fault::Truncated, read.fd);
            }
        }
        read.len = self.shortened(read.len, Fault::ShortRead);
        let result = if read.len == 0 {
            0
        } else {
            // SAFETY: the contract of `push` holds until the completion is reaped; `len` only shrank.
            unsafe { read_now(&read) }
        };
        scribble(&RawRead { len: whole, ..read }, u32::try_from(result).unwrap_or(0));
        result
    }

    fn write(&mut self, mut write: RawWrite) -> i32 {
        let request = Request::Write(write);
        if self.random.rarely(self.options.torn_share) {
            write.len = self.shortened(write.len, Fault::TornWrite).max(1);
            // SAFETY: the contract of `push_write` holds until the completion is reaped; `len` only shrank.
            let torn = unsafe { write_now(&write) };
            // Direct writes are refused where the part is no whole block; the write fails in either case.
            let _ = torn;
            return self.fault(&request, Fault::TornWrite, libc::EIO);
        }
        write.len = self.shortened(write.len, Fault::ShortWrite);
        // SAFETY: as above.
        unsafe { write_now(&write) }
    }

    /// What a short request does of `len` bytes.
    fn shortened(&mut self, len: u32, fault: Fault) -> u32 {
        let granule = self.options.alignment.unwrap_or(1).max(self.options.short_granule);
        if len > granule && self.random.chance(self.options.short_share) {
            self.options.tally.add(fault);
            return granule * (1 + self.random.below((len - 1) / granule));
        }
        len
    }

    fn is_misaligned(&self, offset: u64, address: usize, len: u32) -> bool {
        self.options.alignment.is_some_and(|alignment| {
            let of = |n: u64| !n.is_multiple_of(u64::from(alignment));
            of(offset) || of(address as u64) || of(u64::from(len))
        })
    }

    /// Fails the request and counts it in the tally.
    fn fault(&mut self, request: &Request, fault: Fault, errno: i32) -> i32 {
        match request {
            Request::Read(read) => {
                self.options.tally.note(fault, read.fd);
                scribble(read, 0);
            }
            Request::Write(write) => self.options.tally.note(fault, write.fd),
        }
        -errno
    }

    /// Puts a completion into the completion queue, or keeps it back.
    fn complete(&mut self, completion: RawCompletion) {
        if self.has_room() && self.overflow.is_empty() {
            self.completed.push(completion);
        } else {
            self.options.tally.add(Fault::Overflow);
            self.overflow.push_back(completion);
        }
    }

    fn has_room(&self) -> bool {
        self.options.cq_entries.is_none_or(|max| self.completed.len() < max.max(1) as usize)
    }

    /// What speaks against entering the kernel now.
    fn refusal(&mut self) -> Option<i32> {
        self.enters += 1;
        if self.options.enters_max.is_some_and(|max| self.enters > max) {
            self.options.tally.add(Fault::DeadRing);
            return Some(libc::ENXIO);
        }
        while self.has_room()
            && let Some(completion) = self.overflow.pop_front()
        {
            self.completed.push(completion);
        }
        if !self.overflow.is_empty() {
            return Some(libc::EBUSY);
        }
        if self.random.chance(self.options.refuse_share) {
            self.options.tally.add(Fault::RefusedEnter);
            return Some([libc::EAGAIN, libc::EBUSY, libc::EINTR][self.random.below(3) as usize]);
        }
        None
    }
}

/// The kernel may have written anything to the rest of a buffer: a reader of it finds this.
fn scribble(read: &RawRead, done: u32) {
    let rest = read.len.saturating_sub(done) as usize;
    // SAFETY: `done` is at most `len`, and `push` promises memory of that length.
    let address = unsafe { read.address.add(read.len as usize - rest) };
    // SAFETY: `push` promises that the memory is writable and not accessed until the completion is reaped.
    unsafe { std::ptr::write_bytes(address, 0xA5, rest) };
}

fn memory_of(request: &Request) -> Range<usize> {
    let (start, len) = match request {
        Request::Read(read) => (read.address.addr(), read.len),
        Request::Write(write) => (write.address.addr(), write.len),
    };
    start..start + len as usize
}

impl Driver for Sim {
    fn facts(&self) -> &DriverFacts {
        &self.facts
    }

    fn set_file(&mut self, _index: u32, fd: Option<RawFd>) -> io::Result<()> {
        if self.random.rarely(self.options.file_table_share) {
            match fd {
                Some(fd) => self.options.tally.note(Fault::FileTable, fd),
                None => self.options.tally.add(Fault::FileTable),
            }
            return Err(io::Error::from_raw_os_error(libc::ENOMEM));
        }
        Ok(())
    }

    unsafe fn push(&mut self, read: RawRead) {
        self.take(Request::Read(read));
    }

    unsafe fn push_write(&mut self, write: RawWrite) {
        self.take(Request::Write(write));
    }

    fn enter(&mut self, wait: Option<Duration>) -> io::Result<u32> {
        if let Some(errno) = self.refusal() {
            return Err(io::Error::from_raw_os_error(errno));
        }
        if self.pending.is_empty() {
            if let Some(limit) = wait.filter(|_| self.completed.is_empty()) {
                // Nothing will come: the time goes by, in steps that a test can afford.
                std::thread::sleep(limit.min(Duration::from_millis(5)));
            }
            return Ok(1);
        }
        if self.random.chance(self.options.delay_share) {
            self.options.tally.add(Fault::Delay);
            return Ok(1);
        }
        let most = u32::try_from(self.pending.len()).expect("bounded by the queue depth");
        let least = u32::from(wait.is_some());
        let count = self.random.below(most + 1).max(least);
        for _ in 0..count {
            let left = u32::try_from(self.pending.len()).expect("bounded by the queue depth");
            let request = self.pending.swap_remove(self.random.below(left) as usize);
            let (token, result) = (request.token(), self.answer(request));
            self.complete(RawCompletion { token, result });
        }
        Ok(1)
    }

    fn reap(&mut self, completions: &mut Vec<RawCompletion>) {
        self.options.tally.reaped(self.completed.len());
        completions.append(&mut self.completed);
    }

    fn cancel(&mut self) {
        for request in std::mem::take(&mut self.pending) {
            self.complete(request.cancelled());
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let lost = self.pending.len() + self.completed.len() + self.overflow.len();
        // A ring that cannot be entered any more keeps what it has; otherwise a queue waits for its requests.
        if lost > 0 && self.options.enters_max.is_none() && self.options.answers_max.is_none() {
            self.options.tally.add(Fault::Abandoned);
        }
    }
}
