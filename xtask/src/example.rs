//! `cargo xtask example`: docs/example-report.html, the page that `ringquet report` makes, from the documents kept under
//! docs/example-report/. With `--measure` the documents are made anew first, from a smoke workload.
//!
//! Everything is called in one folder with paths relative to it, so that no document and no page names a folder of this machine.
//! A test compares the kept page with what the report makes of the kept documents (`tests/it/report`).

use std::path::Path;

use anyhow::{Result, bail};
use xshell::cmd;

use crate::ringquet::{Profile, Ringquet};
use crate::workshop::Workshop;

/// The documents, in the order in which the page has them.
const DOCUMENTS: [&str; 3] = ["flux-8.json", "flux-24.json", "device.json"];

/// A run with few accelerators that all get their batches, and one with as many as the storage can feed, about.
const ACCELERATORS: [u32; 2] = [8, 24];

/// 2.4 GiB: two files for each accelerator.
const FILES: &str = "dataset.num_files_train=48";

const WORKLOAD: &str = "workloads/flux_smoke.yaml";

/// Writes the page.
pub(crate) fn run(workshop: &Workshop, measured: bool) -> Result<()> {
    let ringquet = Ringquet::build(workshop, Profile::Release)?;
    let kept = workshop.root.join("docs/example-report");
    if measured {
        measure(workshop, &ringquet.path, &kept)?;
    }
    let (sh, path) = (&workshop.sh, &ringquet.path);
    let _in_folder = sh.push_dir(&kept);
    cmd!(sh, "{path} report {DOCUMENTS...} -o ../example-report.html --quiet").run()?;
    println!("docs/example-report.html");
    Ok(())
}

/// Generates the data set, examines the device it is on, trains, and keeps the documents.
fn measure(workshop: &Workshop, path: &Path, kept: &Path) -> Result<()> {
    let sh = &workshop.sh;
    let folder = workshop.e2e("example");
    workshop.empty_dir(&folder)?;
    sh.create_dir(folder.join("workloads"))?;
    sh.copy_file(workshop.root.join(WORKLOAD), folder.join(WORKLOAD))?;
    sh.create_dir(kept)?;

    let _in_folder = sh.push_dir(&folder);
    let workload = [WORKLOAD, "dataset.data_folder=data/flux", FILES];
    cmd!(sh, "{path} datagen {workload...}").run()?;
    let keep = |name: String, document: String| -> Result<()> {
        if !DOCUMENTS.contains(&&*name) {
            bail!("{name}: the page has no such document");
        }
        Ok(sh.write_file(kept.join(name), format!("{}\n", document.trim_end()))?)
    };
    let device =
        cmd!(sh, "{path} characterize data --preset quick --parquet data/flux/train --json");
    keep("device.json".to_owned(), device.read()?)?;
    for accelerators in ACCELERATORS {
        let count = accelerators.to_string();
        let results = format!("flux-{accelerators}");
        let run = cmd!(
            sh,
            "{path} run {workload...} metric.au=0.9 --accelerators {count} --results-dir {results} --direct on --json"
        );
        // A run that misses its AU ends with 1, and is as good an example.
        keep(format!("{results}.json"), run.ignore_status().read()?)?;
    }
    workshop.remove(&folder)
}
