//! The machine as DLIO records it, and dropping its page cache.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use ringquet_io::MemoryLimit;
use ringquet_io::device::SysRoot;
use ringquet_result::proc_fields;
use serde_json::{Map, Value};

/// The machine, as DLIO's files describe it.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// `uname -n`.
    pub(crate) hostname: String,
    /// Processors of the machine that are online, whichever of them this process may use: as Python's `os.cpu_count()`.
    pub(crate) cpu_count: usize,
    /// `model name` of the last processor. (Python's `platform.processor()` is empty on Linux.)
    pub(crate) processor_name: String,
    /// The last processor of /proc/cpuinfo without its number.
    pub(crate) cpuinfo: Map<String, Value>,
    /// MemTotal in GiB, although the key has GB.
    pub(crate) memory_gib: f64,
}

impl Host {
    /// This machine. What /proc does not hold stays empty.
    pub(crate) fn of_this_machine() -> Self {
        let text = read("/proc/cpuinfo");
        let allowed = std::thread::available_parallelism().map_or(1, usize::from);
        let cpu_count = processors(&text).max(allowed);
        let cpuinfo = cpuinfo(&text);
        let name = cpuinfo.get("model name").and_then(Value::as_str).unwrap_or_default();
        Self {
            hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            cpu_count,
            processor_name: name.to_owned(),
            memory_gib: memory_gib(&meminfo()),
            cpuinfo,
        }
    }

    /// A number that hosts of other names hardly share (FNV-1a).
    pub(crate) fn name_number(&self) -> u64 {
        self.hostname.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// Memory in bytes.
    pub(crate) fn memory_bytes(&self) -> f64 {
        bytes_of(self.memory_gib)
    }
}

/// Memory in bytes that this process may use, its control groups' limits included; 0 if the kernel does not report it.
pub(crate) fn memory_bytes(root: &SysRoot) -> f64 {
    MemoryLimit::of_this_process(root).map_or(0.0, |limit| limit.bytes as f64)
}

fn bytes_of(gib: f64) -> f64 {
    gib * 1024.0 * 1024.0 * 1024.0
}

/// /proc/meminfo as it is now.
pub(crate) fn meminfo() -> Map<String, Value> {
    fields(&read("/proc/meminfo")).collect()
}

/// Writes dirty pages back and drops the page cache, dentries and inodes.
///
/// # Errors
/// Usually `PermissionDenied`: only root may.
pub(crate) fn drop_caches() -> io::Result<()> {
    rustix::fs::sync();
    request_drop(Path::new("/proc/sys/vm/drop_caches"))
}

/// The file must exist: if /proc is something else, nothing is created.
fn request_drop(control: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(control)?.write_all(b"3\n")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// As DLIO's files hold them: all as text.
fn fields(text: &str) -> impl Iterator<Item = (String, Value)> {
    proc_fields::fields(text).map(|(key, value)| (key.to_owned(), Value::from(value)))
}

/// Processors that /proc/cpuinfo lists.
fn processors(text: &str) -> usize {
    proc_fields::fields(text).filter(|(key, _)| *key == "processor").count()
}

fn cpuinfo(text: &str) -> Map<String, Value> {
    let last = text.trim_end().rsplit("\n\n").next().unwrap_or_default();
    fields(last).filter(|(key, _)| key != "processor").collect()
}

fn memory_gib(meminfo: &Map<String, Value>) -> f64 {
    let total = meminfo.get("MemTotal").and_then(Value::as_str).unwrap_or_default();
    proc_fields::bytes_of(total).map_or(0.0, |bytes| bytes as f64 / 1024.0 / 1024.0 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_processor_without_its_number() {
        let text = "processor\t: 0\nmodel name\t: A\nflags\t\t: fpu vme\n\n\
                    processor\t: 1\nmodel name\t: B: C\npower management:\n\n";
        let map = cpuinfo(text);
        let pairs: Vec<(&str, &str)> =
            map.iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap())).collect();
        assert_eq!(pairs, [("model name", "B: C"), ("power management", "")]);
        assert!(cpuinfo("").is_empty());
        assert_eq!(processors(text), 2);
    }

    #[test]
    fn memory_is_in_gib_like_the_golden_file() {
        let map = fields("MemTotal:       24682416 kB\nHugePages_Total:       0\n").collect();
        assert!((memory_gib(&map) - 23.538_986_206_054_688).abs() < 1e-12);
        assert_eq!(map["HugePages_Total"], "0");
    }

    #[test]
    fn caches_are_dropped_by_a_three_or_it_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let control = dir.path().join("drop_caches");
        assert_eq!(request_drop(&control).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!control.exists());
        std::fs::write(&control, "").unwrap();
        request_drop(&control).unwrap();
        assert_eq!(std::fs::read_to_string(&control).unwrap(), "3\n");
    }

    #[test]
    fn this_machine_has_processors_and_memory() {
        let host = Host::of_this_machine();
        assert!(host.cpu_count > 0 && host.memory_gib > 0.0 && !host.hostname.is_empty());
        assert!(!host.cpuinfo.contains_key("processor"));
    }
}
