//! The one file that is ever written here: random bytes, in a directory that was named.
//!
//! It is made with `O_EXCL`, so no existing file is opened for writing, and its name is removed before the first
//! byte is written: from then on only our descriptor holds it, and the kernel frees it when the process ends, however
//! it ends. Readers open it again through `/proc/self/fd`.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use memmap2::MmapMut;
use ringquet::StopFlag;
use ringquet_io::random;
use rustix::fs::{FallocateFlags, Mode, OFlags};
use rustix::io::Errno;

use super::error::CharacterizeError;

/// Bytes per write: large enough that the number of calls does not matter.
const WRITE_BYTES: usize = 4 << 20;

/// The least that is worth reading from.
pub(super) const LEN_BYTES_MIN: u64 = 1 << 20;

/// Names that are tried; the first is taken unless a process of the same number, in another container, is at the same
/// place in the same moment.
const NAMES_MAX: u32 = 16;

/// An open file without a name.
#[derive(Debug)]
pub(super) struct TestFile {
    file: File,
    dir: PathBuf,
}

impl TestFile {
    /// Makes an empty file in `dir`; `direct`: written around the page cache.
    ///
    /// # Errors
    /// [`CharacterizeError::NotWritable`], [`CharacterizeError::Full`], [`CharacterizeError::NoDirect`]. Nothing is
    /// left behind.
    pub(super) fn make(dir: &Path, direct: bool) -> Result<TestFile, CharacterizeError> {
        let fd = create(dir, direct)?;
        Ok(TestFile { file: File::from(fd), dir: dir.to_owned() })
    }

    /// Fills it with `len` bytes, rounded down to whole MiB. `written` is called with how many are there.
    ///
    /// # Errors
    /// [`CharacterizeError::Full`] before a byte is written, [`CharacterizeError::Write`],
    /// [`CharacterizeError::Stopped`].
    pub(super) fn fill(
        &self,
        len: u64,
        stop: &StopFlag,
        written: &dyn Fn(u64),
    ) -> Result<(), CharacterizeError> {
        let len = len - len % LEN_BYTES_MIN;
        let available = available_bytes(&self.dir)?;
        let full = || CharacterizeError::Full {
            path: self.dir.clone(),
            available,
            wanted: len.max(LEN_BYTES_MIN),
        };
        if available < len || len < LEN_BYTES_MIN {
            return Err(full());
        }
        let failed = |offset, source| CharacterizeError::Write {
            path: self.dir.clone(),
            offset,
            len,
            source,
        };
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, len) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(Errno::NOSPC | Errno::DQUOT) => return Err(full()),
            Err(errno) => return Err(failed(0, errno.into())),
        }
        // Anonymous mappings begin with a page, which is all that O_DIRECT requires of memory.
        let mut buffer = MmapMut::map_anon(WRITE_BYTES).map_err(|source| failed(0, source))?;
        let mut offset = 0;
        while offset < len {
            if stop.is_stopped() {
                return Err(CharacterizeError::Stopped);
            }
            let left = usize::try_from(len - offset).unwrap_or(usize::MAX);
            let part = &mut buffer[..WRITE_BYTES.min(left)];
            random_bytes(part, offset);
            self.file.write_all_at(part, offset).map_err(|source| failed(offset, source))?;
            offset += part.len() as u64;
            written(offset);
        }
        self.file.sync_all().map_err(|source| failed(offset, source))
    }

    /// A path that opens it again, as long as the value lives.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }
}

/// Bytes that this user may still write to the file system of `dir`.
pub(super) fn available_bytes(dir: &Path) -> Result<u64, CharacterizeError> {
    let stat = rustix::fs::statvfs(dir)
        .map_err(|errno| CharacterizeError::Path { path: dir.to_owned(), source: errno.into() })?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// A new file, whose name is gone again.
fn create(dir: &Path, direct: bool) -> Result<OwnedFd, CharacterizeError> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::RDWR | OFlags::CLOEXEC;
    let flags = if direct { flags | OFlags::DIRECT } else { flags };
    let not_writable = |source| CharacterizeError::NotWritable { path: dir.to_owned(), source };
    for attempt in 0..NAMES_MAX {
        let name = match attempt {
            0 => format!(".ringquet-characterize-{}", std::process::id()),
            n => format!(".ringquet-characterize-{}-{n}", std::process::id()),
        };
        let path = dir.join(name);
        match rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR) {
            Ok(fd) => {
                fs::remove_file(&path).map_err(not_writable)?;
                return Ok(fd);
            }
            Err(Errno::EXIST) => {}
            Err(Errno::INVAL) if direct => {
                // Some file systems create the file and then refuse the flag. We created it, so no other file is removed.
                if let Err(error) = fs::remove_file(&path)
                    && error.kind() != io::ErrorKind::NotFound
                {
                    return Err(not_writable(error));
                }
                return Err(CharacterizeError::NoDirect { path: dir.to_owned() });
            }
            Err(Errno::NOSPC | Errno::DQUOT) => {
                let available = available_bytes(dir)?;
                return Err(CharacterizeError::Full {
                    path: dir.to_owned(),
                    available,
                    wanted: LEN_BYTES_MIN,
                });
            }
            Err(errno) => return Err(not_writable(errno.into())),
        }
    }
    Err(not_writable(io::ErrorKind::AlreadyExists.into()))
}

/// Bytes that no drive can compress: the SplitMix64 sequence of the words' places.
fn random_bytes(bytes: &mut [u8], offset: u64) {
    for (n, word) in bytes.chunks_exact_mut(8).enumerate() {
        let bits = random::finish((offset / 8 + n as u64).wrapping_mul(random::STEP));
        word.copy_from_slice(&bits.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(dir: &Path, len: u64, stop: &StopFlag) -> Result<TestFile, CharacterizeError> {
        let made = TestFile::make(dir, false)?;
        made.fill(len, stop, &|_| {})?;
        Ok(made)
    }

    #[test]
    fn it_has_no_name_and_can_be_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let made = filled(dir.path(), 3 << 20, &StopFlag::new()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "no name is left");
        let bytes = fs::read(made.path()).unwrap();
        assert_eq!(bytes.len(), 3 << 20);
        let zeroes = bytes.iter().filter(|byte| **byte == 0).count();
        assert!((9_000..16_000).contains(&zeroes), "{zeroes} of 3 MiB: one in 256 is expected");
    }

    #[test]
    fn a_stop_ends_the_writing() {
        let dir = tempfile::tempdir().unwrap();
        let stop = StopFlag::new();
        let made = TestFile::make(dir.path(), false).unwrap();
        let filled = made.fill(64 << 20, &stop, &|written| {
            assert!(written <= WRITE_BYTES as u64, "{written} bytes after the stop");
            stop.stop();
        });
        assert!(matches!(filled, Err(CharacterizeError::Stopped)), "{filled:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn more_than_there_is_room_for_is_refused_before_a_byte_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let error = filled(dir.path(), 1 << 60, &StopFlag::new()).unwrap_err().to_string();
        assert!(
            error.contains("`test_file_bytes`") && error.contains("1152921504606846976"),
            "{error}"
        );
    }

    #[test]
    fn a_file_of_the_same_name_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let name = dir.path().join(format!(".ringquet-characterize-{}", std::process::id()));
        fs::write(&name, "mine").unwrap();
        filled(dir.path(), 1 << 20, &StopFlag::new()).unwrap();
        assert_eq!(fs::read_to_string(&name).unwrap(), "mine");
    }
}
