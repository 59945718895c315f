//! The block device below a file: its name, what it has read, its NUMA node. Read from /sys, never guessed.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernel's trees are; tests put recorded ones in their place.
#[derive(Debug, Clone)]
pub struct SysRoot(PathBuf);

impl Default for SysRoot {
    fn default() -> SysRoot {
        SysRoot(PathBuf::from("/"))
    }
}

impl SysRoot {
    /// A tree that looks like `/` (with `sys/…` and `proc/…` below).
    pub fn at(root: &Path) -> SysRoot {
        SysRoot(root.to_owned())
    }

    /// The top of the tree.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn device_dir(&self, (major, minor): (u32, u32)) -> PathBuf {
        self.0.join(format!("sys/dev/block/{major}:{minor}"))
    }

    /// Name of a block device, e.g. `nvme0n1p2`. `None` if the number is not one of a block device: network
    /// file systems, tmpfs, btrfs.
    pub fn device_name(&self, number: (u32, u32)) -> Option<String> {
        let target = fs::canonicalize(self.device_dir(number)).ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    }

    /// Bytes that the device has read since it came up: third field of its `stat` file, in sectors of 512 bytes
    /// whatever the device's own sector size (Documentation/block/stat.rst).
    pub fn device_read_bytes(&self, number: (u32, u32)) -> Option<u64> {
        let stat = fs::read_to_string(self.device_dir(number).join("stat")).ok()?;
        let sectors: u64 = stat.split_whitespace().nth(2)?.parse().ok()?;
        sectors.checked_mul(512)
    }

    /// NUMA node of the device or of the disk that a partition lies on; `None` if it has none.
    pub fn numa_node(&self, number: (u32, u32)) -> Option<u32> {
        let dir = fs::canonicalize(self.device_dir(number)).ok()?;
        // A partition's directory lies in its disk's; md and dm have no device of their own, but slaves.
        let disk = if dir.join("partition").exists() { dir.parent()?.to_owned() } else { dir };
        let direct = ["device/numa_node", "device/device/numa_node"];
        let node = direct
            .iter()
            .find_map(|file| fs::read_to_string(disk.join(file)).ok()?.trim().parse::<i64>().ok());
        match node {
            Some(node) => u32::try_from(node).ok(),
            None => {
                let slave =
                    fs::read_dir(disk.join("slaves")).ok()?.filter_map(Result::ok).next()?;
                let number = fs::read_to_string(slave.path().join("dev")).ok()?;
                let (major, minor) = number.trim().split_once(':')?;
                self.numa_node((major.parse().ok()?, minor.parse().ok()?))
            }
        }
    }

    /// Name of a block device that keeps its content in memory (brd, zram), e.g. `ram0`; `None` for all others.
    pub fn memory_device(&self, number: (u32, u32)) -> Option<String> {
        let name = self.device_name(number)?;
        let is_memory = ["ram", "zram"].iter().any(|prefix| {
            name.strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        is_memory.then_some(name)
    }

    /// CPUs of a NUMA node.
    pub fn node_cpus(&self, node: u32) -> Option<Vec<usize>> {
        let list =
            fs::read_to_string(self.0.join(format!("sys/devices/system/node/node{node}/cpulist")))
                .ok()?;
        crate::storage::cpus::parse_list(list.trim()).ok()
    }
}

/// Name of the file system that `path` lies on, if it keeps its content in memory; `None` for all others, and where the
/// kernel does not report it. An overlay is looked through: what counts is where its upper directory lies.
pub fn memory_file_system(path: &Path) -> Option<String> {
    /// File systems of linux/magic.h.
    const OVERLAY: u64 = 0x794c_7630;
    const IN_MEMORY: &[(u64, &str)] =
        &[(0x0102_1994, "tmpfs"), (0x8584_58f6, "ramfs"), (0x9584_58f6, "hugetlbfs")];
    // The type of `f_type` differs between architectures; magics have 32 bits.
    let magic = |path: &Path| {
        let magic = rustix::fs::statfs(path).ok()?.f_type;
        u64::try_from(magic).ok().map(|magic| magic & 0xffff_ffff)
    };
    let in_memory =
        |magic: u64| IN_MEMORY.iter().find(|(of, _)| *of == magic).map(|(_, name)| *name);
    match magic(path)? {
        OVERLAY => {
            let upper = overlay_upper(&fs::read("/proc/self/mountinfo").ok()?, path)?;
            Some(format!("an overlay on {}", in_memory(magic(&upper)?)?))
        }
        magic => in_memory(magic).map(str::to_owned),
    }
}

/// The upper directory of the overlay that `path` lies on (proc_pid_mountinfo(5)): that of the longest mount point above it.
fn overlay_upper(mountinfo: &[u8], path: &Path) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    let path = fs::canonicalize(path).ok()?;
    let mounts = mountinfo.split(|&byte| byte == b'\n').filter_map(|line| {
        let mut fields = line.split(|&byte| byte == b' ');
        let mount_point = PathBuf::from(std::ffi::OsStr::from_bytes(fields.nth(4)?));
        let options = fields.next_back()?;
        path.starts_with(&mount_point).then_some((mount_point, options))
    });
    // Of two mounts on one point the later one hides the other.
    let (_, options) = mounts.max_by_key(|(mount_point, _)| mount_point.as_os_str().len())?;
    let upper =
        options.split(|&byte| byte == b',').find_map(|part| part.strip_prefix(b"upperdir="))?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(upper)))
}

/// Name of a device on this machine.
pub fn name_of(number: (u32, u32)) -> Option<String> {
    SysRoot::default().device_name(number)
}

/// Bytes that a set of devices read between two moments.
#[derive(Debug, Clone)]
pub struct DeviceMeter {
    root: SysRoot,
    devices: Vec<((u32, u32), u64)>,
    all_known: bool,
}

impl DeviceMeter {
    /// Begins at the counters of now. A device without counters makes the whole sum unknown.
    pub fn begin(root: SysRoot, numbers: impl IntoIterator<Item = (u32, u32)>) -> DeviceMeter {
        let mut numbers: Vec<_> = numbers.into_iter().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let counted: Vec<_> =
            numbers.iter().filter_map(|&n| Some((n, root.device_read_bytes(n)?))).collect();
        let all_known = counted.len() == numbers.len() && !numbers.is_empty();
        DeviceMeter { root, devices: counted, all_known }
    }

    /// Bytes read by all of them since; `None` if one of them is unknown. Other processes' reads count too:
    /// the device does not distinguish them.
    pub fn read_bytes(&self) -> Option<u64> {
        if !self.all_known {
            return None;
        }
        self.per_device()?.into_iter().map(|(_, bytes)| bytes).reduce(u64::wrapping_add)
    }

    /// The same per device, by name.
    pub fn per_device(&self) -> Option<Vec<(String, u64)>> {
        self.devices
            .iter()
            .map(|&(number, before)| {
                let now = self.root.device_read_bytes(number)?;
                Some((self.root.device_name(number)?, now.wrapping_sub(before)))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A recorded tree: one NVMe partition and an md array over it.
    fn recorded() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let disk = "sys/devices/pci0000:00/nvme0/nvme0n1";
        put(&format!("{disk}/device/numa_node"), "1\n");
        put(&format!("{disk}/nvme0n1p1/partition"), "1\n");
        put(&format!("{disk}/nvme0n1p1/dev"), "259:1\n");
        put(&format!("{disk}/nvme0n1p1/stat"), " 10 0 2048 5 0 0 0 0 0 5 5 0 0 0 0\n");
        put("sys/devices/virtual/block/md0/stat", " 1 0 4096 5 0 0 0 0 0 5 5\n");
        put("sys/devices/virtual/block/md0/slaves/nvme0n1p1/dev", "259:1\n");
        put("sys/devices/system/node/node1/cpulist", "8-11,24\n");
        let link = |number: &str, target: &str| {
            let path = dir.path().join("sys/dev/block");
            fs::create_dir_all(&path).unwrap();
            std::os::unix::fs::symlink(dir.path().join(target), path.join(number)).unwrap();
        };
        link("259:1", &format!("{disk}/nvme0n1p1"));
        link("9:0", "sys/devices/virtual/block/md0");
        dir
    }

    #[test]
    fn names_counters_and_nodes_of_partitions_and_arrays() {
        let dir = recorded();
        let root = SysRoot::at(dir.path());
        assert_eq!(root.device_name((259, 1)).as_deref(), Some("nvme0n1p1"));
        assert_eq!(root.device_read_bytes((259, 1)), Some(1 << 20));
        assert_eq!(root.numa_node((259, 1)), Some(1));
        assert_eq!(root.numa_node((9, 0)), Some(1));
        assert_eq!(root.node_cpus(1), Some(vec![8, 9, 10, 11, 24]));
        assert_eq!(root.device_read_bytes((0, 40)), None);
    }

    #[test]
    fn devices_in_memory_are_known_by_name() {
        let dir = recorded();
        for (number, name) in [("1:0", "ram0"), ("252:0", "zram0"), ("253:0", "rambus")] {
            let target = dir.path().join("sys/devices/virtual/block").join(name);
            fs::create_dir_all(&target).unwrap();
            std::os::unix::fs::symlink(target, dir.path().join("sys/dev/block").join(number))
                .unwrap();
        }
        let root = SysRoot::at(dir.path());
        assert_eq!(root.memory_device((1, 0)).as_deref(), Some("ram0"));
        assert_eq!(root.memory_device((252, 0)).as_deref(), Some("zram0"));
        assert_eq!(root.memory_device((253, 0)), None);
        assert_eq!(root.memory_device((259, 1)), None);
    }

    #[test]
    fn an_overlay_lies_where_its_upper_directory_does() {
        let dir = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(dir.path()).unwrap();
        let mountinfo = format!(
            "22 1 0:5 / / rw - ext4 /dev/vda rw\n\
             31 22 0:50 / {} rw,relatime shared:2 - overlay overlay rw,lowerdir=/l,upperdir=/dev/shm/u,workdir=/w\n",
            real.display()
        );
        let upper = overlay_upper(mountinfo.as_bytes(), dir.path());
        assert_eq!(upper.as_deref(), Some(Path::new("/dev/shm/u")));
        assert_eq!(overlay_upper(mountinfo.as_bytes(), Path::new("/")), None);
    }

    #[test]
    fn an_unknown_device_makes_the_sum_unknown() {
        let dir = recorded();
        let root = SysRoot::at(dir.path());
        assert_eq!(DeviceMeter::begin(root.clone(), [(259, 1), (259, 1)]).read_bytes(), Some(0));
        assert_eq!(DeviceMeter::begin(root.clone(), [(259, 1), (0, 40)]).read_bytes(), None);
        assert_eq!(DeviceMeter::begin(root, []).read_bytes(), None);
    }
}
