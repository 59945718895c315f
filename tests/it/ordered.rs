//! Batches in the order of row groups and rows, however many reader threads there are.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use ringquet::{Batch, Dataset, Driver, Error, RowGroupId, StopFlag, Waited};

use crate::scratch;

/// Files of 2,500 rows in row groups of 1,000, 1,000 and 500.
fn files(dir: &Path, files: usize) -> Vec<PathBuf> {
    let write = |n: usize| {
        let path = dir.join(format!("part-{n}.parquet"));
        scratch::parquet_file(&path, 10_000 * i64::try_from(n).unwrap(), 2500, 1000);
        path
    };
    (0..files).map(write).collect()
}

/// File, row group and first row of each batch.
fn places(batches: &[Batch]) -> Vec<(u32, u32, u64)> {
    batches.iter().map(|batch| (batch.file, batch.row_group, batch.first_row)).collect()
}

fn table(batches: &[Batch]) -> RecordBatch {
    let columns: Vec<&RecordBatch> = batches.iter().map(|batch| &batch.columns).collect();
    concat_batches(&columns[0].schema(), columns).unwrap()
}

#[test]
fn batches_of_any_number_of_threads_come_in_order() {
    let dir = scratch::dir();
    let dataset = Dataset::open(&files(dir.path(), 5)).unwrap();
    let read = |threads| -> Vec<Batch> {
        let scan = dataset.scan().threads(threads).batch_rows(333).ordered(true);
        scan.placed_batches().unwrap().map(|batch| batch.unwrap()).collect()
    };
    let expected = read(1);
    assert!(places(&expected).is_sorted());
    let expected_table = table(&expected);
    assert_eq!(expected_table.num_rows(), 12_500);
    for threads in [2, 3, 4, 16, 40] {
        let found = read(threads);
        assert_eq!(places(&found), places(&expected), "{threads} threads");
        assert_eq!(table(&found), expected_table);
    }
}

#[test]
fn row_groups_come_in_the_order_asked_for() {
    let dir = scratch::dir();
    let dataset = Dataset::open(&files(dir.path(), 3)).unwrap();
    let ids = [(2, 1), (0, 2), (1, 0), (2, 0), (0, 2)];
    let ids = ids.map(|(file, row_group)| RowGroupId { file, row_group });
    for threads in [1, 2, 5] {
        let scan = dataset.scan().threads(threads).row_groups(ids).ordered(true);
        let found: Vec<Batch> =
            scan.placed_batches().unwrap().map(|batch| batch.unwrap()).collect();
        let mut found: Vec<RowGroupId> = found
            .iter()
            .map(|batch| RowGroupId { file: batch.file, row_group: batch.row_group })
            .collect();
        found.dedup();
        assert_eq!(found, ids);
    }
}

/// The rows of other files, and of the file itself up to its fault, come whoever finds the fault first.
#[test]
fn what_comes_of_a_bad_file_is_the_same_for_any_number_of_threads() {
    let dir = scratch::dir();
    let paths = files(dir.path(), 4);
    let dataset = Dataset::open(&paths).unwrap();
    let bytes = std::fs::read(&paths[1]).unwrap();
    let of_row_group = &dataset.files()[1].footer;
    let chunk = of_row_group.column_chunks(1).next().unwrap().1.byte_range();
    let mut bad = bytes;
    let start = usize::try_from(chunk.start).unwrap();
    bad[start..start + 40].fill(0xFF);
    std::fs::write(&paths[1], &bad).unwrap();
    let dataset = Dataset::open(&paths).unwrap();
    let read = |threads| {
        let scan = dataset.scan().threads(threads).ordered(true);
        let (mut found, mut error_at) = (Vec::new(), Vec::new());
        for item in scan.placed_batches().unwrap() {
            match item {
                Ok(batch) => found.push(batch),
                Err(error) => error_at.push((found.len(), error.to_string())),
            }
        }
        (places(&found), error_at)
    };
    let expected = read(1);
    assert_eq!(expected.1.len(), 1, "{:?}", expected.1);
    assert!(expected.1[0].1.contains("part-1.parquet"), "{:?}", expected.1);
    let rows_of_bad = expected.0.iter().filter(|place| place.0 == 1).count();
    assert!(rows_of_bad > 0, "its first row group is sound");
    assert!(expected.0.iter().all(|place| place.0 != 1 || place.1 == 0));
    for threads in [2, 3, 8] {
        for _ in 0..10 {
            assert_eq!(read(threads), expected, "{threads} threads");
        }
    }
    let mut reader = dataset.scan().threads(3).ordered(true).placed_batches().unwrap();
    while !matches!(reader.next(), None | Some(Err(_))) {}
    let failures = reader.finish().unwrap().unwrap().failures;
    assert_eq!(failures.len(), 1);
}

#[test]
fn files_that_cannot_be_opened_come_first_and_once() {
    let dir = scratch::dir();
    let mut paths = files(dir.path(), 2);
    paths.push(dir.path().join("none.parquet"));
    let dataset = Dataset::open(&paths).unwrap();
    let mut reader = dataset.scan().threads(2).ordered(true).placed_batches().unwrap();
    assert!(matches!(reader.next(), Some(Err(Error::Unopened(_)))));
    let rows: usize = reader.map(|batch| batch.unwrap().columns.num_rows()).sum();
    assert_eq!(rows, 5000);
}

/// Row groups that wait for their turn keep within their share, and the reading goes on when the consumer does.
#[test]
fn a_slow_consumer_holds_the_reader_threads_up() {
    let dir = scratch::dir();
    let (path, expected) = scratch::wide_file(dir.path(), 100);
    let paths = vec![path; 1];
    let dataset = Dataset::open(&paths).unwrap();
    let scan = dataset.scan().threads(3).memory_budget_bytes(24 << 20).ordered(true);
    let ids = vec![RowGroupId { file: 0, row_group: 0 }; 4];
    let mut reader = scan.row_groups(ids).placed_batches().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let mut rows = 0;
    for batch in reader.by_ref() {
        let batch = batch.unwrap();
        let at = usize::try_from(batch.first_row).unwrap();
        assert_eq!(batch.columns.columns(), expected.slice(at, batch.columns.num_rows()).columns());
        rows += batch.columns.num_rows();
    }
    assert_eq!(rows, 4 * expected.num_rows());
}

#[test]
fn waiting_has_a_limit_and_an_end() {
    let dir = scratch::dir();
    let dataset = Dataset::open(&files(dir.path(), 3)).unwrap();
    for ordered in [false, true] {
        let mut reader = dataset.scan().threads(2).ordered(ordered).placed_batches().unwrap();
        let (mut rows, begun) = (0, Instant::now());
        loop {
            match reader.next_within(Duration::from_millis(5)) {
                Waited::Item(batch) => rows += batch.unwrap().columns.num_rows(),
                Waited::NotYet => assert!(begun.elapsed() < Duration::from_secs(60)),
                Waited::End => break,
            }
        }
        assert_eq!(rows, 7500);
        assert_eq!(reader.next_within(Duration::ZERO).map(|batch| batch.is_ok()), Waited::End);
    }
}

#[test]
fn an_abandoned_scan_ends_by_itself() {
    let dir = scratch::dir();
    let dataset = Dataset::open(&files(dir.path(), 6)).unwrap();
    for ordered in [false, true] {
        let scan = dataset.scan().threads(2).driver(Driver::Pread).batch_rows(10).ordered(ordered);
        let mut reader = scan.placed_batches().unwrap();
        reader.next().unwrap().unwrap();
        reader.abandon();
    }
    let stop = StopFlag::new();
    stop.stop();
    let last = dataset.scan().stop(&stop).ordered(true).placed_batches().unwrap().last().unwrap();
    assert!(matches!(last, Err(Error::Stopped)));
}
