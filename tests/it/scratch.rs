//! Files for tests, on a file system that has O_DIRECT where this machine has one at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{
    ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, StringArray,
};
use arrow_schema::{DataType, Field};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

/// A directory that goes away with the value. Under target, since /tmp is often a tmpfs.
pub(crate) fn dir() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A file of `len` bytes in which every 8-byte word holds its own offset, spoiled by `salt`.
pub(crate) fn bytes_file(dir: &Path, name: &str, len: usize, salt: u64) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, expected_bytes(len, salt)).unwrap();
    path
}

/// What [`bytes_file`] holds.
pub(crate) fn expected_bytes(len: usize, salt: u64) -> Vec<u8> {
    let words = (0..len.div_ceil(8) as u64)
        .flat_map(|n| (n ^ salt).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    words.take(len).collect()
}

/// A Parquet file of `rows` rows: `id` counts up from `first`, `x` is a float of it, `name` a string, every seventh null.
pub(crate) fn parquet_file(path: &Path, first: i64, rows: usize, row_group_rows: usize) {
    let batch = table(first, rows);
    let properties =
        WriterProperties::builder().set_max_row_group_row_count(Some(row_group_rows)).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// What [`parquet_file`] writes.
pub(crate) fn table(first: i64, rows: usize) -> RecordBatch {
    let ids: Vec<i64> = (first..).take(rows).collect();
    let name = |&id: &i64| (id % 7 != 0).then(|| format!("name {id}"));
    let columns: [(&str, ArrayRef); 3] = [
        ("id", Arc::new(Int64Array::from(ids.clone()))),
        ("x", Arc::new(Float32Array::from_iter_values(ids.iter().map(|&id| id as f32 / 3.0)))),
        ("name", Arc::new(StringArray::from_iter(ids.iter().map(name)))),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns.map(|(name, column)| (name, column, name == "name")),
    )
    .unwrap()
}

/// A file with one row group in three columns of lists, 420 kB a row, most of it in the first.
pub(crate) fn wide_file(dir: &Path, rows: usize) -> (PathBuf, RecordBatch) {
    let path = dir.join("wide.parquet");
    let item = Arc::new(Field::new("element", DataType::Float32, true));
    let list = |width: i32, salt: f32| -> ArrayRef {
        let len = rows * usize::try_from(width).unwrap();
        let values = Float32Array::from_iter_values((0..len).map(|n| n as f32 + salt));
        Arc::new(FixedSizeListArray::new(Arc::clone(&item), width, Arc::new(values), None))
    };
    let columns = [("a", list(100_000, 0.5)), ("b", list(7, 0.25)), ("c", list(5000, 0.125))];
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let properties = WriterProperties::builder().set_dictionary_enabled(false).build();
    let file = std::fs::File::create(&path).unwrap();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    (path, batch)
}
