//! Huge pages: registering an arena on them is ten times cheaper, and the device's page walks are shorter.

use ringquet_result::proc_fields::{bytes, field};

use super::diagnosis::{Diagnosis, Severity};
use super::limits::{arena_bytes, reader_threads};
use super::machine::Machine;

pub(super) fn examine(machine: &Machine, findings: &mut Vec<Diagnosis>) {
    let meminfo = machine.tree.text("proc/meminfo").unwrap_or_default();
    let status = machine.tree.text("proc/self/status").unwrap_or_default();
    let transparent = machine.tree.text("sys/kernel/mm/transparent_hugepage/enabled");
    findings.push(reserved(&meminfo, reader_threads(&status), transparent.as_deref()));
    findings.push(transparent_pages(transparent.as_deref()));
}

fn reserved(meminfo: &str, threads: u64, transparent: Option<&str>) -> Diagnosis {
    let code = "huge_pages";
    let pages = |name| field(meminfo, name)?.parse::<u64>().ok();
    let (Some(free), Some(size), Some(total)) =
        (pages("HugePages_Free"), bytes(meminfo, "Hugepagesize"), pages("HugePages_Total"))
    else {
        return Diagnosis::unknown(code, "this kernel has no reserved huge pages", "some");
    };
    let needed = arena_bytes(threads).div_ceil(size.max(1));
    let is = format!("{free} of {} KiB free", size >> 10);
    let should_be = format!("{needed} free ({threads} reader threads of 96 MiB)");
    if free >= needed {
        return Diagnosis::good(code, is).should_be(&should_be);
    }
    // Transparent ones serve nearly as well: then there is nothing to mend.
    if transparent.is_some_and(|mode| !mode.contains("[never]")) {
        let is = format!("{is}; transparent ones are used instead");
        return Diagnosis::good(code, is).should_be(&should_be);
    }
    let costs = "arenas lie on base pages: registration takes ten times as long, reads a few per cent more CPU";
    Diagnosis::wrong(code, Severity::Slow, is, should_be, costs)
        // The switch has the number of all, those that others use included.
        .mended_by(format!("sysctl -w vm.nr_hugepages={}", total.saturating_sub(free) + needed))
}

fn transparent_pages(mode: Option<&str>) -> Diagnosis {
    let code = "transparent_huge_pages";
    let should_be = "madvise or always";
    match mode {
        None => Diagnosis::unknown(code, "this kernel has none", should_be),
        Some(mode) if mode.contains("[never]") => Diagnosis::wrong(
            code,
            Severity::Slow,
            "never",
            should_be,
            "buffers lie on base pages unless huge ones are reserved: more page faults and TLB misses",
        )
        .mended_by("echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"),
        Some(mode) => {
            let chosen = mode.split(['[', ']']).nth(1).unwrap_or(mode);
            Diagnosis::good(code, chosen).should_be(should_be)
        }
    }
}
