//! Whole data sets through the engine: what comes out is what was written, however it was read.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use ringquet::engine::{
    DecodeMode, DecoderChoice, Delivery, Demand, DirectChoice, DriverChoice, EngineOptions, Gate,
    IoOptions, Lane,
};
use ringquet::{Dataset, Error, RowGroupId, StopFlag};

use ringquet_io::sim::SimOptions;

use crate::scratch;

fn dataset(dir: &std::path::Path, files: usize) -> Vec<PathBuf> {
    let write = |n: usize| {
        let path = dir.join(format!("part-{n}.parquet"));
        scratch::parquet_file(&path, 10_000 * i64::try_from(n).unwrap(), 2500, 1000);
        path
    };
    (0..files).map(write).collect()
}

fn options(driver: DriverChoice, direct: DirectChoice, threads: usize) -> EngineOptions {
    let io = IoOptions { driver, direct, ..IoOptions::default() };
    EngineOptions { io, threads: Some(threads), ..EngineOptions::default() }
}

#[test]
fn batches_hold_what_was_written_in_order() {
    let dir = scratch::dir();
    let paths = dataset(dir.path(), 3);
    for driver in [DriverChoice::Auto, DriverChoice::Pread, DriverChoice::Mmap] {
        let options =
            EngineOptions { batch_rows: Some(333), ..options(driver, DirectChoice::Auto, 1) };
        let dataset = Arc::new(Dataset::open_with(&paths, options).unwrap());
        assert_eq!(dataset.num_rows(), 7500);
        let batches: Vec<_> =
            dataset.scan().placed_batches().unwrap().map(|batch| batch.unwrap()).collect();
        assert!(batches.iter().all(|batch| batch.columns.num_rows() <= 333));
        let columns: Vec<&RecordBatch> = batches.iter().map(|batch| &batch.columns).collect();
        let all = arrow_select::concat::concat_batches(&columns[0].schema(), columns).unwrap();
        let expected =
            [scratch::table(0, 2500), scratch::table(10_000, 2500), scratch::table(20_000, 2500)];
        let expected =
            arrow_select::concat::concat_batches(&expected[0].schema(), &expected).unwrap();
        assert_eq!(all.columns(), expected.columns());
        assert!(batches.iter().all(|batch| batch.first_row < 1000 && batch.row_group < 3));
    }
}

#[test]
fn the_digest_is_the_same_for_every_driver_thread_count_batch_size_and_decoder() {
    let dir = scratch::dir();
    let paths = dataset(dir.path(), 5);
    let mut digests = Vec::new();
    for driver in [DriverChoice::Auto, DriverChoice::Pread, DriverChoice::Mmap] {
        for direct in [DirectChoice::Auto, DirectChoice::Off] {
            for threads in [1, 2, 3] {
                for decoder in [DecoderChoice::Auto, DecoderChoice::FallbackOnly] {
                    let batch_rows = (threads == 2).then_some(77);
                    let options =
                        EngineOptions { decoder, batch_rows, ..options(driver, direct, threads) };
                    let dataset = Dataset::open_with(&paths, options).unwrap();
                    let (digest, report) = dataset.scan().digest().unwrap();
                    assert_eq!(report.rows, 12_500);
                    assert!(report.failures.is_empty());
                    digests.push(digest);
                }
            }
        }
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    let other = Dataset::open_with(&paths[1..], EngineOptions::default()).unwrap();
    assert_ne!(other.scan().digest().unwrap().0, digests[0], "other content, other digest");
}

#[test]
fn a_projection_reads_less() {
    let dir = scratch::dir();
    let paths = dataset(dir.path(), 1);
    let all = Dataset::open_with(&paths, EngineOptions::default()).unwrap();
    let options = EngineOptions {
        columns: Some(vec!["x".into()]),
        coalesce_gap_bytes: Some(0),
        ..EngineOptions::default()
    };
    let one = Dataset::open_with(&paths, options).unwrap();
    assert!(one.wanted_bytes() < all.wanted_bytes());
    let rows = AtomicU64::new(0);
    let report = one
        .scan()
        .visit(|_| {
            |batch: ringquet::Batch| {
                assert_eq!(batch.columns.num_columns(), 1);
                rows.fetch_add(batch.columns.num_rows() as u64, Ordering::Relaxed);
            }
        })
        .unwrap();
    assert_eq!(rows.into_inner(), 2500);
    assert_eq!(report.wanted_bytes, one.wanted_bytes());
    let error = Dataset::open_with(
        &paths,
        EngineOptions { columns: Some(vec!["idd".into()]), ..EngineOptions::default() },
    );
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("part-0.parquet") && text.contains("idd") && text.contains("id"),
        "{text}"
    );
}

#[test]
fn a_raw_scan_reads_what_the_plan_says() {
    let dir = scratch::dir();
    let paths = dataset(dir.path(), 4);
    let dataset =
        Dataset::open_with(&paths, options(DriverChoice::Auto, DirectChoice::Auto, 2)).unwrap();
    let plan = dataset.plan();
    let report = dataset.scan().read_raw().unwrap();
    assert_eq!(report.reads, plan.reads);
    assert_eq!(report.wanted_bytes, plan.wanted_bytes);
    assert!(report.read_bytes >= plan.wanted_bytes && report.rows == 0);
}

/// A row group of 40 MB under a budget of 8 MiB: it is streamed, its pages larger than the extents.
#[test]
fn a_row_group_larger_than_the_budget_is_streamed() {
    let dir = scratch::dir();
    let (path, expected) = scratch::wide_file(dir.path(), 100);
    for decoder in [DecoderChoice::Auto, DecoderChoice::FallbackOnly] {
        let options = EngineOptions {
            memory_budget_bytes: Some(8 << 20),
            decoder,
            ..options(DriverChoice::Auto, DirectChoice::Auto, 1)
        };
        let dataset = Arc::new(Dataset::open_with(std::slice::from_ref(&path), options).unwrap());
        let batches: Vec<_> =
            dataset.scan().placed_batches().unwrap().map(|batch| batch.unwrap().columns).collect();
        assert!(batches.len() > 10, "batches keep to the budget: {}", batches.len());
        let all = arrow_select::concat::concat_batches(&expected.schema(), &batches).unwrap();
        assert!(all.columns() == expected.columns());
    }
}

/// Lanes that share a reader thread and an arena far too small for all of them, with consumers that are slow in
/// turns: each gets all its rows, none waits for ever for bytes that another holds.
#[test]
fn lanes_with_little_memory_do_not_lock_each_other_out() {
    struct Slow {
        left: u32,
        rows: Arc<AtomicU64>,
        waits: u32,
        turn: u32,
    }
    impl Lane for Slow {
        fn next_row_group(&mut self) -> Option<RowGroupId> {
            self.left = self.left.checked_sub(1)?;
            Some(RowGroupId { file: 0, row_group: 0 })
        }
        fn demand(&mut self) -> Demand {
            self.turn += 1;
            if self.turn.is_multiple_of(self.waits) {
                Demand::Hungry(self.turn % 5)
            } else {
                Demand::Full
            }
        }
        fn deliver(&mut self, delivery: Delivery) {
            match delivery {
                Delivery::Batch(batch) => {
                    self.rows.fetch_add(batch.columns.num_rows() as u64, Ordering::Relaxed);
                }
                Delivery::Failed { error, .. } => panic!("{error}"),
                Delivery::Raw { .. } | Delivery::RowGroupDone { .. } => {}
            }
        }
    }

    let dir = scratch::dir();
    let (path, expected) = scratch::wide_file(dir.path(), 100);
    let options = EngineOptions {
        memory_budget_bytes: Some(8 << 20),
        ..options(DriverChoice::Auto, DirectChoice::Auto, 1)
    };
    let dataset = Arc::new(Dataset::open_with(&[path], options).unwrap());
    let rows: Vec<Arc<AtomicU64>> = (0..6).map(|_| Arc::default()).collect();
    let lanes = (1u32..).zip(&rows).map(|(waits, rows)| {
        Box::new(Slow { left: 2, rows: Arc::clone(rows), waits, turn: 0 }) as Box<dyn Lane>
    });
    let gate = Gate::new();
    let stop = StopFlag::new();
    let playing = ringquet::engine::play(
        &dataset,
        vec![(lanes.collect(), gate.clone())],
        DecodeMode::Arrow,
        &stop,
    );
    // The gate opens as if consumers took something, until all is done; a lock-out would show as missing rows.
    let total = 6 * 2 * expected.num_rows() as u64;
    for _ in 0..30_000 {
        gate.open();
        std::thread::sleep(std::time::Duration::from_millis(1));
        if rows.iter().map(|rows| rows.load(Ordering::Relaxed)).sum::<u64>() == total {
            break;
        }
    }
    stop.stop();
    playing.join().unwrap();
    let seen: Vec<u64> = rows.iter().map(|rows| rows.load(Ordering::Relaxed)).collect();
    assert_eq!(seen, [2 * expected.num_rows() as u64; 6]);
}

#[test]
fn many_files_with_few_descriptors() {
    let dir = scratch::dir();
    let paths = dataset(dir.path(), 50);
    let mut options = options(DriverChoice::Auto, DirectChoice::Auto, 2);
    options.io.open_files = 4;
    let dataset = Dataset::open_with(&paths, options).unwrap();
    let (_, report) = dataset.scan().digest().unwrap();
    assert_eq!(report.rows, 50 * 2500);
    assert!(report.failures.is_empty(), "{:?}", report.failures);
}

/// One bad file is one error; the others are read to their end.
#[test]
fn a_file_that_changes_between_open_and_scan_fails_alone() {
    let dir = scratch::dir();
    let paths = dataset(dir.path(), 3);
    let dataset =
        Dataset::open_with(&paths, options(DriverChoice::Auto, DirectChoice::Auto, 2)).unwrap();
    scratch::parquet_file(&paths[1], 77, 2500, 1000);
    let (_, report) = dataset.scan().digest().unwrap();
    assert_eq!(report.failures.len(), 1, "{:?}", report.failures);
    assert!(report.failures[0].path.ends_with("part-1.parquet"));
    assert!(
        report.failures[0].error.contains("changed during the scan"),
        "{}",
        report.failures[0].error
    );
    assert_eq!(report.rows, 5000);
}

/// A kernel that delays, reorders, cuts short and interrupts reads changes nothing, whatever its seed.
#[test]
fn the_digest_is_the_same_through_a_troubled_kernel() {
    let dir = scratch::dir();
    let paths = dataset(dir.path(), 4);
    let calm =
        Dataset::open_with(&paths, options(DriverChoice::Pread, DirectChoice::Auto, 1)).unwrap();
    let (expected, _) = calm.scan().digest().unwrap();
    for seed in 0..20 {
        let mut options = options(DriverChoice::Sim, DirectChoice::Off, 2);
        options.io.sim = SimOptions { seed, ..SimOptions::default() };
        options.io.read_size_bytes = 4096;
        let troubled = Dataset::open_with(&paths, options).unwrap();
        let (digest, report) = troubled.scan().digest().unwrap();
        assert!(
            digest == expected && report.failures.is_empty(),
            "seed {seed}: {:?}",
            report.failures
        );
        assert!(report.short_reads > 0 && report.retried_reads > 0, "seed {seed} made no trouble");
    }
}

/// EIO in one place of every file but one: one error a file, with file, offset and length, and the other file's
/// rows all there.
#[test]
fn a_device_error_is_one_error_of_its_file() {
    let dir = scratch::dir();
    // Long enough that the place is not among the bytes that are read for the footer.
    let big = |n: u32| {
        let path = dir.path().join(format!("part-{n}.parquet"));
        scratch::parquet_file(&path, 0, 40_000, 10_000);
        path
    };
    let mut paths: Vec<PathBuf> = (0..3).map(big).collect();
    let short = dir.path().join("small.parquet");
    scratch::parquet_file(&short, 0, 100, 100);
    paths.push(short);
    let small_len = std::fs::metadata(&paths[3]).unwrap().len();
    let mut options = options(DriverChoice::Sim, DirectChoice::Off, 2);
    options.io.read_size_bytes = 4096;
    // Behind the end of the small file, in the middle of the data of the others.
    options.io.sim =
        SimOptions { eio: Some(small_len + 8192..small_len + 8193), ..SimOptions::default() };
    let dataset = Dataset::open_with(&paths, options).unwrap();
    let (_, report) = dataset.scan().digest().unwrap();
    assert_eq!(report.failures.len(), 3, "{:?}", report.failures);
    for failure in &report.failures {
        assert!(failure.path.contains("part-"), "{failure:?}");
        assert!(
            failure.error.contains(&failure.path) && failure.error.contains("at offset"),
            "{failure:?}"
        );
        assert!(failure.error.contains("Input/output error"), "{failure:?}");
    }
    assert!(report.rows >= 100, "the small file is read to its end");
}

#[test]
fn a_file_that_shrinks_during_the_scan_is_an_error() {
    let dir = scratch::dir();
    let paths = dataset(dir.path(), 1);
    let dataset =
        Dataset::open_with(&paths, options(DriverChoice::Auto, DirectChoice::Auto, 1)).unwrap();
    let len = std::fs::metadata(&paths[0]).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&paths[0]).unwrap().set_len(len / 3).unwrap();
    let (_, report) = dataset.scan().digest().unwrap();
    assert_eq!(report.failures.len(), 1);
    assert!(report.failures[0].error.contains("part-0.parquet"), "{:?}", report.failures);
}

#[test]
fn a_consumer_that_has_enough_ends_the_reader_threads() {
    let dir = scratch::dir();
    let paths = dataset(dir.path(), 6);
    for taken in 0..4 {
        let dataset = Arc::new(
            Dataset::open_with(&paths, options(DriverChoice::Auto, DirectChoice::Auto, 2)).unwrap(),
        );
        let mut batches = dataset.scan().placed_batches().unwrap();
        for _ in 0..taken {
            batches.next().unwrap().unwrap();
        }
        drop(batches);
    }
}

#[test]
fn batches_outlive_the_data_set() {
    let dir = scratch::dir();
    let paths = dataset(dir.path(), 1);
    let dataset = Arc::new(Dataset::open_with(&paths, EngineOptions::default()).unwrap());
    let batches: Vec<_> =
        dataset.scan().placed_batches().unwrap().map(|batch| batch.unwrap()).collect();
    drop(dataset);
    assert_eq!(batches.iter().map(|batch| batch.columns.num_rows()).sum::<usize>(), 2500);
    let first = batches.iter().find(|batch| batch.row_group == 0 && batch.first_row == 0).unwrap();
    assert_eq!(first.columns.slice(0, 10).columns(), scratch::table(0, 10).columns());
}

#[test]
fn bad_files_are_named() {
    let dir = scratch::dir();
    let good = dataset(dir.path(), 1).remove(0);
    let open = |path: &std::path::Path| {
        Dataset::open_with(&[path.to_owned()], EngineOptions::default()).unwrap_err()
    };
    let put = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let bytes = std::fs::read(&good).unwrap();

    assert!(matches!(open(&dir.path().join("none")), Error::Path { .. }));
    assert!(matches!(open(&put("short.parquet", b"PAR1PAR1")), Error::TooShort { len: 8, .. }));
    let error = open(&put("text.parquet", &[b'x'; 1000]));
    assert!(
        error.to_string().contains("text.parquet") && error.to_string().contains("PAR1"),
        "{error}"
    );
    let error = open(&put("cut.parquet", &bytes[..bytes.len() / 2]));
    assert!(error.to_string().contains("cut.parquet"), "{error}");
    let mut cut_footer = bytes[..bytes.len() - 200].to_vec();
    cut_footer.extend_from_slice(&bytes[bytes.len() - 8..]);
    let error = open(&put("footer.parquet", &cut_footer));
    assert!(error.to_string().contains("footer.parquet"), "{error}");
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert!(matches!(open(&empty), Error::NoFiles { .. }));
}

/// Three good files, and others that fail when they are opened: one by one, in the order of paths.
#[test]
fn files_that_cannot_be_opened_keep_no_other_from_being_read() {
    let dir = scratch::dir();
    let mut paths = dataset(dir.path(), 3);
    for (name, bytes) in [("a.parquet", &b""[..]), ("z.parquet", &[b'x'; 100])] {
        std::fs::write(dir.path().join(name), bytes).unwrap();
        paths.push(dir.path().join(name));
    }
    paths.push(dir.path().join("none.parquet"));
    let open = |threads| {
        let options = options(DriverChoice::Auto, DirectChoice::Auto, threads);
        Dataset::open_with(&paths, options).unwrap()
    };
    let of_good = Dataset::open_with(&paths[..3], EngineOptions::default()).unwrap();
    for threads in [1, 2] {
        let dataset = Arc::new(open(threads));
        assert_eq!(dataset.files().len(), 3);
        assert_eq!(dataset.num_rows(), 7500);
        let names: Vec<_> =
            dataset.failures().iter().map(|file| file.path.file_name().unwrap()).collect();
        assert_eq!(names, ["a.parquet", "none.parquet", "z.parquet"]);
        assert!(matches!(*dataset.failures()[0].error, Error::TooShort { len: 0, .. }));

        let report = dataset.scan().visit(|_| |_| ()).unwrap();
        assert_eq!(report.rows, 7500);
        assert_eq!(report.failures.len(), 3);
        assert!(report.open_seconds > 0.0);
        assert!(report.rows_per_second_with_open < report.rows_per_second);
        let (digest, _) = dataset.scan().digest().unwrap();
        assert_eq!(digest, of_good.scan().digest().unwrap().0);

        let mut stream = dataset.scan().placed_batches().unwrap();
        let first: Vec<String> =
            stream.by_ref().take(3).map(|item| item.unwrap_err().to_string()).collect();
        for (error, file) in first.iter().zip(dataset.failures()) {
            assert_eq!(*error, file.error.to_string());
        }
        let rows: usize = stream.by_ref().map(|batch| batch.unwrap().columns.num_rows()).sum();
        assert_eq!(rows, 7500);
        assert!(stream.next().is_none());
        let report = stream.finish().unwrap().unwrap();
        assert_eq!((report.rows, report.failures.len()), (7500, 3));
        assert!(stream.finish().is_none());
    }
    let error = open(1).require_all().unwrap_err();
    assert!(error.to_string().contains("a.parquet"), "{error}");
    let error = Dataset::open_with(&paths[3..], EngineOptions::default()).unwrap_err();
    assert!(error.to_string().starts_with("none of 3 files can be read; the first: "), "{error}");
    let none: [PathBuf; 0] = [];
    assert!(Dataset::open_with(&none, EngineOptions::default()).unwrap().files().is_empty());
}

/// A file without a column that is asked for, and one of another schema: the first is an error, the second is read.
#[test]
fn a_file_without_the_column_is_an_error_of_that_file() {
    let dir = scratch::dir();
    let mut paths = dataset(dir.path(), 2);
    let other = dir.path().join("other.parquet");
    let batch = scratch::table(0, 10).project(&[0]).unwrap();
    let file = std::fs::File::create(&other).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    paths.push(other);
    let of = |columns: &[&str]| {
        let columns = Some(columns.iter().map(|&name| name.to_owned()).collect());
        Dataset::open_with(&paths, EngineOptions { columns, ..EngineOptions::default() }).unwrap()
    };
    assert_eq!(of(&["id"]).num_rows(), 5010);
    let dataset = of(&["id", "name"]);
    assert_eq!(dataset.num_rows(), 5000);
    let error = dataset.failures()[0].error.to_string();
    assert!(error.contains("other.parquet") && error.contains("no column 'name'"), "{error}");
}

/// The stream used to end with the first error. Here a file changes after it was opened: its error comes once, whatever
/// the number of its row groups, and the other files come whole.
#[test]
fn a_stream_goes_on_after_a_file_that_fails() {
    let dir = scratch::dir();
    let paths = dataset(dir.path(), 4);
    for threads in [1, 3] {
        let options = options(DriverChoice::Pread, DirectChoice::Auto, threads);
        let dataset = Arc::new(Dataset::open_with(&paths, options).unwrap());
        let bytes = std::fs::read(&paths[1]).unwrap();
        std::fs::write(&paths[1], &bytes[..bytes.len() / 2]).unwrap();
        let mut stream = dataset.scan().placed_batches().unwrap();
        let mut rows = [0; 4];
        let mut errors = Vec::new();
        for item in stream.by_ref() {
            match item {
                Ok(batch) => rows[batch.file as usize] += batch.columns.num_rows(),
                Err(error) => errors.push(error.to_string()),
            }
        }
        assert_eq!([rows[0], rows[2], rows[3]], [2500; 3]);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].contains("part-1.parquet"), "{errors:?}");
        std::fs::write(&paths[1], &bytes).unwrap();
    }
    // The report of a stream that is finished early names the failures that it met.
    let dataset = Arc::new(Dataset::open_with(&paths, EngineOptions::default()).unwrap());
    std::fs::write(&paths[0], b"short").unwrap();
    let mut stream = dataset.scan().placed_batches().unwrap();
    while !matches!(stream.next(), None | Some(Err(_))) {}
    let report = stream.finish().unwrap().unwrap();
    assert_eq!(report.failures.len(), 1);
}
