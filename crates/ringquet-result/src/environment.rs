//! Where something was measured: part of every report, so that a number never travels without its machine.

use serde::Serialize;

use crate::proc_fields::{bytes, field};

/// This machine and this build.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Environment {
    /// Version of ringquet.
    pub ringquet_version: &'static str,
    /// `release` or `debug`; what a debug build measures is worth nothing.
    pub build_profile: &'static str,
    /// Name of the machine.
    pub hostname: String,
    /// e.g. `Linux 6.18.1`.
    pub kernel: String,
    /// `model name` of /proc/cpuinfo.
    pub cpu_model: String,
    /// CPUs that this process may use.
    pub cpus: usize,
    /// `MemTotal` of /proc/meminfo, in bytes.
    pub memory_bytes: u64,
    /// Seconds since 1970 when the report was made.
    pub unix_seconds: u64,
}

impl Environment {
    /// Of the machine that this process runs on.
    pub fn of_this_machine() -> Environment {
        let uname = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Environment {
            ringquet_version: env!("CARGO_PKG_VERSION"),
            build_profile: if cfg!(debug_assertions) { "debug" } else { "release" },
            hostname: text(uname.nodename()),
            kernel: format!("{} {}", text(uname.sysname()), text(uname.release())),
            cpu_model: field(&cpuinfo, "model name").unwrap_or("unknown").to_owned(),
            cpus: cpus(),
            memory_bytes: bytes(&meminfo, "MemTotal").unwrap_or(0),
            unix_seconds: unix.map_or(0, |elapsed| elapsed.as_secs()),
        }
    }
}

/// CPUs that this thread may use.
fn cpus() -> usize {
    let allowed = rustix::thread::sched_getaffinity(None);
    allowed.map_or(0, |cpus| usize::try_from(cpus.count()).unwrap_or(0))
}
