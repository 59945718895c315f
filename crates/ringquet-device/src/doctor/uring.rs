//! Kernel and io_uring: what was found by making rings, and why there are none.

use ringquet_io::UringFeature;
use ringquet_result::proc_fields::field;

use super::diagnosis::{Diagnosis, Severity};
use super::machine::Machine;

/// What a missing feature costs. The numbers are of the source in DESIGN's list: io_uring for DBMS, VLDB'26.
const COSTS: [(&str, &str); 7] = [
    ("READ", "there is no io_uring driver: reads go through pread, one at a time per thread"),
    ("READ_FIXED", "512 KiB reads at 21 instead of 77 GiB/s per core (no registered buffers)"),
    ("SINGLE_ISSUER", "the kernel locks the ring on each enter"),
    ("DEFER_TASKRUN", "completions interrupt decoding; a few per cent of CPU"),
    ("EXT_ARG", "waits have no timeout, so Ctrl-C takes effect only after the next completion"),
    ("NODROP", "completions can be lost when the queue is full"),
    (
        "registered buffers",
        "every read pins and unpins its pages: up to 3.6 times the CPU per byte",
    ),
];

pub(super) fn examine(machine: &Machine, findings: &mut Vec<Diagnosis>) {
    kernel(machine, findings);
    disabled(machine, findings);
    seccomp(machine, findings);
    match &machine.uring {
        Err(reason) => findings.push(Diagnosis::wrong(
            "io_uring",
            Severity::Broken,
            reason.clone(),
            "a ring can be created",
            "reads go through pread, one at a time per thread: a fraction of the array's throughput",
        )),
        Ok(features) => {
            let groups = [
                ("io_uring_opcodes", &features.opcodes),
                ("io_uring_setup", &features.setup_flags),
                ("io_uring_features", &features.feature_bits),
                ("io_uring_registration", &features.registrations),
            ];
            findings.extend(groups.into_iter().map(|(code, group)| of_group(code, group)));
        }
    }
}

fn of_group(code: &'static str, features: &[UringFeature]) -> Diagnosis {
    let names = |supported: bool| -> Vec<&UringFeature> {
        features.iter().filter(|feature| feature.supported == supported).collect()
    };
    let list = |features: &[&UringFeature]| {
        features.iter().map(|feature| feature.name).collect::<Vec<_>>().join(", ")
    };
    let (there, missing) = (names(true), names(false));
    if missing.is_empty() {
        return Diagnosis::good(code, list(&there));
    }
    let costs: Vec<&str> = missing
        .iter()
        .filter_map(|feature| COSTS.iter().find(|(name, _)| *name == feature.name))
        .map(|(_, cost)| *cost)
        .collect();
    if costs.is_empty() {
        // SQPOLL and IOPOLL are options that a user requests by name; without them nothing is slower.
        return Diagnosis::unknown(code, format!("without {}", list(&missing)), &list(&there));
    }
    let since: Vec<String> = missing
        .iter()
        .map(|feature| format!("{} (Linux {})", feature.name, feature.since))
        .collect();
    let broken = missing.iter().any(|feature| feature.name == "READ");
    let standing = if broken { Severity::Broken } else { Severity::Slow };
    let is = format!("without {}", since.join(", "));
    let finding = Diagnosis::wrong(code, standing, is, "all of them", costs.join("; "));
    if missing.iter().any(|feature| feature.name == "registered buffers") {
        return finding.mended_by("more locked memory: see locked_memory");
    }
    finding
}

fn kernel(machine: &Machine, findings: &mut Vec<Diagnosis>) {
    match machine.tree.text("proc/sys/kernel/osrelease") {
        // For information: its features are probed.
        Some(release) => findings.push(Diagnosis::good("kernel", format!("Linux {release}"))),
        None => findings.push(Diagnosis::unknown("kernel", "not in /proc", "Linux 6.1 or newer")),
    }
}

fn is_disabled(machine: &Machine) -> bool {
    machine.tree.number::<u32>("proc/sys/kernel/io_uring_disabled").is_some_and(|value| value > 0)
}

fn disabled(machine: &Machine, findings: &mut Vec<Diagnosis>) {
    let code = "io_uring_disabled";
    let finding = match machine.tree.number::<u32>("proc/sys/kernel/io_uring_disabled") {
        Some(0) => Diagnosis::good(code, "0 (allowed for everyone)"),
        // By the group, or as root.
        Some(value) if machine.uring.is_ok() => {
            Diagnosis::good(code, format!("{value} (allowed for this user)"))
        }
        Some(value) => {
            let whom = match value {
                1 => "for users outside kernel.io_uring_group",
                _ => "for everyone",
            };
            let costs = "no io_uring: reads go through pread, one at a time per thread";
            let is = format!("{value} (refused {whom})");
            Diagnosis::wrong(code, Severity::Broken, is, "0", costs)
                .mended_by("sysctl -w kernel.io_uring_disabled=0")
        }
        // Available since 6.6; an older kernel has no such switch.
        None => Diagnosis::good(code, "no such switch (before Linux 6.6)"),
    };
    findings.push(finding);
}

/// A filter alone is not a fault: whether rings could be created shows what it refuses.
fn seccomp(machine: &Machine, findings: &mut Vec<Diagnosis>) {
    let code = "seccomp";
    let status = machine.tree.text("proc/self/status").unwrap_or_default();
    let mode = field(&status, "Seccomp").and_then(|mode| mode.parse::<u32>().ok());
    let should_be =
        "none, or a filter that allows io_uring_setup, io_uring_enter and io_uring_register";
    findings.push(match (mode, &machine.uring) {
        (Some(0), _) => Diagnosis::good(code, "no filter").should_be(should_be),
        (Some(_), Ok(_)) => {
            Diagnosis::good(code, "a filter that allows io_uring").should_be(should_be)
        }
        (Some(_), Err(_)) if is_disabled(machine) => Diagnosis::unknown(
            code,
            "a filter is on; io_uring is switched off before it",
            should_be,
        ),
        (Some(_), Err(_)) => Diagnosis::wrong(
            code,
            Severity::Broken,
            "a filter is on, and io_uring is refused",
            should_be,
            "no io_uring: reads go through pread, one at a time per thread",
        )
        .mended_by(
            "docker run --security-opt seccomp=PROFILE.json …, a profile with the three calls",
        ),
        (None, _) => Diagnosis::unknown(code, "not in /proc/self/status", should_be),
    });
}
