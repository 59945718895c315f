//! Small files and workloads to run the binary on.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Float32Type;
use arrow_array::{ArrayRef, FixedSizeListArray, Int32Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

/// Rows of one file of [`write_files`].
pub(crate) const FILE_ROWS: u64 = 2500;

/// Rows of one row group.
pub(crate) const ROW_GROUP_ROWS: u64 = 1000;

/// Writes `files` files `part_N.parquet` with the columns `id` (0, 1, 2 … over all files), `half` (id / 2, null where
/// id is odd), `text` and `vec` (four floats).
pub(crate) fn write_files(dir: &Path, files: u64) {
    std::fs::create_dir_all(dir).expect("a directory can be made");
    for file in 0..files {
        write_file(&dir.join(format!("part_{file}.parquet")), file * FILE_ROWS);
    }
}

/// Writes one file whose ids begin with `first_id`.
pub(crate) fn write_file(path: &Path, first_id: u64) {
    let batch = batch(first_id);
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(usize::try_from(ROW_GROUP_ROWS).unwrap()));
    let file = File::create(path).expect("a file can be made");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties.build()))
        .expect("a sound schema");
    writer.write(&batch).expect("the batch can be written");
    writer.close().expect("the footer can be written");
}

/// What a file holds.
pub(crate) fn batch(first_id: u64) -> RecordBatch {
    let first = i64::try_from(first_id).unwrap();
    let ids = || first..first + i64::try_from(FILE_ROWS).unwrap();
    let half = |id: i64| (id % 2 == 0).then(|| i32::try_from(id / 2).unwrap());
    let list = |id: i64| Some((0..4).map(move |at| Some((id * 4 + at) as f32)));
    let id: ArrayRef = Arc::new(Int64Array::from_iter_values(ids()));
    let half: ArrayRef = Arc::new(Int32Array::from_iter(ids().map(half)));
    let text: ArrayRef =
        Arc::new(StringArray::from_iter_values(ids().map(|id| format!("row {id}"))));
    let lists = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(ids().map(list), 4);
    let vec: ArrayRef = Arc::new(lists);
    RecordBatch::try_from_iter_with_nullable([
        ("id", id, false),
        ("half", half, true),
        ("text", text, false),
        ("vec", vec, false),
    ])
    .expect("the columns are of one length")
}

/// Writes `NAME.yaml`, a workload of 3 files × 2,000 rows whose data folder is `data`.
pub(crate) fn write_workload(path: &Path) {
    std::fs::write(path, WORKLOAD).expect("a file can be made");
}

pub(crate) const WORKLOAD: &str = "\
model:
  name: tiny
framework: pytorch
workflow:
  generate_data: false
  train: true
dataset:
  data_folder: data
  format: parquet
  num_files_train: 3
  num_samples_per_file: 2000
  parquet:
    row_group_size: 512
    columns:
      - {name: label, dtype: int8, read: true}
      - {name: dense, dtype: float32, read: true}
      - {name: ids, dtype: int64, read: false}
      - {name: vec, dtype: float32, size: 8, read: true}
reader:
  data_loader: pytorch
  batch_size: 100
  read_threads: 1
  file_shuffle: seed
train:
  epochs: 2
  computation_time: 0.001
metric:
  au: 0.0
";
