//! Single values: defaults, YAML 1.1 booleans, ranges, and the words of a refusal.

use ringquet_workload::{
    Compression, DataLoaderType, Distribution, FormatType, FrameworkType, LegacySchema, Named,
    ReadType, Shuffle, StorageType, Workload,
};

use super::{refusal, text, try_text};

/// DLIO's defaults, key by key.
#[test]
fn defaults_are_those_of_dlio() {
    let Workload {
        model,
        framework,
        workflow,
        storage,
        dataset,
        reader,
        train,
        evaluation,
        output,
        metric,
    } = text("{}", &[]);
    assert_eq!((model.name.as_str(), model.kind), ("default", None));
    assert_eq!(framework, FrameworkType::Tensorflow);
    assert_eq!(
        (workflow.generate_data, workflow.train, workflow.evaluation, workflow.checkpoint),
        (false, true, false, false)
    );
    assert_eq!(storage.storage_type, StorageType::LocalFs);
    assert_eq!(dataset.format, FormatType::Tfrecord);
    assert_eq!(dataset.data_folder.to_str(), Some("./data"));
    assert_eq!((dataset.record_length_bytes, dataset.record_bytes()), (None, 65_536));
    assert_eq!((dataset.num_files_train, dataset.num_files_eval), (8, 0));
    assert_eq!(dataset.num_samples_per_file, 1);
    assert_eq!((dataset.num_subfolders_train, dataset.num_subfolders_eval), (0, 0));
    assert_eq!(dataset.file_prefix, "img");
    assert_eq!((dataset.compression, dataset.compression_level), (Compression::None, None));
    assert!(dataset.keep_files && !dataset.skip_listing);
    assert_eq!(dataset.listing_validation_interval, 1000);
    let parquet = dataset.parquet;
    assert!(parquet.columns.is_empty() && parquet.partition_by.is_none());
    assert_eq!((parquet.row_group_size, parquet.generation_batch_size), (1024, 1024));
    assert_eq!(parquet.legacy, LegacySchema::Fork);
    assert_eq!(reader.data_loader, DataLoaderType::Tensorflow);
    assert_eq!((reader.batch_size, reader.batch_size_eval), (1, 1));
    assert_eq!((reader.read_threads, reader.prefetch_size), (1, 2));
    assert_eq!((reader.file_shuffle, reader.sample_shuffle), (Shuffle::Off, Shuffle::Off));
    assert_eq!((reader.read_type, reader.odirect), (ReadType::OnDemand, None));
    assert_eq!((reader.transfer_size, reader.preprocess_time), (None, Distribution::ZERO));
    assert_eq!((train.epochs, train.seed, train.seed_change_epoch), (1, 123, true));
    assert_eq!((train.total_training_steps, train.computation_time), (None, Distribution::ZERO));
    assert_eq!((evaluation.eval_after_epoch, evaluation.epochs_between_evals), (1, 1));
    assert_eq!(output.log_file, "dlio.log");
    assert_eq!((output.metric.exclude_start_steps, output.metric.exclude_end_steps), (1, 0));
    assert_eq!(metric.au, 0.90);
}

#[test]
fn null_means_the_default() {
    assert_eq!(
        text("train: {seed: null, total_training_steps: -1}\nreader:\n", &[]),
        text("{}", &[])
    );
}

/// `off`, `no` and their like are words here and booleans where a boolean belongs.
#[test]
fn booleans_of_yaml_1_1() {
    for word in ["off", "Off", "OFF", "no", "false", "'off'", "\"off\""] {
        let workload = text(&format!("reader: {{file_shuffle: {word}}}"), &[]);
        assert_eq!(workload.reader.file_shuffle, Shuffle::Off, "{word}");
    }
    for (word, value) in [
        ("yes", true),
        ("On", true),
        ("TRUE", true),
        ("no", false),
        ("off", false),
        ("False", false),
    ] {
        let yaml = format!("workflow: {{generate_data: {word}, train: {word}}}");
        let loaded = try_text(&yaml, &[]).expect("it loads");
        assert_eq!(loaded.workload.workflow.generate_data, value, "{word}");
        assert_eq!(loaded.workload.workflow.train, value, "{word}");
        assert_eq!(loaded.resolved["workload"]["workflow"]["train"], value, "{word}");
    }
    let columns = text("dataset: {parquet: {columns: [y, {name: on, read: no}]}}", &[]);
    let columns = columns.dataset.parquet.columns;
    assert_eq!((columns[0].name.as_str(), columns[1].name.as_str()), ("y", "on"));
    assert!(columns[0].read && !columns[1].read);
    assert_eq!(
        refusal("workflow: {train: maybe}", &[]),
        "w.yaml:1: workflow.train: invalid value \"maybe\": expected true, false (also yes, no, \
         on, off)"
    );
}

#[test]
fn enumerations_list_what_they_accept() {
    assert_eq!(
        refusal("reader:\n  file_shuffle: sed\n", &[]),
        "w.yaml:2: reader.file_shuffle: invalid value \"sed\": expected off, seed, random"
    );
    assert_eq!(
        refusal("reader: {file_shuffle: yes}", &[]),
        "w.yaml:1: reader.file_shuffle: invalid value \"yes\": expected off, seed, random"
    );
    assert_eq!(
        refusal("dataset: {format: parket}", &[]),
        "w.yaml:1: dataset.format: invalid value \"parket\": expected tfrecord, hdf5, csv, npz, npy, \
         hdf5_opt, jpeg, png, indexed_binary, mmap_indexed_binary, synthetic, parquet"
    );
    for value in Compression::ALL {
        assert_eq!(value.name().parse(), Ok(*value));
    }
    let error = "lz5".parse::<Compression>().expect_err("no codec").to_string();
    assert_eq!(
        error,
        "`lz5` is not a Compression; expected one of none, gzip, lzf, bz2, zip, xz, snappy, lz4, zstd"
    );
}

#[test]
fn compression_is_one_that_parquet_has() {
    for codec in ["none", "snappy", "gzip", "lz4", "zstd"] {
        let yaml = format!("dataset: {{format: parquet, compression: {codec}}}");
        assert_eq!(text(&yaml, &[]).dataset.compression.name(), codec);
    }
    assert_eq!(
        refusal("dataset: {format: parquet, compression: bz2}", &[]),
        "w.yaml:1: dataset.compression: invalid value \"bz2\": expected none, snappy, gzip, lz4, \
         zstd (format parquet)"
    );
    assert_eq!(
        text("dataset: {format: hdf5, compression: lzf}", &[]).dataset.compression,
        Compression::Lzf
    );
    let level = |yaml: &str| text(yaml, &[]).dataset.compression_level;
    assert_eq!(level("dataset: {compression: zstd, compression_level: 22}"), Some(22));
    assert_eq!(level("dataset: {compression: gzip}"), None);
    assert_eq!(level("dataset: {compression: none, compression_level: 4}"), None, "DLIO's default");
    let refused = refusal("dataset: {compression: gzip, compression_level: 22}", &[]);
    assert!(refused.contains("a whole number from 0 to 9"), "{refused}");
    let refused = refusal("dataset: {compression: snappy, compression_level: 7}", &[]);
    assert!(refused.contains("has no levels"), "{refused}");
}

#[test]
fn numbers_are_held_in_range() {
    for (yaml, expected) in [
        (
            "reader: {batch_size: 0}",
            "w.yaml:1: reader.batch_size: invalid value 0: expected a whole number from 1 to 2147483647",
        ),
        ("reader: {batch_size: 1.5}", "reader.batch_size: invalid value 1.5"),
        ("reader: {batch_size: '7'}", "reader.batch_size: invalid value \"7\""),
        ("reader: {batch_size: [7]}", "reader.batch_size: invalid value [7]"),
        ("dataset: {num_files_train: -1}", "dataset.num_files_train: invalid value -1"),
        (
            "dataset: {num_files_train: 99999999999999999999}",
            "dataset.num_files_train: invalid value 1",
        ),
        ("dataset: {num_samples_per_file: 0}", "dataset.num_samples_per_file: invalid value 0"),
        (
            "dataset: {parquet: {row_group_size: 0}}",
            "dataset.parquet.row_group_size: invalid value 0",
        ),
        ("train: {epochs: 0}", "train.epochs: invalid value 0"),
        ("train: {seed: 4294967295}", "train.seed: invalid value 4294967295"),
        ("train: {total_training_steps: 0}", "train.total_training_steps: invalid value 0"),
        ("train: {computation_time: -1}", "train.computation_time: invalid value -1"),
        ("train: {computation_time: fast}", "seconds as a number, or {mean, stdev}"),
        (
            "metric: {au: 1.01}",
            "w.yaml:1: metric.au: invalid value 1.01: expected a number from 0 to 1",
        ),
        ("metric: {au: .nan}", "w.yaml:1:"),
        ("metric: 5", "metric: invalid value 5: expected a mapping"),
        (
            "evaluation: {epochs_between_evals: 0}",
            "evaluation.epochs_between_evals: invalid value 0",
        ),
        ("dataset: {file_prefix: a/b}", "it begins file names"),
        ("dataset: {file_prefix: ''}", "a string that is not empty"),
        (
            "dataset: {num_files_train: 4, num_subfolders_train: 5}",
            "5 folders for 4 files leave some empty",
        ),
        (
            "dataset: {num_files_train: 4, num_files_generated: 3}",
            "3 is fewer than num_files_train, 4",
        ),
        ("{reader: {batch_size: 1}, data_reader: {batch_size: 1}}", "is another name of `reader`"),
        (
            "{framework: pytorch, reader: {data_loader: tensorflow}}",
            "cannot be combined with framework `pytorch`",
        ),
    ] {
        let refused = refusal(yaml, &[]);
        assert!(refused.contains(expected), "{yaml}\n{refused}");
    }
    assert_eq!(
        text("dataset: {num_samples_per_file: 1e6}", &[]).dataset.num_samples_per_file,
        1_000_000
    );
    assert_eq!(text("data_reader: {batch_size: 9}", &[]).reader.batch_size, 9);
}

#[test]
fn products_that_overflow_are_refused() {
    let refused = refusal(
        "dataset: {num_files_train: 67108864, num_samples_per_file: 9007199254740992, \
         record_length_bytes: 9007199254740992}",
        &[],
    );
    assert!(refused.contains("is more than 2^63 bytes"), "{refused}");
    let refused = refusal("dataset: {record_dims: [9007199254740992, 9007199254740992]}", &[]);
    assert!(refused.contains("is more than 2^63 bytes"), "{refused}");
    let columns = "[{name: a, size: 2147483647, dtype: float64}, {name: b, size: 2147483647}]";
    let refused = refusal(
        &format!(
            "dataset: {{num_samples_per_file: 4503599627370496, parquet: {{columns: {columns}}}}}"
        ),
        &[],
    );
    assert!(refused.contains("is more than 2^63 bytes"), "{refused}");
}

#[test]
fn text_that_is_no_workload() {
    for yaml in
        ["", "- a", "7", "a: [", "a: 1\na: 2\n", "\u{0}", "a: *b", "--- \na: 1\n--- \nb: 1\n"]
    {
        let refused = refusal(yaml, &[]);
        assert!(
            refused.starts_with("w.yaml") && refused.lines().count() == 1,
            "{yaml:?}: {refused}"
        );
    }
    let refused = refusal("train:\n  seed: 1\n  seed: 2\n", &[]);
    assert!(refused.starts_with("w.yaml:3: "), "{refused}");
    let deep = format!("a: {}1{}", "[".repeat(5000), "]".repeat(5000));
    assert!(refusal(&deep, &[]).starts_with("w.yaml"));
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,\
                *b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: \
                &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
    assert!(refusal(bomb, &[]).starts_with("w.yaml"));
    let key = "k".repeat(129);
    assert!(refusal(&format!("{key}: 1"), &[]).contains("a key of 129 bytes; at most 128"));
    let long = format!("a: {}", "x".repeat(5 << 20));
    assert!(refusal(&long, &[]).contains("a workload file may have at most 4194304"));
    assert!(refusal("defaults: [base]\n", &[]).contains("composing several files"));
    assert!(refusal("dataset: {data_folder: '${oc.env:HOME}'}", &[]).contains("not interpolated"));
    let missing = ringquet_workload::load(std::path::Path::new("no/such.yaml"), &[], false);
    let missing = missing.expect_err("there is none").to_string();
    assert!(missing.starts_with("no/such.yaml: cannot read the workload: "), "{missing}");
}

/// `dlio_config/config.yaml` of an earlier run can be run again.
#[test]
fn a_composed_configuration_loads() {
    let loaded = try_text("workload:\n  train:\n    seed: 7\n", &[]).expect("it loads");
    assert_eq!(loaded.workload.train.seed, 7);
    assert_eq!(loaded.resolved["workload"]["train"]["seed"], 7);
    assert_eq!(
        refusal("workload:\n  train:\n    seed: x\n", &[]).split(':').nth(1),
        Some("3"),
        "lines are those of the file"
    );
}

#[test]
fn the_data_folder_is_joined_like_a_python_path() {
    for (storage_root, folder, expected) in [
        ("./", "data/dlrm/", "data/dlrm"),
        ("/mnt/nvme", "data/dlrm", "/mnt/nvme/data/dlrm"),
        ("/mnt/nvme/", "/data/dlrm//", "/data/dlrm"),
    ] {
        let yaml = format!(
            "{{storage: {{storage_root: {storage_root}}}, dataset: {{data_folder: {folder}}}}}"
        );
        assert_eq!(text(&yaml, &[]).data_dir().to_str(), Some(expected));
    }
}

#[test]
fn direct_reads_are_asked_for_in_two_ways() {
    assert_eq!(text("{}", &[]).wants_direct(), None);
    assert_eq!(text("reader: {odirect: yes}", &[]).wants_direct(), Some(true));
    assert_eq!(text("storage: {storage_type: direct_fs}", &[]).wants_direct(), Some(true));
    let both = "{storage: {storage_type: direct_fs}, reader: {odirect: false}}";
    assert_eq!(text(both, &[]).wants_direct(), Some(false));
}

#[test]
fn evaluations_follow_their_epochs() {
    let evaluation =
        text("evaluation: {eval_after_epoch: 3, epochs_between_evals: 2}", &[]).evaluation;
    let epochs: Vec<u32> = (1..=8).filter(|epoch| evaluation.follows(*epoch)).collect();
    assert_eq!(epochs, [3, 5, 7]);
}
