//! What cannot be played is refused before anything is measured, in one line that says what to do.

use super::support::{data, options, run, workload, write_file};

#[track_caller]
fn refused(
    dir: &std::path::Path,
    files: u64,
    accelerators: u32,
    overrides: &[&str],
    said: &[&str],
) {
    let loaded = workload(dir, files, 0, overrides);
    let error = run(&loaded, &options(dir, accelerators)).unwrap_err().to_string();
    for part in said {
        assert!(error.contains(part), "no `{part}` in: {error}");
    }
    assert!(!error.contains('\n'), "{error}");
    assert!(!dir.join("results/summary.json").exists());
}

#[test]
fn a_data_set_that_is_not_all_there() {
    let dir = data(2, 0);
    let folder = dir.path().join("data").display().to_string();
    let place = format!("found 2 of 3 files in {folder}/train");
    let command = format!("ringquet datagen small.yaml dataset.data_folder={folder}");
    refused(dir.path(), 3, 1, &[], &[&place, &command]);
    refused(dir.path(), 2, 1, &["dataset.num_subfolders_train=2"], &["found 0 of 2 files"]);
    let skip = ["dataset.skip_listing=true", "dataset.num_files_train=3"];
    refused(dir.path(), 3, 1, &skip, &["found 0 of 3 files", "img_0_of_3.parquet"]);
}

#[test]
fn files_with_another_number_of_rows() {
    let dir = data(2, 0);
    write_file(&dir.path().join("data/train/img_1_of_2.parquet"), 0, 299);
    let said = ["img_1_of_2.parquet: 299 rows", "num_samples_per_file 300"];
    refused(dir.path(), 2, 1, &[], &said);
}

#[test]
fn workloads_that_make_no_step() {
    let dir = data(2, 0);
    refused(dir.path(), 2, 2, &["reader.batch_size=301"], &["reader.batch_size", "301", "300"]);
    refused(dir.path(), 2, 3, &[], &["3 accelerators", "num_files_train"]);
    refused(dir.path(), 2, 0, &[], &["`accelerators` 0", "4096"]);
    refused(dir.path(), 2, 5000, &[], &["`accelerators` 5000", "4096"]);
    let steps = ["train.total_training_steps=13"];
    refused(dir.path(), 2, 1, &steps, &["total_training_steps", "13", "12 steps"]);
}

#[test]
fn workloads_of_another_kind() {
    let dir = data(2, 0);
    refused(dir.path(), 2, 1, &["dataset.format=npz"], &["dataset.format", "npz", "parquet"]);
    refused(dir.path(), 2, 1, &["storage.storage_type=s3"], &["storage_type", "s3"]);
    refused(dir.path(), 2, 1, &["workflow.train=false"], &["workflow.train", "datagen"]);
    let columns = ["dataset.parquet.columns=[{name: id, dtype: int64}, {name: missing}]"];
    refused(dir.path(), 2, 1, &columns, &["missing"]);
}

#[test]
fn a_file_that_is_no_parquet_is_named() {
    let dir = data(2, 0);
    std::fs::write(dir.path().join("data/train/img_1_of_2.parquet"), "not a data file").unwrap();
    refused(dir.path(), 2, 1, &[], &["img_1_of_2.parquet"]);
}

/// The footer is whole, the pages are not: the run begins, and ends with the file's name.
#[test]
fn pages_that_cannot_be_decoded_end_the_run() {
    let dir = data(2, 0);
    let path = dir.path().join("data/train/img_1_of_2.parquet");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4..64].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    for accelerators in [1, 2] {
        refused(dir.path(), 2, accelerators, &[], &["img_1_of_2.parquet"]);
        let log = std::fs::read_to_string(dir.path().join("results/dlio.log")).unwrap();
        let last = log.lines().last().unwrap();
        assert!(last.contains("The run failed") && last.contains("img_1_of_2.parquet"), "{last}");
    }
}

#[test]
fn results_that_cannot_be_written_are_told_before_the_run() {
    let dir = data(1, 0);
    std::fs::write(dir.path().join("results"), "a file").unwrap();
    let loaded = workload(dir.path(), 1, 0, &[]);
    let error = run(&loaded, &options(dir.path(), 1)).unwrap_err().to_string();
    assert!(error.contains("results") && error.contains("cannot write"), "{error}");
}
