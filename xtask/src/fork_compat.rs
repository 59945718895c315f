//! `cargo xtask fork-compat`: do ringquet and PyArrow read each other's files alike?
//!
//! PyArrow reads what we generate, and we read what PyArrow writes, the golden files of the real benchmark
//! included where they lie beside the checkout. The comparison itself is Python, under xtask/python: it
//! must be able to see a wrong bit, and the first step is its own tests. Then our file of the shape of each golden
//! one is compared with it in schema, row groups, encodings and page kinds, and so is each of our files with what PyArrow
//! makes of the same values; there the pages must be the same bytes. The last step scans every folder with each driver
//! and number of threads; all must come to one digest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use xshell::cmd;

use crate::datagen::generate;
use crate::host::{self, Ability};
use crate::ringquet::Ringquet;
use crate::structure;
use crate::workshop::Workshop;

/// A data set that is generated here.
struct Set {
    name: &'static str,
    workload: &'static str,
    overrides: &'static [&'static str],
}

/// Every mode of the generator, small enough to be compared value by value. The last row group of a file is shorter than the others, wherever a file
/// has several.
const TINY_SETS: &[Set] = &[
    Set {
        name: "dlrm",
        workload: "workloads/dlrm_smoke.yaml",
        overrides: &[
            "dataset.num_files_train=2",
            "dataset.num_samples_per_file=2500",
            "dataset.parquet.row_group_size=1000",
        ],
    },
    Set {
        name: "flux",
        workload: "workloads/flux_smoke.yaml",
        overrides: &[
            "dataset.num_files_train=2",
            "dataset.num_samples_per_file=5",
            "dataset.parquet.row_group_size=2",
        ],
    },
    Set {
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
    Set {
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
    Set { name: "mixed", workload: "xtask/python/mixed.yaml", overrides: &[] },
    Set {
        name: "mixed_zstd",
        workload: "xtask/python/mixed.yaml",
        overrides: &["dataset.compression=zstd"],
    },
];

/// Every dtype, with row groups in which dictionaries overflow and pages are cut. Too long to be compared row by row.
const LONG_SET: Set = Set {
    name: "long",
    workload: "xtask/python/mixed.yaml",
    overrides: &[
        "dataset.num_files_train=1",
        "dataset.num_files_eval=0",
        "dataset.num_samples_per_file=150000",
        "dataset.parquet.row_group_size=140000",
    ],
};

/// A golden file, and how we write one of its shape.
struct GoldenShape {
    golden: &'static str,
    workload: &'static str,
    overrides: &'static [&'static str],
}

/// Every mode of the generator, and both legacy schemas with every codec that there is a golden file of.
const GOLDEN_SHAPES: &[GoldenShape] = &[
    GoldenShape {
        golden: "dlrm/train/img_0_of_2.parquet",
        workload: "workloads/dlrm_smoke.yaml",
        overrides: &["dataset.num_files_train=2", "dataset.num_samples_per_file=12288"],
    },
    GoldenShape {
        golden: "flux/train/img_1_of_2.parquet",
        workload: "workloads/flux_smoke.yaml",
        overrides: &["dataset.num_files_train=2", "dataset.num_samples_per_file=4"],
    },
    GoldenShape {
        golden: "mixed/train/img_0_of_2.parquet",
        workload: "xtask/python/golden_mixed.yaml",
        overrides: &[],
    },
    GoldenShape {
        golden: "legacy/fork_none/train/img_0_of_4.parquet",
        workload: "workloads/legacy_smoke.yaml",
        overrides: &["dataset.num_samples_per_file=64", "dataset.parquet.legacy=fork"],
    },
    GoldenShape {
        golden: "legacy/seed_none/train/img_0_of_4.parquet",
        workload: "workloads/legacy_smoke.yaml",
        overrides: &["dataset.num_samples_per_file=64", "dataset.compression=none"],
    },
    GoldenShape {
        golden: "legacy/seed_gzip/train/img_0_of_4.parquet",
        workload: "workloads/legacy_smoke.yaml",
        overrides: &["dataset.num_samples_per_file=64", "dataset.compression=gzip"],
    },
    GoldenShape {
        golden: "legacy/seed_snappy/train/img_0_of_4.parquet",
        workload: "workloads/legacy_smoke.yaml",
        overrides: &["dataset.num_samples_per_file=64", "dataset.compression=snappy"],
    },
];

/// Runs both directions, the structures and the digests.
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

    if let Some(golden) = &golden {
        for shape in GOLDEN_SHAPES {
            like_golden(workshop, ringquet, shape, golden, &made.join("golden_shape"))?;
        }
        println!("{} golden files: ours of the same shape are built alike", GOLDEN_SHAPES.len());
    }

    let long = made.join("long");
    generate(workshop, ringquet, Path::new(LONG_SET.workload), &long, LONG_SET.overrides)?;
    let (program, mut rewritten) = (programs.join("pyarrow_rewrites.py"), 0);
    for folder in ours.iter().chain([&long]) {
        let twins = made.join("rewritten").join(folder.file_name().context("sets have names")?);
        cmd!(sh, "{python} -B {program} {folder} {twins}").run()?;
        rewritten += like_rewritten(ringquet, folder, &twins)?;
    }
    println!("{rewritten} files: written again by PyArrow they are built alike");

    let mut scanned = 0;
    for root in ours.iter().chain([&long, &theirs]).chain(&golden) {
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

/// Generates a file of the shape of a golden one and compares the structure of both.
///
/// # Errors
/// When they differ; the differences are printed.
fn like_golden(
    workshop: &Workshop,
    ringquet: &Ringquet<'_>,
    shape: &GoldenShape,
    golden: &Path,
    folder: &Path,
) -> Result<()> {
    let place: PathBuf =
        shape.golden.split('/').rev().take(2).collect::<Vec<_>>().iter().rev().collect();
    generate(workshop, ringquet, Path::new(shape.workload), folder, shape.overrides)?;
    structure::check_same(ringquet, &folder.join(place), &golden.join(shape.golden))?;
    Ok(())
}

/// Compares our files below `ours` with what PyArrow made of them below `theirs`: the structure, and where nothing is
/// compressed every byte of every page. Returns how many.
///
/// # Errors
/// When they differ.
fn like_rewritten(ringquet: &Ringquet<'_>, ours: &Path, theirs: &Path) -> Result<usize> {
    let files = parquet_files(ours)?;
    for path in &files {
        let twin = theirs.join(path.strip_prefix(ours)?);
        if structure::check_same(ringquet, path, &twin)? == "UNCOMPRESSED" {
            structure::check_same_pages(path, &twin)?;
        }
    }
    Ok(files.len())
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

/// The Parquet files below `root`, in order.
fn parquet_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "parquet") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The folders below `root` that hold a Parquet file themselves, in order.
fn parquet_folders(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let files = parquet_files(root)?;
    Ok(files.iter().filter_map(|file| file.parent()).map(Path::to_owned).collect())
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
