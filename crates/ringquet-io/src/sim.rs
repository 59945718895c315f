//! A driver for tests that makes everything that can happen happen often, from a seed: completions come late
//! and out of order, reads are short, EAGAIN and EINTR turn up, chosen ranges fail with EIO, and files
//! end earlier than they did when they were opened.

use std::io;
use std::ops::Range;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::driver::{Driver, DriverFacts, DriverName, RawCompletion, RawRead};
use crate::one_by_one::cancelled;
use crate::pread::read_now;

/// What the simulated kernel does to reads. Shares are out of 256.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SimOptions {
    /// Where all choices come from: print it when a test fails.
    pub seed: u64,
    /// Share of reads that return fewer bytes than asked.
    pub short_share: u8,
    /// Short reads end at multiples of this many bytes (O_DIRECT ends at sectors).
    pub short_granule: u32,
    /// Share of reads that are answered with EAGAIN or EINTR.
    pub retry_share: u8,
    /// Share of enters that complete nothing although reads are pending.
    pub delay_share: u8,
    /// Reads that touch this range of any file fail with EIO.
    pub eio: Option<Range<u64>>,
    /// Every file ends here, however long it was when it was opened.
    pub truncate_at: Option<u64>,
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
        }
    }
}

/// Reads real files, then spoils the answers.
pub struct Sim {
    facts: DriverFacts,
    options: SimOptions,
    state: u64,
    pending: Vec<RawRead>,
    completed: Vec<RawCompletion>,
}

impl Sim {
    /// A driver whose whole behaviour follows from `options`.
    pub fn new(options: SimOptions) -> Sim {
        let facts = DriverFacts {
            name: DriverName::Sim,
            registered_buffers: false,
            registered_files: false,
            setup_flags: Vec::new(),
        };
        let state = options.seed;
        Sim { facts, options, state, pending: Vec::new(), completed: Vec::new() }
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): one multiplication chain per number, any seed is good.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn chance(&mut self, share: u8) -> bool {
        self.next() % 256 < u64::from(share)
    }

    fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.next() % u64::from(bound.max(1))).expect("below a u32")
    }

    fn answer(&mut self, mut read: RawRead) -> i32 {
        if self.chance(self.options.retry_share) {
            return if self.chance(128) { -libc::EAGAIN } else { -libc::EINTR };
        }
        let end = read.offset + u64::from(read.len);
        if self.options.eio.as_ref().is_some_and(|bad| read.offset < bad.end && bad.start < end) {
            return -libc::EIO;
        }
        if let Some(cut) = self.options.truncate_at {
            let left = cut.saturating_sub(read.offset);
            read.len = u32::try_from(left).unwrap_or(u32::MAX).min(read.len);
        }
        let granule = self.options.short_granule;
        if read.len > granule && self.chance(self.options.short_share) {
            read.len = granule * (1 + self.below((read.len - 1) / granule));
        }
        if read.len == 0 {
            return 0;
        }
        // SAFETY: the contract of `push` holds until the completion is reaped; `len` only shrank.
        unsafe { read_now(&read) }
    }
}

impl Driver for Sim {
    fn facts(&self) -> &DriverFacts {
        &self.facts
    }

    fn set_file(&mut self, _index: u32, _fd: Option<RawFd>) -> io::Result<()> {
        Ok(())
    }

    unsafe fn push(&mut self, read: RawRead) {
        self.pending.push(read);
    }

    fn enter(&mut self, wait: Option<Duration>) -> io::Result<u32> {
        if self.pending.is_empty() || self.chance(self.options.delay_share) {
            return Ok(1);
        }
        let most = u32::try_from(self.pending.len()).expect("bounded by the queue depth");
        let least = u32::from(wait.is_some());
        let count = self.below(most + 1).max(least);
        for _ in 0..count {
            let pick =
                self.below(u32::try_from(self.pending.len()).expect("bounded by the queue depth"));
            let read = self.pending.swap_remove(pick as usize);
            let result = self.answer(read);
            self.completed.push(RawCompletion { token: read.token, result });
        }
        Ok(1)
    }

    fn reap(&mut self, completions: &mut Vec<RawCompletion>) {
        completions.append(&mut self.completed);
    }

    fn cancel(&mut self) {
        self.completed.extend(self.pending.drain(..).map(cancelled));
    }
}
