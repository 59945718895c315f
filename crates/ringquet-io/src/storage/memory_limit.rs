//! How much memory this process may use: that of the machine, or less under a control group or a resource limit.

use std::fs;
use std::path::{Path, PathBuf};

use ringquet_result::proc_fields;
use rustix::process::{Resource, getrlimit};

use crate::storage::device::SysRoot;

/// Beyond this a limit of control groups version 1 means that there is none: the kernel rounds `i64::MAX` down to a page.
const UNLIMITED_V1: u64 = 1 << 60;

/// The memory that a process may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryLimit {
    /// In bytes.
    pub bytes: u64,
    /// What limits it, for a report: `the memory of this machine`.
    pub source: String,
}

impl MemoryLimit {
    /// The narrowest limit of this process; `None` if the kernel shows none at all.
    #[must_use]
    pub fn of_this_process(root: &SysRoot) -> Option<MemoryLimit> {
        let resources = [(Resource::As, "ulimit -v"), (Resource::Data, "ulimit -d")];
        let resources = resources.into_iter().filter_map(|(resource, name)| {
            let bytes = getrlimit(resource).current?;
            Some(MemoryLimit { bytes, source: format!("the limit of this process ({name})") })
        });
        let limits = MemoryLimit::of_machine(root).into_iter();
        let limits = limits.chain(MemoryLimit::of_control_groups(root)).chain(resources);
        limits.min_by_key(|limit| limit.bytes)
    }

    /// The memory of the machine.
    fn of_machine(root: &SysRoot) -> Option<MemoryLimit> {
        let meminfo = fs::read_to_string(root.path().join("proc/meminfo")).ok()?;
        let bytes = proc_fields::bytes(&meminfo, "MemTotal")?;
        Some(MemoryLimit { bytes, source: "the memory of this machine".to_owned() })
    }

    /// The narrowest limit of the control groups that this process is in, of either version; `None` if there is none.
    #[must_use]
    pub fn of_control_groups(root: &SysRoot) -> Option<MemoryLimit> {
        let groups = fs::read_to_string(root.path().join("proc/self/cgroup")).ok()?;
        let mut limits = Vec::new();
        for line in groups.lines() {
            // `hierarchy:controllers:path`; version 2 names no controllers.
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else { continue };
            if controllers.is_empty() {
                // Version 2 is mounted at the top, or beside version 1 below `unified`.
                for top in ["sys/fs/cgroup", "sys/fs/cgroup/unified"] {
                    limits.extend(of_group(&root.path().join(top), group, "memory.max"));
                }
            } else if controllers.split(',').any(|controller| controller == "memory") {
                let top = root.path().join("sys/fs/cgroup/memory");
                limits.extend(of_group(&top, group, "memory.limit_in_bytes"));
            }
        }
        limits.into_iter().min_by_key(|limit| limit.bytes)
    }
}

/// The limits of a group and of those above it. In a container the group may be named as on the host, where its folder is not:
/// the files at the top are then the container's own.
fn of_group(top: &Path, group: &str, file: &str) -> Vec<MemoryLimit> {
    let mut dirs: Vec<PathBuf> = vec![top.to_owned()];
    for part in group.split('/').filter(|part| !part.is_empty() && *part != "..") {
        let below = dirs.last().map_or_else(|| top.to_owned(), |dir| dir.join(part));
        dirs.push(below);
    }
    let limit = |dir: &PathBuf| {
        let text = fs::read_to_string(dir.join(file)).ok()?;
        let bytes = text.trim().parse::<u64>().ok().filter(|bytes| *bytes < UNLIMITED_V1)?;
        Some(MemoryLimit { bytes, source: "the memory limit of the control group".to_owned() })
    };
    dirs.iter().filter_map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowest(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let root = SysRoot::at(root.path());
        let limits = [MemoryLimit::of_machine(&root), MemoryLimit::of_control_groups(&root)];
        limits.into_iter().flatten().map(|limit| limit.bytes).min()
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:  2048 kB\nMemFree: 1 kB\n");

    #[test]
    fn the_machine_alone() {
        assert_eq!(narrowest(&[]), None);
        assert_eq!(narrowest(&[MEMINFO]), Some(2048 << 10));
    }

    #[test]
    fn a_group_of_version_2_and_those_above_it() {
        let group = ("proc/self/cgroup", "0::/a/b\n");
        let above = ("sys/fs/cgroup/a/memory.max", "700000\n");
        let own = ("sys/fs/cgroup/a/b/memory.max", "max\n");
        assert_eq!(narrowest(&[MEMINFO, group, own]), Some(2048 << 10));
        assert_eq!(narrowest(&[MEMINFO, group, own, above]), Some(700_000));
        // In a container its own group is at the top.
        let top = ("sys/fs/cgroup/memory.max", "600000\n");
        assert_eq!(
            narrowest(&[MEMINFO, ("proc/self/cgroup", "0::/../../x\n"), top]),
            Some(600_000)
        );
    }

    #[test]
    fn a_group_of_version_1() {
        let group = ("proc/self/cgroup", "12:cpu,memory:/job\n11:devices:/\n");
        let file = "sys/fs/cgroup/memory/job/memory.limit_in_bytes";
        assert_eq!(narrowest(&[MEMINFO, group, (file, "500000\n")]), Some(500_000));
        let unlimited = (file, "9223372036854771712\n");
        assert_eq!(narrowest(&[MEMINFO, group, unlimited]), Some(2048 << 10));
    }

    #[test]
    fn this_process_has_some() {
        let limit = MemoryLimit::of_this_process(&SysRoot::default()).unwrap();
        assert!(limit.bytes > 1 << 20, "{limit:?}");
    }
}
