//! Limits of this process: locked memory, open files.

use ringquet::engine::MEMORY_PER_THREAD_BYTES;
use ringquet_io::{IoOptions, cpus};
use ringquet_result::proc_fields::field;

use super::diagnosis::{Diagnosis, Severity};
use super::machine::Machine;

/// `CAP_IPC_LOCK` of linux/capability.h: locked memory without limit.
const CAP_IPC_LOCK: u32 = 14;

/// Descriptors beside those of the data: libraries, rings, results.
const OTHER_FILES: u64 = 64;

pub(super) fn examine(machine: &Machine, findings: &mut Vec<Diagnosis>) {
    let limits = machine.tree.text("proc/self/limits").unwrap_or_default();
    let status = machine.tree.text("proc/self/status").unwrap_or_default();
    findings.push(locked_memory(&limits, &status));
    findings.push(open_files(&limits, &status));
}

/// Reader threads of a run: one per CPU that the process may use.
pub(super) fn reader_threads(status: &str) -> u64 {
    let list = field(status, "Cpus_allowed_list").and_then(|list| cpus::parse_list(list).ok());
    list.map_or(1, |cpus| cpus.len() as u64)
}

/// Registered with the ring: half of a thread's memory, as [`ringquet::engine::EngineOptions`] shares it out.
pub(super) fn arena_bytes(threads: u64) -> u64 {
    threads * MEMORY_PER_THREAD_BYTES / 2
}

fn locked_memory(limits: &str, status: &str) -> Diagnosis {
    let code = "locked_memory";
    let threads = reader_threads(status);
    let needed = arena_bytes(threads);
    let should_be =
        format!("{} MiB or unlimited ({threads} reader threads of 96 MiB)", needed >> 20);
    let capable = field(status, "CapEff")
        .and_then(|mask| u64::from_str_radix(mask, 16).ok())
        .is_some_and(|mask| mask >> CAP_IPC_LOCK & 1 == 1);
    if capable {
        return Diagnosis::good(code, "without limit (CAP_IPC_LOCK)").should_be(&should_be);
    }
    match limits_of(limits, "Max locked memory") {
        None => Diagnosis::unknown(code, "not in /proc/self/limits", &should_be),
        Some((limit, _)) if limit >= needed => {
            Diagnosis::good(code, bytes_text(limit)).should_be(&should_be)
        }
        Some((limit, hard)) => {
            // Nobody but root goes past the hard limit; the shell counts in KiB.
            let mend = match hard {
                u64::MAX => "ulimit -l unlimited".to_owned(),
                hard if hard >= needed => format!("ulimit -l {}", needed >> 10),
                _ => "as root: echo '* - memlock unlimited' > /etc/security/limits.d/memlock.conf, then log in again".to_owned(),
            };
            Diagnosis::wrong(
                code,
                Severity::Slow,
                bytes_text(limit),
                should_be,
                "read buffers of that size cannot be registered: up to 3.6 times the CPU per byte read (77 against 21 GiB/s per core)",
            )
            .mended_by(format!(
                "{mend}   # for services LimitMEMLOCK=infinity, for containers --ulimit memlock=-1"
            ))
        }
    }
}

fn open_files(limits: &str, status: &str) -> Diagnosis {
    let code = "open_files";
    let threads = reader_threads(status);
    let needed = OTHER_FILES + threads * u64::from(IoOptions::default().open_files);
    let should_be = format!("{needed} ({threads} reader threads of 1024)");
    match limits_of(limits, "Max open files") {
        None => Diagnosis::unknown(code, "not in /proc/self/limits", &should_be),
        Some((limit, _)) if limit >= needed => {
            Diagnosis::good(code, limit.to_string()).should_be(&should_be)
        }
        Some((limit, hard)) => Diagnosis::wrong(
            code,
            Severity::Slow,
            limit.to_string(),
            should_be,
            "each thread keeps fewer files open and reopens them in runs over many files",
        )
        .mended_by(match needed.next_power_of_two().max(65536) {
            wanted if hard >= wanted => format!("ulimit -n {wanted}"),
            _ if hard >= needed => format!("ulimit -n {hard}"),
            wanted => format!("as root: echo '* - nofile {wanted}' > /etc/security/limits.d/nofile.conf, then log in again"),
        }),
    }
}

/// The soft and the hard limit of a line of /proc/self/limits; `u64::MAX` is unlimited.
fn limits_of(limits: &str, name: &str) -> Option<(u64, u64)> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    let mut values = line.split_whitespace().map(|word| match word {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    });
    Some((values.next()??, values.next()??))
}

fn bytes_text(limit: u64) -> String {
    if limit == u64::MAX { "unlimited".to_owned() } else { format!("{} KiB", limit >> 10) }
}
