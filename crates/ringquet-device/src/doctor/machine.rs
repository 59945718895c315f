//! The machine to examine: files of its kernel, and results of probes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ringquet_io::{DataFile, DirectChoice, UringFeatures, uring_features};
use rustix::fs::{FileType, Mode, OFlags, major, minor};
use rustix::io::Errno;

use super::block_chain::{self, BlockDevice};
use super::mounts::{self, Mount};
use super::tree::Tree;

/// Names of a directory that are examined to find a file whose O_DIRECT alignment can be queried.
const NAMES_LOOKED_AT: usize = 1000;

/// A machine, or a recorded one.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its `/proc` and `/sys`.
    pub tree: Tree,
    /// Features of its io_uring, or why it is not available, with the remedy.
    pub uring: Result<UringFeatures, String>,
    /// The storage to look at.
    pub place: Option<PathStorage>,
}

/// A path, and the storage below it.
#[derive(Debug, Clone)]
pub struct PathStorage {
    /// Absolute, without symbolic links.
    pub path: PathBuf,
    /// The mount that contains it.
    pub mount: Option<Mount>,
    /// The devices of the file system, or the device that the path is.
    pub devices: Vec<BlockDevice>,
    /// What offsets and lengths must be multiples of with O_DIRECT, in bytes; `None` if O_DIRECT is refused or
    /// could not be tried.
    pub direct_alignment_bytes: Option<u64>,
    /// Why O_DIRECT is refused.
    pub direct_refused: Option<String>,
    /// Why it could not be tried: permissions, as a rule.
    pub direct_untried: Option<String>,
    /// The path is a block device, and no file system is between.
    pub is_device: bool,
}

/// Why a path cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}", path = path.display())]
pub struct MachineError {
    /// As it was given.
    pub path: PathBuf,
    /// The kernel's answer.
    pub source: io::Error,
}

impl Machine {
    /// This machine, now: probes io_uring, and O_DIRECT at `path`.
    ///
    /// # Errors
    /// [`MachineError`] if there is nothing at `path` or it cannot be looked at.
    pub fn live(path: Option<&Path>) -> Result<Machine, MachineError> {
        let tree = Tree::default();
        let place = path.map(|path| PathStorage::live(&tree, path)).transpose()?;
        let uring = uring_features().map_err(|error| error.to_string());
        Ok(Machine { tree, uring, place })
    }
}

impl PathStorage {
    /// The storage below `path`.
    ///
    /// # Errors
    /// As [`Machine::live`].
    pub fn live(tree: &Tree, path: &Path) -> Result<PathStorage, MachineError> {
        let error = |source| MachineError { path: path.to_owned(), source };
        let absolute = fs::canonicalize(path).map_err(error)?;
        let stat = rustix::fs::stat(&absolute).map_err(|errno| error(errno.into()))?;
        let number = |device| (major(device), minor(device));
        let kind = FileType::from_raw_mode(stat.st_mode);
        let mount = mounts::mount_of(tree, &absolute);
        let devices = if kind == FileType::BlockDevice {
            block_chain::chain(tree, number(stat.st_rdev)).into_iter().collect()
        } else {
            mounts::block_devices(tree, number(stat.st_dev), mount.as_ref())
        };
        let is_device = kind == FileType::BlockDevice;
        let mut place = PathStorage {
            path: absolute,
            mount,
            devices,
            direct_alignment_bytes: None,
            direct_refused: None,
            direct_untried: None,
            is_device,
        };
        match direct_alignment(&place.path, kind) {
            Ok(bytes) => place.direct_alignment_bytes = Some(bytes),
            Err(Untaken::Refused(reason)) => place.direct_refused = Some(reason),
            Err(Untaken::Untried(reason)) => place.direct_untried = Some(reason),
        }
        Ok(place)
    }
}

/// Why there is no alignment of O_DIRECT.
enum Untaken {
    /// By the file system.
    Refused(String),
    /// Nothing here could be opened.
    Untried(String),
}

impl From<ringquet_io::IoError> for Untaken {
    fn from(error: ringquet_io::IoError) -> Untaken {
        match error {
            ringquet_io::IoError::DirectRefused { .. } => Untaken::Refused(error.to_string()),
            _ => Untaken::Untried(error.to_string()),
        }
    }
}

/// Of the path itself, of a file in the directory, or of a file without a name that is gone at once.
fn direct_alignment(path: &Path, kind: FileType) -> Result<u64, Untaken> {
    if kind != FileType::Directory {
        return Ok(DataFile::open(path, DirectChoice::On)?.alignment().bytes());
    }
    let entries = fs::read_dir(path).map_err(|error| Untaken::Untried(error.to_string()))?;
    let files = entries
        .take(NAMES_LOOKED_AT)
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    // A file that this user may not read says nothing about the file system.
    for file in files {
        match DataFile::open(&file.path(), DirectChoice::On).map_err(Untaken::from) {
            Ok(file) => return Ok(file.alignment().bytes()),
            Err(refused @ Untaken::Refused(_)) => return Err(refused),
            Err(Untaken::Untried(_)) => {}
        }
    }
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::DIRECT | OFlags::CLOEXEC;
    let nameless = match rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR) {
        Ok(nameless) => nameless,
        Err(errno @ (Errno::INVAL | Errno::OPNOTSUPP)) => {
            return Err(Untaken::Refused(format!("no file could be created with it ({errno})")));
        }
        Err(errno) => {
            return Err(Untaken::Untried(format!("no file here to test with ({errno})")));
        }
    };
    let by_number = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&nameless));
    Ok(DataFile::open(Path::new(&by_number), DirectChoice::On)?.alignment().bytes())
}
