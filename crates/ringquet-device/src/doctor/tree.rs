//! The kernel's files below a root: `/`, or a recorded tree of another machine.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ringquet_io::device::SysRoot;

/// Bytes of one file that are looked at: the longest that we read, mountinfo of a host of containers, is far below.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// Names of a directory that are looked at; /sys has fewer than this everywhere.
const ENTRIES_MAX: usize = 4096;

/// A directory that looks like `/`, with `sys/…` and `proc/…` below.
#[derive(Debug, Clone)]
pub struct Tree(PathBuf);

impl Default for Tree {
    fn default() -> Tree {
        Tree::at(Path::new("/"))
    }
}

impl Tree {
    /// The tree below `root`.
    pub fn at(root: &Path) -> Tree {
        Tree(root.to_owned())
    }

    /// The same for the device counters.
    pub fn sys_root(&self) -> SysRoot {
        SysRoot::at(&self.0)
    }

    /// Content of a file without blanks at its ends; `None` if it is not there. Bytes that are not UTF-8 are replaced:
    /// one mount point with such a name must not hide all others.
    pub fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let mut bytes = Vec::new();
        let file = fs::File::open(self.path(path.as_ref())).ok()?;
        file.take(TEXT_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// A file that holds one number.
    pub fn number<T: FromStr>(&self, path: impl AsRef<Path>) -> Option<T> {
        self.text(path)?.parse().ok()
    }

    /// Names in a directory, sorted; none where it is not there.
    pub fn entries(&self, path: impl AsRef<Path>) -> Vec<String> {
        let Ok(dir) = fs::read_dir(self.path(path.as_ref())) else { return Vec::new() };
        let names = dir.filter_map(Result::ok).take(ENTRIES_MAX);
        let mut names: Vec<String> =
            names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Is there something of this name?
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.path(path.as_ref()).exists()
    }

    /// Target of symbolic links, as a path for the other calls. `None` if they lead nowhere, or out of
    /// the tree.
    pub fn resolve(&self, path: impl AsRef<Path>) -> Option<PathBuf> {
        let target = fs::canonicalize(self.path(path.as_ref())).ok()?;
        let root = fs::canonicalize(&self.0).ok()?;
        target.starts_with(&root).then_some(target)
    }

    /// Below the root, unless it already is.
    fn path(&self, path: &Path) -> PathBuf {
        if path.starts_with(&self.0) {
            return path.to_owned();
        }
        if let Ok(root) = fs::canonicalize(&self.0)
            && path.starts_with(&root)
        {
            return path.to_owned();
        }
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }
}
