//! Inputs that are several files, and the folder that they lie in.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// Between two files of an input, on a line of its own.
const MARK: &[u8] = b"\n%%\n";

/// The files of an input under these names, in order; an empty one is not there.
pub(crate) fn parts<'a>(bytes: &'a [u8], names: &[&'static str]) -> Vec<(&'static str, &'a [u8])> {
    let mut files = Vec::new();
    let mut rest = bytes;
    for name in names {
        let end = rest.windows(MARK.len()).position(|window| window == MARK);
        let (file, after) = match end {
            Some(end) => (&rest[..end], &rest[end + MARK.len()..]),
            None => (rest, &rest[rest.len()..]),
        };
        if !file.is_empty() {
            files.push((*name, file));
        }
        rest = after;
    }
    files
}

/// Runs `test` on a folder with these files, which is gone afterwards.
pub(crate) fn in_folder(files: &[(impl AsRef<str>, &[u8])], test: impl FnOnce(&Path)) {
    let dir = TempDir::new().expect("a folder for temporary files");
    for (name, text) in files {
        let path = dir.path().join(name.as_ref());
        let folder = path.parent().expect("it lies in the folder");
        fs::create_dir_all(folder).expect("the folder is ours");
        fs::write(path, text).expect("the folder is ours");
    }
    test(dir.path());
}
