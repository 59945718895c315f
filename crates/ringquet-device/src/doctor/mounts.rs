//! The file system of a path, and the devices of that file system.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::block_chain::{self, BlockDevice};
use super::tree::Tree;

/// A line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// Where it is mounted.
    #[serde(serialize_with = "ringquet_result::path_text::serialize_path")]
    pub mount_point: PathBuf,
    /// e.g. `xfs`.
    pub file_system: String,
    /// What is mounted, e.g. `/dev/md0`.
    pub source: String,
    /// Options of this mount and of the file system, with commas between.
    pub options: String,
}

/// The mount that contains `path` (absolute, without symbolic links).
pub fn mount_of(tree: &Tree, path: &Path) -> Option<Mount> {
    let mountinfo = tree.text("proc/self/mountinfo")?;
    let mounts = mountinfo.lines().filter_map(parse);
    // Of two mounts on one place the later one covers the earlier: `max_by_key` gives the last of equals.
    mounts
        .filter(|mount| path.starts_with(&mount.mount_point))
        .max_by_key(|mount| mount.mount_point.components().count())
}

fn parse(line: &str) -> Option<Mount> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(4);
    let (mount_point, mount_options) = (mount.next()?, mount.next()?);
    let mut parts = file_system.split(' ');
    let (kind, source) = (parts.next()?, parts.next()?);
    let options = parts.next().unwrap_or_default();
    Some(Mount {
        mount_point: PathBuf::from(unescaped(mount_point)),
        file_system: kind.to_owned(),
        source: unescaped(source),
        options: format!("{mount_options},{options}"),
    })
}

/// Blanks, tabs, line breaks and backslashes are written as three octal digits: `\040`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| byte == b'\\');
        let value = octal
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match value {
            Some(value) => {
                bytes.push(value);
                rest = &after[3..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The block devices of a file system whose files carry the device number `number`: one for most; all members of a
/// btrfs; data and real-time device of an XFS. Empty if there is none: tmpfs, NFS, overlay, ZFS.
pub fn block_devices(tree: &Tree, number: (u32, u32), mount: Option<&Mount>) -> Vec<BlockDevice> {
    let mut devices: Vec<BlockDevice> = block_chain::chain(tree, number).into_iter().collect();
    let Some(mount) = mount else { return devices };
    match mount.file_system.as_str() {
        "btrfs" => devices.extend(btrfs_devices(tree, mount)),
        "xfs" => {
            let realtime =
                mount.options.split(',').find_map(|option| option.strip_prefix("rtdev="));
            devices.extend(realtime.and_then(|path| by_path(tree, path)));
        }
        _ => {}
    }
    devices
}

/// btrfs gives its files a number that is of no device; `/sys/fs/btrfs/UUID/devices/` lists the members.
fn btrfs_devices(tree: &Tree, mount: &Mount) -> Vec<BlockDevice> {
    let Some(source) = kernel_name(tree, &mount.source) else { return Vec::new() };
    for uuid in tree.entries("sys/fs/btrfs") {
        let names = tree.entries(format!("sys/fs/btrfs/{uuid}/devices"));
        if names.contains(&source) {
            return names
                .iter()
                .filter_map(|name| block_chain::chain_of_name(tree, name))
                .collect();
        }
    }
    block_chain::chain_of_name(tree, &source).into_iter().collect()
}

fn by_path(tree: &Tree, path: &str) -> Option<BlockDevice> {
    block_chain::chain_of_name(tree, &kernel_name(tree, path)?)
}

/// `/dev/mapper/vg-data` is a link to `../dm-0`; `/dev/nvme0n1` is what it is called.
fn kernel_name(tree: &Tree, path: &str) -> Option<String> {
    let resolved = tree.resolve(path).unwrap_or_else(|| PathBuf::from(path));
    Some(resolved.file_name()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo() {
        let mount = parse(
            r"36 35 98:0 /a /mnt/two\040words rw,noatime shared:1 - xfs /dev/md0 rw,rtdev=/dev/md1",
        );
        let mount = mount.unwrap();
        assert_eq!(mount.mount_point, Path::new("/mnt/two words"));
        assert_eq!((&*mount.file_system, &*mount.source), ("xfs", "/dev/md0"));
        assert_eq!(mount.options, "rw,noatime,rw,rtdev=/dev/md1");
        for wrong in ["", "1 2 3", "1 2 3:4 / /x rw - ", " - "] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(unescaped(r"a\04"), r"a\04");
        assert_eq!(unescaped(r"a\134b\999"), r"a\b\999");
    }
}
