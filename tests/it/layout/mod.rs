//! Layouts of a small workload, compared for real: what is measured, what is picked, and that
//! nothing is left.

use std::fs;
use std::path::Path;

use ringquet::StopFlag;
use ringquet::engine::EngineOptions;
use ringquet_layout::{LayoutError, LayoutOptions, VariantChange, compare};
use ringquet_workload::Loaded;
use tempfile::TempDir;

fn workload(dir: &Path, more: &str) -> Loaded {
    let text = format!(
        "model: {{name: small}}\ndataset: {{format: parquet, data_folder: '{}', num_files_train: 64, num_samples_per_file: 100000{more}, parquet: {{row_group_size: 8192, columns: [{{name: a, dtype: float32}}, {{name: b, dtype: float64, read: false}}, {{name: c, dtype: int8}}]}}}}",
        dir.display()
    );
    ringquet_workload::load_text(&text, Path::new("w.yaml"), &[], false).unwrap()
}

fn options() -> LayoutOptions {
    LayoutOptions {
        size_bytes: 1 << 20,
        repeats: 1,
        engine: EngineOptions { threads: Some(2), ..EngineOptions::default() },
        ..LayoutOptions::default()
    }
}

#[test]
fn every_layout_delivers_the_same_rows_and_nothing_is_left() {
    let dir = TempDir::new().unwrap();
    let loaded = workload(&dir.path().join("data"), "");
    let report = compare(&loaded, &options(), &|_| {}, &StopFlag::default()).unwrap();
    assert_eq!(report.files, 2);
    // 1 MiB of 13 bytes a row, in two files of equal length.
    assert_eq!(report.rows, 80_660);
    let own = &report.variants[0];
    assert_eq!((own.variant.change, own.variant.row_group_rows), (VariantChange::Nothing, 8192));
    for variant in &report.variants {
        assert!(variant.rows_per_second > 0.0 && variant.file_bytes > 0, "{variant:?}");
        assert_eq!(variant.fallback_column_chunks, 0, "{variant:?}");
    }
    let of = |name: &str| report.variants.iter().find(|v| v.variant.name == name).unwrap();
    assert!(of("no dictionary").file_bytes < own.file_bytes, "random values repeat nowhere");
    assert!(own.read_bytes < own.file_bytes, "only the columns that the workload reads");
    assert!(report.variants.iter().any(|variant| variant.variant.name == report.picked.name));
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        0,
        "the data folder was not there before"
    );
}

#[test]
fn a_stopped_comparison_leaves_nothing_and_touches_nothing() {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("train")).unwrap();
    fs::write(dir.path().join("train/img_0_of_1.parquet"), "mine").unwrap();
    let stop = StopFlag::default();
    let at_third = |progress: ringquet_layout::LayoutProgress| {
        if progress.done == 2 {
            stop.stop();
        }
    };
    let error = compare(&workload(dir.path(), ""), &options(), &at_third, &stop).unwrap_err();
    assert!(matches!(error, LayoutError::Stopped), "{error}");
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["train"]);
    assert_eq!(fs::read_to_string(dir.path().join("train/img_0_of_1.parquet")).unwrap(), "mine");
}

#[test]
fn what_cannot_be_compared_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let check = |loaded: &Loaded, options: &LayoutOptions, expect: &str| {
        let error = compare(loaded, options, &|_| {}, &StopFlag::default()).unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
    };
    let loaded = workload(dir.path(), "");
    check(&loaded, &LayoutOptions { size_bytes: 4096, ..options() }, "`size_bytes` 4096");
    check(&loaded, &LayoutOptions { repeats: 0, ..options() }, "`repeats` 0");
    let mut missing = options();
    missing.engine.columns = Some(vec!["z".to_owned()]);
    check(&loaded, &missing, "layout 'as the workload'");
    fs::write(dir.path().join("file"), "").unwrap();
    check(&workload(&dir.path().join("file"), ""), &options(), "cannot create a folder");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
