//! Huge pages for both contenders: on this point fio and we must not differ, for a read into base pages is many segments
//! for the device and a read into a huge page is one.
//!
//! fio cannot ask for transparent huge pages, so some are reserved for the time of a bench, where the user may do that.

use crate::Scale;

/// Where the number of reserved huge pages stands.
const RESERVED: &str = "/proc/sys/vm/nr_hugepages";

/// Enough for the arenas of two reader threads (48 each) of three data sets that are open at once, and for fio's buffers (16 a job).
const PAGES: u64 = 320;

/// Reserved huge pages of 2 MiB, given back on drop.
#[derive(Debug)]
pub struct ReservedHugePages {
    before: u64,
}

impl ReservedHugePages {
    /// Reserves some more to measure on; `None`, and a line that says so, where that is not allowed or memory is in too small
    /// pieces. Nothing where nothing is measured.
    #[expect(clippy::print_stdout, reason = "a bench prints what it does")]
    pub fn reserve(scale: Scale) -> Option<ReservedHugePages> {
        if scale == Scale::Smoke {
            return None;
        }
        let read = || std::fs::read_to_string(RESERVED).ok()?.trim().parse::<u64>().ok();
        let before = read()?;
        let reserved = ReservedHugePages { before };
        let written = std::fs::write(RESERVED, (before + PAGES).to_string());
        if written.is_ok() && read().is_some_and(|now| now >= before + PAGES) {
            println!(
                "reserved {PAGES} huge pages for both contenders (vm.nr_hugepages), to be given back at the end"
            );
            return Some(reserved);
        }
        println!(
            "no huge pages could be reserved (root and 'sysctl -w vm.nr_hugepages={}' would): fio reads into base pages, ours as told",
            before + PAGES
        );
        None
    }
}

impl Drop for ReservedHugePages {
    fn drop(&mut self) {
        // What could be raised can be lowered; nothing is left to do where it cannot.
        drop(std::fs::write(RESERVED, self.before.to_string()));
    }
}
