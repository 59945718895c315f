//! What was asked for ([`EngineOptions`]) and what will happen ([`Resolved`]).

use ringquet_decode::DecoderChoice;
use ringquet_io::{DirectChoice, IoError, IoOptions, cpus, device::SysRoot};
use serde::Serialize;

use crate::error::Error;

/// Memory of one reader thread where no budget is given: enough for 96 MiB of reads in flight or waiting to be
/// decoded, which at 20 GB/s covers 5 ms of latency.
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

/// Rows per batch are chosen so that a batch has about this many decoded bytes: small enough to be still in the
/// cache when it is consumed, large enough that per-batch work does not show.
pub const BATCH_BYTES: u64 = 4 << 20;

/// Rows per batch at most, where rows are narrow.
pub const BATCH_ROWS_MAX: usize = 64 << 10;

/// How a data set is to be read. `None` means: find out.
#[derive(Debug, Clone)]
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
    /// Gaps between wanted byte ranges up to this many bytes are read along; by default [`GAP_DIRECT_BYTES`], or
    /// [`GAP_BUFFERED_BYTES`] without O_DIRECT.
    pub coalesce_gap_bytes: Option<u64>,
    /// Coalesced ranges are cut into extents of at most this many bytes.
    pub coalesce_span_bytes: u64,
    /// Columns to read, by name of the root column; `None`: all.
    pub columns: Option<Vec<String>>,
    /// Rows per batch at most.
    pub batch_rows: Option<usize>,
    /// Fast kernels where they apply, or the `parquet` crate for everything.
    pub decoder: DecoderChoice,
    /// Check page CRCs where pages have them.
    pub verify_crc: bool,
    /// Footers in flight at most, per thread; more only cost memory while they are parsed. A bench sets 1.
    pub footers_in_flight: usize,
    /// Where /sys is.
    pub sys_root: SysRoot,
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions {
            io: IoOptions::default(),
            threads: None,
            cpus: None,
            memory_budget_bytes: None,
            coalesce_gap_bytes: None,
            coalesce_span_bytes: 8 << 20,
            columns: None,
            batch_rows: None,
            decoder: DecoderChoice::Auto,
            verify_crc: false,
            footers_in_flight: usize::MAX,
            sys_root: SysRoot::default(),
        }
    }
}

/// One choice that was made for the user, with its reason. JSON: `driver.picked`.
#[derive(Debug, Clone, Serialize)]
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
    /// Decoded bytes that may wait for consumers, per thread.
    pub output_bytes: u64,
    /// The choices made here.
    pub picked: Vec<Picked>,
}

impl EngineOptions {
    /// Decides everything that was left open, for files on these devices.
    ///
    /// # Errors
    /// [`Error::Options`] with the option and what is accepted.
    pub fn resolve(&self, devices: &[(u32, u32)]) -> Result<Resolved, Error> {
        let mut picked = Vec::new();
        let (cpus, why_cpus) = self.pick_cpus(devices)?;
        let threads = match self.threads {
            Some(0) => {
                return Err(Error::Options(
                    "--threads 0: at least one reader thread is needed".to_owned(),
                ));
            }
            Some(threads) => threads,
            None => {
                let threads = cpus.len().max(1);
                picked.push(Picked {
                    option: "threads",
                    value: threads.to_string(),
                    why: "one reader thread per CPU that may be used".to_owned(),
                });
                threads
            }
        };
        let cpus: Vec<Option<usize>> =
            (0..threads).map(|t| cpus.get(t % cpus.len().max(1)).copied()).collect();
        if self.cpus.is_none() {
            picked.push(Picked { option: "cpus", value: list(&cpus), why: why_cpus });
        }

        let per_thread = match self.memory_budget_bytes {
            None => {
                let (memory, why) = match self.io.direct {
                    DirectChoice::Off => (
                        MEMORY_PER_THREAD_BUFFERED_BYTES,
                        "what comes from the page cache need not wait",
                    ),
                    DirectChoice::Auto | DirectChoice::On => {
                        (MEMORY_PER_THREAD_BYTES, "enough in flight for 5 ms at 20 GB/s")
                    }
                };
                let value = (memory * threads as u64).to_string();
                picked.push(Picked { option: "memory_budget_bytes", value, why: why.to_owned() });
                memory
            }
            Some(budget) => {
                let per_thread = budget / threads as u64;
                if per_thread < MEMORY_PER_THREAD_BYTES_MIN {
                    return Err(Error::Options(format!(
                        "--memory-budget {budget}: {threads} reader threads need at least {} bytes; lower --threads or raise the budget",
                        MEMORY_PER_THREAD_BYTES_MIN * threads as u64
                    )));
                }
                per_thread
            }
        };
        // The arena is registered memory: whole huge pages.
        let arena = (per_thread / 2).next_multiple_of(2 << 20);
        let arena_bytes = usize::try_from(arena).map_err(|_| {
            Error::Options(format!(
                "--memory-budget: {arena} bytes per thread do not fit into the address space"
            ))
        })?;
        let mut io = self.io.clone();
        io.arena_bytes = arena_bytes;
        io.read_size_bytes = io.read_size_bytes.min(u32::try_from(arena / 8).unwrap_or(u32::MAX));
        io.open_files = open_files(io.open_files, threads, &mut picked)?;
        io.check().map_err(|error: IoError| Error::Options(error.to_string()))?;
        let gap = self.coalesce_gap_bytes.unwrap_or_else(|| {
            let (gap, why) = match self.io.direct {
                DirectChoice::Off => {
                    (GAP_BUFFERED_BYTES, "from the page cache a gap costs its copy")
                }
                DirectChoice::Auto | DirectChoice::On => {
                    (GAP_DIRECT_BYTES, "from a device a longer read costs less than one more")
                }
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
            output_bytes: per_thread / 4,
            picked,
        })
    }

    fn pick_cpus(&self, devices: &[(u32, u32)]) -> Result<(Vec<usize>, String), Error> {
        let allowed = cpus::allowed();
        if let Some(cpus) = &self.cpus {
            if let Some(cpu) = cpus.iter().find(|cpu| !allowed.contains(cpu)) {
                return Err(Error::Options(format!(
                    "--cpus: CPU {cpu} is not among those that this process may use ({})",
                    list_of(&allowed)
                )));
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

/// Descriptors of one thread: the limit of the process less a reserve for everything else, shared out.
fn open_files(wanted: u32, threads: usize, picked: &mut Vec<Picked>) -> Result<u32, Error> {
    const RESERVE: u64 = 64;
    let limit =
        rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    let share = limit.saturating_sub(RESERVE) / threads as u64;
    let share = u32::try_from(share).unwrap_or(u32::MAX);
    if share == 0 {
        return Err(Error::Options(format!(
            "the limit of {limit} open files is too low for {threads} reader threads: raise it with 'ulimit -n 65536'"
        )));
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
        assert!(options.resolve(&[]).unwrap_err().to_string().contains("--memory-budget"));
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
