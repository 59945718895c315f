//! What this process cost: CPU time, context switches, page faults, peak memory.

use ringquet_result::proc_fields;
use serde::Serialize;

/// Counters of `getrusage(RUSAGE_SELF)` and the peak of memory, or the difference of two of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Usage {
    /// Seconds in user mode, all threads.
    pub user_seconds: f64,
    /// Seconds in the kernel on behalf of this process.
    pub system_seconds: f64,
    /// The thread gave up its CPU (waiting).
    pub voluntary_context_switches: u64,
    /// The CPU was taken away.
    pub involuntary_context_switches: u64,
    /// Page faults without I/O.
    pub minor_page_faults: u64,
    /// Largest resident set so far, in bytes: not a difference. `VmHWM` of /proc/self/status, since the `ru_maxrss` of
    /// getrusage is handed down from the process that started this one. Zero where /proc is not there.
    pub peak_resident_bytes: u64,
}

impl Usage {
    /// Since the process began.
    pub fn now() -> Usage {
        let mut raw = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the pointer is to a rusage; the call fills it.
        let answer = unsafe { libc::getrusage(libc::RUSAGE_SELF, raw.as_mut_ptr()) };
        assert_eq!(answer, 0, "getrusage of the own process cannot fail");
        // SAFETY: zeroed, which is a valid rusage, and then filled by the call.
        let raw = unsafe { raw.assume_init() };
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        let count = |n: libc::c_long| u64::try_from(n).unwrap_or(0);
        Usage {
            user_seconds: seconds(raw.ru_utime),
            system_seconds: seconds(raw.ru_stime),
            voluntary_context_switches: count(raw.ru_nvcsw),
            involuntary_context_switches: count(raw.ru_nivcsw),
            minor_page_faults: count(raw.ru_minflt),
            peak_resident_bytes: peak_resident_bytes(),
        }
    }

    /// What came on top since `earlier`.
    pub fn since(&self, earlier: &Usage) -> Usage {
        Usage {
            user_seconds: self.user_seconds - earlier.user_seconds,
            system_seconds: self.system_seconds - earlier.system_seconds,
            voluntary_context_switches: self.voluntary_context_switches
                - earlier.voluntary_context_switches,
            involuntary_context_switches: self.involuntary_context_switches
                - earlier.involuntary_context_switches,
            minor_page_faults: self.minor_page_faults - earlier.minor_page_faults,
            peak_resident_bytes: self.peak_resident_bytes,
        }
    }

    /// User and system time together.
    pub fn cpu_seconds(&self) -> f64 {
        self.user_seconds + self.system_seconds
    }
}

fn peak_resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    proc_fields::bytes(&status, "VmHWM").unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touched_memory_shows() {
        let before = Usage::now();
        let touched = vec![1u8; 64 << 20];
        assert!(std::hint::black_box(&touched).iter().all(|&byte| byte == 1));
        let after = Usage::now();
        assert!(after.peak_resident_bytes >= 64 << 20);
        assert!(after.since(&before).cpu_seconds() > 0.0);
    }
}
