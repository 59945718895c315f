//! Data sets, made once, and what comes of them without faults.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, StringArray,
};
use arrow_schema::{DataType, Field};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{WriterProperties, WriterVersion};
use ringquet::engine::{DriverChoice, EngineOptions, IoOptions};
use ringquet::{ContentDigest, Dataset, StopFlag};
use ringquet_datagen::{DatagenOptions, Silent};
use ringquet_train::{AcceleratorPriority, RunOptions};
use ringquet_workload::{Loaded, load_text};

/// A data set and its content.
pub(crate) struct Set {
    pub(crate) name: &'static str,
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) rows: u64,
    /// Of each file, by its content.
    pub(crate) digests: Vec<ContentDigest>,
}

pub(crate) struct Model {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) sets: Vec<Set>,
    /// A generated data set.
    pub(crate) generated: PathBuf,
    /// Its digest, and each of its files.
    pub(crate) digest: String,
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
    /// The same with one byte of one file changed.
    pub(crate) damaged: PathBuf,
    /// The checksum of a training run over it.
    pub(crate) checksum: u64,
    pub(crate) train_rows: u64,
}

const WORKLOAD: &str = "
model: {name: campaign}
framework: pytorch
workflow: {train: true, evaluation: false}
dataset:
  format: parquet
  num_files_train: 3
  num_samples_per_file: 1200
  parquet:
    row_group_size: 500
    columns:
      - {name: id, dtype: int64}
      - {name: vec, dtype: float32, size: 8}
      - {name: txt, dtype: string}
reader: {batch_size: 50, read_threads: 1}
train: {epochs: 1, computation_time: 0.0001}
";

pub(crate) fn workload(data: &Path) -> Loaded {
    let folder = format!("dataset.data_folder={}", data.display());
    load_text(WORKLOAD, Path::new("campaign.yaml"), &[folder], false).unwrap()
}

/// The workload as a file, for the binary.
pub(crate) fn workload_file(dir: &Path) -> PathBuf {
    let path = dir.join("campaign.yaml");
    std::fs::write(&path, WORKLOAD).unwrap();
    path
}

impl Model {
    pub(crate) fn new() -> Model {
        // Beside the program, under target: /tmp is often a tmpfs, and O_DIRECT shall be met.
        let program = std::env::current_exe().unwrap();
        let dir = tempfile::tempdir_in(program.parent().unwrap()).unwrap();
        let generated = dir.path().join("generated");
        let loaded = workload(&generated);
        let stop = AtomicBool::new(false);
        let report =
            ringquet_datagen::generate(&loaded, &DatagenOptions::default(), &Silent, &stop)
                .unwrap();
        let files = files_of(&generated);
        let damaged = dir.path().join("damaged");
        for (path, bytes) in &files {
            let to = damaged.join(path);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            let mut bytes = bytes.clone();
            if path.to_string_lossy().contains("img_1_") {
                // Amid the values of a page.
                bytes[3000] ^= 0x40;
            }
            std::fs::write(to, bytes).unwrap();
        }
        for name in std::fs::read_dir(&generated).unwrap() {
            let name = name.unwrap();
            if name.path().is_file() {
                std::fs::copy(name.path(), damaged.join(name.file_name())).unwrap();
            }
        }
        let mut options = RunOptions::new(2, dir.path().join("results"));
        options.priority = AcceleratorPriority::Normal;
        options.engine = calm();
        let run = ringquet_train::run(&loaded, &options, &|_| {}, &StopFlag::new()).unwrap();
        let sets = sets(dir.path());
        Model {
            sets,
            digest: report.digest,
            files,
            damaged,
            checksum: run.checksum,
            train_rows: run.epochs[0].train.rows,
            generated,
            dir,
        }
    }
}

/// Every Parquet file below a folder.
pub(crate) fn files_of(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let train = dir.join("train");
    for entry in std::fs::read_dir(train).into_iter().flatten() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_string_lossy().starts_with('.') {
            let bytes = std::fs::read(&path).unwrap();
            found.insert(path.strip_prefix(dir).unwrap().to_owned(), bytes);
        }
    }
    found
}

/// Reading without faults.
pub(crate) fn calm() -> EngineOptions {
    EngineOptions {
        io: IoOptions { driver: DriverChoice::Pread, ..IoOptions::default() },
        threads: Some(1),
        memory_budget_bytes: Some(16 << 20),
        ..EngineOptions::default()
    }
}

fn sets(dir: &Path) -> Vec<Set> {
    let small = |name: &'static str, files: i64, rows: usize, group: usize| {
        let paths = (0..files).map(|file| {
            let path = dir.join(format!("{name}-{file}.parquet"));
            write(&path, &table(file * 100_000, rows), group, file % 2 == 1);
            path
        });
        (name, paths.collect::<Vec<_>>())
    };
    let wide = dir.join("wide-0.parquet");
    write(&wide, &columns(400), 1, false);
    let long = dir.join("long-0.parquet");
    // One row group that is larger than what a lane may hold of it.
    write(&long, &floats(6), 6, false);
    let sets = vec![
        small("flat", 3, 2500, 1000),
        small("many", 30, 60, 25),
        ("wide", vec![wide]),
        ("long", vec![long]),
    ];
    let known = |(name, paths): (&'static str, Vec<PathBuf>)| {
        let dataset = Dataset::open_files(paths.clone(), calm()).unwrap();
        let (digests, report) = dataset.scan().digest_files(false).unwrap();
        assert!(report.failures.is_empty() && report.rows == dataset.num_rows());
        Set { name, paths, rows: report.rows, digests }
    };
    sets.into_iter().map(known).collect()
}

fn write(path: &Path, batch: &RecordBatch, group: usize, other: bool) {
    let mut properties = WriterProperties::builder().set_max_row_group_row_count(Some(group));
    if other {
        properties = properties
            .set_compression(Compression::SNAPPY)
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .set_data_page_row_count_limit(100);
    }
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties.build())).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn table(first: i64, rows: usize) -> RecordBatch {
    let ids: Vec<i64> = (first..).take(rows).collect();
    let mut lists = ListBuilder::new(StringBuilder::new());
    for id in &ids {
        for n in 0..id % 4 {
            lists.values().append_value(format!("{id}/{n}"));
        }
        lists.append(id % 11 != 0);
    }
    let name = |&id: &i64| (id % 7 != 0).then(|| format!("name {}", id % 50));
    let columns: [(&str, ArrayRef); 4] = [
        ("id", Arc::new(Int64Array::from(ids.clone()))),
        ("x", Arc::new(Float32Array::from_iter_values(ids.iter().map(|&id| id as f32 / 3.0)))),
        ("name", Arc::new(StringArray::from_iter(ids.iter().map(name)))),
        ("list", Arc::new(lists.finish())),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns.map(|(name, column)| (name, column, name != "id")),
    )
    .unwrap()
}

/// 420 kB a row, most of it in the first column.
fn floats(rows: usize) -> RecordBatch {
    let item = Arc::new(Field::new("element", DataType::Float32, true));
    let list = |width: i32| -> ArrayRef {
        let count = rows * usize::try_from(width).unwrap();
        let values = Float32Array::from_iter_values((0..count).map(|n| n as f32 + 0.5));
        Arc::new(FixedSizeListArray::new(Arc::clone(&item), width, Arc::new(values), None))
    };
    let columns = [("a", list(100_000)), ("b", list(7)), ("c", list(5000))];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
        .unwrap()
}

/// Many columns of three rows: a footer longer than the first read of it.
fn columns(count: i64) -> RecordBatch {
    let column = |n: i64| {
        (format!("column {n}"), Arc::new(Int64Array::from(vec![n, n * n, -n])) as ArrayRef)
    };
    RecordBatch::try_from_iter((0..count).map(column)).unwrap()
}
