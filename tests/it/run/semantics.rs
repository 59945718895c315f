//! Which rows an accelerator gets, how many steps there are, and what a step takes.

use ringquet::engine::{DecodeMode, DirectChoice, DriverChoice};
use ringquet_workload::FileShuffle;

use super::support::{FILE_ROWS, checksum, data, floats, json, options, run, workload};

#[test]
fn all_rows_come_once_per_epoch_however_they_are_read() {
    let dir = data(6, 0);
    let expected = 2 * checksum(0..6 * FILE_ROWS);
    for (accelerators, threads) in [(1, 1), (1, 4), (2, 1), (2, 3), (3, 2), (6, 4), (2, 16)] {
        for extra in
            ["reader.prefetch_size=0", "reader.file_shuffle=seed", "reader.sample_shuffle=seed"]
        {
            let loaded = workload(dir.path(), 6, 0, &["train.computation_time=0", extra]);
            let mut options = options(dir.path(), accelerators);
            options.engine.threads = Some(threads);
            options.engine.batch_rows = Some(17);
            let report = run(&loaded, &options).unwrap();
            let what = format!("{accelerators} accelerators, {threads} threads, {extra}");
            assert!(report.complete, "{what}");
            assert_eq!(report.rows, 2 * 6 * FILE_ROWS.unsigned_abs(), "{what}");
            assert_eq!(report.checksum, expected, "{what}");
            assert_eq!(report.touched_bytes, report.rows * 12, "{what}");
            assert_eq!(report.driver.threads, threads, "{what}");
        }
    }
}

#[test]
fn drivers_give_the_same_rows() {
    let dir = data(4, 0);
    let loaded = workload(dir.path(), 4, 0, &["train.epochs=1"]);
    for driver in [DriverChoice::Auto, DriverChoice::Pread, DriverChoice::Mmap] {
        for direct in [DirectChoice::Auto, DirectChoice::Off] {
            let mut options = options(dir.path(), 2);
            options.engine.io.driver = driver;
            options.engine.io.direct = direct;
            let report = run(&loaded, &options).unwrap();
            assert_eq!(report.checksum, checksum(0..4 * FILE_ROWS), "{driver:?} {direct:?}");
        }
    }
}

/// 600 rows of a rank: 8 batches of 70, 40 rows are dropped, per rank and not per thread.
#[test]
fn a_rank_drops_less_than_one_batch() {
    let dir = data(4, 0);
    for threads in [1, 4, 8] {
        let loaded = workload(dir.path(), 4, 0, &["reader.batch_size=70", "train.epochs=1"]);
        let mut options = options(dir.path(), 2);
        options.engine.threads = Some(threads);
        let report = run(&loaded, &options).unwrap();
        assert_eq!(report.epochs[0].train.steps, 8, "{threads} threads");
        assert_eq!(report.rows, 2 * 8 * 70);
    }
}

#[test]
fn surplus_files_are_read_by_nobody() {
    let dir = data(5, 0);
    let loaded = workload(dir.path(), 5, 0, &["train.epochs=1"]);
    std::fs::write(dir.path().join("data/train/img_4_of_5.parquet"), "not read").unwrap();
    let report = run(&loaded, &options(dir.path(), 2)).unwrap();
    assert_eq!(report.rows, 4 * FILE_ROWS.unsigned_abs());
    assert_eq!(report.checksum, checksum(0..4 * FILE_ROWS), "the first four by name");
}

/// With one rank and one step of a file's rows per epoch only the first file of each epoch's order is
/// consumed. NumPy's order for seed 123 is 2 1 3 0 in epoch 1.
#[test]
fn file_shuffle_is_numpys_in_every_epoch() {
    let dir = data(4, 0);
    let overrides = [
        "reader.file_shuffle=seed",
        "train.total_training_steps=1",
        "reader.batch_size=300",
        "reader.prefetch_size=1",
        "train.epochs=6",
    ];
    let first_files = |overrides: &[&str]| -> Vec<i64> {
        let mut options = options(dir.path(), 1);
        options.engine.threads = Some(1);
        let report = run(&workload(dir.path(), 4, 0, overrides), &options).unwrap();
        let of_file = |file: i64| checksum(file * FILE_ROWS..(file + 1) * FILE_ROWS);
        let sums = report.epochs.iter().map(|epoch| epoch.train.checksum);
        sums.map(|sum| (0..4).find(|file| of_file(*file) == sum).unwrap()).collect()
    };
    let mut shuffle = FileShuffle::new(0..4, 4, 1, 123, true);
    let mut expected = Vec::new();
    for epoch in 1..=6 {
        shuffle.reconfigure(epoch);
        expected.push(i64::from(shuffle.rank(0)[0]));
    }
    assert_eq!(expected[0], 2);
    assert!(expected.iter().any(|file| *file != 2), "{expected:?}");
    assert_eq!(first_files(&overrides), expected);
    assert_eq!(first_files(&overrides[1..]), [0; 6], "unshuffled, the first by name");
}

#[test]
fn total_training_steps_ends_every_epoch() {
    let dir = data(4, 0);
    let loaded = workload(dir.path(), 4, 0, &["train.total_training_steps=5"]);
    let report = run(&loaded, &options(dir.path(), 2)).unwrap();
    assert!(report.complete);
    let steps: Vec<u64> = report.epochs.iter().map(|epoch| epoch.train.steps).collect();
    assert_eq!((steps, report.rows), (vec![5, 5], 2 * 2 * 5 * 50));
}

#[test]
fn evaluation_follows_the_epochs_that_it_is_asked_for() {
    let dir = data(2, 2);
    let overrides =
        ["train.epochs=4", "evaluation.eval_after_epoch=2", "evaluation.epochs_between_evals=2"];
    let report = run(&workload(dir.path(), 2, 2, &overrides), &options(dir.path(), 2)).unwrap();
    let evaluated: Vec<bool> = report.epochs.iter().map(|epoch| epoch.eval.is_some()).collect();
    assert_eq!(evaluated, [false, true, false, true]);
    let eval = report.epochs[1].eval.as_ref().unwrap();
    assert_eq!((eval.steps, eval.rows), (10, 600), "300 rows of a rank in batches of 30");
    assert_eq!(eval.time_by_cause.barrier_wait_seconds, 0.0, "evaluation meets no barrier");
    let over = report.eval.as_ref().unwrap();
    assert_eq!(over.au_percent.len(), 2, "an entry per evaluation, not per rank");
}

#[test]
fn raw_delivery_reads_the_same_bytes_and_decodes_none() {
    let dir = data(4, 0);
    let loaded = workload(dir.path(), 4, 0, &["train.epochs=1"]);
    let arrow = run(&loaded, &options(dir.path(), 2)).unwrap();
    let mut raw = options(dir.path(), 2);
    raw.decode = DecodeMode::Raw;
    let raw = run(&loaded, &raw).unwrap();
    assert_eq!((raw.rows, raw.decoded_bytes), (arrow.rows, 0));
    assert_eq!(raw.decoder.fast_column_chunks + raw.decoder.fallback_column_chunks, 0);
    assert!(raw.touched_bytes > 0 && arrow.decoded_bytes == arrow.rows * 12);
    // Raw bytes are touched by reader threads, and that is no decoding; batches by accelerators.
    let [of_raw, of_arrow] = [&raw, &arrow].map(|report| &report.epochs[0].train.engine);
    assert!(of_raw.touch_seconds > 0.0 && of_raw.decode_seconds == 0.0, "{of_raw:?}");
    assert!(of_arrow.touch_seconds == 0.0 && of_arrow.decode_seconds > 0.0, "{of_arrow:?}");
    assert_eq!(raw.lost_time.decode_seconds, 0.0);
}

#[test]
fn computation_is_what_was_set_and_drawn_from_the_seed() {
    let dir = data(2, 0);
    let times = |seed: u32| {
        let seed = format!("train.seed={seed}");
        let overrides = ["train.computation_time={mean: 0.001, stdev: 0.0002}", &seed];
        let report = run(&workload(dir.path(), 2, 0, &overrides), &options(dir.path(), 2)).unwrap();
        [0, 1].map(|rank| {
            let output = json(&report.results_dir.join(format!("{rank}_output.json")));
            [floats(&output["1"]["compute"]["block1"]), floats(&output["2"]["compute"]["block1"])]
        })
    };
    let once = times(7);
    assert_eq!(once, times(7));
    assert_ne!(once, times(8));
    assert_ne!(once[0], once[1], "ranks draw for themselves");
    assert_ne!(once[0][0], once[0][1], "so do epochs");
}

/// Two accelerators that draw different times meet each step: the faster one waits, and its AU shows it.
#[test]
fn accelerators_meet_at_the_barrier() {
    let dir = data(2, 0);
    let overrides = ["train.computation_time={type: uniform, min: 0, max: 0.01}", "train.epochs=1"];
    let report = run(&workload(dir.path(), 2, 0, &overrides), &options(dir.path(), 2)).unwrap();
    let train = &report.epochs[0].train;
    assert!(train.time_by_cause.barrier_wait_seconds > 0.002, "{:?}", train.time_by_cause);
    assert!(train.metrics.au_percent < 99.0, "{}", train.metrics.au_percent);
}

#[test]
fn preprocessing_takes_its_time_in_loading() {
    let dir = data(2, 0);
    let overrides = ["reader.preprocess_time=0.003", "train.epochs=1"];
    let report = run(&workload(dir.path(), 2, 0, &overrides), &options(dir.path(), 1)).unwrap();
    let output = json(&report.results_dir.join("0_output.json"));
    let load = floats(&output["1"]["load"]["block1"]);
    assert!(load.iter().all(|load| *load >= 0.003), "{load:?}");
    assert!(report.train.au_percent_mean < 100.0 * 0.0005 / 0.0035, "{:?}", report.train);
}
