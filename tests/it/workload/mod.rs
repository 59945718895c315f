//! The workload as a value: what loads, what is refused and with which words, what follows from it.

mod columns;
mod datasize;
mod distribution;
mod files;
mod keys;
mod overrides;
mod published;
mod rows;
mod sharding;
mod shuffle;
mod values;

use std::path::{Path, PathBuf};

use ringquet_workload::{Loaded, Workload, WorkloadError, load, load_text};

/// The root of the repository.
fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ lies in the repository").to_owned()
}

/// A file of workloads/.
fn ours(name: &str) -> PathBuf {
    root().join("workloads").join(name)
}

/// A file of tests/it/workload/reference/.
fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("it/workload/reference").join(name)
}

fn texts(overrides: &[&str]) -> Vec<String> {
    overrides.iter().map(|&text| text.to_owned()).collect()
}

/// Loads the text of a file `w.yaml`.
fn try_text(yaml: &str, overrides: &[&str]) -> Result<Loaded, WorkloadError> {
    load_text(yaml, Path::new("w.yaml"), &texts(overrides), false)
}

fn text(yaml: &str, overrides: &[&str]) -> Workload {
    try_text(yaml, overrides).expect("it loads").workload
}

/// The message with which `yaml` is refused.
#[track_caller]
fn refusal(yaml: &str, overrides: &[&str]) -> String {
    match try_text(yaml, overrides) {
        Ok(loaded) => panic!("loaded: {:?}", loaded.workload),
        Err(error) => error.to_string(),
    }
}

/// The messages of the warnings about `yaml`.
fn warnings(yaml: &str, overrides: &[&str]) -> Vec<String> {
    let loaded = try_text(yaml, overrides).expect("it loads");
    loaded.warnings.into_iter().map(|warning| warning.message).collect()
}

fn file(path: &Path, overrides: &[&str]) -> Loaded {
    load(path, &texts(overrides), false).unwrap_or_else(|error| panic!("{error}"))
}
