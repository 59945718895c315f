//! The published workload files and ours: all load, ours without a word, and both say the same.

use ringquet_result::WarningCode;
use ringquet_workload::{Dtype, FormatType, Shuffle, WorkloadError, load};

use super::{file, ours, reference, root};

#[test]
fn every_published_file_loads_unmodified() {
    let expected = [
        ("dlrm_b200.yaml", FormatType::Parquet, 1024, 4_718_592, 12_288, 0.000_375, 0.70),
        ("dlrm_mi355.yaml", FormatType::Parquet, 1024, 4_718_592, 18_432, 0.000_562_5, 0.70),
        ("dlrm_datagen.yaml", FormatType::Parquet, 1024, 4_194_304, 1, 0.0, 0.90),
        ("flux_b200.yaml", FormatType::Parquet, 4296, 288, 48, 1.35, 0.90),
        ("flux_mi355.yaml", FormatType::Parquet, 4296, 288, 72, 2.025, 0.90),
        ("flux_datagen.yaml", FormatType::Parquet, 4296, 256, 1, 0.0, 0.90),
        ("retinanet_b200.yaml", FormatType::Jpeg, 1_170_301, 1, 24, 0.04755, 0.85),
        ("unet3d_h100.yaml", FormatType::Npz, 168, 1, 7, 0.323, 0.90),
    ];
    for (name, format, files, samples, batch, seconds, au) in expected {
        let workload = file(&reference(name), &[]).workload;
        assert_eq!(workload.dataset.format, format, "{name}");
        assert_eq!(workload.dataset.num_files_train, files, "{name}");
        assert_eq!(workload.dataset.num_samples_per_file, samples, "{name}");
        assert_eq!(workload.reader.batch_size, batch, "{name}");
        assert_eq!(workload.train.computation_time.mean_seconds(), seconds, "{name}");
        assert_eq!(workload.metric.au, au, "{name}");
    }
    let folder = std::fs::read_dir(reference("")).expect("it is there");
    let yamls = folder.filter(|entry| {
        entry.as_ref().expect("it can be listed").path().extension().is_some_and(|e| e == "yaml")
    });
    assert_eq!(yamls.count(), expected.len(), "a published file is not in the list above");
}

/// What the published files get wrong, one warning each.
#[test]
fn published_mistakes_are_told() {
    let about = |name: &str| -> Vec<(WarningCode, String)> {
        let loaded = file(&reference(name), &[]);
        let short = |message: &str| message.rsplit('/').next().unwrap_or(message).to_owned();
        loaded.warnings.iter().map(|w| (w.code, short(&w.message))).collect()
    };
    assert_eq!(
        about("flux_b200.yaml"),
        [(
            WarningCode::UnknownKey,
            "flux_b200.yaml:17: `dataset.record_length` is not a DLIO key and has no effect; did you \
             mean `dataset.record_length_bytes`?"
                .to_owned()
        )]
    );
    assert_eq!(
        about("dlrm_b200.yaml"),
        [(
            WarningCode::IneffectiveKey,
            "dlrm_b200.yaml:22: `dataset.parquet.read_mode` has no effect here: row groups are always \
             streamed page by page; DLIO ignores it as well"
                .to_owned()
        )]
    );
    let codes: Vec<WarningCode> =
        about("unet3d_h100.yaml").into_iter().map(|(code, _)| code).collect();
    assert_eq!(
        codes,
        [WarningCode::UnknownKey, WarningCode::IneffectiveKey, WarningCode::OutOfScope],
        "model.model_size, dataset.record_length_bytes_resize, checkpoint"
    );
    assert_eq!(about("retinanet_b200.yaml"), []);
    match load(&reference("flux_b200.yaml"), &[], true) {
        Err(WorkloadError::Strict { warnings, .. }) => assert_eq!(warnings.len(), 1),
        other => panic!("strict must refuse: {other:?}"),
    }
}

#[test]
fn formats_other_than_parquet_are_refused_by_name_where_it_matters() {
    let jpeg = file(&reference("retinanet_b200.yaml"), &[]).workload;
    let error = jpeg.require_local_parquet().expect_err("jpeg").to_string();
    assert_eq!(
        error,
        "dataset.format: jpeg is not supported by this command: ringquet generates and reads \
         `parquet` only"
    );
    let s3 = file(&ours("dlrm_b200.yaml"), &["storage.storage_type=s3"]).workload;
    let error = s3.require_local_parquet().expect_err("s3").to_string();
    assert!(error.starts_with("storage.storage_type: s3 is not supported"), "{error}");
    file(&ours("dlrm_b200.yaml"), &[]).workload.require_local_parquet().expect("files of Parquet");
}

#[test]
fn our_files_load_strictly_and_are_all_tested() {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join("workloads")).expect("it is there") {
        let path = entry.expect("it can be listed").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let loaded = load(&path, &[], true).unwrap_or_else(|error| panic!("{error}"));
        loaded.workload.require_local_parquet().expect("ours are Parquet");
        names.push(path.file_name().expect("a file").to_string_lossy().into_owned());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "dlrm_b200.yaml",
            "dlrm_datagen.yaml",
            "dlrm_mi355.yaml",
            "dlrm_smoke.yaml",
            "flux_b200.yaml",
            "flux_datagen.yaml",
            "flux_mi355.yaml",
            "flux_smoke.yaml",
            "legacy_smoke.yaml",
            "parquet_legacy.yaml",
        ]
    );
}

/// Ours differ from the published files only in what README.md says they differ in.
#[test]
fn our_files_say_what_the_published_ones_say() {
    for name in ["dlrm_b200.yaml", "dlrm_mi355.yaml", "flux_b200.yaml", "flux_mi355.yaml"] {
        let mut published = file(&reference(name), &[]).workload;
        published.dataset.record_length_bytes = Some(published.dataset.record_bytes());
        assert_eq!(file(&ours(name), &[]).workload, published, "{name}");
    }
}

/// The smoke sets fit into memory: a newcomer's first run is not to end with an error about a target.
#[test]
fn smoke_workloads_have_no_target() {
    for (name, target) in [
        ("dlrm_smoke.yaml", None),
        ("flux_smoke.yaml", None),
        ("legacy_smoke.yaml", None),
        ("dlrm_b200.yaml", Some(0.70)),
    ] {
        assert_eq!(file(&ours(name), &[]).workload.metric.target(), target, "{name}");
    }
}

#[test]
fn datagen_and_run_agree() {
    for (datagen, run) in [
        ("dlrm_datagen.yaml", "dlrm_b200.yaml"),
        ("dlrm_datagen.yaml", "dlrm_mi355.yaml"),
        ("flux_datagen.yaml", "flux_b200.yaml"),
        ("flux_datagen.yaml", "flux_mi355.yaml"),
    ] {
        let (datagen, run) = (file(&ours(datagen), &[]).workload, file(&ours(run), &[]).workload);
        assert_eq!(datagen.dataset, run.dataset);
        assert!(datagen.workflow.is_generate_only() && !run.workflow.is_generate_only());
    }
}

#[test]
fn dlrm_has_its_published_columns() {
    for name in ["dlrm_b200.yaml", "dlrm_smoke.yaml"] {
        let dataset = file(&ours(name), &[]).workload.dataset;
        let columns = &dataset.parquet.columns;
        assert_eq!(columns.len(), 200);
        let count = |dtype, read: bool| {
            columns.iter().filter(|c| c.dtype == dtype && (c.read || !read)).count()
        };
        let dtypes = [Dtype::Float32, Dtype::Float16, Dtype::Float64, Dtype::Int8];
        assert_eq!(dtypes.map(|dtype| count(dtype, false)), [56, 50, 49, 45]);
        assert_eq!(dtypes.map(|dtype| count(dtype, true)), [27, 4, 5, 4]);
        assert_eq!((dataset.record_bytes(), dataset.read_record_bytes()), (761, 160));
        assert_eq!(
            dataset.parquet.read_column_indices(),
            [
                11, 17, 18, 20, 25, 31, 41, 43, 49, 53, 58, 59, 67, 68, 71, 74, 75, 88, 90, 91, 92,
                93, 94, 96, 97, 116, 117, 137, 141, 147, 154, 155, 158, 160, 162, 169, 180, 186,
                189, 195
            ]
        );
        assert_eq!(dataset.parquet.read_column_names()[0], "feature_011");
    }
}

#[test]
fn flux_is_wide_and_shuffled() {
    let workload = file(&ours("flux_b200.yaml"), &[]).workload;
    assert_eq!(workload.dataset.record_bytes(), 2_164_832);
    assert_eq!(workload.dataset.row_layout().len(), 1);
    assert_eq!(workload.reader.file_shuffle, Shuffle::Seed);
    assert!(workload.dataset.parquet.columns.iter().all(|column| column.is_list()));
}
