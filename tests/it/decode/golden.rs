//! Files that the real Python benchmark wrote, when they lie beside the checkout.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use ringquet_decode::{DecoderChoice, Projection};

use super::support::check_ways;

fn parquet_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            parquet_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            files.push(path);
        }
    }
}

#[test]
fn golden_files_read_as_the_parquet_crate_reads_them() {
    let beside =
        |folder: &Path| Some(folder.join("shared/golden")).filter(|golden| golden.is_dir());
    let Some(folder) = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find_map(beside) else {
        return;
    };
    let mut files = Vec::new();
    parquet_files(&folder, &mut files);
    assert!(!files.is_empty(), "{} has no Parquet file", folder.display());
    for path in files {
        let file = Bytes::from(std::fs::read(&path).unwrap());
        let ways = [(DecoderChoice::Auto, true), (DecoderChoice::FallbackOnly, false)];
        let name = path.display().to_string();
        let counters = check_ways(&file, &Projection::All, &[5000], &ways, &name);
        // What the benchmark reads is served by our own decoders, all of it.
        assert_eq!(counters.fallback_column_chunks, 0, "{name}");
    }
}
