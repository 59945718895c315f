//! Passes over a data set: which rows come in which batch, for whom, in which order, and after which resume.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use proptest::prelude::*;
use ringquet::epoch::{Epoch, EpochBatches, EpochOptions, Shuffle};
use ringquet::{Dataset, Error, Waited};

use crate::scratch;

/// Files with ascending ids: of each file its rows and those of its row groups.
fn files(dir: &Path, sizes: &[(usize, usize)]) -> Vec<PathBuf> {
    let mut first = 0;
    let mut write = |(n, &(rows, row_group_rows)): (usize, &(usize, usize))| {
        let path = dir.join(format!("part-{n:02}.parquet"));
        scratch::parquet_file(&path, first, rows, row_group_rows);
        first += i64::try_from(rows).unwrap();
        path
    };
    sizes.iter().enumerate().map(&mut write).collect()
}

fn ids(batch: &RecordBatch) -> Vec<i64> {
    let column = batch.column_by_name("id").expect("there is a column id");
    column.as_primitive::<Int64Type>().values().to_vec()
}

fn start(dataset: &Dataset, epoch: &Epoch, threads: usize, rows_done: u64) -> EpochBatches {
    dataset.scan().columns(["id"]).threads(threads).epoch(epoch, rows_done).unwrap()
}

fn read(dataset: &Dataset, epoch: &Epoch, threads: usize, rows_done: u64) -> Vec<Vec<i64>> {
    start(dataset, epoch, threads, rows_done).map(|batch| ids(&batch.unwrap())).collect()
}

fn shuffles() -> impl Strategy<Value = Shuffle> {
    prop_oneof![
        Just(Shuffle::None),
        Just(Shuffle::RowGroups),
        (1u32..5).prop_map(|window| Shuffle::Rows { window }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Over all ranks and workers each row comes once; what is left out is the rest of the divisions and nothing else. Every rank has
    /// as many batches, every number of threads gives the same, and a pass that is left after any batch goes on with the next.
    #[test]
    fn each_row_comes_once_whoever_reads_it(
        sizes in prop::collection::vec((0usize..60, 1usize..30), 1..5),
        shuffle in shuffles(),
        batch_rows in 1usize..40,
        drop_last in any::<bool>(),
        (world_size, workers) in (1u32..4, 1u32..4),
        (seed, number) in (0u64..3, 0u64..3),
        threads in 1usize..4,
        left_after in 0usize..8,
    ) {
        let dir = scratch::dir();
        let dataset = Dataset::open(&files(dir.path(), &sizes)).unwrap();
        let rows = dataset.num_rows();
        let of_rank = rows / u64::from(world_size);
        let mut seen = BTreeSet::new();
        let mut batches_of_ranks = BTreeSet::new();
        for rank in 0..world_size {
            let mut batches = 0;
            for worker in 0..workers {
                let options = EpochOptions {
                    drop_last, shuffle, seed, rank, world_size, worker, workers,
                    ..EpochOptions::of_batches(batch_rows)
                };
                let epoch = Epoch::new(&dataset, options, number).unwrap();
                let found = read(&dataset, &epoch, threads, 0);
                prop_assert_eq!(found.len() as u64, epoch.num_batches());
                let rows_found = found.iter().map(|batch| batch.len() as u64).sum::<u64>();
                prop_assert_eq!(rows_found, epoch.num_rows());
                if let Some((last, others)) = found.split_last() {
                    prop_assert!(others.iter().all(|batch| batch.len() == batch_rows));
                    prop_assert!(!drop_last || last.len() == batch_rows);
                }
                let left = left_after.min(found.len());
                let done: u64 = found[..left].iter().map(|batch| batch.len() as u64).sum();
                let rest = read(&dataset, &epoch, 3, done);
                prop_assert_eq!(&rest[..], &found[left..]);
                batches += epoch.num_batches();
                prop_assert_eq!(epoch.num_batches_of_rank(), if drop_last {
                    of_rank / batch_rows as u64
                } else {
                    of_rank.div_ceil(batch_rows as u64)
                });
                for id in found.into_iter().flatten() {
                    prop_assert!(seen.insert(id), "row {id} comes twice");
                }
            }
            batches_of_ranks.insert(batches);
        }
        prop_assert_eq!(batches_of_ranks.len(), 1, "every rank has as many batches");
        let rest = if drop_last { of_rank % batch_rows as u64 } else { 0 };
        prop_assert_eq!(seen.len() as u64, (of_rank - rest) * u64::from(world_size));
    }
}

#[test]
fn without_shuffling_rows_come_in_the_order_of_the_files() {
    let dir = scratch::dir();
    let dataset = Dataset::open(&files(dir.path(), &[(2500, 1000), (100, 7), (900, 900)])).unwrap();
    let epoch = Epoch::new(&dataset, EpochOptions::of_batches(64), 5).unwrap();
    let found = read(&dataset, &epoch, 2, 0);
    assert!(found.concat().into_iter().eq(0..3500));
    assert_eq!(found.last().unwrap().len(), 3500 % 64);
}

#[test]
fn files_come_in_the_order_that_is_asked_for() {
    let dir = scratch::dir();
    let dataset = Dataset::open(&files(dir.path(), &[(250, 100), (100, 7), (90, 90)])).unwrap();
    let of =
        |files: &[u32]| EpochOptions { files: Some(files.into()), ..EpochOptions::of_batches(64) };
    let epoch = Epoch::new(&dataset, of(&[2, 0]), 0).unwrap();
    let found = read(&dataset, &epoch, 2, 0).concat();
    assert!(found.into_iter().eq((350..440).chain(0..250)));
    assert_eq!(Epoch::new(&dataset, of(&[]), 0).unwrap().num_batches(), 0);
    let shuffled = EpochOptions { shuffle: Shuffle::RowGroups, ..of(&[1]) };
    let epoch = Epoch::new(&dataset, shuffled, 0).unwrap();
    assert_eq!(
        read(&dataset, &epoch, 2, 0).concat().into_iter().collect::<BTreeSet<_>>(),
        (250..350).collect()
    );
}

#[test]
fn epochs_differ_and_each_repeats() {
    let dir = scratch::dir();
    let sizes = [(1000, 50); 6];
    let dataset = Dataset::open(&files(dir.path(), &sizes)).unwrap();
    for shuffle in [Shuffle::RowGroups, Shuffle::Rows { window: 8 }] {
        let pass = |seed, number, threads| {
            let options = EpochOptions { shuffle, seed, ..EpochOptions::of_batches(128) };
            let epoch = Epoch::new(&dataset, options, number).unwrap();
            read(&dataset, &epoch, threads, 0)
        };
        let first = pass(1, 0, 1);
        assert_eq!(pass(1, 0, 4), first);
        assert_ne!(pass(1, 1, 1), first, "another epoch");
        assert_ne!(pass(2, 0, 1), first, "another seed");
        assert!(!first.concat().is_sorted());
    }
}

/// Rows go as far as the window reaches and no further.
#[test]
fn rows_are_shuffled_within_a_window_of_row_groups() {
    let dir = scratch::dir();
    let dataset = Dataset::open(&files(dir.path(), &[(1200, 100)])).unwrap();
    let options = EpochOptions {
        shuffle: Shuffle::Rows { window: 3 },
        seed: 9,
        ..EpochOptions::of_batches(100)
    };
    let epoch = Epoch::new(&dataset, options, 0).unwrap();
    let found = read(&dataset, &epoch, 2, 0);
    for (window, batches) in found.chunks(3).enumerate() {
        let row_groups = |ids: &[i64]| ids.iter().map(|id| id / 100).collect::<BTreeSet<_>>();
        let expected: BTreeSet<i64> = epoch.row_groups()[window * 3..window * 3 + 3]
            .iter()
            .map(|id| i64::from(id.row_group))
            .collect();
        assert_eq!(row_groups(&batches.concat()), expected);
        assert_eq!(row_groups(&batches[0]).len(), 3, "each batch has rows of each row group");
    }
}

/// What a checkpoint of an earlier version says is read the same: the order of a seed never changes.
#[test]
fn the_order_of_a_seed_stays_what_it_is() {
    let dir = scratch::dir();
    let dataset = Dataset::open(&files(dir.path(), &[(12, 3), (8, 4)])).unwrap();
    let order = |shuffle| {
        let options = EpochOptions { shuffle, seed: 7, ..EpochOptions::of_batches(20) };
        let epoch = Epoch::new(&dataset, options, 1).unwrap();
        read(&dataset, &epoch, 1, 0).concat()
    };
    assert_eq!(
        order(Shuffle::RowGroups),
        [6, 7, 8, 12, 13, 14, 15, 9, 10, 11, 0, 1, 2, 16, 17, 18, 19, 3, 4, 5]
    );
    assert_eq!(
        order(Shuffle::Rows { window: 2 }),
        [13, 8, 15, 7, 12, 14, 6, 11, 0, 1, 2, 10, 9, 4, 19, 17, 5, 16, 3, 18]
    );
}

/// Row groups end amid batches everywhere: what lies in one row group comes without a copy.
#[test]
fn batches_end_where_decoded_batches_do() {
    let dir = scratch::dir();
    let dataset = Dataset::open(&files(dir.path(), &[(30_000, 10_000)])).unwrap();
    let epoch = Epoch::new(&dataset, EpochOptions::of_batches(777), 0).unwrap();
    let address = |batch: &RecordBatch| -> (usize, usize) {
        let column = batch.column_by_name("id").unwrap();
        let values = column.as_any().downcast_ref::<Int64Array>().unwrap().values();
        (values.as_ptr() as usize, values.inner().data_ptr().as_ptr() as usize)
    };
    let batches: Vec<RecordBatch> =
        start(&dataset, &epoch, 1, 0).map(|batch| batch.unwrap()).collect();
    // A copy has a buffer of its own. A slice has one with the slices beside it.
    let alone = batches
        .iter()
        .enumerate()
        .filter(|&(at, batch)| {
            let begin = address(batch).1;
            let beside = [at.wrapping_sub(1), at + 1];
            !beside.iter().any(|&at| batches.get(at).is_some_and(|it| address(it).1 == begin))
        })
        .count();
    assert!(alone <= 4, "{alone} of {} batches are copies", batches.len());
}

#[test]
fn the_fingerprint_is_that_of_the_files() {
    let dir = scratch::dir();
    let sizes = [(100, 10), (50, 50)];
    let paths = files(dir.path(), &sizes);
    let of = |paths: &[PathBuf]| Dataset::open(paths).unwrap().fingerprint();
    let first = of(&paths);
    let copy = scratch::dir();
    assert_eq!(of(&files(copy.path(), &sizes)), first, "in another folder");
    let narrow = Dataset::open(&paths).unwrap().scan().columns(["id"]).dataset().unwrap();
    assert_eq!(narrow.fingerprint(), first, "whichever columns are read");
    assert_ne!(of(&paths[..1]), first);
    let other = scratch::dir();
    assert_ne!(of(&files(other.path(), &[(100, 20), (50, 50)])), first, "other row groups");
}

#[test]
fn options_that_cannot_be_are_refused() {
    let dir = scratch::dir();
    let dataset = Dataset::open(&files(dir.path(), &[(100, 10)])).unwrap();
    let refused = |options, part: &str| {
        let error = Epoch::new(&dataset, options, 0).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    let of = EpochOptions::of_batches;
    refused(of(0), "`batch_size`");
    refused(EpochOptions { rank: 2, world_size: 2, ..of(1) }, "`rank`");
    refused(EpochOptions { worker: 1, workers: 1, ..of(1) }, "`worker`");
    refused(EpochOptions { files: Some(vec![0, u32::MAX]), ..of(1) }, "`files`");
    refused(EpochOptions { files: Some(vec![0, 0]), ..of(1) }, "once");
    refused(EpochOptions { shuffle: Shuffle::Rows { window: 0 }, ..of(1) }, "`window`");
    let epoch = Epoch::new(&dataset, of(8), 0).unwrap();
    for rows_done in [1, 97, 101] {
        let error = dataset.scan().epoch(&epoch, rows_done).unwrap_err();
        assert!(matches!(error, Error::Options(_)), "{error}");
    }
    for (rows_done, batches) in [(96, 1), (100, 0)] {
        assert_eq!(dataset.scan().epoch(&epoch, rows_done).unwrap().count(), batches);
    }
}

/// A file that fails ends the pass: the rows that would come after it are others than the order says.
#[test]
fn an_error_ends_the_pass() {
    let dir = scratch::dir();
    let paths = files(dir.path(), &[(100, 10), (100, 10), (100, 10)]);
    let dataset = Dataset::open(&paths).unwrap();
    let bytes = std::fs::read(&paths[1]).unwrap();
    std::fs::write(&paths[1], &bytes[..bytes.len() / 2]).unwrap();
    for shuffle in [Shuffle::None, Shuffle::RowGroups, Shuffle::Rows { window: 30 }] {
        let options = EpochOptions { shuffle, ..EpochOptions::of_batches(7) };
        let epoch = Epoch::new(&dataset, options, 0).unwrap();
        let mut batches = start(&dataset, &epoch, 2, 0);
        let error = batches.find_map(Result::err).expect("the file was cut");
        assert!(error.to_string().contains("part-01.parquet"), "{error}");
        assert!(batches.next().is_none());
        assert_eq!(batches.finish().unwrap().unwrap().failures.len(), 1);
    }
}

#[test]
fn waiting_for_a_batch_has_a_limit() {
    let dir = scratch::dir();
    let dataset = Dataset::open(&files(dir.path(), &[(1000, 100)])).unwrap();
    for shuffle in [Shuffle::RowGroups, Shuffle::Rows { window: 4 }] {
        let options = EpochOptions { shuffle, ..EpochOptions::of_batches(33) };
        let epoch = Epoch::new(&dataset, options, 0).unwrap();
        let mut batches = start(&dataset, &epoch, 2, 0);
        let mut rows = 0;
        loop {
            match batches.next_within(Duration::from_millis(1)) {
                Waited::Item(batch) => rows += batch.unwrap().num_rows(),
                Waited::NotYet => {}
                Waited::End => break,
            }
        }
        assert_eq!(rows, 1000);
        let batches = start(&dataset, &epoch, 2, 0);
        batches.abandon();
    }
}

#[test]
fn rows_are_taken_by_number_in_the_order_asked_for() {
    let dir = scratch::dir();
    let dataset = Dataset::open(&files(dir.path(), &[(2500, 1000), (0, 1), (700, 100)])).unwrap();
    let take = |rows: &[u64]| dataset.scan().columns(["id"]).threads(2).take(rows);
    let asked = [3199, 17, 5, 2499, 2500, 17, 0];
    assert_eq!(ids(&take(&asked).unwrap()), asked.map(|row| i64::try_from(row).unwrap()));
    let all: Vec<u64> = (0..3200).collect();
    assert!(ids(&take(&all).unwrap()).into_iter().eq(0..3200));
    let none = take(&[]).unwrap();
    assert_eq!((none.num_rows(), none.num_columns()), (0, 1));
    let error = take(&[1, 3200]).unwrap_err();
    assert_eq!(error.to_string(), "no row 3200: the data set has 3200 rows, numbered from 0");
    let whole = dataset.scan().take(&[2, 1]).unwrap();
    let expected = scratch::table(1, 2);
    assert_eq!(whole.slice(0, 1).columns(), expected.slice(1, 1).columns());
    assert_eq!(whole.slice(1, 1).columns(), expected.slice(0, 1).columns());
}
