//! Our files beside those that DLIO wrote of the same shape.

use std::fs::File;
use std::path::Path;

use parquet::arrow::parquet_to_arrow_schema;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::schema::printer::print_schema;
use ringquet_datagen::DatagenOptions;

use super::support::{dir, generate, golden, workload};

const LEGACY: &str = "dataset: {format: parquet, num_files_train: 4, num_samples_per_file: 64, \
                      record_length_bytes: 16384}";

const MIXED_AND_ODD: &str = "
dataset:
  format: parquet
  num_files_train: 2
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
      - {name: odd, dtype: list, size: 2}
";

struct Opened {
    metadata: std::sync::Arc<ParquetMetaData>,
    reader: SerializedFileReader<File>,
}

fn open(path: &Path) -> Opened {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let reader = SerializedFileReader::new(file).unwrap();
    Opened { metadata: std::sync::Arc::new(reader.metadata().clone()), reader }
}

/// Everything about a file that does not depend on its values, as lines.
fn structure(file: &Opened) -> Vec<String> {
    let about = file.metadata.file_metadata();
    let mut schema = Vec::new();
    print_schema(&mut schema, about.schema());
    let mut lines: Vec<String> =
        String::from_utf8(schema).unwrap().lines().map(str::to_owned).collect();
    let arrow = parquet_to_arrow_schema(about.schema_descr(), about.key_value_metadata()).unwrap();
    lines.extend(arrow.fields().iter().map(|field| format!("arrow: {field:?}")));
    lines.push(format!("arrow metadata: {:?}", arrow.metadata()));
    lines.push(format!("version {}, {} rows", about.version(), about.num_rows()));
    for (index, row_group) in file.metadata.row_groups().iter().enumerate() {
        let rows = row_group.num_rows();
        lines.push(format!("row group {index}: {rows} rows"));
        let pages = file.reader.get_row_group(index).unwrap();
        for (column, chunk) in row_group.columns().iter().enumerate() {
            let mut encodings: Vec<String> =
                chunk.encodings().map(|encoding| encoding.to_string()).collect();
            encodings.sort();
            let mut kinds = Vec::new();
            for page in pages.get_column_page_reader(column).unwrap() {
                let page = page.unwrap();
                kinds.push(format!("{} {}", page.page_type(), page.encoding()));
            }
            lines.push(format!(
                "row group {index}, {}: {} values, {}, encodings {}, pages {}",
                chunk.column_path(),
                chunk.num_values(),
                chunk.compression(),
                encodings.join(" "),
                kinds.join(", "),
            ));
        }
    }
    lines
}

#[track_caller]
fn check(golden_file: &str, yaml: &str, overrides: &[&str], our_file: &str) {
    let Some(golden) = golden(golden_file) else { return };
    let dir = dir();
    generate(&workload(yaml, dir.path(), overrides), &DatagenOptions::default());
    let ours = open(&dir.path().join(our_file));
    let theirs = open(&golden);
    let (ours, theirs) = (structure(&ours), structure(&theirs));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs, "{golden_file}");
    }
    assert_eq!(ours.len(), theirs.len(), "{golden_file}");
}

fn reference(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/workload/reference").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn dlrm() {
    check(
        "dlrm/train/img_0_of_2.parquet",
        &reference("dlrm_datagen.yaml"),
        &[
            "dataset.num_files_train=2",
            "dataset.num_samples_per_file=12288",
            "++workload.dataset.parquet.row_group_size=6144",
        ],
        "train/img_0_of_2.parquet",
    );
}

#[test]
fn flux() {
    check(
        "flux/train/img_1_of_2.parquet",
        &reference("flux_datagen.yaml"),
        &["dataset.num_files_train=2", "dataset.num_samples_per_file=4"],
        "train/img_1_of_2.parquet",
    );
}

#[test]
fn mixed() {
    let file = "mixed/train/img_0_of_2.parquet";
    assert!(golden(file).is_some(), "{file} is kept with the tests");
    check(file, MIXED_AND_ODD, &[], "train/img_0_of_2.parquet");
}

#[test]
fn fork_legacy() {
    let golden = "legacy/fork_none/train/img_0_of_4.parquet";
    check(golden, LEGACY, &[], "train/img_0_of_4.parquet");
}

#[test]
fn fork_legacy_with_sizes_that_vary() {
    for (golden, ours) in [
        ("legacy/fork_stdev/train/img_0_of_4.parquet", "train/img_0_of_4.parquet"),
        ("legacy/fork_stdev/train/img_1_of_4.parquet", "train/img_1_of_4.parquet"),
        ("legacy/fork_stdev/train/img_3_of_4.parquet", "train/img_3_of_4.parquet"),
        ("legacy/fork_stdev/valid/img_1_of_2.parquet", "valid/img_1_of_2.parquet"),
    ] {
        let overrides = [
            "dataset.num_samples_per_file=8",
            "++workload.dataset.record_length_bytes_stdev=4096",
            "++workload.dataset.num_files_eval=2",
        ];
        check(golden, LEGACY, &overrides, ours);
    }
}

#[test]
fn seed_legacy() {
    for (golden, codec) in [
        ("legacy/seed_none/train/img_0_of_4.parquet", "none"),
        ("legacy/seed_gzip/train/img_0_of_4.parquet", "gzip"),
        ("legacy/seed_snappy/train/img_0_of_4.parquet", "snappy"),
    ] {
        let codec = format!("++workload.dataset.compression={codec}");
        let overrides = ["++workload.dataset.parquet.legacy=seed", &codec];
        check(golden, LEGACY, &overrides, "train/img_0_of_4.parquet");
    }
}
