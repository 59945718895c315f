//! `cargo xtask mpi`: `ringquet run` as two processes that Open MPI starts, against the same ranks in one process.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xshell::cmd;

use crate::workshop::Workshop;

/// Four ranks in all, two of each process; two epochs, shuffled, so that both runs must agree on who reads what.
const WORKLOAD: &str = "\
model: {name: mpi}
framework: pytorch
workflow: {train: true, evaluation: true}
dataset:
  data_folder: data
  format: parquet
  num_files_train: 8
  num_files_eval: 4
  num_samples_per_file: 300
  parquet:
    row_group_size: 100
    columns: [{name: a, dtype: int64}, {name: b, dtype: float32, size: 8}]
reader: {data_loader: pytorch, batch_size: 50, batch_size_eval: 50, read_threads: 1, file_shuffle: seed}
train: {epochs: 2, computation_time: 0.002}
evaluation: {eval_time: 0.001}
metric: {au: 0.01}
";

/// Skipped, with a line that says so, where MPI or libclang is missing.
pub(crate) fn run(workshop: &Workshop) -> Result<()> {
    let sh = &workshop.sh;
    for tool in ["mpirun", "mpicc"] {
        if !workshop.has(tool) {
            println!(
                "SKIPPED mpi: there is no {tool} (Debian: apt-get install libopenmpi-dev openmpi-bin libclang-dev)"
            );
            return Ok(());
        }
    }
    let dir = workshop.e2e("mpi");
    workshop.empty_dir(&dir)?;
    cmd!(sh, "cargo build --package ringquet-cli --bin ringquet --features mpi").run()?;
    // Away from where the binary without the feature lies, which the next build puts back.
    let ringquet = dir.join("ringquet");
    sh.copy_file(workshop.target.join("debug/ringquet"), &ringquet)?;
    cmd!(sh, "cargo test --package ringquet-train --features mpi --lib ensemble").run()?;
    sh.write_file(dir.join("mpi.yaml"), WORKLOAD)?;
    let _dir = sh.push_dir(&dir);
    cmd!(sh, "{ringquet} datagen mpi.yaml --quiet").ignore_stdout().run()?;
    let alone =
        cmd!(sh, "{ringquet} run mpi.yaml --accelerators 4 --results-dir alone --quiet --json");
    let alone: Value = serde_json::from_str(&alone.read()?)?;
    let together = cmd!(
        sh,
        "mpirun --allow-run-as-root --oversubscribe -np 2 {ringquet} run mpi.yaml --accelerators 2 --results-dir together --quiet --json"
    );
    let together: Value =
        serde_json::from_str(&together.read()?).context("one document, of the first process")?;
    for key in
        ["complete", "accelerators", "rows", "checksum", "nominal_bytes", "decoded_bytes", "hosts"]
    {
        ensure!(
            alone[key] == together[key] && !alone[key].is_null(),
            "{key}: {} alone, {} as two processes",
            alone[key],
            together[key]
        );
    }
    ensure!(together["processes"] == 2, "processes: {}", together["processes"]);
    let names = |folder: &str| files(&dir.join(folder));
    let (alone, together) = (names("alone")?, names("together")?);
    ensure!(alone == together, "files: {alone:?} alone, {together:?} as two processes");
    let summary: Value = serde_json::from_str(&sh.read_file(dir.join("together/summary.json"))?)?;
    ensure!(summary["num_accelerators"] == 4 && summary["num_hosts"] == 1, "{summary}");
    // One that fails ends both, soon.
    let failed = cmd!(
        sh,
        "mpirun --allow-run-as-root --oversubscribe -np 2 {ringquet} run mpi.yaml dataset.data_folder=nowhere --accelerators 2 --results-dir failed --quiet"
    );
    let output = failed.ignore_status().quiet().output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && said.contains("found 0 of 8 files"), "{said}");
    println!("mpi: two processes of two accelerators gave what one process of four gave");
    Ok(())
}

/// Names below a folder, sorted.
fn files(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        found.push(entry?.file_name().to_string_lossy().into_owned());
    }
    found.sort();
    Ok(found)
}
