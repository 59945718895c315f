//! `partition_by`: folders by value, one value to a file.

use std::fs;
use std::path::PathBuf;

use ringquet::Dataset;
use ringquet::engine::EngineOptions;
use ringquet_datagen::{DatagenOptions, Existing, ProblemKind};

use super::support::{
    MIXED, digests, dir, existing, files, generate, golden, manifest, verify, workload,
};

const BY_FLAG: &[&str] = &["dataset.parquet.partition_by=flag"];

#[test]
fn a_partitioned_set_is_written_kept_and_verified() {
    let (dir, flat) = (dir(), dir());
    let loaded = workload(MIXED, dir.path(), BY_FLAG);
    let report = generate(&loaded, &DatagenOptions::default());
    assert_eq!(
        files(dir.path()),
        [
            "ringquet-manifest.json",
            "train/flag=false/img_0_of_3.parquet",
            "train/flag=false/img_2_of_3.parquet",
            "train/flag=true/img_1_of_3.parquet",
            "valid/flag=false/img_0_of_1.parquet",
        ]
    );
    let manifest = manifest(dir.path());
    assert_eq!(manifest.workload.partition_by.as_deref(), Some("flag"));
    assert!(manifest.workload.columns.iter().all(|column| column.name != "flag"));
    assert_eq!(verify(dir.path()).problems, []);

    // The other columns have the values that they have without partitions: flag is the last.
    generate(&workload(MIXED, flat.path(), &[]), &DatagenOptions::default());
    let file = |dir: PathBuf| {
        let options = EngineOptions { columns: Some(vec!["i64".to_owned()]), ..Default::default() };
        let dataset = Dataset::open_files(vec![dir], options).unwrap();
        dataset.scan().digest_files(false).unwrap().0
    };
    assert_eq!(
        file(dir.path().join("train/flag=true/img_1_of_3.parquet")),
        file(flat.path().join("train/img_1_of_3.parquet")),
    );

    let moved = dir.path().join("train/flag=false/img_2_of_3.parquet");
    fs::rename(&moved, dir.path().join("train/flag=true/img_2_of_3.parquet")).unwrap();
    let kinds: Vec<ProblemKind> =
        verify(dir.path()).problems.iter().map(|problem| problem.kind).collect();
    assert_eq!(kinds, [ProblemKind::Missing, ProblemKind::Extra], "a file in the wrong partition");
    fs::remove_file(dir.path().join("train/flag=true/img_2_of_3.parquet")).unwrap();
    let before = digests(dir.path());
    let resumed = generate(&loaded, &existing(Existing::Resume));
    assert_eq!((resumed.files_kept, resumed.digest), (3, report.digest));
    assert_eq!(digests(dir.path()), before);
}

#[test]
fn another_partition_column_is_another_data_set() {
    let dir = dir();
    generate(&workload(MIXED, dir.path(), BY_FLAG), &DatagenOptions::default());
    let other = workload(MIXED, dir.path(), &["dataset.parquet.partition_by=label"]);
    let error = super::support::try_generate(&other, &existing(Existing::Resume)).unwrap_err();
    assert!(error.to_string().contains("workload: columns, partition_by"), "{error}");
}

/// The set that DLIO itself partitioned: rows of one file in two folders, names by chance.
#[test]
fn what_dlio_partitioned_is_scanned() {
    let file = "mixed_part/train/flag=false/4802b7ce46504789827e35bec8badea2-0.parquet";
    let Some(file) = golden(file) else { return };
    let train = file.ancestors().nth(2).unwrap().to_owned();
    let dataset = Dataset::open_with(&[train], EngineOptions::default()).unwrap();
    assert_eq!(dataset.files().len(), 4);
    let names: Vec<String> = dataset.files()[0]
        .footer
        .projected_schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert!(!names.is_empty() && !names.contains(&"flag".to_owned()), "{names:?}");
    let (_, report) = dataset.scan().digest_files(false).unwrap();
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert_eq!(report.rows, 10_000, "two files of 5,000 rows");
}
