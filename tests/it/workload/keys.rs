//! Keys without effect are reported, with the one that was probably meant.

use super::{text, warnings};

/// One warning about `yaml`, which ends in `expected`.
#[track_caller]
fn check(yaml: &str, expected: &str) {
    let found = warnings(yaml, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].split_once(": ").map(|(_, text)| text), Some(expected));
}

#[test]
fn misspelt_keys_name_the_nearest() {
    for (yaml, key, nearest) in [
        ("dataset: {num_file_train: 3}", "dataset.num_file_train", "dataset.num_files_train"),
        ("dataset: {num_files_trian: 3}", "dataset.num_files_trian", "dataset.num_files_train"),
        ("dataset: {num_samples: 3}", "dataset.num_samples", "dataset.num_samples_per_file"),
        (
            "dataset: {row_group_size: 3}",
            "dataset.row_group_size",
            "dataset.parquet.row_group_size",
        ),
        ("dataset: {columns: [a]}", "dataset.columns", "dataset.parquet.columns"),
        ("parquet: {columns: [a]}", "parquet", "dataset.parquet"),
        ("reader: {batchsize: 3}", "reader.batchsize", "reader.batch_size"),
        ("reader: {prefetch: 3}", "reader.prefetch", "reader.prefetch_size"),
        ("data_reader: {batchsize: 3}", "data_reader.batchsize", "reader.batch_size"),
        ("batch_size: 3", "batch_size", "reader.batch_size"),
        ("reader: {epochs: 3}", "reader.epochs", "train.epochs"),
        ("reader: {seed: 3}", "reader.seed", "train.seed"),
        (
            "output: {exclude_start_steps: 3}",
            "output.exclude_start_steps",
            "output.metric.exclude_start_steps",
        ),
        ("metrics: {au: 0.5}", "metrics", "metric"),
        ("trian: {epochs: 3}", "trian", "train"),
        ("train: {computational_time: 3}", "train.computational_time", "train.computation_time"),
    ] {
        check(
            yaml,
            &format!("`{key}` is not a known key and has no effect; did you mean `{nearest}`?"),
        );
    }
    check("dataset: {xyzzy: 3}", "`dataset.xyzzy` is not a known key and has no effect");
    check(
        "dataset: {parquet: {columns: [a, {name: b, type: int8}]}}",
        "`dataset.parquet.columns[1].type` is not a known key and has no effect; did you mean \
         `dataset.parquet.columns[].dtype`?",
    );
}

#[test]
fn old_and_misplaced_names() {
    for (yaml, key, name) in [
        ("dataset: {record_length: 3}", "dataset.record_length", "dataset.record_length_bytes"),
        (
            "dataset: {record_length_stdev: 3}",
            "dataset.record_length_stdev",
            "dataset.record_length_bytes_stdev",
        ),
        (
            "metric: {exclude_start_steps: 3}",
            "metric.exclude_start_steps",
            "output.metric.exclude_start_steps",
        ),
        (
            "metric: {exclude_end_steps: 3}",
            "metric.exclude_end_steps",
            "output.metric.exclude_end_steps",
        ),
    ] {
        check(
            yaml,
            &format!("`{key}` is not a DLIO key and has no effect; did you mean `{name}`?"),
        );
    }
    assert_eq!(text("metric: {exclude_start_steps: 3}", &[]).output.metric.exclude_start_steps, 1);
}

#[test]
fn known_keys_without_effect_say_why() {
    check(
        "dataset: {parquet: {read_mode: row_group}}",
        "`dataset.parquet.read_mode` has no effect here: row groups are always streamed page by page; \
         DLIO ignores it as well",
    );
    check(
        "checkpoint: {checkpoint_folder: x, fsync: yes}",
        "`checkpoint` has no effect here: checkpoints are out of scope: none is written or read",
    );
    check(
        "reader: {pin_memory: true}",
        "`reader.pin_memory` has no effect here: it tunes a framework's data loader; the engine has \
         its own threads and buffers",
    );
}

/// What mlpstorage adds to every run has its effect, or belongs to nothing that matters here.
#[test]
fn effective_keys_are_silent() {
    let yaml = "
model: {name: dlrm, type: x}
framework: pytorch
workflow: {generate_data: no, train: yes, evaluation: off}
storage: {storage_type: local_fs, storage_root: ./, storage_options: {columns: [a]}}
dataset:
  {skip_listing: true, num_files_generated: 9, keep_files: yes,
   num_files_train: 8, parquet: {columns: [a, b], partition_by: b, generation_batch_size: 5}}
reader: {preprocess_time: {type: gamma, shape: 1, scale: 1}, odirect: true, transfer_size: 4096}
train: {computation_time: {mean: 1, stdev: 2}, seed: 3, seed_change_epoch: off}
evaluation: {eval_time: 3, eval_time_stdev: 1}
output: {log_file: x.log, metric: {exclude_end_steps: 1}}
metric: {au: 0.5}
";
    assert_eq!(warnings(yaml, &[]), Vec::<String>::new());
}

#[test]
fn keys_that_would_be_swallowed_are_told() {
    let found = warnings(
        "dataset: {keep_files: no, listing_validation_interval: 7}\noutput: {folder: x}",
        &[],
    );
    let reasons = ["the data set is kept", "every file is opened", "`results_dir`"];
    assert_eq!(found.len(), reasons.len(), "{found:?}");
    for (warning, reason) in found.iter().zip(reasons) {
        assert!(warning.contains("has no effect here") && warning.contains(reason), "{warning}");
    }
}

#[test]
fn a_warning_about_an_override_names_it() {
    assert_eq!(
        warnings("{}", &["++workload.dataset.record_length=5"]),
        [
            "w.yaml, override `++workload.dataset.record_length=5`: `dataset.record_length` is not a DLIO \
          key and has no effect; did you mean `dataset.record_length_bytes`?"
        ]
    );
}

/// `profiling` and `checkpoint` switched on without a section of their own are reported as well.
#[test]
fn phases_that_do_not_happen_are_told() {
    let found = warnings("workflow: {checkpoint: yes, profiling: yes}", &[]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains("`workflow.checkpoint`") && found[1].contains("`workflow.profiling`")
    );
    assert_eq!(warnings("workflow: {checkpoint: no, profiling: off}", &[]), Vec::<String>::new());
}

/// A hostile file costs neither time nor a flood of messages.
#[test]
fn many_unknown_keys_are_counted() {
    let keys: Vec<String> =
        (0..50_000).map(|index| format!("some_unknown_key_{index}: 1")).collect();
    let found = warnings(&keys.join("\n"), &[]);
    assert_eq!(found.len(), 101);
    assert_eq!(found[100], "w.yaml: 49900 more keys without effect");
}
