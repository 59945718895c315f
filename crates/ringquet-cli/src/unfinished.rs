//! The name of a file while it is written, beside the one that it gets when it is complete.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Bytes of the final name that are kept: a file system takes 255 in all.
const KEPT_BYTES: usize = 200;

/// A hidden name beside `path`; `None` if that names no file, as in `..`.
pub(crate) fn unfinished(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.as_bytes();
    let mut unfinished = OsString::from(".");
    unfinished.push(OsStr::from_bytes(&name[..name.len().min(KEPT_BYTES)]));
    unfinished.push(format!(".{}.part", std::process::id()));
    Some(path.with_file_name(unfinished))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hidden_and_not_too_long() {
        let of = |path: &str| unfinished(Path::new(path));
        let id = std::process::id();
        assert_eq!(of("a/b.html"), Some(PathBuf::from(format!("a/.b.html.{id}.part"))));
        assert_eq!(of("a/.."), None);
        let long = of(&"n".repeat(255)).unwrap();
        assert!(long.as_os_str().len() <= 255);
    }
}
