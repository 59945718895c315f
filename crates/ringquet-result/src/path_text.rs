//! Paths in documents. A path is bytes, JSON is Unicode: what is not UTF-8 is shown with U+FFFD in its place. A file is
//! always opened by the path itself, never by this text.

use std::path::{Path, PathBuf};

use serde::Serializer;

/// The text of a path.
pub fn path_text(path: &Path) -> String {
    path.display().to_string()
}

/// The texts of several paths.
pub fn path_texts(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path_text(path)).collect()
}

/// For `#[serde(serialize_with = "…")]`: serde's own way refuses a path that is not UTF-8.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_path<S: Serializer>(
    path: impl AsRef<Path>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.as_ref().display())
}

/// As [`serialize_path`], for a path that may be absent.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_path_option<S: Serializer>(
    path: &Option<impl AsRef<Path>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match path {
        None => serializer.serialize_none(),
        Some(path) => serializer.serialize_some(&path_text(path.as_ref())),
    }
}

/// As [`serialize_path`], for several paths.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_paths<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(path_texts(paths))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[derive(serde::Serialize)]
    struct Paths {
        #[serde(serialize_with = "serialize_path")]
        one: PathBuf,
        #[serde(serialize_with = "serialize_path_option")]
        none: Option<PathBuf>,
        #[serde(serialize_with = "serialize_paths")]
        all: Vec<PathBuf>,
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_such() {
        let path = PathBuf::from(OsStr::from_bytes(b"a/\xff.parquet"));
        let paths = Paths { one: path.clone(), none: None, all: vec![path] };
        let expect = serde_json::json!({
            "one": "a/\u{fffd}.parquet", "none": null, "all": ["a/\u{fffd}.parquet"],
        });
        assert_eq!(serde_json::to_value(paths).unwrap(), expect);
    }
}
