//! A file that is written at offsets, around the page cache where its file system can.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::error::IoError;
use crate::options::DirectChoice;

/// A file that is open for writing at offsets.
#[derive(Debug)]
pub struct WriteFile {
    path: PathBuf,
    pub(crate) file: File,
    pub(crate) choice: DirectChoice,
}

impl WriteFile {
    /// Takes an open file; `path` is for messages. With [`DirectChoice::Auto`] a file system that refuses
    /// O_DIRECT is written through the page cache: see [`WriteFile::is_direct`].
    ///
    /// # Errors
    /// [`IoError::DirectRefused`] with [`DirectChoice::On`].
    pub fn new(path: &Path, file: File, choice: DirectChoice) -> Result<WriteFile, IoError> {
        let made = WriteFile { path: path.to_owned(), file, choice };
        match choice {
            DirectChoice::Off => {}
            DirectChoice::Auto => drop(made.set_direct(true)),
            DirectChoice::On => made
                .set_direct(true)
                .map_err(|source| IoError::DirectRefused { path: path.to_owned(), source })?,
        }
        Ok(made)
    }

    /// Written around the page cache? Some file systems take O_DIRECT and refuse the writes; with
    /// [`DirectChoice::Auto`] the answer is no from then on.
    pub fn is_direct(&self) -> bool {
        fcntl_getfl(&self.file).is_ok_and(|flags| flags.contains(OFlags::DIRECT))
    }

    /// As named by the caller.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of the device below, if the kernel reports it.
    pub(crate) fn device(&self) -> Option<(u32, u32)> {
        let device = rustix::fs::fstat(&self.file).ok()?.st_dev;
        Some((rustix::fs::major(device), rustix::fs::minor(device)))
    }

    pub(crate) fn set_direct(&self, direct: bool) -> io::Result<()> {
        let mut flags = fcntl_getfl(&self.file)?;
        flags.set(OFlags::DIRECT, direct);
        Ok(fcntl_setfl(&self.file, flags)?)
    }
}
