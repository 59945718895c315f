//! `cargo xtask fork-compat`: do ringquet and PyArrow read each other's files alike?
//!
//! PyArrow reads what we generate, and we read what PyArrow writes, the golden files of the real benchmark
//! included where they lie beside the checkout. The comparison itself is Python, under xtask/python: it
//! must be able to see a wrong bit, and the first step is its own tests. The last step scans every folder
//! with each driver and number of threads; all must come to one digest.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use xshell::cmd;

use crate::datagen::generate;
use crate::host::{self, Ability};
use crate::ringquet::Ringquet;
use crate::workshop::Workshop;

/// A data set small enough to be compared value by value.
struct TinySet {
    name: &'static str,
    workload: &'static str,
    overrides: &'static [&'static str],
}

/// Every mode of the generator. The last row group of a file is shorter than the others, wherever a file
/// has several.
const TINY_SETS: &[TinySet] = &[
    TinySet {
        name: "dlrm",
        workload: "workloads/dlrm_smoke.yaml",
        overrides: &[
            "dataset.num_files_train=2",
            "dataset.num_samples_per_file=2500",
            "dataset.parquet.row_group_size=1000",
        ],
    },
    TinySet {
        name: "flux",
        workload: "workloads/flux_smoke.yaml",
        overrides: &[
            "dataset.num_files_train=2",
            "dataset.num_samples_per_file=5",
            "dataset.parquet.row_group_size=2",
        ],
    },
    TinySet {
        name: "legacy_fork",
        workload: "workloads/legacy_smoke.yaml",
        overrides: &[
            "dataset.num_files_train=2",
            "dataset.num_files_eval=1",
            "dataset.num_samples_per_file=50",
            "dataset.record_length_bytes=4096",
            "dataset.parquet.legacy=fork",
        ],
    },
    TinySet {
        name: "legacy_seed",
        workload: "workloads/legacy_smoke.yaml",
        overrides: &[
            "dataset.num_files_train=2",
            "dataset.num_files_eval=1",
            "dataset.num_samples_per_file=50",
            "dataset.record_length_bytes=4096",
            "dataset.parquet.legacy=seed",
        ],
    },
    TinySet { name: "mixed", workload: "xtask/python/mixed.yaml", overrides: &[] },
    TinySet {
        name: "mixed_zstd",
        workload: "xtask/python/mixed.yaml",
        overrides: &["dataset.compression=zstd"],
    },
];

/// Runs both directions and the digests.
pub(crate) fn run(workshop: &Workshop, ringquet: &Ringquet<'_>, python: &Path) -> Result<()> {
    let begun = Instant::now();
    let sh = &workshop.sh;
    let programs = workshop.root.join("xtask/python");
    let binary = &ringquet.path;
    // One directory per profile: `test` and `e2e` do not tread on each other.
    let made = workshop.target.join("fork-compat").join(ringquet.profile.name());
    workshop.empty_dir(&made)?;
    // -B: no byte code beside the sources.
    cmd!(sh, "{python} -B -m unittest discover --start-directory {programs}").run()?;

    let ours: Vec<PathBuf> = TINY_SETS.iter().map(|set| made.join("ours").join(set.name)).collect();
    for (set, folder) in TINY_SETS.iter().zip(&ours) {
        generate(workshop, ringquet, Path::new(set.workload), folder, set.overrides)?;
    }
    let (program, folders) = (programs.join("ours_to_pyarrow.py"), &ours);
    cmd!(sh, "{python} -B {program} --ringquet {binary} {folders...}")
        .run()
        .context("PyArrow does not read what ringquet generated")?;

    let theirs = made.join("pyarrow");
    let golden = workshop.golden();
    if golden.is_none() {
        println!("No golden files beside the checkout: only what PyArrow writes here is read");
    }
    let (program, folders) = (programs.join("pyarrow_to_ours.py"), golden.as_slice());
    cmd!(sh, "{python} -B {program} --ringquet {binary} --write {theirs} {folders...}")
        .run()
        .context("ringquet does not read what PyArrow wrote")?;

    let mut scanned = 0;
    for root in ours.iter().chain([&theirs]).chain(&golden) {
        for folder in parquet_folders(root)? {
            one_digest(workshop, ringquet, &folder)?;
            scanned += 1;
        }
    }
    if scanned == 0 {
        bail!("{}: no folder with Parquet files was scanned", made.display());
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{scanned} folders: one digest for every driver and number of threads");
    println!("fork-compat passed in {seconds:.1} s ({} build)", ringquet.profile.name());
    Ok(())
}

/// Scans a folder with each driver and 1 and 2 threads.
///
/// # Errors
/// When two scans do not come to the same digest and number of rows, or a driver was not the one asked for.
fn one_digest(workshop: &Workshop, ringquet: &Ringquet<'_>, folder: &Path) -> Result<()> {
    // `uring` means uring or an error; where the host may refuse it, `auto` shows what users get.
    let uring = match host::io_uring(&workshop.sh) {
        Ability::Must => "uring",
        Ability::May(_) => "auto",
    };
    let folder = folder.display().to_string();
    let mut first: Option<(String, String, Value)> = None;
    for driver in [uring, "pread"] {
        for threads in ["1", "2"] {
            let args = ["scan", &folder, "--digest", "--driver", driver, "--threads", threads];
            let document = ringquet.json(&args)?;
            let used = document["driver"]["name"].as_str().unwrap_or("none");
            if driver != "auto" && used != driver {
                bail!("{folder}: asked for driver {driver}, the document says {used}");
            }
            let digest = content(&document).with_context(|| format!("{folder}: scan --digest"))?;
            match &first {
                None => first = Some((driver.to_owned(), threads.to_owned(), digest)),
                Some((driver0, threads0, digest0)) if *digest0 != digest => bail!(
                    "{folder}: {driver0} with {threads0} threads decodes {digest0}, \
                     {driver} with {threads} threads decodes {digest}"
                ),
                Some(_) => {}
            }
        }
    }
    Ok(())
}

/// Digest and rows of a scan: what may not depend on how it was read.
pub(crate) fn content(document: &Value) -> Result<Value> {
    let (digest, rows) = (&document["digest"], &document["rows"]);
    if digest.is_null() || !rows.is_u64() {
        bail!("the document has no `digest` or no `rows`");
    }
    Ok(serde_json::json!({ "digest": digest, "rows": rows }))
}

/// The folders below `root` that hold a Parquet file themselves, in order.
fn parquet_folders(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        let mut holds_parquet = false;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "parquet") {
                holds_parquet = true;
            }
        }
        if holds_parquet {
            found.push(folder);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_content_of_a_scan_is_its_digest_and_rows() {
        let document = json!({ "digest": "ab", "rows": 3, "seconds": 0.5 });
        assert_eq!(content(&document).unwrap(), json!({ "digest": "ab", "rows": 3 }));
        assert!(content(&json!({ "rows": 3 })).is_err());
        assert!(content(&json!({ "digest": "ab" })).is_err());
    }

    #[test]
    fn every_tiny_set_has_a_name_of_its_own() {
        let mut names: Vec<_> = TINY_SETS.iter().map(|set| set.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TINY_SETS.len());
    }
}
