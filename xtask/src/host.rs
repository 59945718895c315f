//! What this host must be able to do, found out without ringquet.
//!
//! ringquet falls back where io_uring or O_DIRECT is refused. That is right for its users and wrong for its
//! tests: a broken driver would look like a host that has none. So the kernel is asked here by other means,
//! and where it says yes, e2e insists.

use std::path::Path;

use anyhow::Result;
use xshell::{Shell, cmd};

/// Whether something must work on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ability {
    /// Nothing stands in its way: when it does not work, that is a fault.
    Must,
    /// It may be refused, and this is why.
    May(String),
}

impl Ability {
    /// For the lines above the table.
    pub(crate) fn text(&self) -> &str {
        match self {
            Ability::Must => "yes",
            Ability::May(why) => why,
        }
    }
}

/// io_uring, by the sysctl that refuses it and by the seccomp filter that a container brings.
pub(crate) fn io_uring(sh: &Shell) -> Ability {
    let disabled = sh.read_file("/proc/sys/kernel/io_uring_disabled").ok();
    let status = sh.read_file("/proc/self/status").unwrap_or_default();
    io_uring_ability(disabled.as_deref(), &status)
}

fn io_uring_ability(disabled: Option<&str>, status: &str) -> Ability {
    match disabled.map(str::trim) {
        Some("0") => {}
        Some(value) => return Ability::May(format!("kernel.io_uring_disabled is {value}")),
        None => {
            return Ability::May("no kernel.io_uring_disabled: older than Linux 6.6".to_owned());
        }
    }
    let seccomp = status.lines().find_map(|line| line.strip_prefix("Seccomp:")).map(str::trim);
    match seccomp {
        Some("0") => Ability::Must,
        Some(mode) => Ability::May(format!("a seccomp filter is active (mode {mode})")),
        None => Ability::May("/proc/self/status has no seccomp mode".to_owned()),
    }
}

/// Registered buffers: the kernel charges them to RLIMIT_MEMLOCK unless the process has CAP_IPC_LOCK.
pub(crate) fn registered_buffers(sh: &Shell) -> Ability {
    let status = sh.read_file("/proc/self/status").unwrap_or_default();
    let limits = sh.read_file("/proc/self/limits").unwrap_or_default();
    registered_buffers_ability(&status, &limits)
}

/// Number of CAP_IPC_LOCK in the masks of /proc/self/status (linux/capability.h).
const CAP_IPC_LOCK: u32 = 14;

/// More than the arenas of any smoke run take together.
const MEMLOCK_ENOUGH_BYTES: u64 = 4 << 30;

fn registered_buffers_ability(status: &str, limits: &str) -> Ability {
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    if mask & (1 << CAP_IPC_LOCK) != 0 {
        return Ability::Must;
    }
    // Max locked memory     8388608              8388608              bytes
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"));
    match limit.and_then(|limit| limit.split_whitespace().next()) {
        Some("unlimited") => Ability::Must,
        Some(bytes) if bytes.parse::<u64>().is_ok_and(|bytes| bytes >= MEMLOCK_ENOUGH_BYTES) => {
            Ability::Must
        }
        Some(bytes) => Ability::May(format!("RLIMIT_MEMLOCK is {bytes} bytes (ulimit -l)")),
        None => Ability::May("/proc/self/limits has no RLIMIT_MEMLOCK".to_owned()),
    }
}

/// O_DIRECT on a file, by reading its first block with dd.
pub(crate) fn direct_io(sh: &Shell, file: &Path) -> Result<Ability> {
    let dd = cmd!(sh, "dd if={file} of=/dev/null bs=4096 count=1 iflag=direct");
    if dd.quiet().ignore_stderr().run().is_ok() {
        return Ok(Ability::Must);
    }
    let kind = cmd!(sh, "stat --file-system --format %T {file}").quiet().read()?;
    Ok(Ability::May(format!("{kind} refuses O_DIRECT")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_uring_must_work_only_where_nothing_refuses_it() {
        let status = "Name:\tx\nSeccomp:\t0\nSeccomp_filters:\t0\n";
        assert_eq!(io_uring_ability(Some("0\n"), status), Ability::Must);
        let why = |disabled, status| io_uring_ability(disabled, status).text().to_owned();
        assert_eq!(why(Some("2\n"), status), "kernel.io_uring_disabled is 2");
        assert_eq!(why(None, status), "no kernel.io_uring_disabled: older than Linux 6.6");
        assert_eq!(why(Some("0\n"), "Seccomp:\t2\n"), "a seccomp filter is active (mode 2)");
        assert_eq!(why(Some("0\n"), ""), "/proc/self/status has no seccomp mode");
    }

    #[test]
    fn registered_buffers_need_the_capability_or_the_limit() {
        let locked =
            |soft: &str| format!("Limit  Soft\nMax locked memory     {soft}   {soft}  bytes\n");
        let root = "CapEff:\t000001ffffffffff\n";
        let user = "CapEff:\t0000000000000000\n";
        assert_eq!(registered_buffers_ability(root, &locked("8388608")), Ability::Must);
        assert_eq!(registered_buffers_ability(user, &locked("unlimited")), Ability::Must);
        assert_eq!(registered_buffers_ability(user, &locked("8589934592")), Ability::Must);
        let may = registered_buffers_ability(user, &locked("8388608"));
        assert_eq!(may.text(), "RLIMIT_MEMLOCK is 8388608 bytes (ulimit -l)");
    }
}
