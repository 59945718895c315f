//! Names of manifests, which lie in the data folder beside `train/` and `valid/`.

use std::ops::Range;

/// Name of the manifest of a whole data set.
pub const MANIFEST_NAME: &str = "ringquet-manifest.json";
/// The name of the manifest of a part: the files with these indices.
pub(crate) fn name_of_part(files: Range<u64>) -> String {
    format!("ringquet-manifest.{}-{}.json", files.start, files.end)
}

/// Whether `name` is the name of a manifest.
pub(crate) fn is_manifest_name(name: &str) -> bool {
    name == MANIFEST_NAME || (name.starts_with("ringquet-manifest.") && name.ends_with(".json"))
}
