//! An open file: its descriptor, its length, how it may be read, and its identity.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags};

use rustix::io::ReadWriteFlags;

use ringquet_result::regular_file::kind_name;

use crate::error::IoError;
use crate::memory::Alignment;
use crate::options::DirectChoice;

/// Identity of a file and its state: compared after reading, to notice a change.
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
    /// page cache: see [`DataFile::is_direct`].
    ///
    /// # Errors
    /// [`IoError::Open`], [`IoError::NotSeekable`], [`IoError::Stat`], or [`IoError::DirectRefused`].
    pub fn open(path: &Path, direct: DirectChoice) -> Result<DataFile, IoError> {
        let (fd, is_direct) = open_at_once(path, direct)?;
        let stat = stat(path, fd.as_fd())?;
        let is_block = stat.kind == FileType::BlockDevice;
        if stat.kind != FileType::RegularFile && !is_block {
            return Err(not_seekable(path, stat.kind));
        }
        if direct == DirectChoice::On && !is_direct {
            let source = rustix::io::Errno::INVAL.into();
            return Err(IoError::DirectRefused { path: path.to_owned(), source });
        }
        // With O_NONBLOCK io_uring may answer EAGAIN instead of waiting for the device.
        let flags = if is_direct { OFlags::DIRECT } else { OFlags::empty() };
        rustix::fs::fcntl_setfl(&fd, flags).map_err(|source| open_error(path, source))?;
        let mut identity = stat.identity;
        if is_block {
            let len = rustix::fs::seek(&fd, rustix::fs::SeekFrom::End(0));
            identity.len = len.map_err(|source| open_error(path, source))?;
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
    /// byte shows. Without effect on a file that is read around the cache.
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

    /// Its identity when it was opened.
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
            return changed(format!(
                "its length changed from {} to {} bytes",
                expected.len, now.len
            ));
        }
        if now.modified != expected.modified {
            return changed("it was written to".to_owned());
        }
        Ok(())
    }

    pub(crate) fn raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// As if the file system required this alignment: for the simulated driver.
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

/// An open that meets another process's lease (fcntl(2), F_SETLEASE) is tried again this often. The kernel breaks a lease
/// after /proc/sys/fs/lease-break-time, by default 45 s.
const LEASE_RETRY: Duration = Duration::from_millis(10);
const LEASE_RETRIES: u32 = 6000;

/// Opens `path` without waiting: a plain open of a FIFO waits for a writer. Whether O_DIRECT was
/// taken; what it is that was opened, the caller has to look at.
fn open_at_once(path: &Path, direct: DirectChoice) -> Result<(OwnedFd, bool), IoError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = |flags| {
        let mut retries = 0;
        loop {
            match rustix::fs::open(path, flags, Mode::empty()) {
                Err(rustix::io::Errno::AGAIN) if retries < LEASE_RETRIES => {
                    retries += 1;
                    std::thread::sleep(LEASE_RETRY);
                }
                answer => return answer,
            }
        }
    };
    if direct != DirectChoice::Off {
        match open(flags | OFlags::DIRECT) {
            Ok(fd) => return Ok((fd, true)),
            // The file system does not take O_DIRECT, or it is no file.
            Err(rustix::io::Errno::INVAL) => {}
            Err(source) => return Err(open_error(path, source)),
        }
    }
    let fd = open(flags).map_err(|source| open_error(path, source))?;
    Ok((fd, false))
}

fn open_error(path: &Path, source: rustix::io::Errno) -> IoError {
    // A socket cannot be opened, and ENXIO alone does not say why.
    if source == rustix::io::Errno::NXIO
        && let Ok(stat) = rustix::fs::stat(path)
        && let kind = FileType::from_raw_mode(stat.st_mode)
        && kind != FileType::RegularFile
        && kind != FileType::BlockDevice
    {
        return not_seekable(path, kind);
    }
    IoError::Open { path: path.to_owned(), source: source.into() }
}

fn not_seekable(path: &Path, kind: FileType) -> IoError {
    IoError::NotSeekable { path: path.to_owned(), kind: kind_name(kind) }
}

/// What `path` is, if it is something that cannot be read at offsets: `a FIFO (named pipe)`, `a socket`, `a character
/// device`, `a directory`. `None` for regular files, for block devices, and where the path cannot be looked at.
pub fn not_seekable_kind(path: &Path) -> Option<&'static str> {
    let kind = FileType::from_raw_mode(rustix::fs::stat(path).ok()?.st_mode);
    let is_seekable = matches!(kind, FileType::RegularFile | FileType::BlockDevice);
    (!is_seekable).then(|| kind_name(kind))
}

struct Stat {
    kind: FileType,
    identity: Identity,
    alignment: Alignment,
}

fn stat(path: &Path, fd: BorrowedFd<'_>) -> Result<Stat, IoError> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::DIOALIGN;
    let statx = match rustix::fs::statx(fd, "", AtFlags::EMPTY_PATH, wanted) {
        Ok(statx) => statx,
        // A sandbox that was made before statx was: it answers EPERM, or as an old kernel would.
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => return fstat(path, fd),
        Err(source) => return Err(stat_error(path, source)),
    };
    // DIOALIGN: available since 6.1, and not on every file system; zero there means "not reported".
    let reported = statx.stx_dio_offset_align;
    let alignment = Alignment::new(reported).filter(|a| a.bytes() > 1).unwrap_or(Alignment::PAGE);
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

/// [`stat()`] without `statx`, which alone reports what O_DIRECT requires: a page, which is enough for all devices with blocks
/// of up to 4 KiB.
fn fstat(path: &Path, fd: BorrowedFd<'_>) -> Result<Stat, IoError> {
    let stat = rustix::fs::fstat(fd).map_err(|source| stat_error(path, source))?;
    Ok(Stat {
        kind: FileType::from_raw_mode(stat.st_mode),
        identity: Identity {
            device: (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev)),
            inode: stat.st_ino,
            len: u64::try_from(stat.st_size).unwrap_or(0),
            modified: (stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0)),
        },
        alignment: Alignment::PAGE,
    })
}

fn stat_error(path: &Path, source: rustix::io::Errno) -> IoError {
    IoError::Stat { path: path.to_owned(), source: source.into() }
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

    /// Opening a FIFO used to wait for a writer that never came.
    #[test]
    fn what_is_no_file_is_named_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let (fifo, socket) = (dir.path().join("fifo"), dir.path().join("socket"));
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, Mode::RUSR).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let null = Path::new("/dev/null");
        for (path, kind) in
            [(&*fifo, "a FIFO"), (&*socket, "a socket"), (null, "a character device")]
        {
            for direct in [DirectChoice::Off, DirectChoice::Auto, DirectChoice::On] {
                let error = DataFile::open(path, direct).unwrap_err();
                assert!(matches!(error, IoError::NotSeekable { .. }), "{error}");
                let text = error.to_string();
                let expect = format!("{}: is {kind}", path.display());
                assert!(text.starts_with(&expect), "{direct:?}: {text}");
            }
            assert!(not_seekable_kind(path).unwrap().starts_with(kind));
            let error = ringquet_result::regular_file::open_regular(path).unwrap_err().to_string();
            assert!(error.contains(kind) || kind == "a socket", "{error}");
        }
        assert_eq!(not_seekable_kind(&dir.path().join("none")), None);
    }

    /// The replacement when `statx` is refused gives the same, except for the alignment.
    #[test]
    fn fstat_agrees_with_statx() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, [1; 100]).unwrap();
        let file = DataFile::open(&path, DirectChoice::Off).unwrap();
        let stat = fstat(&path, file.as_fd()).unwrap();
        assert_eq!(stat.identity, file.identity());
        assert_eq!(stat.kind, FileType::RegularFile);
    }

    #[test]
    fn an_open_file_blocks_as_any_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, [1; 100]).unwrap();
        for direct in [DirectChoice::Off, DirectChoice::Auto] {
            let file = DataFile::open(&path, direct).unwrap();
            let flags = rustix::fs::fcntl_getfl(&file).unwrap();
            assert!(!flags.contains(OFlags::NONBLOCK), "{flags:?}");
            assert_eq!(flags.contains(OFlags::DIRECT), file.is_direct());
        }
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
