//! A file that is not there until it is whole.
//!
//! ```text
//! create `.NAME.partial-PID` ─▶ write ─▶ fsync ─▶ rename to NAME ─▶ fsync the folder
//! ```
//! Dropped before the rename it is removed. A killed process leaves it behind; the next run that
//! writes NAME removes it, and nothing takes it for data.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, fstatfs};

use crate::error::DatagenError;

/// `TMPFS_MAGIC` of linux/magic.h.
const TMPFS: i64 = 0x0102_1994;

/// In the middle of temporary names.
const MARK: &str = ".partial-";

/// A file under a temporary name.
#[derive(Debug)]
pub(crate) struct PartialFile {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl PartialFile {
    /// Creates it beside `target`.
    pub(crate) fn create(target: &Path) -> Result<Self, DatagenError> {
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(format!("{MARK}{}", std::process::id()));
        let temporary = target.with_file_name(name);
        let file = File::create(&temporary).map_err(DatagenError::io(&temporary, "create"))?;
        Ok(Self { file, temporary, target: target.to_owned(), committed: false })
    }

    /// Reserves the space of `bytes` at once, and gives the file that length: [`Self::commit`] requires it
    /// cut to what it has. On ext4 a write that extends a file waits for those before it, in a worker of
    /// the kernel; one into reserved space does not. In memory there is nothing to gain. What cannot be
    /// reserved is allocated, or refused, when it is written.
    pub(crate) fn reserve(&self, bytes: u64) {
        let in_memory = fstatfs(&self.file).is_ok_and(|stat| stat.f_type == TMPFS);
        if bytes > 0 && !in_memory {
            let _ = fallocate(&self.file, FallocateFlags::empty(), 0, bytes);
        }
    }

    /// The file itself.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Flushes it to the device and gives it its name.
    pub(crate) fn commit(mut self) -> Result<(), DatagenError> {
        self.file.sync_all().map_err(DatagenError::io(&self.temporary, "fsync"))?;
        fs::rename(&self.temporary, &self.target)
            .map_err(DatagenError::io(&self.target, "rename the finished file to"))?;
        self.committed = true;
        let folder = folder_of(&self.target);
        let sync = File::open(folder).and_then(|folder| folder.sync_all());
        sync.map_err(DatagenError::io(folder, "fsync"))
    }
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing more can be done about a failure; the name says what it is.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether a file name is one of a [`PartialFile`].
pub(crate) fn is_partial(name: &str) -> bool {
    name.starts_with('.') && name.contains(MARK)
}

/// The final name of a partial file's name.
fn target_of(name: &str) -> Option<&str> {
    let (target, process) = name.strip_prefix('.')?.rsplit_once(MARK)?;
    process.bytes().all(|byte| byte.is_ascii_digit()).then_some(target)
}

/// What killed processes left in `folder` of the files for which `is_ours` is true.
fn left_overs(
    folder: &Path,
    is_ours: impl Fn(&Path) -> bool,
) -> Result<Vec<PathBuf>, DatagenError> {
    let fail = || DatagenError::io(folder, "list");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail())? {
        let name = entry.map_err(fail())?.file_name();
        let Some(target) = name.to_str().and_then(target_of) else { continue };
        if is_ours(&folder.join(target)) {
            found.push(folder.join(&name));
        }
    }
    Ok(found)
}

/// The bytes that [`remove_left_over`] would give back. None where the folder is not there.
pub(crate) fn left_over_bytes(
    folder: &Path,
    is_ours: impl Fn(&Path) -> bool,
) -> Result<u64, DatagenError> {
    /// `st_blocks` counts in these, whatever the file system.
    const BLOCK_BYTES: u64 = 512;
    if !folder.exists() {
        return Ok(0);
    }
    let allocated = |path: PathBuf| {
        let metadata = fs::symlink_metadata(&path).map_err(DatagenError::io(&path, "look at"))?;
        Ok(metadata.blocks() * BLOCK_BYTES)
    };
    left_overs(folder, is_ours)?.into_iter().map(allocated).sum()
}

/// Removes what killed processes left in `folder` of the files for which `is_ours` is true.
pub(crate) fn remove_left_over(
    folder: &Path,
    is_ours: impl Fn(&Path) -> bool,
) -> Result<(), DatagenError> {
    for path in left_overs(folder, is_ours)? {
        fs::remove_file(&path).map_err(DatagenError::io(&path, "remove"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(target_of(".img_0_of_4.parquet.partial-17"), Some("img_0_of_4.parquet"));
        assert_eq!(target_of("img_0_of_4.parquet.partial-17"), None);
        assert_eq!(target_of(".img_0_of_4.parquet.partial-x"), None);
        assert!(is_partial(".a.partial-1") && !is_partial("a.partial-1"));
    }

    #[test]
    fn left_overs_count_as_room_and_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| dir.path().join(name);
        let names = [".a.parquet.partial-17", ".b.parquet.partial-17", "a.parquet"];
        // What a file system allocates for them is its own affair.
        let [ours, others, _] = names.map(|name| {
            let mut file = File::create(place(name)).unwrap();
            file.write_all(&[1; 1 << 20]).unwrap();
            file.sync_all().unwrap();
            file.metadata().unwrap().blocks() * 512
        });
        let is_ours = |path: &Path| path.ends_with("a.parquet");
        assert_eq!(left_over_bytes(dir.path(), is_ours).unwrap(), ours);
        assert_eq!(left_over_bytes(&place("not there"), is_ours).unwrap(), 0);
        remove_left_over(dir.path(), is_ours).unwrap();
        assert_eq!(left_over_bytes(dir.path(), is_ours).unwrap(), 0);
        assert_eq!(left_over_bytes(dir.path(), |_| true).unwrap(), others, "another's stays");
        assert!(place("a.parquet").exists());
    }
}
