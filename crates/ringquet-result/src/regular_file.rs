//! Opening a file that was found in a folder, a document or a list: only a regular file, and without waiting for anybody.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};

/// Opens a file that was found in a directory, to be read from its start. A FIFO of that name is an error, and is not waited
/// for.
///
/// # Errors
/// Those of opening; [`io::ErrorKind::InvalidInput`] for what is no regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = rustix::fs::open(path, flags, Mode::empty())?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode);
    if kind != FileType::RegularFile {
        let text = format!("is {}, not a regular file", kind_name(kind));
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    rustix::fs::fcntl_setfl(&fd, OFlags::empty())?;
    Ok(File::from(fd))
}

/// A kind of file in words.
pub fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a FIFO (named pipe)",
        FileType::Socket => "a socket",
        FileType::CharacterDevice => "a character device",
        FileType::BlockDevice => "a block device",
        FileType::Unknown => "of an unknown kind",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_a_device_are_named() {
        let error = |path: &str| open_regular(Path::new(path)).unwrap_err();
        assert_eq!(error("/").to_string(), "is a directory, not a regular file");
        assert_eq!(error("/dev/null").to_string(), "is a character device, not a regular file");
        assert_eq!(error("/dev/null").kind(), io::ErrorKind::InvalidInput);
        assert!(open_regular(&std::env::current_exe().unwrap()).is_ok());
    }
}
