//! Workloads as text, data sets in directories that go away, and what lies in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use ringquet_datagen::{
    DatagenError, DatagenOptions, Existing, GenerateReport, Manifest, Silent, VerifyOptions,
    VerifyReport,
};
use ringquet_workload::{Loaded, load_text};

use crate::cli::schema;

/// Under target, since /tmp is often a tmpfs.
pub(super) fn dir() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Ten columns of all kinds, as the golden set `mixed` has them.
pub(super) const MIXED: &str = "
dataset:
  format: parquet
  num_files_train: 3
  num_files_eval: 1
  num_samples_per_file: 5000
  parquet:
    row_group_size: 2000
    generation_batch_size: 1500
    columns:
      - {name: label, dtype: int8}
      - {name: u16, dtype: uint16}
      - {name: i64, dtype: int64}
      - {name: vec, dtype: float32, size: 16}
      - {name: f16v, dtype: float16, size: 4}
      - {name: lst, dtype: list, size: 3}
      - {name: txt, dtype: string}
      - {name: bin, dtype: binary, size: 12}
      - {name: flag, dtype: bool}
";

/// A few small columns.
pub(super) const SMALL: &str = "
dataset:
  format: parquet
  num_files_train: 4
  num_samples_per_file: 3000
  parquet:
    row_group_size: 1000
    columns:
      - {name: id, dtype: int64}
      - {name: x, dtype: float32}
";

/// Loads `yaml` with its data in `dir`.
pub(super) fn workload(yaml: &str, dir: &Path, overrides: &[&str]) -> Loaded {
    let mut texts = vec![format!("dataset.data_folder={}", dir.display())];
    texts.extend(overrides.iter().map(|&text| text.to_owned()));
    load_text(yaml, Path::new("w.yaml"), &texts, false).unwrap()
}

pub(super) fn try_generate(
    loaded: &Loaded,
    options: &DatagenOptions,
) -> Result<GenerateReport, DatagenError> {
    let report = ringquet_datagen::generate(loaded, options, &Silent, &AtomicBool::new(false))?;
    let manifest = std::fs::read(&report.manifest).expect("the manifest is there");
    let manifest = serde_json::from_slice(&manifest).expect("the manifest is JSON");
    schema::check_as("ringquet-manifest", &manifest);
    Ok(report)
}

pub(super) fn generate(loaded: &Loaded, options: &DatagenOptions) -> GenerateReport {
    try_generate(loaded, options).unwrap()
}

pub(super) fn existing(existing: Existing) -> DatagenOptions {
    DatagenOptions { existing, ..DatagenOptions::default() }
}

pub(super) fn verify(dir: &Path) -> VerifyReport {
    let options = VerifyOptions::default();
    ringquet_datagen::verify(dir, &options, &Silent, &AtomicBool::new(false)).unwrap()
}

pub(super) fn manifest(dir: &Path) -> Manifest {
    Manifest::read(&dir.join(ringquet_datagen::MANIFEST_NAME)).unwrap()
}

/// Digest of every file by its path, from the manifest.
pub(super) fn digests(dir: &Path) -> BTreeMap<String, String> {
    manifest(dir).files.into_iter().map(|file| (file.path, file.digest)).collect()
}

/// Every file below `dir`, relative to it, sorted.
pub(super) fn files(dir: &Path) -> Vec<String> {
    fn walk(dir: &Path, below: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir.join(below)).unwrap() {
            let entry = entry.unwrap();
            let path = below.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                walk(dir, &path, found);
            } else {
                found.push(path.display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    walk(dir, Path::new(""), &mut found);
    found.sort();
    found
}

/// The files below `dir` that end in `.parquet` or are temporary.
pub(super) fn parquet_files(dir: &Path) -> Vec<String> {
    files(dir).into_iter().filter(|file| file.contains(".parquet")).collect()
}

/// A file that DLIO wrote: one of those kept here, or of `../shared/golden` where that is there.
pub(super) fn golden(file: &str) -> Option<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kept = tests.join("it/datagen/golden_files").join(file);
    let shared = tests.ancestors().map(|folder| folder.join("shared/golden").join(file));
    std::iter::once(kept).chain(shared).find(|path| path.is_file())
}

/// Name of the variable that tells a test that it is the child of another one, and where to write.
pub(super) const CHILD_DIR: &str = "RINGQUET_TEST_CHILD_DIR";

/// This test binary once more, with only the test `name` of this module, under a shell that runs
/// `before` first.
pub(super) fn child(name: &str, before: &str, dir: &Path) -> Command {
    let binary = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    let script = format!(r#"{before}; exec "$0" --exact --ignored --nocapture "$1""#);
    command.args(["-c", &script]).arg(binary).arg(format!("datagen::{name}"));
    command.env(CHILD_DIR, dir).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// The directory that the parent gave to this child. `None` if this is no child.
pub(super) fn child_dir() -> Option<PathBuf> {
    std::env::var_os(CHILD_DIR).map(PathBuf::from)
}
