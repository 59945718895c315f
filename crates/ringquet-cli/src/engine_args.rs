//! The options that every reading verb takes, and what they mean for the engine.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use ringquet::engine::{EngineOptions, Int96};
use ringquet_io::{DirectChoice, DriverChoice, HugePages, IoOptions, SqPoll, cpus};

use crate::exit::UsageError;
use crate::size::ByteSize;

/// Milliseconds without work after which the kernel's submission thread sleeps: longer than the pauses
/// between two batches of reads, short enough not to burn a core after the last one.
const SQPOLL_IDLE_MS: u32 = 100;

/// How the files are read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Reading")]
pub(crate) struct EngineArgs {
    /// I/O driver for reads; auto uses io_uring if a probe shows that it works, else pread
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    driver: ReadDriverArg,
    /// Bypass the page cache (O_DIRECT); auto does so if the file system supports it
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    direct: DirectArg,
    /// Reader threads [default: one per available CPU]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// CPUs to pin reader threads to, for example 0-3,8 [default: CPUs near the device]
    #[arg(long, value_name = "LIST")]
    cpus: Option<CpuList>,
    /// Maximum reads in flight per thread
    #[arg(long, value_name = "N", default_value_t = IoOptions::default().queue_depth)]
    queue_depth: u32,
    /// Size of one device read [default: 512KiB]
    #[arg(long, value_name = "BYTES")]
    read_size: Option<ByteSize>,
    /// Maximum reads to submit with one system call
    #[arg(long, value_name = "N", default_value_t = IoOptions::default().submit_batch)]
    submit_batch: u32,
    /// Read gaps up to this size instead of splitting the request [default: 64KiB, 4KiB with --direct off]
    #[arg(long, value_name = "BYTES")]
    coalesce_gap: Option<ByteSize>,
    /// Memory limit of all reader threads together [default: 192MiB per thread, 32MiB with --direct off, more for very many columns, at most half of the memory; run takes more if six batches per accelerator need it]
    #[arg(long, value_name = "BYTES")]
    memory_budget: Option<ByteSize>,
    /// Maximum rows per batch; a batch has fewer if they exceed its share of the memory [default: as many as fit in 4MiB, or in 1KiB per column if that is more]
    #[arg(long, value_name = "N")]
    batch_rows: Option<usize>,
    /// Largest page to read, compressed or not [default: the memory budget, or a quarter of the memory if that is more, but at most 1GiB]
    #[arg(long, value_name = "BYTES")]
    page_bytes_max: Option<ByteSize>,
    /// Largest row of a column to decode [default: as --page-bytes-max]
    #[arg(long, value_name = "BYTES")]
    row_bytes_max: Option<ByteSize>,
    /// Largest footer to read [default: as --page-bytes-max]
    #[arg(long, value_name = "BYTES")]
    footer_bytes_max: Option<ByteSize>,
    /// Poll the device for completions instead of taking interrupts
    #[arg(long)]
    iopoll: bool,
    /// Submit reads from a kernel thread, on this CPU if given
    #[arg(
        long,
        value_name = "CPU",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "any"
    )]
    sqpoll: Option<PollCpu>,
    /// Do not register the read buffers with io_uring
    #[arg(long)]
    no_registered_buffers: bool,
    /// Do not register the files with io_uring
    #[arg(long)]
    no_registered_files: bool,
    /// Drop pages from the page cache right after a buffered read (RWF_DONTCACHE)
    #[arg(long)]
    dontcache: bool,
    /// Huge pages for the read buffers
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    huge_pages: HugePagesArg,
    /// Unit of INT96 timestamps: ns covers 1677 to 2262 and rejects other dates, us covers all
    #[arg(long, value_enum, default_value_t, value_name = "UNIT")]
    int96: Int96Arg,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Int96Arg {
    #[default]
    Ns,
    Us,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum ReadDriverArg {
    #[default]
    Auto,
    Uring,
    Pread,
    Mmap,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DirectArg {
    #[default]
    Auto,
    On,
    Off,
}

impl DirectArg {
    pub(crate) fn choice(self) -> DirectChoice {
        match self {
            DirectArg::Auto => DirectChoice::Auto,
            DirectArg::On => DirectChoice::On,
            DirectArg::Off => DirectChoice::Off,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum HugePagesArg {
    /// Use reserved huge pages if there are enough, else transparent ones
    #[default]
    Auto,
    /// Like auto, but warn if no huge pages are reserved
    On,
    /// Use transparent huge pages only
    Transparent,
    /// Use base pages
    Off,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct CpuList(Vec<usize>);

impl FromStr for CpuList {
    type Err = String;

    fn from_str(text: &str) -> Result<CpuList, String> {
        cpus::parse_list(text).map(CpuList)
    }
}

/// The CPU of the kernel's submission thread; `None` leaves it free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PollCpu(Option<u32>);

impl FromStr for PollCpu {
    type Err = String;

    fn from_str(text: &str) -> Result<PollCpu, String> {
        if text == "any" {
            return Ok(PollCpu(None));
        }
        let cpu = text.parse().map_err(|_| format!("'{text}' is not a CPU number"))?;
        Ok(PollCpu(Some(cpu)))
    }
}

impl EngineArgs {
    /// What the engine is given; `columns` as `--columns` names them.
    ///
    /// # Errors
    /// Usage where an option is out of range or two of them contradict each other.
    pub(crate) fn options(
        &self,
        columns: Option<Vec<String>>,
    ) -> Result<EngineOptions, UsageError> {
        if self.threads == Some(0) {
            return Err(UsageError("--threads 0: must be at least 1".to_owned()));
        }
        let io = self.io_options()?;
        let defaults = EngineOptions::default();
        if self.batch_rows == Some(0) {
            return Err(UsageError("--batch-rows 0: must be at least 1".to_owned()));
        }
        let bytes = |size: Option<ByteSize>| size.map(|ByteSize(bytes)| bytes);
        let gap = bytes(self.coalesce_gap);
        Ok(EngineOptions {
            io,
            threads: self.threads,
            cpus: self.cpus.clone().map(|CpuList(cpus)| cpus),
            memory_budget_bytes: bytes(self.memory_budget),
            batch_rows: self.batch_rows,
            page_bytes_max: bytes(self.page_bytes_max),
            row_bytes_max: bytes(self.row_bytes_max),
            footer_bytes_max: bytes(self.footer_bytes_max),
            coalesce_gap_bytes: gap,
            columns,
            int96: match self.int96 {
                Int96Arg::Ns => Int96::Nanoseconds,
                Int96Arg::Us => Int96::Microseconds,
            },
            ..defaults
        })
    }

    /// Reader threads as given on the command line.
    pub(crate) fn threads(&self) -> Option<usize> {
        self.threads
    }

    fn io_options(&self) -> Result<IoOptions, UsageError> {
        let defaults = IoOptions::default();
        let read_size_bytes = match self.read_size {
            None => defaults.read_size_bytes,
            Some(ByteSize(bytes)) => u32::try_from(bytes)
                .map_err(|_| UsageError(format!("--read-size {bytes}: must be at most 64 MiB")))?,
        };
        let io = IoOptions {
            driver: match self.driver {
                ReadDriverArg::Auto => DriverChoice::Auto,
                ReadDriverArg::Uring => DriverChoice::Uring,
                ReadDriverArg::Pread => DriverChoice::Pread,
                ReadDriverArg::Mmap => DriverChoice::Mmap,
            },
            direct: self.direct.choice(),
            queue_depth: self.queue_depth,
            read_size_bytes,
            submit_batch: self.submit_batch,
            registered_buffers: !self.no_registered_buffers,
            registered_files: !self.no_registered_files,
            iopoll: self.iopoll,
            sqpoll: self.sqpoll.map(|PollCpu(cpu)| SqPoll { cpu, idle_ms: SQPOLL_IDLE_MS }),
            dontcache: self.dontcache,
            huge_pages: match self.huge_pages {
                HugePagesArg::Auto => HugePages::Auto,
                HugePagesArg::On => HugePages::On,
                HugePagesArg::Transparent => HugePages::Transparent,
                HugePagesArg::Off => HugePages::Off,
            },
            ..defaults
        };
        io.check().map_err(|error| UsageError(error.to_string()))?;
        Ok(io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        engine: EngineArgs,
    }

    fn options(line: &str) -> Result<EngineOptions, String> {
        let words = std::iter::once("ringquet").chain(line.split_whitespace());
        let only = Only::try_parse_from(words).map_err(|error| error.to_string())?;
        only.engine.options(None).map_err(|error| crate::flags::spelt(&error.to_string()))
    }

    #[test]
    fn nothing_typed_means_the_defaults() {
        let typed = options("").unwrap();
        let defaults = EngineOptions::default();
        assert_eq!(typed.io, defaults.io);
        assert_eq!(typed.coalesce_gap_bytes, defaults.coalesce_gap_bytes);
        assert_eq!((typed.threads, typed.cpus, typed.memory_budget_bytes), (None, None, None));
    }

    #[test]
    fn the_defaults_in_the_help_are_the_defaults() {
        let defaults = EngineOptions::default();
        assert_eq!(defaults.io.read_size_bytes, 512 << 10, "--read-size");
        assert_eq!(ringquet::engine::GAP_DIRECT_BYTES, 64 << 10, "--coalesce-gap");
        assert_eq!(ringquet::engine::MEMORY_PER_THREAD_BYTES, 192 << 20, "--memory-budget");
    }

    #[test]
    fn every_option_arrives() {
        let typed = options(
            "--driver pread --direct off --threads 3 --cpus 0-1,4 --queue-depth 7 --read-size 64K
             --submit-batch 5 --coalesce-gap 1MiB --memory-budget 1GB --sqpoll=2
             --no-registered-buffers --no-registered-files --dontcache --huge-pages on --int96 us
             --batch-rows 9 --page-bytes-max 1MiB --row-bytes-max 2MiB --footer-bytes-max 3MiB",
        )
        .unwrap();
        assert_eq!(typed.io.driver, DriverChoice::Pread);
        assert_eq!(typed.io.direct, DirectChoice::Off);
        assert_eq!(typed.threads, Some(3));
        assert_eq!(typed.cpus, Some(vec![0, 1, 4]));
        assert_eq!(typed.io.queue_depth, 7);
        assert_eq!(typed.io.read_size_bytes, 64 << 10);
        assert_eq!(typed.io.submit_batch, 5);
        assert_eq!(typed.coalesce_gap_bytes, Some(1 << 20));
        assert_eq!(typed.memory_budget_bytes, Some(1_000_000_000));
        assert_eq!(typed.io.sqpoll.map(|sqpoll| sqpoll.cpu), Some(Some(2)));
        assert!(!typed.io.registered_buffers && !typed.io.registered_files && typed.io.dontcache);
        assert_eq!(typed.io.huge_pages, HugePages::On);
        assert_eq!(typed.batch_rows, Some(9));
        assert_eq!(typed.page_bytes_max, Some(1 << 20));
        assert_eq!(typed.row_bytes_max, Some(2 << 20));
        assert_eq!(typed.footer_bytes_max, Some(3 << 20));
        assert_eq!(typed.int96, Int96::Microseconds);
        assert!(options("--iopoll").unwrap().io.iopoll);
        let sqpoll = options("--sqpoll").unwrap().io.sqpoll;
        assert_eq!(sqpoll.map(|sqpoll| sqpoll.cpu), Some(None));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let check = |line: &str, expect: &str| {
            let error = options(line).unwrap_err();
            assert!(error.contains(expect), "{line}: {error}");
        };
        check("--queue-depth 0", "--queue-depth 0");
        check("--read-size 5000", "--read-size 5000");
        check("--read-size 8GiB", "at most 64 MiB");
        check("--read-size 4X", "unknown unit");
        check("--threads 0", "--threads 0");
        check("--batch-rows 0", "--batch-rows 0");
        check("--cpus 3-1", "ends before it starts");
        check("--sqpoll=one", "not a CPU number");
        check("--iopoll --direct off", "--iopoll needs O_DIRECT");
        check("--driver floppy", "floppy");
        check("--int96 ms", "ms");
    }
}
