//! Options as requested ([`EngineOptions`]) and in force ([`Resolved`]).

use std::fmt::Display;

use ringquet_decode::{COLUMN_BYTES_MIN, DecoderChoice, Int96};
use ringquet_io::{DirectChoice, IoOptions, MemoryLimit, cpus, device::SysRoot};
use ringquet_result::OptionError;
use serde::Serialize;

use crate::error::Error;
use crate::plan::{PlanBounds, Share};
use crate::shares::Shares;

/// Memory of one reader thread where no budget is given: enough for 96 MiB of reads in flight or waiting to be
/// decoded, which at 18 GiB/s covers 5 ms of latency.
pub const MEMORY_PER_THREAD_BYTES: u64 = 192 << 20;

/// The least that one reader thread can work with: a few reads of the default size and their output.
pub const MEMORY_PER_THREAD_BYTES_MIN: u64 = 8 << 20;

/// Gap that is read along from a device: joining gaps up to 64 KiB turns DLRM's 29 runs of 46 kB a row group into 18
/// reads for 6 % more bytes, and a device takes reads of that size at little more than the price of one.
pub const GAP_DIRECT_BYTES: u64 = 64 << 10;

/// Gap that is read along from the page cache: there a byte costs its copy and a read well below a microsecond.
/// Measured on 40 of 200 DLRM columns, two cores: 0.45 CPU seconds with gaps of 64 KiB, 0.38 with 4 KiB.
pub const GAP_BUFFERED_BYTES: u64 = 4 << 10;

/// As [`MEMORY_PER_THREAD_BYTES`], for reads through the page cache: nothing has to be in flight for long, and an arena of
/// 16 MiB stays in the CPU's own cache (the same scan: 0.38 CPU seconds with 96 MiB, 0.32 with 16).
pub const MEMORY_PER_THREAD_BUFFERED_BYTES: u64 = 32 << 20;

/// Rows per batch at most, where rows are narrow.
pub const BATCH_ROWS_MAX: usize = 64 << 10;

/// A page, a row or a footer may have this many bytes where neither the memory budget is larger nor the memory that the process
/// may use is less than four times as much.
pub const SINGLE_BYTES_MAX: u64 = 1 << 30;

/// How a data set is to be read. `None` means: find out.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EngineOptions {
    /// Of the read queues. `arena_bytes` is set from the memory budget.
    pub io: IoOptions,
    /// Reader threads; by default one per CPU that may be used.
    pub threads: Option<usize>,
    /// CPUs to pin reader threads to; by default those of the device's NUMA node that this process may use.
    pub cpus: Option<Vec<usize>>,
    /// Bound in bytes on the memory of all reader threads: reads in flight, bytes waiting to be decoded, and
    /// decoded batches. Half of it is arena. Met: reading waits for decoding, decoding for the consumer.
    pub memory_budget_bytes: Option<u64>,
    /// Bytes that one page may have, compressed or not. A page is in memory as a whole, whatever the budget. By default the
    /// budget, or 1 GiB where that is more and the memory that the process may use is four times as much. Met: an error
    /// of the file.
    pub page_bytes_max: Option<u64>,
    /// Bytes that one row of a column may take once decoded. By default as `page_bytes_max`. Met: an error of the file.
    pub row_bytes_max: Option<u64>,
    /// Bytes that a footer may have. By default as `page_bytes_max`. Met: an error of the file.
    pub footer_bytes_max: Option<u64>,
    /// Gaps of up to this many bytes between selected byte ranges are read too; by default [`GAP_DIRECT_BYTES`], or
    /// [`GAP_BUFFERED_BYTES`] without O_DIRECT.
    pub coalesce_gap_bytes: Option<u64>,
    /// Coalesced ranges are cut into extents of at most this many bytes.
    pub coalesce_span_bytes: u64,
    /// Columns to read, by name of the root column; `None`: all.
    pub columns: Option<Vec<String>>,
    /// Rows per batch at most. Fewer where the memory budget allows no more: a batch ends before it takes more than its
    /// share ([`Shares::batch`]).
    pub batch_rows: Option<usize>,
    /// Fast kernels where they apply, or the `parquet` crate for everything.
    pub decoder: DecoderChoice,
    /// Check page CRCs where pages have them.
    pub verify_crc: bool,
    /// As what timestamps of INT96 are read.
    pub int96: Int96,
    /// Rows of the batches that a consumer puts together: decoded batches may be as long, if the memory allows.
    #[serde(skip)]
    pub whole_batch_rows: Option<usize>,
    /// Batches are delivered in the order of the row groups: memory is shared out so that a row group can wait for its turn.
    #[serde(skip)]
    pub is_ordered: bool,
    /// Footers in flight at most, per thread; more only cost memory while they are parsed. A bench sets 1.
    #[serde(skip)]
    pub footers_in_flight: usize,
    /// Where /sys is.
    #[serde(skip)]
    pub sys_root: SysRoot,
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions {
            io: IoOptions::default(),
            threads: None,
            cpus: None,
            memory_budget_bytes: None,
            page_bytes_max: None,
            row_bytes_max: None,
            footer_bytes_max: None,
            coalesce_gap_bytes: None,
            coalesce_span_bytes: 8 << 20,
            columns: None,
            batch_rows: None,
            decoder: DecoderChoice::Auto,
            verify_crc: false,
            int96: Int96::default(),
            whole_batch_rows: None,
            is_ordered: false,
            footers_in_flight: usize::MAX,
            sys_root: SysRoot::default(),
        }
    }
}

/// One choice that was made for the user, with its reason. JSON: `driver.picked`.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Picked {
    /// The option.
    pub option: &'static str,
    /// What was picked.
    pub value: String,
    /// Why.
    pub why: String,
}

/// What will happen: every `auto` decided.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Reader threads.
    pub threads: usize,
    /// CPU of each reader thread; `None` where pinning is not possible.
    pub cpus: Vec<Option<usize>>,
    /// Options of each thread's queue.
    pub io: IoOptions,
    /// Gap that is read along, in bytes.
    pub coalesce_gap_bytes: u64,
    /// Longest extent in bytes.
    pub coalesce_span_bytes: u64,
    /// Footers in flight at most, per thread.
    pub footers_in_flight: usize,
    /// Memory of all reader threads, in bytes.
    pub memory_budget_bytes: u64,
    /// What the memory of each thread is used for.
    pub shares: Shares,
    /// What a batch of many columns may have at most: a sixteenth of the memory, shared by the threads. `None` if a budget was
    /// given, which is kept to.
    pub wide_batch_bytes_max: Option<u64>,
    /// Bytes that one page may have.
    pub page_bytes_max: u64,
    /// Bytes that one row of a column may take.
    pub row_bytes_max: u64,
    /// Bytes that a footer may have.
    pub footer_bytes_max: u64,
    /// As what timestamps of INT96 are read.
    pub int96: Int96,
    /// The choices made here.
    pub picked: Vec<Picked>,
}

impl Resolved {
    /// Gives batches of many columns the memory they need, where no budget was given: in short batches the time goes into making
    /// the arrays of each column.
    pub(crate) fn fit_columns(&mut self, columns: usize) {
        let wanted = columns as u64 * COLUMN_BYTES_MIN as u64;
        self.fit_batch(wanted, &format!("longer batches for {columns} columns"));
    }

    /// The same for batches of many rows that are to come in one piece, of `bytes` bytes as far as the files say.
    pub(crate) fn fit_rows(&mut self, rows: usize, bytes: u64) {
        // What values take beyond what is stored, and a quarter that no batch is planned to fill.
        let wanted = bytes.saturating_mul(2);
        self.fit_batch(wanted, &format!("batches of {rows} rows in one piece"));
    }

    fn fit_batch(&mut self, bytes: u64, why: &str) {
        let Some(most) = self.wide_batch_bytes_max else { return };
        let added = self.shares.fit_batch(bytes.min(most)) * self.threads as u64;
        if added == 0 {
            return;
        }
        self.memory_budget_bytes += added;
        let budget = self.picked.iter_mut().find(|it| it.option == "memory_budget_bytes");
        let budget = budget.expect("it was picked, for none was given");
        budget.value = self.memory_budget_bytes.to_string();
        budget.why.push_str(&format!(", and {why}"));
    }

    /// Bounds of the plans of row groups.
    pub(crate) fn bounds(&self) -> PlanBounds {
        PlanBounds {
            coalesce_gap_bytes: self.coalesce_gap_bytes,
            coalesce_span_bytes: self.coalesce_span_bytes,
            read_size_bytes: u64::from(self.io.read_size_bytes),
        }
    }

    /// What each of `lanes` lanes of a reader thread has: its part of the arena, less the spare slot.
    pub fn share(&self, lanes: usize) -> Share {
        let bytes = (self.io.arena_bytes as u64).saturating_sub(self.coalesce_span_bytes);
        Share { bounds: self.bounds(), bytes: bytes / lanes.max(1) as u64 }
    }
}

impl EngineOptions {
    /// Decides everything that was left open, for files on these devices.
    ///
    /// # Errors
    /// [`Error::Options`] with the option and what is accepted.
    pub fn resolve(&self, devices: &[(u32, u32)]) -> Result<Resolved, Error> {
        let mut picked = Vec::new();
        let (cpus, why_cpus) = self.pick_cpus(devices)?;
        let memory = MemoryLimit::of_this_process(&self.sys_root);
        let threads = match self.threads {
            Some(0) => {
                return Err(wrong("threads", 0, "must be at least 1".to_owned()));
            }
            Some(threads) => threads,
            None => {
                let wanted = cpus.len().max(1);
                // As many as there is memory for, where no budget says how much that is.
                let most = memory
                    .as_ref()
                    .filter(|_| self.memory_budget_bytes.is_none())
                    .map_or(u64::MAX, |limit| limit.bytes / 2 / MEMORY_PER_THREAD_BYTES_MIN);
                let threads = wanted.min(usize::try_from(most).unwrap_or(wanted)).max(1);
                let why = if threads == wanted {
                    "one reader thread per CPU that may be used".to_owned()
                } else {
                    let limit = memory.as_ref().map_or("", |limit| limit.source.as_str());
                    format!("{limit} is too small for one on each of {wanted} CPUs")
                };
                picked.push(Picked { option: "threads", value: threads.to_string(), why });
                threads
            }
        };
        let cpus: Vec<Option<usize>> =
            (0..threads).map(|t| cpus.get(t % cpus.len().max(1)).copied()).collect();
        if self.cpus.is_none() {
            picked.push(Picked { option: "cpus", value: list(&cpus), why: why_cpus });
        }

        let budget = self.pick_budget(threads, memory.as_ref(), &mut picked)?;
        let per_thread = budget / threads as u64;
        // What pages and dictionaries need is known from the files alone, and a budget that is too small for them is no reason to
        // refuse a file: beyond their share they may take a quarter of the memory.
        let beyond = memory.as_ref().map_or(u64::MAX, |limit| limit.bytes / 4 / threads as u64);
        let mut shares = Shares::of(per_thread, beyond, self.memory_budget_bytes.is_some());
        let wide_batch_bytes_max = self
            .memory_budget_bytes
            .is_none()
            .then(|| memory.as_ref().map_or(u64::MAX, |limit| limit.bytes / 16 / threads as u64));
        if self.is_ordered {
            shares.keep_order(per_thread, wide_batch_bytes_max);
        }
        let single = {
            let quarter = memory.as_ref().map_or(u64::MAX, |limit| limit.bytes / 4);
            budget.max(SINGLE_BYTES_MAX.min(quarter))
        };
        let mut single = |option, given: Option<u64>| {
            given.unwrap_or_else(|| {
                let why = "the memory budget, or a quarter of the memory if that is more, but at most 1 GiB";
                let (value, why) = (single.to_string(), why.to_owned());
                picked.push(Picked { option, value, why });
                single
            })
        };
        let page_bytes_max = single("page_bytes_max", self.page_bytes_max);
        let row_bytes_max = single("row_bytes_max", self.row_bytes_max);
        let footer_bytes_max = single("footer_bytes_max", self.footer_bytes_max);
        // The arena is registered memory: whole huge pages.
        let arena = shares.arena_bytes;
        let arena_bytes = usize::try_from(arena).map_err(|_| {
            let why = format!("{arena} bytes per thread do not fit into the address space");
            wrong("memory_budget_bytes", budget, why)
        })?;
        let mut io = self.io.clone();
        io.arena_bytes = arena_bytes;
        io.read_size_bytes = io.read_size_bytes.min(u32::try_from(arena / 8).unwrap_or(u32::MAX));
        io.open_files = open_files(io.open_files, threads, &mut picked)?;
        io.check()?;
        let gap = self.coalesce_gap_bytes.unwrap_or_else(|| {
            let (gap, why) = match self.io.direct {
                DirectChoice::Off => {
                    (GAP_BUFFERED_BYTES, "a gap read from the page cache costs its copy")
                }
                DirectChoice::Auto | DirectChoice::On => (
                    GAP_DIRECT_BYTES,
                    "a longer read from a device costs less than an additional one",
                ),
            };
            picked.push(Picked {
                option: "coalesce_gap_bytes",
                value: gap.to_string(),
                why: why.to_owned(),
            });
            gap
        });
        // Eight extents in the arena at least, so that some can be in flight while others are decoded.
        let span_max = (arena / 8).max(u64::from(io.read_size_bytes));
        let span = self.coalesce_span_bytes.clamp(u64::from(io.read_size_bytes), span_max);
        Ok(Resolved {
            threads,
            cpus,
            io,
            coalesce_gap_bytes: gap,
            coalesce_span_bytes: span - span % 4096,
            footers_in_flight: self.footers_in_flight.max(1),
            memory_budget_bytes: budget,
            shares,
            wide_batch_bytes_max,
            page_bytes_max,
            row_bytes_max,
            footer_bytes_max,
            int96: self.int96,
            picked,
        })
    }

    /// Bytes for all reader threads.
    fn pick_budget(
        &self,
        threads: usize,
        memory: Option<&MemoryLimit>,
        picked: &mut Vec<Picked>,
    ) -> Result<u64, Error> {
        let least = MEMORY_PER_THREAD_BYTES_MIN * threads as u64;
        if let Some(budget) = self.memory_budget_bytes {
            if budget < least {
                let needed = format!(
                    "{threads} reader threads need at least {least} bytes; lower `threads` or raise the budget"
                );
                return Err(wrong("memory_budget_bytes", budget, needed));
            }
            return Ok(budget);
        }
        let (per_thread, why) = match self.io.direct {
            DirectChoice::Off => (
                MEMORY_PER_THREAD_BUFFERED_BYTES,
                "reads from the page cache need little in flight",
            ),
            DirectChoice::Auto | DirectChoice::On => {
                (MEMORY_PER_THREAD_BYTES, "enough in flight for 5 ms at 18 GiB/s")
            }
        };
        let wanted = per_thread * threads as u64;
        let (budget, why) = match memory.filter(|limit| limit.bytes / 2 < wanted) {
            None => (wanted, why.to_owned()),
            Some(limit) if limit.bytes / 2 < least => {
                let needed = format!(
                    "reader threads need at least {least} bytes, half of {} ({} bytes) is less; lower `threads` or set `memory_budget_bytes`",
                    limit.source, limit.bytes
                );
                return Err(wrong("threads", threads, needed));
            }
            Some(limit) => {
                (limit.bytes / 2, format!("half of {} ({} bytes)", limit.source, limit.bytes))
            }
        };
        let value = budget.to_string();
        picked.push(Picked { option: "memory_budget_bytes", value, why });
        Ok(budget)
    }

    fn pick_cpus(&self, devices: &[(u32, u32)]) -> Result<(Vec<usize>, String), Error> {
        let allowed = cpus::allowed();
        if let Some(cpus) = &self.cpus {
            if let Some(cpu) = cpus.iter().find(|cpu| !allowed.contains(cpu)) {
                let may = list_of(&allowed);
                let fault =
                    format!("includes CPU {cpu}, which this process may not use (allowed: {may})");
                return Err(wrong("cpus", "", fault));
            }
            return Ok((cpus.clone(), String::new()));
        }
        let nodes: Vec<u32> = devices.iter().filter_map(|&d| self.sys_root.numa_node(d)).collect();
        let one_node = nodes
            .first()
            .filter(|&first| nodes.len() == devices.len() && nodes.iter().all(|n| n == first));
        if let Some(&node) = one_node
            && let Some(on_node) = self.sys_root.node_cpus(node)
        {
            let near: Vec<usize> =
                allowed.iter().copied().filter(|cpu| on_node.contains(cpu)).collect();
            if !near.is_empty() {
                return Ok((near, format!("CPUs of NUMA node {node}, where the device is")));
            }
        }
        Ok((
            allowed,
            "all CPUs that this process may use; the device names no NUMA node".to_owned(),
        ))
    }
}

fn wrong(option: &'static str, value: impl Display, accepted: String) -> Error {
    Error::Options(OptionError::new(option, value, accepted))
}

/// Descriptors of one thread: the limit of the process less a reserve for everything else, shared out.
fn open_files(wanted: u32, threads: usize, picked: &mut Vec<Picked>) -> Result<u32, Error> {
    const RESERVE: u64 = 64;
    let limit =
        rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    let share = limit.saturating_sub(RESERVE) / threads as u64;
    let share = u32::try_from(share).unwrap_or(u32::MAX);
    if share == 0 {
        let needed = format!(
            "the limit of {limit} open files is too low for so many threads: raise it with 'ulimit -n 65536'"
        );
        return Err(wrong("threads", threads, needed));
    }
    if share < wanted {
        picked.push(Picked {
            option: "open_files",
            value: share.to_string(),
            why: format!(
                "the limit of {limit} open files, shared by {threads} reader threads ('ulimit -n')"
            ),
        });
    }
    Ok(wanted.min(share))
}

fn list(cpus: &[Option<usize>]) -> String {
    list_of(&cpus.iter().copied().flatten().collect::<Vec<_>>())
}

fn list_of(cpus: &[usize]) -> String {
    cpus.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_shared_out_and_too_little_is_refused() {
        let options = EngineOptions {
            threads: Some(2),
            memory_budget_bytes: Some(64 << 20),
            ..EngineOptions::default()
        };
        let resolved = options.resolve(&[]).unwrap();
        assert_eq!(resolved.io.arena_bytes, 16 << 20);
        assert_eq!(resolved.coalesce_span_bytes, 2 << 20);
        let options = EngineOptions {
            threads: Some(2),
            memory_budget_bytes: Some(1 << 20),
            ..EngineOptions::default()
        };
        assert!(options.resolve(&[]).unwrap_err().to_string().contains("`memory_budget_bytes`"));
    }

    fn machine(meminfo_kib: u64, group_bytes: Option<u64>) -> (tempfile::TempDir, SysRoot) {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: String| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("proc/meminfo", format!("MemTotal: {meminfo_kib} kB\n"));
        write("proc/self/cgroup", "0::/job\n".to_owned());
        if let Some(bytes) = group_bytes {
            write("sys/fs/cgroup/job/memory.max", format!("{bytes}\n"));
        }
        let sys_root = SysRoot::at(root.path());
        (root, sys_root)
    }

    #[test]
    fn the_default_budget_is_half_of_what_the_process_may_use() {
        let check = |threads, group_bytes: u64, budget: u64| {
            let (_root, sys_root) = machine(64 << 20, Some(group_bytes));
            let options = EngineOptions { threads, sys_root, ..EngineOptions::default() };
            let resolved = options.resolve(&[]).unwrap();
            let of = |option| resolved.picked.iter().find(|picked| picked.option == option);
            let picked = of("memory_budget_bytes").unwrap();
            assert_eq!(picked.value, budget.to_string());
            assert!(picked.why.contains("control group"), "{}", picked.why);
            assert!(resolved.page_bytes_max <= group_bytes / 2);
            let held = resolved.shares.held_bytes_max * resolved.threads as u64;
            assert!(held <= group_bytes * 3 / 8, "{resolved:?}");
            resolved
        };
        check(Some(2), 150 << 20, 75 << 20);
        check(Some(64), 2 << 30, 1 << 30);
        let resolved = check(None, 20 << 20, 10 << 20);
        assert_eq!(resolved.threads, 1, "as many as there is memory for");
    }

    #[test]
    fn many_columns_get_longer_batches_where_the_memory_allows_and_no_budget_is_given() {
        let check = |memory_kib: u64, budget: Option<u64>, columns, batch_bytes_max: u64| {
            let (_root, sys_root) = machine(memory_kib, None);
            let options = EngineOptions {
                threads: Some(1),
                memory_budget_bytes: budget,
                sys_root,
                ..EngineOptions::default()
            };
            let mut resolved = options.resolve(&[]).unwrap();
            let before = resolved.shares;
            resolved.fit_columns(columns);
            assert_eq!(resolved.shares.batch_bytes_max, batch_bytes_max);
            let added = resolved.shares.batch_bytes_max - before.batch_bytes_max;
            let picked = resolved.picked.iter().find(|it| it.option == "memory_budget_bytes");
            let Some(picked) = picked else { return assert_eq!(added, 0) };
            assert_eq!(picked.value, (MEMORY_PER_THREAD_BYTES + added).to_string());
            assert_eq!(picked.why.contains("60000 columns"), added > 0, "{}", picked.why);
        };
        check(64 << 20, None, 200, 24 << 20);
        check(64 << 20, None, 60_000, 60_000 << 10);
        check(64 << 20, Some(32 << 20), 60_000, 4 << 20);
        check(512 << 10, None, 60_000, 32 << 20);
    }

    #[test]
    fn threads_that_the_memory_has_no_room_for_are_refused() {
        let (_root, sys_root) = machine(64 << 20, Some(150 << 20));
        let options = EngineOptions { threads: Some(64), sys_root, ..EngineOptions::default() };
        let error = options.resolve(&[]).unwrap_err().to_string();
        assert!(error.contains("`threads` 64") && error.contains("control group"), "{error}");
        let memory_budget_bytes = Some(1 << 30);
        let options = EngineOptions { memory_budget_bytes, ..options };
        options.resolve(&[]).expect("a given budget is taken as it is");
    }

    #[test]
    fn single_pages_may_be_larger_than_the_budget_where_there_is_memory() {
        let (_root, sys_root) = machine(64 << 20, None);
        let options = EngineOptions {
            threads: Some(2),
            memory_budget_bytes: Some(64 << 20),
            sys_root,
            ..EngineOptions::default()
        };
        let resolved = options.resolve(&[]).unwrap();
        assert_eq!(resolved.page_bytes_max, 1 << 30);
        assert_eq!(resolved.shares.held_bytes, 8 << 20);
        assert_eq!(resolved.shares.held_bytes_max, (8 << 20) + (8 << 30));
        let options = EngineOptions { page_bytes_max: Some(5000), ..options };
        let resolved = options.resolve(&[]).unwrap();
        assert_eq!((resolved.page_bytes_max, resolved.row_bytes_max), (5000, 1 << 30));
    }

    #[test]
    fn a_cpu_that_is_not_there_is_refused() {
        let options = EngineOptions { cpus: Some(vec![8000]), ..EngineOptions::default() };
        assert!(options.resolve(&[]).unwrap_err().to_string().contains("CPU 8000"));
    }

    #[test]
    fn more_threads_than_cpus_share_them() {
        let options = EngineOptions { threads: Some(64), ..EngineOptions::default() };
        let resolved = options.resolve(&[]).unwrap();
        assert_eq!(resolved.cpus.len(), 64);
    }
}
