//! Data sets of the benches, made once under target/bench-data and kept for the next run.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ringquet::StopFlag;
use ringquet_datagen::{DatagenOptions, Existing, Silent};

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
#[expect(clippy::print_stdout, reason = "a bench tells what it does")]
pub fn data_set(name: &str, workload: &str, overrides: &[&str]) -> Result<PathBuf> {
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
    let options = DatagenOptions { existing: Existing::Force, ..DatagenOptions::default() };
    ringquet_datagen::generate(&loaded, &options, &Silent, StopFlag::new().as_atomic())?;
    Ok(train)
}
