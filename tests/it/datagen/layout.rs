//! How the rows fall into row groups, and what the pages are.

use std::fs::File;
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use ringquet_datagen::DatagenOptions;

use super::support::{MIXED, SMALL, dir, files, generate, workload};

fn row_groups(path: &Path) -> Vec<i64> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    reader.metadata().row_groups().iter().map(|row_group| row_group.num_rows()).collect()
}

#[test]
fn rows_fall_into_row_groups_as_dlio_has_them() {
    let legacy = "dataset: {format: parquet, num_files_train: 1, num_samples_per_file: 5000, \
                  record_length_bytes: 64}";
    for (yaml, row_group_size, batch, expected) in [
        (SMALL, 2000, 1500, vec![1500, 1500, 1500, 500]),
        (SMALL, 1000, 1500, vec![1000, 500, 1000, 500, 1000, 500, 500]),
        (SMALL, 2500, 0, vec![2500, 2500]),
        (SMALL, 10_000, 0, vec![5000]),
        (legacy, 3000, 0, vec![3000, 2000]),
    ] {
        let dir = dir();
        let overrides = [
            "dataset.num_files_train=1".to_owned(),
            "dataset.num_samples_per_file=5000".to_owned(),
            format!("++workload.dataset.parquet.row_group_size={row_group_size}"),
            format!("++workload.dataset.parquet.generation_batch_size={batch}"),
        ];
        let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
        generate(&workload(yaml, dir.path(), &overrides), &DatagenOptions::default());
        let found = row_groups(&dir.path().join("train/img_0_of_1.parquet"));
        assert_eq!(found, expected, "row_group_size {row_group_size}, batch {batch}");
    }
}

#[test]
fn files_and_folders_have_dlios_names() {
    let dir = dir();
    let overrides = [
        "dataset.num_files_train=10",
        "dataset.num_samples_per_file=10",
        "++workload.dataset.num_subfolders_train=2",
        "++workload.dataset.num_files_eval=1",
        "++workload.dataset.file_prefix=part",
    ];
    generate(&workload(SMALL, dir.path(), &overrides), &DatagenOptions::default());
    let expected = [
        "ringquet-manifest.json",
        "train/0/part_00_of_10.parquet",
        "train/0/part_02_of_10.parquet",
        "train/0/part_04_of_10.parquet",
        "train/0/part_06_of_10.parquet",
        "train/0/part_08_of_10.parquet",
        "train/1/part_01_of_10.parquet",
        "train/1/part_03_of_10.parquet",
        "train/1/part_05_of_10.parquet",
        "train/1/part_07_of_10.parquet",
        "train/1/part_09_of_10.parquet",
        "valid/part_0_of_1.parquet",
    ];
    assert_eq!(files(dir.path()), expected);
}

#[test]
fn train_and_valid_are_there_even_if_empty() {
    let dir = dir();
    generate(&workload(SMALL, dir.path(), &[]), &DatagenOptions::default());
    assert!(dir.path().join("valid").is_dir());
}

#[test]
fn nothing_is_in_the_footer_that_pyarrow_does_not_write() {
    let dir = dir();
    generate(&workload(MIXED, dir.path(), &[]), &DatagenOptions::default());
    let file = File::open(dir.path().join("train/img_0_of_3.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let metadata = reader.metadata();
    let about = metadata.file_metadata();
    assert_eq!(about.schema().name(), "schema");
    assert!(about.created_by().unwrap().starts_with("ringquet version "));
    let keys: Vec<&str> =
        about.key_value_metadata().unwrap().iter().map(|pair| pair.key.as_str()).collect();
    assert_eq!(keys, ["ARROW:schema"]);
    for row_group in metadata.row_groups() {
        for chunk in row_group.columns() {
            let path = chunk.column_path().string();
            let statistics = chunk.statistics().unwrap();
            assert_eq!(statistics.null_count_opt(), Some(0), "{path}");
            assert_eq!(statistics.distinct_count_opt(), None, "{path}");
            assert!(statistics.min_bytes_opt().is_some(), "{path}");
            assert_eq!(chunk.column_index_offset(), None, "{path}");
            assert_eq!(chunk.offset_index_offset(), None, "{path}");
            assert_eq!(chunk.bloom_filter_offset(), None, "{path}");
            let has_dictionary = chunk.dictionary_page_offset().is_some();
            assert_eq!(has_dictionary, path != "flag", "{path}");
        }
    }
}
