//! What reader threads do about panics, files that cannot be opened again, changes and large blocks.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ringquet::engine::{
    DecodeMode, Delivery, Demand, DirectChoice, DriverChoice, EngineOptions, Gate, IoOptions, Lane,
    panics,
};
use ringquet::{Dataset, Error, RowGroupId, StopFlag};
use ringquet_io::sim::{Fault, SimOptions};

use crate::scratch;

fn options(sim: SimOptions, threads: usize) -> EngineOptions {
    let io = IoOptions {
        driver: DriverChoice::Sim,
        direct: DirectChoice::Off,
        sim,
        ..IoOptions::default()
    };
    EngineOptions {
        io,
        threads: Some(threads),
        memory_budget_bytes: Some((8 << 20) * threads as u64),
        ..EngineOptions::default()
    }
}

fn dataset(dir: &std::path::Path, files: usize) -> Vec<PathBuf> {
    let write = |n: usize| {
        let path = dir.join(format!("part-{n}.parquet"));
        scratch::parquet_file(&path, 10_000 * i64::try_from(n).unwrap(), 2500, 100);
        path
    };
    (0..files).map(write).collect()
}

/// The other reader threads read everything to its end before the panic was reported, and it was reported without its place.
#[test]
fn a_panic_on_a_reader_thread_ends_the_scan_and_has_a_place() {
    panics::record_places();
    let dir = scratch::dir();
    let paths = dataset(dir.path(), 8);
    let dataset = Dataset::open_with(&paths, options(SimOptions::default(), 3)).unwrap();
    let batches = AtomicU64::new(0);
    let begun = Instant::now();
    let result = dataset.scan().visit(|thread| {
        let batches = &batches;
        move |_| {
            assert!(thread != 0, "a visitor with a defect");
            batches.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Panicked(_)));
    let text = error.to_string();
    assert!(text.contains("a visitor with a defect (at ") && text.contains("faults.rs:"), "{text}");
    // 200 row groups in all.
    let batches = batches.into_inner();
    assert!(batches < 150, "{batches} batches, {:?}", begun.elapsed());
}

/// A lane that takes what it is given, and fails by name or has all rows.
struct Counting {
    row_groups: Vec<RowGroupId>,
    rows: Arc<AtomicU64>,
    failed: Arc<Mutex<Vec<String>>>,
    finished: Arc<AtomicUsize>,
}

impl Lane for Counting {
    fn next_row_group(&mut self) -> Option<RowGroupId> {
        self.row_groups.pop()
    }

    fn demand(&mut self) -> Demand {
        Demand::Hungry(1)
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Batch(batch) => {
                self.rows.fetch_add(batch.columns.num_rows() as u64, Ordering::Relaxed);
            }
            Delivery::Failed { error, .. } => self.failed.lock().unwrap().push(error.to_string()),
            Delivery::Raw { .. } | Delivery::RowGroupDone { .. } => {}
        }
    }

    fn finish(&mut self) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }
}

/// A file that could not be opened again took the spare slot with it: no completion brought it back, and lanes that
/// needed it waited for ever.
#[test]
fn the_spare_slot_comes_back_from_a_file_that_cannot_be_opened_again() {
    const LANES: u32 = 24;
    let dir = scratch::dir();
    let (wide, batch) = scratch::wide_file(dir.path(), 8);
    let paths: Vec<PathBuf> = (0..LANES)
        .map(|n| {
            let path = dir.path().join(format!("wide-{n}.parquet"));
            std::fs::copy(&wide, &path).unwrap();
            path
        })
        .collect();
    let mut refused = 0;
    for seed in 0..6 {
        // Footers are read with a table that takes every file.
        let sim = SimOptions { seed, short_share: 0, retry_share: 0, ..SimOptions::default() };
        let mut options = options(sim.clone(), 1);
        options.io.open_files = 4;
        options.io.sim.file_table_share = 9000;
        let dataset = loop {
            if let Ok(dataset) = Dataset::open_with(&paths, options.clone())
                && dataset.files().len() == 24
            {
                break Arc::new(dataset);
            }
        };
        let before = options.io.sim.tally.count(Fault::FileTable);
        let (rows, finished) = (Arc::default(), Arc::default());
        let failed: Arc<Mutex<Vec<String>>> = Arc::default();
        let lanes = (0..LANES).map(|file| {
            let row_groups = vec![RowGroupId { file, row_group: 0 }; 2];
            let (rows, failed) = (Arc::clone(&rows), Arc::clone(&failed));
            let finished = Arc::clone(&finished);
            Box::new(Counting { row_groups, rows, failed, finished }) as Box<dyn Lane>
        });
        let stop = StopFlag::new();
        let lanes = vec![(lanes.collect(), Gate::new())];
        let playing = ringquet::engine::play(&dataset, lanes, DecodeMode::Arrow, &stop);
        let begun = Instant::now();
        while finished.load(Ordering::Relaxed) < LANES as usize {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "seed {seed}: {finished:?} of {LANES} lanes are finished: the others wait for ever"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        playing.join().unwrap();
        let failed = failed.lock().unwrap();
        assert!(failed.iter().all(|error| error.contains("wide-")), "{failed:?}");
        let whole = 2 * u64::from(LANES) - failed.len() as u64;
        let rows = rows.load(Ordering::Relaxed);
        assert!(rows >= whole * batch.num_rows() as u64, "seed {seed}: {rows} rows, {failed:?}");
        refused += options.io.sim.tally.count(Fault::FileTable) - before;
    }
    assert!(refused > 20, "{refused} files were refused");
}

/// A file was not looked at again after its row group where the file table had no place for it, and what was read of it was
/// taken for good.
#[test]
fn a_change_is_seen_although_the_file_has_no_place() {
    let dir = scratch::dir();
    for seed in 0..10 {
        let paths: Vec<PathBuf> = ["a", "b"]
            .into_iter()
            .map(|name| {
                let path = dir.path().join(format!("{name}{seed}.parquet"));
                scratch::parquet_file(&path, 0, 2500, 2500);
                path
            })
            .collect();
        let mut options =
            options(SimOptions { seed, delay_share: 200, ..SimOptions::default() }, 1);
        options.io.open_files = 1;
        let dataset = Dataset::open_with(&paths, options).unwrap();
        let changed = AtomicBool::new(false);
        let report = dataset.scan().visit(|_| {
            |batch: ringquet::Batch| {
                // While its row group is decoded, and the other file is being read.
                if batch.file == 0 && !changed.swap(true, Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(15));
                    let file = std::fs::OpenOptions::new().write(true).open(&paths[0]).unwrap();
                    file.set_modified(std::time::SystemTime::now()).unwrap();
                }
            }
        });
        let failures = report.unwrap().failures;
        assert_eq!(failures.len(), 1, "seed {seed}: {failures:?}");
        assert!(failures[0].error.contains("changed during the scan"), "seed {seed}: {failures:?}");
    }
}

/// Logical blocks of 16 and 64 KiB, up to the largest that a file system may ask for, from the footers on.
#[test]
fn data_on_large_blocks_is_read() {
    let dir = scratch::dir();
    let mut paths = dataset(dir.path(), 3);
    let (wide, _) = scratch::wide_file(dir.path(), 8);
    paths.push(wide);
    let calm = Dataset::open_with(&paths, options(SimOptions::default(), 1)).unwrap();
    let (expected, _) = calm.scan().digest().unwrap();
    for shift in 9..=20 {
        let alignment = 1 << shift;
        let sim = SimOptions { seed: shift, alignment: Some(alignment), ..SimOptions::default() };
        for threads in [1, 2] {
            let mut options = options(sim.clone(), threads);
            options.io.read_size_bytes = 4096;
            let dataset = Dataset::open_with(&paths, options).unwrap();
            assert_eq!(dataset.files()[0].alignment.bytes(), u64::from(alignment));
            let (digest, report) = dataset.scan().digest().unwrap();
            assert!(report.failures.is_empty(), "blocks of {alignment}: {:?}", report.failures);
            assert_eq!(digest, expected, "blocks of {alignment}");
        }
        assert_eq!(sim.tally.count(Fault::Misaligned), 0, "blocks of {alignment}");
    }
}
