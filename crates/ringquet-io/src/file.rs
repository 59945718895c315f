//! An open file: its descriptor, its length, how it may be read, and who it is.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags};

use rustix::io::ReadWriteFlags;

use crate::align::Alignment;
use crate::error::IoError;
use crate::options::DirectChoice;

/// What tells one state of a file from another: compared after reading, to notice a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Device number.
    pub device: (u32, u32),
    /// Inode number.
    pub inode: u64,
    /// Length in bytes.
    pub len: u64,
    /// Time of the last change of content: seconds and nanoseconds.
    pub modified: (i64, u32),
}

/// A file that is open for reading at offsets.
#[derive(Debug)]
pub struct DataFile {
    path: PathBuf,
    fd: OwnedFd,
    identity: Identity,
    direct: bool,
    alignment: Alignment,
    drops_cache: bool,
}

/// `RWF_DONTCACHE` of `include/uapi/linux/fs.h`. Available since 6.14.
const RWF_DONTCACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);

impl DataFile {
    /// Opens `path`. With [`DirectChoice::Auto`] a file system that refuses O_DIRECT is read through the
    /// page cache: ask [`DataFile::is_direct`].
    ///
    /// # Errors
    /// [`IoError::Open`], [`IoError::NotSeekable`], [`IoError::Stat`], or [`IoError::DirectRefused`].
    pub fn open(path: &Path, direct: DirectChoice) -> Result<DataFile, IoError> {
        let open_error = |source: rustix::io::Errno| IoError::Open {
            path: path.to_owned(),
            source: source.into(),
        };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let (fd, is_direct) = match direct {
            DirectChoice::Off => {
                (rustix::fs::open(path, flags, Mode::empty()).map_err(open_error)?, false)
            }
            DirectChoice::Auto | DirectChoice::On => {
                match rustix::fs::open(path, flags | OFlags::DIRECT, Mode::empty()) {
                    Ok(fd) => (fd, true),
                    Err(rustix::io::Errno::INVAL) if direct == DirectChoice::Auto => {
                        (rustix::fs::open(path, flags, Mode::empty()).map_err(open_error)?, false)
                    }
                    Err(rustix::io::Errno::INVAL) => {
                        return Err(IoError::DirectRefused {
                            path: path.to_owned(),
                            source: rustix::io::Errno::INVAL.into(),
                        });
                    }
                    Err(source) => return Err(open_error(source)),
                }
            }
        };
        let stat = stat(path, fd.as_fd())?;
        let is_block = stat.kind == FileType::BlockDevice;
        if stat.kind != FileType::RegularFile && !is_block {
            return Err(IoError::NotSeekable { path: path.to_owned() });
        }
        let mut identity = stat.identity;
        if is_block {
            let len = rustix::fs::seek(&fd, rustix::fs::SeekFrom::End(0)).map_err(open_error)?;
            identity.len = len;
        }
        let alignment = if is_direct { stat.alignment } else { Alignment::BYTE };
        Ok(DataFile {
            path: path.to_owned(),
            fd,
            identity,
            direct: is_direct,
            alignment,
            drops_cache: false,
        })
    }

    /// Has the pages of buffered reads leave the cache right after, where kernel and file system can: a read of one
    /// byte tells. Without effect on a file that is read around the cache.
    #[must_use]
    pub fn drop_cache_behind(mut self) -> DataFile {
        let mut byte = [0];
        let probe = rustix::io::preadv2(
            &self.fd,
            &mut [std::io::IoSliceMut::new(&mut byte)],
            0,
            RWF_DONTCACHE,
        );
        self.drops_cache = !self.direct && probe.is_ok();
        self
    }

    /// Do pages of buffered reads leave the cache right after?
    pub fn drops_cache(&self) -> bool {
        self.drops_cache
    }

    pub(crate) fn rw_flags(&self) -> u32 {
        if self.drops_cache { RWF_DONTCACHE.bits() } else { 0 }
    }

    /// As named when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length in bytes when it was opened.
    pub fn len_bytes(&self) -> u64 {
        self.identity.len
    }

    /// Who it was when it was opened.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Read around the page cache?
    pub fn is_direct(&self) -> bool {
        self.direct
    }

    /// What offsets and lengths of reads must be multiples of.
    pub fn alignment(&self) -> Alignment {
        self.alignment
    }

    /// Fails if the file is no longer what it was when `expected` was taken.
    ///
    /// # Errors
    /// [`IoError::Changed`] with what differs, [`IoError::Stat`].
    pub fn check_unchanged(&self, expected: &Identity) -> Result<(), IoError> {
        let stat = stat(&self.path, self.fd.as_fd())?;
        let mut now = stat.identity;
        if stat.kind == FileType::BlockDevice {
            now.len = expected.len;
            now.modified = expected.modified;
        }
        let changed = |what| Err(IoError::Changed { path: self.path.clone(), what });
        if (now.device, now.inode) != (expected.device, expected.inode) {
            return changed(format!(
                "another file has its name (inode {} became {})",
                expected.inode, now.inode
            ));
        }
        if now.len != expected.len {
            return changed(format!("its length went from {} to {} bytes", expected.len, now.len));
        }
        if now.modified != expected.modified {
            return changed("it was written to".to_owned());
        }
        Ok(())
    }

    pub(crate) fn raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// As if the file system had asked for this alignment: for the simulated driver.
    pub(crate) fn aligned_to(mut self, alignment: Alignment) -> DataFile {
        self.alignment = alignment;
        self
    }

    /// As [`DataFile::check_unchanged`], of a file that is not open for reading.
    ///
    /// # Errors
    /// As [`DataFile::check_unchanged`], and [`IoError::Open`].
    pub(crate) fn check_path_unchanged(path: &Path, expected: &Identity) -> Result<(), IoError> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|source| IoError::Open { path: path.to_owned(), source: source.into() })?;
        let (identity, alignment) = (*expected, Alignment::BYTE);
        let path = path.to_owned();
        let file = DataFile { path, fd, identity, direct: false, alignment, drops_cache: false };
        file.check_unchanged(expected)
    }
}

impl AsFd for DataFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

struct Stat {
    kind: FileType,
    identity: Identity,
    alignment: Alignment,
}

fn stat(path: &Path, fd: BorrowedFd<'_>) -> Result<Stat, IoError> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::DIOALIGN;
    let statx = rustix::fs::statx(fd, "", AtFlags::EMPTY_PATH, wanted)
        .map_err(|source| IoError::Stat { path: path.to_owned(), source: source.into() })?;
    // DIOALIGN: available since 6.1, and not on every file system; zero there means "not told".
    let told = statx.stx_dio_offset_align;
    let alignment = Alignment::new(told).filter(|a| a.bytes() > 1).unwrap_or(Alignment::PAGE);
    Ok(Stat {
        kind: FileType::from_raw_mode(statx.stx_mode.into()),
        identity: Identity {
            device: (statx.stx_dev_major, statx.stx_dev_minor),
            inode: statx.stx_ino,
            len: statx.stx_size,
            modified: (statx.stx_mtime.tv_sec, statx.stx_mtime.tv_nsec),
        },
        alignment,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_and_a_missing_path_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = DataFile::open(dir.path(), DirectChoice::Off).unwrap_err();
        assert!(error.to_string().contains("not a regular file"), "{error}");
        let error = DataFile::open(&dir.path().join("none"), DirectChoice::Auto).unwrap_err();
        assert!(error.to_string().contains("No such file"), "{error}");
    }

    #[test]
    fn a_change_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, [1; 100]).unwrap();
        let file = DataFile::open(&path, DirectChoice::Off).unwrap();
        file.check_unchanged(&file.identity()).unwrap();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(50).unwrap();
        let error = file.check_unchanged(&file.identity()).unwrap_err();
        assert!(error.to_string().contains("from 100 to 50 bytes"), "{error}");
    }
}
