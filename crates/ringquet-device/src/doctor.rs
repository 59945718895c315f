//! Looks at a machine before a run: what the kernel grants, what the limits are, how the way to the drives is set.
//!
//! ```text
//!  /proc, /sys ─▶ Tree ─▶ mounts ─▶ block_chain ─▶ examine: uring · limits · memory · cpu · cgroup · storage · pcie
//!  io_uring itself ─▶ Machine ─────────────────────▶           │
//!                                                              └─▶ one Diagnosis each: is, should be, costs, mend
//! ```
//! Nothing is changed and nothing is guessed: features of io_uring are probed by making rings, everything else is
//! read from the kernel's files through a [`Tree`] that tests replace with recorded ones. What the kernel does not
//! report is listed as not reported.

mod tree;

mod block_chain;
mod mounts;

mod machine;

mod diagnosis;

mod cgroup;
mod cpu;
mod limits;
mod memory;
mod pcie;
mod storage;
mod uring;

pub use block_chain::{BlockDevice, BlockKind, chain, members};
pub use diagnosis::{Diagnosis, Severity};
pub use machine::{Machine, MachineError, PathStorage};
pub use mounts::{Mount, block_devices, mount_of};
pub use tree::Tree;

use serde::Serialize;

/// Everything that was looked at.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DoctorReport {
    /// The path whose storage was looked at.
    pub path: Option<String>,
    /// The devices below it, from the one that is mounted to the drives.
    pub devices: Vec<BlockDevice>,
    /// In the order in which a read meets them.
    pub findings: Vec<Diagnosis>,
    /// Findings that are [`Severity::Good`].
    pub good: usize,
    /// Findings that are [`Severity::Slow`].
    pub slow: usize,
    /// Findings that are [`Severity::Broken`].
    pub broken: usize,
    /// Findings that are [`Severity::Unknown`].
    #[serde(rename = "untold")]
    pub unknown: usize,
}

/// Looks at everything.
pub fn examine(machine: &Machine) -> DoctorReport {
    let mut findings = Vec::new();
    uring::examine(machine, &mut findings);
    limits::examine(machine, &mut findings);
    memory::examine(machine, &mut findings);
    cpu::examine(machine, &mut findings);
    cgroup::examine(machine, &mut findings);
    storage::examine(machine, &mut findings);
    pcie::examine(machine, &mut findings);
    let of = |standing| findings.iter().filter(|finding| finding.standing == standing).count();
    DoctorReport {
        path: machine.place.as_ref().map(|place| place.path.display().to_string()),
        devices: machine.place.as_ref().map(|place| place.devices.clone()).unwrap_or_default(),
        good: of(Severity::Good),
        slow: of(Severity::Slow),
        broken: of(Severity::Broken),
        unknown: of(Severity::Unknown),
        findings,
    }
}
