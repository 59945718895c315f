//! How reads are distributed over the members of an array, and the place of devices and readers.

use ringquet::report::DeviceBytes;
use ringquet_io::device::SysRoot;
use serde::Serialize;

use super::target::{ReadTarget, TargetKind};
use crate::doctor::{BlockDevice, members};

/// A member that reads this much more than the mean of all is reported: the others wait for it at the end.
pub const IMBALANCE_MAX: f64 = 0.10;

/// A path that was read, and the storage below it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TargetReport {
    /// As it was given.
    pub path: String,
    /// What it is.
    pub kind: TargetKind,
    /// Bytes that could be read: the length of the file, the test file or the device.
    pub len_bytes: u64,
    /// e.g. `xfs`; `None` for a device, and if the kernel does not report it.
    pub file_system: Option<String>,
    /// Where that is mounted.
    pub mount_point: Option<String>,
    /// What offsets are aligned to with O_DIRECT, in bytes.
    pub direct_alignment_bytes: Option<u64>,
    /// The devices below it, down to the drives.
    pub devices: Vec<BlockDevice>,
}

impl TargetReport {
    pub(super) fn of(target: &ReadTarget) -> TargetReport {
        let mount = target.place.mount.as_ref().filter(|_| target.kind != TargetKind::BlockDevice);
        TargetReport {
            path: target.path.display().to_string(),
            kind: target.kind,
            len_bytes: target.len_bytes,
            file_system: mount.map(|mount| mount.file_system.clone()),
            mount_point: mount.map(|mount| mount.mount_point.display().to_string()),
            direct_alignment_bytes: target.place.direct_alignment_bytes,
            devices: target.place.devices.clone(),
        }
    }
}

/// A reader thread and where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReaderPlace {
    /// Number of the thread.
    pub thread: usize,
    /// CPU that it is pinned to; `None` if it is free.
    pub cpu: Option<usize>,
    /// Node of that CPU.
    pub numa_node: Option<u32>,
}

/// Bytes of each member over a point.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ArrayView {
    /// Each with its share.
    pub members: Vec<Member>,
    /// Most bytes of a member divided by the mean, minus 1: 0 if all read the same.
    pub imbalance: f64,
}

/// A member of an array.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Member {
    /// e.g. `nvme0n1`.
    pub name: String,
    /// Its NUMA node.
    pub numa_node: Option<u32>,
    /// Bytes that it read.
    pub read_bytes: u64,
    /// Of the bytes of all.
    pub share: f64,
}

/// The members below some targets, each once.
pub(super) fn members_of(targets: &[ReadTarget]) -> Vec<BlockDevice> {
    let mut found: Vec<BlockDevice> = Vec::new();
    for member in targets.iter().flat_map(|target| members(&target.place.devices)) {
        if !found.iter().any(|other| other.number == member.number) {
            found.push(member.clone());
        }
    }
    found
}

/// Shares and imbalance; `None` if no member read anything.
pub fn view(members: &[BlockDevice], read: &[DeviceBytes]) -> Option<ArrayView> {
    let total: u64 = read.iter().map(|device| device.read_bytes).sum();
    let most = read.iter().map(|device| device.read_bytes).max()?;
    if total == 0 {
        return None;
    }
    let mean = total as f64 / read.len() as f64;
    let member = |device: &DeviceBytes| Member {
        name: device.name.clone(),
        numa_node: members.iter().find(|m| m.name == device.name).and_then(|m| m.numa_node),
        read_bytes: device.read_bytes,
        share: device.read_bytes as f64 / total as f64,
    };
    Some(ArrayView {
        members: read.iter().map(member).collect(),
        imbalance: most as f64 / mean - 1.0,
    })
}

/// Where the reader threads are.
pub(super) fn reader_places(sys: &SysRoot, cpus: &[Option<usize>]) -> Vec<ReaderPlace> {
    // A machine has few nodes, numbered from 0 without large gaps.
    let nodes: Vec<(u32, Vec<usize>)> =
        (0..64).filter_map(|node| Some((node, sys.node_cpus(node)?))).collect();
    let node_of =
        |cpu: usize| nodes.iter().find(|(_, cpus)| cpus.contains(&cpu)).map(|(node, _)| *node);
    cpus.iter()
        .enumerate()
        .map(|(thread, &cpu)| ReaderPlace { thread, cpu, numa_node: cpu.and_then(node_of) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[(&str, u64)]) -> Vec<DeviceBytes> {
        bytes
            .iter()
            .map(|(name, read_bytes)| DeviceBytes {
                name: (*name).to_owned(),
                read_bytes: *read_bytes,
            })
            .collect()
    }

    #[test]
    fn shares_and_imbalance() {
        let even = view(&[], &read(&[("a", 100), ("b", 100)])).unwrap();
        assert_eq!(even.imbalance, 0.0);
        assert_eq!(even.members[1].share, 0.5);
        // One drive of four carries the hot stripe: 1.6 times the mean.
        let hot = view(&[], &read(&[("a", 160), ("b", 80), ("c", 80), ("d", 80)])).unwrap();
        assert!((hot.imbalance - 0.6).abs() < 1e-12 && hot.imbalance > IMBALANCE_MAX);
        assert_eq!(view(&[], &read(&[("a", 0)])), None);
        assert_eq!(view(&[], &[]), None);
    }
}
