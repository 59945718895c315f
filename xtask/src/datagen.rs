//! `cargo xtask datagen`: the smoke data sets, written by the release binary under target/e2e/data.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;

use crate::ringquet::{Profile, Ringquet, data_folder};
use crate::workshop::Workshop;

/// A workload in smoke size, `workloads/NAME_smoke.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SmokeSet {
    /// 200 columns of mixed types, many row groups
    Dlrm,
    /// 5 columns of fixed-size lists, one row group per file
    Flux,
    /// One column `data`, as DLIO wrote before it knew columns
    Legacy,
}

impl SmokeSet {
    pub(crate) fn name(self) -> &'static str {
        match self {
            SmokeSet::Dlrm => "dlrm",
            SmokeSet::Flux => "flux",
            SmokeSet::Legacy => "legacy",
        }
    }

    /// The workload, relative to the root.
    pub(crate) fn workload(self) -> PathBuf {
        Path::new("workloads").join(format!("{}_smoke.yaml", self.name()))
    }
}

/// Generates the named sets, or all.
pub(crate) fn run(workshop: &Workshop, sets: &[SmokeSet]) -> Result<()> {
    let ringquet = Ringquet::build(workshop, Profile::Release)?;
    let sets = if sets.is_empty() { SmokeSet::value_variants() } else { sets };
    for set in sets {
        let folder = workshop.e2e("data").join(set.name());
        generate(workshop, &ringquet, &set.workload(), &folder, &[])?;
        println!("{}: {}", set.name(), folder.display());
    }
    Ok(())
}

/// Generates one data set into a folder that is emptied first.
pub(crate) fn generate(
    workshop: &Workshop,
    ringquet: &Ringquet<'_>,
    workload: &Path,
    folder: &Path,
    overrides: &[&str],
) -> Result<()> {
    workshop.empty_dir(folder)?;
    let mut args = vec!["datagen".to_owned(), workload.display().to_string(), data_folder(folder)];
    args.extend(overrides.iter().map(ToString::to_string));
    ringquet.run(&args)
}
