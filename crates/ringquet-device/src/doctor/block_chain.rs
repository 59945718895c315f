//! From the device that is mounted down to the drives: partitions, md, device mapper, as `/sys` shows them.
//!
//! ```text
//!  md0 raid0 ─┬─ nvme0n1p2 ── nvme0n1
//!             └─ nvme1n1p2 ── nvme1n1
//! ```

use std::path::PathBuf;

use serde::Serialize;

use super::tree::Tree;

/// Levels that are followed: LVM over dm-crypt over md over multipath over partitions is five.
const LEVELS_MAX: u32 = 16;

/// A block device and the devices below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BlockDevice {
    /// The kernel's name, e.g. `nvme0n1p2`.
    pub name: String,
    /// Major and minor number.
    pub number: (u32, u32),
    /// What it is.
    pub kind: BlockKind,
    /// Its NUMA node, or that of the first drive below; `None` if there is none.
    pub numa_node: Option<u32>,
    /// Where /sys describes it.
    #[serde(skip)]
    pub dir: PathBuf,
    /// The devices below it; empty for a drive.
    pub below: Vec<BlockDevice>,
}

/// What a block device is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// Part of a drive.
    Partition,
    /// An md array, with its level, e.g. `raid0`.
    Md(String),
    /// A device of the device mapper, with the beginning of its uuid: `LVM`, `CRYPT`, `mpath`; empty if it has none.
    Dm(String),
    /// A file that poses as a device.
    Loop,
    /// A drive behind NVMe.
    Nvme,
    /// A disk of a virtual machine.
    Virtual,
    /// Any other drive.
    Drive,
}

impl BlockDevice {
    /// In a word, for people.
    pub fn kind_name(&self) -> String {
        match &self.kind {
            BlockKind::Partition => "partition".to_owned(),
            BlockKind::Md(level) => format!("md {level}"),
            BlockKind::Dm(uuid) if uuid.is_empty() => "dm".to_owned(),
            BlockKind::Dm(uuid) => format!("dm {uuid}"),
            BlockKind::Loop => "loop".to_owned(),
            BlockKind::Nvme => "NVMe".to_owned(),
            BlockKind::Virtual => "virtual disk".to_owned(),
            BlockKind::Drive => "drive".to_owned(),
        }
    }

    /// The drives at the bottom, each once.
    pub fn drives(&self) -> Vec<&BlockDevice> {
        let mut found = Vec::new();
        self.collect(&mut found, &|device| device.below.is_empty());
        found
    }

    fn collect<'a>(
        &'a self,
        found: &mut Vec<&'a BlockDevice>,
        take: &dyn Fn(&BlockDevice) -> bool,
    ) {
        if take(self) {
            if !found.iter().any(|other| other.number == self.number) {
                found.push(self);
            }
            return;
        }
        for below in &self.below {
            below.collect(found, take);
        }
    }
}

/// The devices whose counters show how an array distributes its reads: its members, which are drives or their
/// partitions, each once.
pub fn members(devices: &[BlockDevice]) -> Vec<&BlockDevice> {
    let mut found = Vec::new();
    for device in devices {
        device.collect(&mut found, &|device| {
            device.below.is_empty() || device.kind == BlockKind::Partition
        });
    }
    found
}

/// The device of this number with all that is below it; `None` if the number is not one of a block device.
pub fn chain(tree: &Tree, number: (u32, u32)) -> Option<BlockDevice> {
    device(tree, number, LEVELS_MAX)
}

/// The device of this kernel name, e.g. `nvme0n1`.
pub(super) fn chain_of_name(tree: &Tree, name: &str) -> Option<BlockDevice> {
    // A name comes from a file; one with a slash in it would lead elsewhere.
    if name.is_empty() || name.contains('/') || name == ".." {
        return None;
    }
    chain(tree, number_in(tree, PathBuf::from(format!("sys/class/block/{name}/dev")))?)
}

fn device(tree: &Tree, number: (u32, u32), levels: u32) -> Option<BlockDevice> {
    let (major, minor) = number;
    let dir = tree.resolve(format!("sys/dev/block/{major}:{minor}"))?;
    let name = dir.file_name()?.to_string_lossy().into_owned();
    let lower: Vec<(u32, u32)> = if levels == 0 {
        Vec::new()
    } else if tree.exists(dir.join("partition")) {
        number_in(tree, dir.parent()?.join("dev")).into_iter().collect()
    } else {
        let slaves = tree.entries(dir.join("slaves"));
        slaves
            .iter()
            .filter_map(|slave| number_in(tree, dir.join("slaves").join(slave).join("dev")))
            .collect()
    };
    let kind = kind(tree, &dir, &name);
    let below = lower.into_iter().filter_map(|lower| device(tree, lower, levels - 1)).collect();
    let numa_node = tree.sys_root().numa_node(number);
    Some(BlockDevice { name, number, kind, numa_node, dir, below })
}

fn kind(tree: &Tree, dir: &std::path::Path, name: &str) -> BlockKind {
    if tree.exists(dir.join("partition")) {
        return BlockKind::Partition;
    }
    if let Some(level) = tree.text(dir.join("md/level")) {
        return BlockKind::Md(level);
    }
    if tree.exists(dir.join("dm")) {
        let uuid = tree.text(dir.join("dm/uuid")).unwrap_or_default();
        return BlockKind::Dm(uuid.split('-').next().unwrap_or_default().to_owned());
    }
    match name {
        name if name.starts_with("loop") => BlockKind::Loop,
        name if name.starts_with("nvme") => BlockKind::Nvme,
        name if name.starts_with("vd") || name.starts_with("xvd") => BlockKind::Virtual,
        _ => BlockKind::Drive,
    }
}

/// `259:1` in a file.
fn number_in(tree: &Tree, path: PathBuf) -> Option<(u32, u32)> {
    let text = tree.text(path)?;
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
