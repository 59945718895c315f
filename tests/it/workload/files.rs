//! File names, against those of data sets that DLIO wrote.

use std::path::PathBuf;

use ringquet_workload::{DatasetType, Workload};

use super::text;

fn dataset(keys: &str) -> Workload {
    text(&format!("dataset: {{format: parquet, {keys}}}"), &[])
}

fn strings(paths: impl Iterator<Item = PathBuf>) -> Vec<String> {
    paths.map(|path| path.to_string_lossy().into_owned()).collect()
}

#[test]
fn flat_folders() {
    let dataset = dataset("num_files_train: 4, num_files_eval: 2").dataset;
    assert_eq!(
        strings(dataset.train_files()),
        [
            "train/img_0_of_4.parquet",
            "train/img_1_of_4.parquet",
            "train/img_2_of_4.parquet",
            "train/img_3_of_4.parquet",
        ]
    );
    assert_eq!(
        strings(dataset.valid_files()),
        ["valid/img_0_of_2.parquet", "valid/img_1_of_2.parquet"]
    );
    assert_eq!(strings(dataset.folders()), ["train", "valid"]);
}

#[test]
fn subfolders_start_at_two() {
    let two = dataset("num_files_train: 4, num_subfolders_train: 2").dataset;
    assert_eq!(
        strings(two.train_files()),
        [
            "train/0/img_0_of_4.parquet",
            "train/1/img_1_of_4.parquet",
            "train/0/img_2_of_4.parquet",
            "train/1/img_3_of_4.parquet",
        ]
    );
    assert_eq!(strings(two.folders()), ["train", "train/0", "train/1", "valid"]);
    let order: Vec<u64> = two.listing_order(DatasetType::Train).collect();
    assert_eq!(order, [0, 2, 1, 3], "one folder after the other");
    let one = dataset("num_files_train: 2, num_subfolders_train: 1").dataset;
    assert_eq!(strings(one.train_files())[0], "train/img_0_of_2.parquet");
    let ten = dataset("num_files_train: 12, num_subfolders_train: 10").dataset;
    assert_eq!(strings(ten.train_files())[11], "train/01/img_11_of_12.parquet");
}

#[test]
fn indices_have_the_digits_of_the_total() {
    for (total, index, name) in [
        (1, 0, "img_0_of_1.parquet"),
        (9, 8, "img_8_of_9.parquet"),
        (10, 3, "img_03_of_10.parquet"),
        (1024, 7, "img_0007_of_1024.parquet"),
    ] {
        let dataset = dataset(&format!("num_files_train: {total}")).dataset;
        assert_eq!(dataset.file_name(DatasetType::Train, index), name);
    }
    let dataset = dataset("file_prefix: part, num_files_eval: 100").dataset;
    assert_eq!(dataset.file_name(DatasetType::Valid, 42), "part_042_of_100.parquet");
}

/// A run may use fewer files than were generated; the names keep the total.
#[test]
fn a_part_of_a_data_set_keeps_its_names() {
    let dataset =
        dataset("num_files_train: 2, num_files_generated: 1024, skip_listing: true").dataset;
    assert_eq!(
        strings(dataset.train_files()),
        ["train/img_0000_of_1024.parquet", "train/img_0001_of_1024.parquet"]
    );
}

#[test]
fn the_extension_is_the_format() {
    let npz = text("dataset: {format: npz, num_files_train: 2}", &[]).dataset;
    assert_eq!(npz.file_name(DatasetType::Train, 0), "img_0_of_2.npz");
}

/// One value to a file, from its index; folders come in the order of their names.
#[test]
fn partitions() {
    let columns = "columns: [{name: x}, {name: flag, dtype: bool}, {name: day, dtype: int8}]";
    let by = |column: &str, keys: &str| {
        dataset(&format!("{keys}, parquet: {{partition_by: {column}, {columns}}}")).dataset
    };
    let flag = by("flag", "num_files_train: 3, num_files_eval: 1");
    assert_eq!(
        strings(flag.train_files()),
        [
            "train/flag=false/img_0_of_3.parquet",
            "train/flag=true/img_1_of_3.parquet",
            "train/flag=false/img_2_of_3.parquet",
        ]
    );
    assert_eq!(strings(flag.valid_files()), ["valid/flag=false/img_0_of_1.parquet"]);
    assert_eq!(
        strings(flag.folders()),
        ["train", "train/flag=false", "train/flag=true", "valid", "valid/flag=false"]
    );
    assert_eq!(flag.listing_order(DatasetType::Train).collect::<Vec<_>>(), [0, 2, 1]);
    assert_eq!(flag.parquet.read_column_names(), ["x", "day"]);
    assert_eq!(flag.parquet.read_column_indices(), [0, 1]);
    assert_eq!((flag.record_bytes(), flag.read_record_bytes()), (6, 5));

    let day = by("day", "num_files_train: 18");
    let order: Vec<u64> = day.listing_order(DatasetType::Train).collect();
    assert_eq!(order[..6], [0, 16, 1, 17, 10, 11], "day=0, day=1, day=10, day=11, …");
    let mut by_path: Vec<u64> = (0..18).collect();
    by_path.sort_by_key(|index| day.file_path(DatasetType::Train, *index));
    assert_eq!(order, by_path, "sorted by full path");
    let named = by("day", "num_files_train: 18, skip_listing: true");
    assert!(named.listing_order(DatasetType::Train).eq(0..18), "built by name, not listed");
    let few = by("day", "num_files_train: 1");
    assert_eq!(strings(few.folders()), ["train", "train/day=0", "valid"]);
    assert_eq!(few.listing_order(DatasetType::Train).collect::<Vec<_>>(), [0]);
}
