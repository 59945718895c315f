//! A small data set with known content, and runs over it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use ringquet::StopFlag;
use ringquet_train::{RunError, RunOptions, RunReport};
use ringquet_workload::{Loaded, load_text};
use serde_json::Value;

use crate::cli::schema;

/// Rows of each file.
pub(super) const FILE_ROWS: i64 = 300;

/// Rows of each row group but the last: 128, 128, 44.
const ROW_GROUP_ROWS: usize = 128;

/// Under target, since /tmp is often a tmpfs.
pub(super) fn dir() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A folder with a data set of `train` + `valid` files in `data/`.
pub(super) fn data(train: i64, valid: i64) -> tempfile::TempDir {
    let dir = dir();
    for (half, files) in [("train", train), ("valid", valid)] {
        let folder = dir.path().join("data").join(half);
        std::fs::create_dir_all(&folder).unwrap();
        for file in 0..files {
            let path = folder.join(format!("img_{file}_of_{files}.parquet"));
            write_file(&path, file * FILE_ROWS, FILE_ROWS);
        }
    }
    dir
}

/// Writes a file with the columns `id` (counting up from `first`), `x` (a third of it) and `unread`.
pub(super) fn write_file(path: &Path, first: i64, rows: i64) {
    let ids = || first..first + rows;
    let columns: [(&str, ArrayRef); 3] = [
        ("id", Arc::new(Int64Array::from_iter_values(ids()))),
        ("x", Arc::new(Float32Array::from_iter_values(ids().map(|id| id as f32 / 3.0)))),
        ("unread", Arc::new(Int64Array::from_iter_values(ids().map(|id| id * 7919)))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties =
        WriterProperties::builder().set_max_row_group_row_count(Some(ROW_GROUP_ROWS)).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// The checksum of the rows `ids`, whole files: one value from each 64 bytes of a column in a row
/// group, which is every 8th `id` and every 16th `x`.
pub(super) fn checksum(ids: std::ops::Range<i64>) -> u64 {
    let of_row = |id: i64| -> u64 {
        let row = (id % FILE_ROWS) % i64::try_from(ROW_GROUP_ROWS).unwrap();
        let value = if row % 8 == 0 { id.unsigned_abs() } else { 0 };
        value + if row % 16 == 0 { u64::from((id as f32 / 3.0).to_bits()) } else { 0 }
    };
    ids.map(of_row).sum()
}

/// The workload over [`data`] in `dir`: batches of 50, half a millisecond of computation.
pub(super) fn workload(dir: &Path, train: u64, valid: u64, overrides: &[&str]) -> Loaded {
    let text = format!(
        "
model: {{name: small}}
framework: pytorch
workflow: {{train: true, evaluation: {}}}
dataset:
  data_folder: {}
  format: parquet
  num_files_train: {train}
  num_files_eval: {valid}
  num_samples_per_file: {FILE_ROWS}
  parquet:
    columns:
      - {{name: id, dtype: int64}}
      - {{name: x, dtype: float32}}
      - {{name: unread, dtype: int64, read: false}}
reader: {{data_loader: pytorch, batch_size: 50, batch_size_eval: 30, read_threads: 2}}
train: {{epochs: 2, computation_time: 0.0005}}
evaluation: {{eval_time: 0.0002}}
metric: {{au: 0.0001}}
",
        valid > 0,
        dir.join("data").display()
    );
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    load_text(&text, Path::new("small.yaml"), &overrides, false).unwrap()
}

/// Options with results in `dir/results`.
pub(super) fn options(dir: &Path, accelerators: u32) -> RunOptions {
    RunOptions::new(accelerators, dir.join("results"))
}

/// A whole run, whose result keeps to its schema.
pub(super) fn run(loaded: &Loaded, options: &RunOptions) -> Result<RunReport, RunError> {
    let report = ringquet_train::run(loaded, options, &|_| {}, &StopFlag::new())?;
    schema::check_as("ringquet", &json(&report.results_dir.join("ringquet.json")));
    Ok(report)
}

/// A JSON file of the results.
pub(super) fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The golden results that the Python benchmark wrote, beside these tests.
pub(super) fn golden(run: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside =
        |folder: &Path| Some(folder.join("it/run/golden").join(run)).filter(|p| p.is_dir());
    let found = package.ancestors().find_map(|up| beside(up).or_else(|| beside(&up.join("tests"))));
    found.expect("the golden files are part of the repository")
}

/// Floats of a JSON list.
pub(super) fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|item| item.as_f64().unwrap()).collect()
}
