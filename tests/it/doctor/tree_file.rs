//! Trees of other machines, kept as text: `path | line` adds a line to a file, `path -> target` is a symbolic link.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ringquet_device::doctor::{BlockDevice, Machine, PathStorage, Tree, block_devices, mount_of};
use ringquet_io::{UringFeatures, uring_features};

/// A tree as a directory.
pub(crate) struct Recorded {
    dir: tempfile::TempDir,
}

impl Recorded {
    /// Of `trees/NAME.tree`.
    pub(crate) fn open(name: &str) -> Recorded {
        let file = format!("{}/it/doctor/trees/{name}.tree", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let dir = tempfile::tempdir().unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((path, text)) = line.split_once(" | ") {
                let path = made(dir.path(), path);
                let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
                writeln!(file, "{text}").unwrap();
            } else {
                let (path, target) = line.split_once(" -> ").unwrap_or_else(|| panic!("{line}"));
                std::os::unix::fs::symlink(target, made(dir.path(), path)).unwrap();
            }
        }
        Recorded { dir }
    }

    pub(crate) fn tree(&self) -> Tree {
        Tree::at(self.dir.path())
    }

    /// The machine with `path` on device number `number`, whose O_DIRECT answered `direct`.
    pub(crate) fn machine(
        &self,
        path: &str,
        number: (u32, u32),
        direct: Result<u64, &str>,
        uring: Result<UringFeatures, String>,
    ) -> Machine {
        let tree = self.tree();
        let mount = mount_of(&tree, Path::new(path));
        let devices = block_devices(&tree, number, mount.as_ref());
        let place = PathStorage {
            path: PathBuf::from(path),
            mount,
            devices,
            direct_alignment_bytes: direct.ok(),
            direct_refused: direct.err().map(str::to_owned),
            direct_untried: None,
            is_device: false,
        };
        Machine { tree, uring, place: Some(place) }
    }
}

/// A place below `root` with the directories above it.
fn made(root: &Path, path: &str) -> PathBuf {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    path
}

/// All that io_uring has, or all but what is named.
pub(crate) fn uring_without(missing: &[&str]) -> Result<UringFeatures, String> {
    let Ok(mut features) = uring_features() else {
        // Machines that refuse io_uring have nothing to take away from; the tests that need it say so.
        return Err("refused here".to_owned());
    };
    for group in [
        &mut features.opcodes,
        &mut features.setup_flags,
        &mut features.feature_bits,
        &mut features.registrations,
    ] {
        for feature in group {
            feature.supported = !missing.contains(&feature.name);
        }
    }
    Ok(features)
}

/// Names of a chain, in brackets what is below: `md0[nvme0n1p2[nvme0n1] nvme1n1]`.
pub(crate) fn chain_text(device: &BlockDevice) -> String {
    let below: Vec<String> = device.below.iter().map(chain_text).collect();
    match below.as_slice() {
        [] => device.name.clone(),
        below => format!("{}[{}]", device.name, below.join(" ")),
    }
}
