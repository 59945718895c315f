//! Huge pages for both contenders: on this point fio and we must not differ, for a read into base pages is many segments
//! for the device and a read into a huge page is one.
//!
//! fio cannot ask for transparent huge pages, so some are reserved for the time of a bench, where the user may do that.

use std::path::Path;

/// Where the number of reserved huge pages stands.
const RESERVED: &str = "/proc/sys/vm/nr_hugepages";

/// Reserved huge pages of 2 MiB, given back on drop.
#[derive(Debug)]
pub struct ReservedHugePages {
    before: u64,
}

impl ReservedHugePages {
    /// Reserves `pages` more; `None`, and a line that says so, where that is not allowed or memory is in too small pieces.
    #[expect(clippy::print_stdout, reason = "a bench tells what it does")]
    pub fn reserve(pages: u64) -> Option<ReservedHugePages> {
        let read = || -> Option<u64> { number(Path::new(RESERVED)) };
        let before = read()?;
        let reserved = ReservedHugePages { before };
        let written = std::fs::write(RESERVED, (before + pages).to_string());
        if written.is_ok() && read().is_some_and(|now| now >= before + pages) {
            println!(
                "reserved {pages} huge pages for both contenders (vm.nr_hugepages), to be given back at the end"
            );
            return Some(reserved);
        }
        println!(
            "no huge pages could be reserved (root and 'sysctl -w vm.nr_hugepages={}' would): fio reads into base pages, ours as told",
            before + pages
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

fn number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}
