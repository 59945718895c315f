//! What a reader thread's queue may use. One value, printed in every report.

use std::fmt;
use std::time::Duration;

use ringquet_result::OptionError;
use serde::Serialize;

use crate::driver::sim::SimOptions;
use crate::error::IoError;

/// Which driver carries the reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DriverChoice {
    /// uring where a probe shows that it works, else pread with a warning.
    Auto,
    /// io_uring or an error.
    Uring,
    /// One `pread` at a time.
    Pread,
    /// Copies out of a mapping: for comparison, and for tmpfs.
    Mmap,
    /// The seeded driver of the tests, configured by [`IoOptions::sim`].
    Sim,
}

/// Around or through the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DirectChoice {
    /// O_DIRECT where the file system takes it, else buffered with a warning.
    Auto,
    /// O_DIRECT or an error.
    On,
    /// Through the page cache.
    Off,
}

/// How long a queue waits for what may never come. Tests shorten it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Time spent waiting in the kernel without a single completion while requests are in flight. Met: the queue is
    /// unusable, [`crate::IoError::NoAnswer`]. Default 300 s: a network file system may come back, and the kernel's
    /// own time-outs of local devices are shorter.
    pub answer: Duration,
    /// EAGAIN, EINTR or EBUSY in a row, of one request or of entering the kernel; of the time between two tries one second
    /// counts at most. Met: the request, or the queue, fails with that errno. Default 10 s.
    pub retry: Duration,
    /// How long a drop waits for requests that the kernel still holds. Met: their memory is leaked, for a
    /// device that does not answer may still write to it some day. Default 30 s.
    pub drain: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            answer: Duration::from_secs(300),
            retry: Duration::from_secs(10),
            drain: Duration::from_secs(30),
        }
    }
}

/// Where the arena's pages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HugePages {
    /// Use reserved huge pages if there are enough, else transparent ones. Silent.
    Auto,
    /// As `Auto`, with a warning where there are no reserved ones.
    On,
    /// Use transparent huge pages only.
    Transparent,
    /// Base pages.
    Off,
}

/// A kernel thread that takes submissions without a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SqPoll {
    /// CPU to which the kernel thread is bound; `None` leaves it free.
    pub cpu: Option<u32>,
    /// Milliseconds without work after which it sleeps.
    pub idle_ms: u32,
}

/// All options of one [`crate::ReadQueue`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IoOptions {
    /// Which driver.
    pub driver: DriverChoice,
    /// Around the page cache?
    pub direct: DirectChoice,
    /// Reads that may be in flight at once, per thread: 1..=4096. Met: further reads wait in the backlog.
    pub queue_depth: u32,
    /// Size of one device read in bytes, a multiple of 4096. At 1 MiB and above the kernel hands reads to
    /// its worker threads, which is slower; 512 KiB is the most that stays on the fast way.
    pub read_size_bytes: u32,
    /// Reads per `io_uring_enter` at most: 16–32 give five sixths of what batching can give.
    pub submit_batch: u32,
    /// Size of the arena in bytes, per thread. Met: no further slots until some are released. It follows from other
    /// options, so a document has it only as what a driver got.
    #[serde(skip)]
    pub arena_bytes: usize,
    /// Register the arena with the ring.
    pub registered_buffers: bool,
    /// Register files with the ring.
    pub registered_files: bool,
    /// Poll the device for completions instead of taking interrupts (needs O_DIRECT and poll queues).
    pub iopoll: bool,
    /// Let a kernel thread submit.
    pub sqpoll: Option<SqPoll>,
    /// `RWF_DONTCACHE` on buffered reads: the pages leave the cache right after. Available since 6.14, on file
    /// systems that support it; elsewhere files are read without it ([`crate::DataFile::drops_cache`]).
    pub dontcache: bool,
    /// Pages of the arena.
    pub huge_pages: HugePages,
    /// Files that a thread holds open at once. Met: the one used longest ago is closed.
    pub open_files: u32,
    /// What [`DriverChoice::Sim`] does to reads. For tests, so no document holds it.
    #[serde(skip)]
    pub sim: SimOptions,
    /// How long is waited for what may never come. The same for everyone but tests, so no document holds it.
    #[serde(skip)]
    pub patience: Patience,
}

impl Default for IoOptions {
    fn default() -> IoOptions {
        IoOptions {
            driver: DriverChoice::Auto,
            direct: DirectChoice::Auto,
            queue_depth: 64,
            read_size_bytes: 512 << 10,
            submit_batch: 32,
            arena_bytes: 64 << 20,
            registered_buffers: true,
            registered_files: true,
            iopoll: false,
            sqpoll: None,
            dontcache: false,
            huge_pages: HugePages::Auto,
            open_files: 1024,
            sim: SimOptions::default(),
            patience: Patience::default(),
        }
    }
}

impl IoOptions {
    /// Bounds that a driver relies on.
    ///
    /// # Errors
    /// [`IoError::Options`] with the name, the value and what is accepted.
    pub fn check(&self) -> Result<(), IoError> {
        let wrong = |option, value: &dyn fmt::Display, accepted: &str| {
            Err(IoError::Options(OptionError::new(option, value, accepted)))
        };
        if !(1..=4096).contains(&self.queue_depth) {
            return wrong("queue_depth", &self.queue_depth, "must be 1 to 4096");
        }
        let size = self.read_size_bytes;
        if !(4096..=64 << 20).contains(&size) || !size.is_multiple_of(4096) {
            let accepted = "must be a multiple of 4096 from 4 KiB to 64 MiB";
            return wrong("read_size_bytes", &size, accepted);
        }
        if self.submit_batch == 0 {
            return wrong("submit_batch", &0, "must be at least 1");
        }
        if self.open_files == 0 || self.open_files > 1 << 15 {
            return wrong("open_files", &self.open_files, "must be 1 to 32768");
        }
        if self.iopoll && self.direct == DirectChoice::Off {
            return wrong("iopoll", &"", "needs O_DIRECT: remove `direct` off");
        }
        Ok(())
    }
}
