//! Data sets of the benches, made once under target/bench-data and kept for the next run.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ringquet::StopFlag;
use ringquet_datagen::{ContentOptions, DatagenOptions, Existing, Silent};

/// The directory that benches may fill.
pub fn root() -> PathBuf {
    // CARGO_TARGET_TMPDIR is <target>/tmp.
    let target = option_env!("CARGO_TARGET_DIR").map(PathBuf::from);
    target
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"))
        .join("bench-data")
}

/// The data set of a workload with overrides, generated unless it is there. Gives the directory of its train files.
///
/// # Errors
/// What datagen says.
pub fn data_set(name: &str, workload: &str, overrides: &[&str]) -> Result<PathBuf> {
    data_set_repeating(name, workload, overrides, 0.0)
}

/// As [`data_set`], with a fraction of values that repeat an earlier one of their column chunk.
///
/// # Errors
/// What datagen says.
#[expect(clippy::print_stdout, reason = "a bench prints what it does")]
pub fn data_set_repeating(
    name: &str,
    workload: &str,
    overrides: &[&str],
    repeat_fraction: f64,
) -> Result<PathBuf> {
    let dir = root().join(name);
    let yaml = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workloads").join(workload);
    let mut all: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    all.push(format!("dataset.data_folder={}", dir.display()));
    let train = dir.join("train");
    if dir.join("ringquet-manifest.json").exists() {
        return Ok(train);
    }
    println!("generating {name} from {workload} {}", overrides.join(" "));
    let loaded =
        ringquet_workload::load(&yaml, &all, false).with_context(|| workload.to_owned())?;
    let content = ContentOptions { repeat_fraction, ..ContentOptions::default() };
    let options =
        DatagenOptions { existing: Existing::Force, content, ..DatagenOptions::default() };
    ringquet_datagen::generate(&loaded, &options, &Silent, StopFlag::new().as_atomic())?;
    Ok(train)
}

/// The first Parquet file of a directory.
///
/// # Errors
/// Where there is none.
pub fn first_file(dir: &Path) -> Result<PathBuf> {
    let first = ringquet::engine::find_files(&[dir.to_owned()]).files.into_iter().next();
    first.with_context(|| format!("{}: no Parquet file", dir.display()))
}

/// The columns that the published DLRM workload reads: 40 of 200.
///
/// # Errors
/// Where the workload cannot be loaded.
pub fn dlrm_read_columns() -> Result<Vec<String>> {
    let yaml = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workloads/dlrm_b200.yaml");
    let loaded = ringquet_workload::load(&yaml, &[], false)?;
    Ok(loaded
        .workload
        .dataset
        .parquet
        .columns
        .iter()
        .filter(|c| c.read)
        .map(|c| c.name.clone())
        .collect())
}
