//! What is read: a test file of ours, a user's file, or a device. Everything but our own file is opened for
//! reading only.

use ringquet_result::{Warning, WarningCode};
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use ringquet::StopFlag;
use ringquet_io::{DataFile, DirectChoice, IoError};
use rustix::fs::{major, minor};

use super::error::CharacterizeError;
use super::test_file::{self, LEN_BYTES_MIN, TestFile};
use crate::doctor::{PathStorage, Tree};

/// File systems in memory.
const IN_MEMORY: [&str; 3] = ["tmpfs", "ramfs", "devtmpfs"];

/// The least test file that a full disk may leave us.
const TEST_FILE_BYTES_MIN: u64 = 64 << 20;

/// Something to read from.
#[derive(Debug)]
pub(super) struct ReadTarget {
    /// As it was given.
    pub(super) path: PathBuf,
    /// What it is.
    pub(super) kind: TargetKind,
    /// Where reads go.
    pub(super) reads: PathBuf,
    /// Its length in bytes.
    pub(super) len_bytes: u64,
    /// Device number of the file system, or of the device.
    pub(super) number: (u32, u32),
    /// The storage below.
    pub(super) place: PathStorage,
    /// Held open, because it has no name.
    _test_file: Option<TestFile>,
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A directory: a test file was made in it, and is gone.
    Directory,
    /// A file that was there.
    File,
    /// A block device, read only.
    BlockDevice,
}

/// How targets are prepared.
pub(super) struct Preparation<'a> {
    pub(super) tree: &'a Tree,
    pub(super) direct: DirectChoice,
    /// As requested, or of the preset.
    pub(super) test_file_bytes: (u64, bool),
    pub(super) stop: &'a StopFlag,
    /// Bytes written of bytes to write.
    pub(super) written: &'a dyn Fn(u64, u64),
}

impl Preparation<'_> {
    /// Looks at a path, refuses what cannot be measured, and makes the test file of a directory.
    pub(super) fn prepare(
        &self,
        path: &Path,
        warnings: &mut Vec<Warning>,
    ) -> Result<ReadTarget, CharacterizeError> {
        let path_error =
            |source: io::Error| CharacterizeError::Path { path: path.to_owned(), source };
        let metadata = fs::metadata(path).map_err(path_error)?;
        let kind = metadata.file_type();
        let kind = if kind.is_dir() {
            TargetKind::Directory
        } else if kind.is_file() {
            TargetKind::File
        } else if kind.is_block_device() {
            TargetKind::BlockDevice
        } else {
            // Opening a pipe would wait for a writer.
            return Err(CharacterizeError::Kind { path: path.to_owned() });
        };
        let place = PathStorage::live(self.tree, path).map_err(|error| path_error(error.source))?;
        let file_system = place.mount.as_ref().map_or("", |mount| &mount.file_system);
        if self.direct != DirectChoice::Off
            && kind != TargetKind::BlockDevice
            && IN_MEMORY.contains(&file_system)
        {
            let file_system = file_system.to_owned();
            return Err(CharacterizeError::InMemory { path: path.to_owned(), file_system });
        }
        let test_file = match kind {
            TargetKind::Directory => Some(self.test_file(path, warnings)?),
            TargetKind::File | TargetKind::BlockDevice => None,
        };
        let reads = test_file.as_ref().map_or_else(|| path.to_owned(), TestFile::path);
        let len_bytes = self.open(path, &reads, kind)?.len_bytes();
        if len_bytes < LEN_BYTES_MIN {
            let path = path.to_owned();
            return Err(CharacterizeError::TooShort { path, len: len_bytes, min: LEN_BYTES_MIN });
        }
        let number = match kind {
            TargetKind::BlockDevice => metadata.rdev(),
            _ => metadata.dev(),
        };
        Ok(ReadTarget {
            path: path.to_owned(),
            kind,
            reads,
            len_bytes,
            number: (major(number), minor(number)),
            place,
            _test_file: test_file,
        })
    }

    fn open(
        &self,
        path: &Path,
        reads: &Path,
        kind: TargetKind,
    ) -> Result<DataFile, CharacterizeError> {
        DataFile::open(reads, self.direct).map_err(|error| match error {
            IoError::DirectRefused { .. } => CharacterizeError::NoDirect { path: path.to_owned() },
            IoError::Open { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied
                    && kind == TargetKind::BlockDevice =>
            {
                CharacterizeError::Permission { path: path.to_owned() }
            }
            error => CharacterizeError::Io(error),
        })
    }

    fn test_file(
        &self,
        dir: &Path,
        warnings: &mut Vec<Warning>,
    ) -> Result<TestFile, CharacterizeError> {
        // First whether a file can be made at all: that is the clearer refusal.
        let file = TestFile::make(dir, self.direct != DirectChoice::Off)?;
        let (mut len, asked_for) = self.test_file_bytes;
        let available = test_file::available_bytes(dir)?;
        if !asked_for && len > available / 2 {
            // Half of what is left: others write there too.
            len = available / 2;
            if len < TEST_FILE_BYTES_MIN {
                let wanted = TEST_FILE_BYTES_MIN * 2;
                return Err(CharacterizeError::Full { path: dir.to_owned(), available, wanted });
            }
            let text = format!(
                "{}: the test file has {len} bytes, half of the free space: caches of drives and controllers may hold much of it",
                dir.display()
            );
            warnings.push(Warning::new(WarningCode::SmallTestFile, text));
        }
        file.fill(len, self.stop, &|written| (self.written)(written, len))?;
        Ok(file)
    }
}
