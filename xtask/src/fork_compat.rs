//! `cargo xtask fork-compat`: do ringquet and PyArrow read each other's files alike?
//!
//! PyArrow reads what we generate, and we read what PyArrow writes, the golden files of the real benchmark
//! included where they lie beside the checkout. The comparison itself is Python, under xtask/python: it
//! must be able to see a wrong bit, and the first step is its own tests. Then our file of the shape of each golden
//! one is compared with it in schema, row groups, encodings and page kinds, as `inspect --json` tells them. The last step scans every folder
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

/// Lines of a structural difference that are printed; the others are counted.
const DIFFERENCES_SHOWN: usize = 20;

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
            same_structure(workshop, ringquet, shape, golden, &made.join("golden_shape"))?;
        }
        println!("{} golden files: ours of the same shape are built alike", GOLDEN_SHAPES.len());
    }

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

/// Generates a file of the shape of a golden one and compares schema, row groups, encodings and pages of both.
///
/// # Errors
/// When they differ; the differences are printed.
fn same_structure(
    workshop: &Workshop,
    ringquet: &Ringquet<'_>,
    shape: &GoldenShape,
    golden: &Path,
    folder: &Path,
) -> Result<()> {
    let theirs = golden.join(shape.golden);
    let place: PathBuf =
        shape.golden.split('/').rev().take(2).collect::<Vec<_>>().iter().rev().collect();
    generate(workshop, ringquet, Path::new(shape.workload), folder, shape.overrides)?;
    let inspect = |path: &Path| -> Result<Value> {
        let document = ringquet.json(&["inspect", &path.display().to_string()])?;
        structure(&document).with_context(|| format!("{}: inspect", path.display()))
    };
    let mut differences = Vec::new();
    differ("file", &inspect(&folder.join(place))?, &inspect(&theirs)?, &mut differences);
    if differences.is_empty() {
        return Ok(());
    }
    println!("{}, ours and the golden file's:", shape.golden);
    for line in differences.iter().take(DIFFERENCES_SHOWN) {
        println!("  {line}");
    }
    bail!("{}: our file of its shape differs in {} places", theirs.display(), differences.len());
}

/// What of the one file of an `inspect` document does not depend on its values.
fn structure(document: &Value) -> Result<Value> {
    let file = &document["files"][0];
    let pick = |from: &Value, keys: &[&str]| -> Result<Value> {
        let kept = keys.iter().map(|key| {
            let value = from.get(key).with_context(|| format!("the document has no `{key}`"))?;
            Ok(((*key).to_owned(), value.clone()))
        });
        Ok(Value::Object(kept.collect::<Result<_>>()?))
    };
    let mut kept = pick(file, &["format_version", "key_value_keys", "rows", "columns", "leaves"])?;
    let groups = file["row_groups"].as_array().context("the document has no `row_groups`")?;
    let groups = groups.iter().map(|group| {
        let chunks = group["column_chunks"].as_array().context("no `column_chunks`")?;
        let keys = &["leaf", "codec", "encodings", "pages", "values"];
        let chunks = chunks.iter().map(|chunk| pick(chunk, keys)).collect::<Result<Vec<_>>>()?;
        Ok(serde_json::json!({ "rows": group["rows"], "column_chunks": chunks }))
    });
    kept["row_groups"] = Value::Array(groups.collect::<Result<_>>()?);
    Ok(kept)
}

/// Appends a line for every place where two documents differ.
fn differ(place: &str, ours: &Value, theirs: &Value, lines: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) if ours.keys().eq(theirs.keys()) => {
            for (key, value) in ours {
                differ(&format!("{place}.{key}"), value, &theirs[key], lines);
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                differ(&format!("{place}[{index}]"), ours, theirs, lines);
            }
        }
        _ if ours == theirs => {}
        _ => lines.push(format!("{place}: {ours} and {theirs}")),
    }
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
    fn a_structure_knows_pages_and_not_sizes() {
        let document = |encoding: &str, bytes: u64| {
            let pages = json!([{ "kind": "DATA_PAGE", "encoding": encoding, "count": 1 }]);
            let chunk = json!({ "leaf": "a", "codec": "SNAPPY", "encodings": [encoding], "pages": pages,
                                "values": 3, "compressed_bytes": bytes });
            let group = json!({ "rows": 3, "offset": 4, "column_chunks": [chunk] });
            json!({ "files": [{ "format_version": 2, "key_value_keys": [], "rows": 3, "columns": [],
                                "leaves": [], "row_groups": [group], "file_bytes": bytes }] })
        };
        let differences = |ours: &Value, theirs: &Value| {
            let mut lines = Vec::new();
            differ("file", &structure(ours).unwrap(), &structure(theirs).unwrap(), &mut lines);
            lines
        };
        assert_eq!(differences(&document("PLAIN", 1), &document("PLAIN", 2)), [""; 0]);
        let place = "file.row_groups[0].column_chunks[0]";
        assert_eq!(
            differences(&document("PLAIN", 1), &document("RLE", 1)),
            [
                format!(r#"{place}.encodings[0]: "PLAIN" and "RLE""#),
                format!(r#"{place}.pages[0].encoding: "PLAIN" and "RLE""#),
            ]
        );
        let mut short = document("PLAIN", 1);
        short["files"][0]["row_groups"] = json!([]);
        assert_eq!(differences(&short, &document("PLAIN", 1)).len(), 1);
        assert!(structure(&json!({ "files": [] })).is_err());
    }

    #[test]
    fn every_tiny_set_has_a_name_of_its_own() {
        let mut names: Vec<_> = TINY_SETS.iter().map(|set| set.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TINY_SETS.len());
    }
}
