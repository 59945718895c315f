//! The library as a program uses it, without the engine: open, scan, batches; and its examples, run.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use arrow_array::{Array as _, ArrayRef, Int64Array, RecordBatch, RecordBatchReader as _};
use arrow_schema::ArrowError;
use futures_core::Stream;
use ringquet::engine::{DirectChoice, DriverChoice, EngineOptions, IoOptions};
use ringquet::{Batch, Dataset, Direct, Driver, Error, RowGroupId, StopFlag};
use ringquet_io::sim::{SimOptions, Tally};

use crate::cli::binary;
use crate::scratch;

fn files(dir: &Path, count: i64) -> Vec<PathBuf> {
    let write = |n: i64| {
        let path = dir.join(format!("part-{n}.parquet"));
        scratch::parquet_file(&path, 10_000 * n, 2500, 1000);
        path
    };
    (0..count).map(write).collect()
}

fn concat(batches: &[RecordBatch]) -> RecordBatch {
    arrow_select::concat::concat_batches(&batches[0].schema(), batches).unwrap()
}

fn ids(batches: &[RecordBatch]) -> Vec<i64> {
    let mut ids = Vec::new();
    for batch in batches {
        let column = batch.column_by_name("id").unwrap().as_any();
        ids.extend_from_slice(column.downcast_ref::<Int64Array>().unwrap().values());
    }
    ids
}

#[test]
fn batches_are_a_record_batch_reader() {
    let dir = scratch::dir();
    files(dir.path(), 2);
    // As a user types it; the data set is a temporary value.
    let scan = Dataset::open(&[dir.path()]).unwrap().scan().threads(1).direct(Direct::Auto);
    let batches = scan.clone().batches().unwrap();
    let schema = batches.schema();
    let batches: Vec<RecordBatch> = batches.collect::<Result<_, ArrowError>>().unwrap();
    assert!(batches.iter().all(|batch| batch.schema() == schema));
    let expected = concat(&[scratch::table(0, 2500), scratch::table(10_000, 2500)]);
    assert_eq!(concat(&batches).columns(), expected.columns());
    // Again, with other columns: footers are not read again, and the order is that of the file.
    let narrow: Vec<RecordBatch> = scan
        .columns(["name", "id"])
        .batch_rows(700)
        .batches()
        .unwrap()
        .collect::<Result<_, ArrowError>>()
        .unwrap();
    let names: Vec<_> = narrow[0].schema().fields().iter().map(|it| it.name().clone()).collect();
    assert_eq!(names, ["id", "name"]);
    assert_eq!(concat(&narrow).columns(), expected.project(&[0, 2]).unwrap().columns());
    assert!(narrow.iter().all(|batch| batch.num_rows() <= 700));
}

#[test]
fn every_option_of_a_scan_gives_the_same_rows() {
    let dir = scratch::dir();
    let paths = files(dir.path(), 3);
    let dataset = ringquet::Dataset::open(&paths).unwrap();
    let expected = dataset.scan().digest().unwrap().0;
    let scans = [
        dataset.scan().threads(3),
        dataset.scan().direct(Direct::Off),
        dataset.scan().driver(Driver::Pread).direct(Direct::Off),
        dataset.scan().driver(Driver::Mmap),
        dataset.scan().memory_budget_bytes(16 << 20).threads(1),
        dataset.scan().verify_crc(true).batch_rows(10),
        dataset.scan().with(|options| options.coalesce_gap_bytes = Some(0)),
    ];
    for scan in scans {
        let text = format!("{scan:?}");
        assert_eq!(scan.digest().unwrap().0, expected, "{text}");
    }
    let buffered = dataset.scan().direct(Direct::Off).dataset().unwrap();
    assert!(buffered.files().iter().all(|file| !file.direct));
    let none = dataset.scan().columns([] as [&str; 0]).batches().unwrap();
    let rows = none.map(|batch| batch.unwrap().num_rows()).sum::<usize>();
    assert_eq!(rows as u64, dataset.num_rows());
    // A scan under other columns is what opening with these columns gives.
    let opened = EngineOptions { columns: Some(vec!["x".into()]), ..EngineOptions::default() };
    let opened = Dataset::open_with(&paths, opened).unwrap();
    let narrowed = dataset.scan().columns(["x"]).dataset().unwrap();
    assert_eq!(narrowed.wanted_bytes(), opened.wanted_bytes());
    assert_eq!(narrowed.schema().unwrap(), opened.schema().unwrap());
    assert_eq!(narrowed.scan().digest().unwrap().0, opened.scan().digest().unwrap().0);
    assert_eq!(format!("{}", narrowed.plan()), format!("{}", opened.plan()));
}

#[test]
fn row_groups_are_read_by_their_ids() {
    let dir = scratch::dir();
    let paths = files(dir.path(), 2);
    let dataset = ringquet::Dataset::open(&paths).unwrap();
    let at = |file, row_group| RowGroupId { file, row_group };
    let scan = dataset.scan().threads(1).row_groups([at(1, 2), at(0, 1)]);
    let batches: Vec<RecordBatch> =
        scan.clone().batches().unwrap().collect::<Result<_, ArrowError>>().unwrap();
    let expected: Vec<i64> = (12_000..12_500).chain(1000..2000).collect();
    assert_eq!(ids(&batches), expected);
    assert_eq!(scan.plan().unwrap().row_groups.len(), 2);
    for (id, text) in [(at(1, 3), "3 row groups"), (at(2, 0), "2 files")] {
        let error = dataset.scan().row_groups([id]).batches().unwrap_err();
        assert!(matches!(error, Error::NoRowGroup { .. }));
        assert!(error.to_string().contains(text), "{error}");
    }
    // A file that is gone under the options of the scan does not change which file the others are.
    std::fs::remove_file(&paths[0]).unwrap();
    let scan = dataset.scan().direct(Direct::Off).threads(1).row_groups([at(0, 0), at(1, 0)]);
    let (mut batches, mut errors) = (Vec::new(), Vec::new());
    for item in scan.batches().unwrap() {
        match item {
            Ok(batch) => batches.push(batch),
            Err(error) => errors.push(error.to_string()),
        }
    }
    assert_eq!(ids(&batches), (10_000..11_000).collect::<Vec<_>>());
    assert!(errors.len() == 1 && errors[0].contains("part-0.parquet"), "{errors:?}");
}

#[test]
fn errors_are_of_one_type_with_their_sources() {
    let dir = scratch::dir();
    let mut paths = files(dir.path(), 1);
    let error =
        ringquet::Dataset::open(&paths).unwrap().scan().columns(["idd"]).batches().unwrap_err();
    assert!(matches!(error, Error::Decode { .. }), "{error:?}");
    assert!(std::error::Error::source(&error).is_some());
    let error = ringquet::Dataset::open(&paths).unwrap().scan().threads(0).batches().unwrap_err();
    assert!(matches!(error, Error::Options(_)), "{error:?}");

    // Files of two schemas have no common one, and are read with their places.
    let other = dir.path().join("z.parquet");
    let batch = scratch::table(0, 10).project(&[1]).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(
        std::fs::File::create(&other).unwrap(),
        batch.schema(),
        None,
    )
    .unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    paths.push(other);
    let dataset = ringquet::Dataset::open(&paths).unwrap();
    let error = dataset.scan().batches().unwrap_err();
    assert!(matches!(error, Error::Schemas { .. }));
    assert!(error.to_string().contains("it has 1 columns, not 3"), "{error}");
    let placed = dataset.scan().placed_batches().unwrap().map(|batch| batch.unwrap());
    assert_eq!(placed.map(|batch| batch.columns.num_rows()).sum::<usize>(), 2510);

    // An error of a batch comes through Arrow's type with ours inside.
    std::fs::write(&paths[0], b"no longer a Parquet file").unwrap();
    let scan = dataset.scan().columns(["x"]);
    let error = scan.batches().unwrap().find_map(Result::err).unwrap();
    let ArrowError::ExternalError(inner) = error else { panic!("{error:?}") };
    assert!(inner.downcast_ref::<Error>().is_some(), "{inner:?}");
}

fn has_a_defect(_: Batch) {
    panic!("as asked for");
}

#[test]
fn the_flag_of_the_caller_is_read_and_never_set() {
    let dir = scratch::dir();
    let paths = files(dir.path(), 4);
    let dataset = ringquet::Dataset::open(&paths).unwrap();
    let stop = StopFlag::new();
    // A panic on a reader thread ends the others.
    let result = dataset.scan().threads(2).stop(&stop).visit(|_| has_a_defect);
    assert!(matches!(result, Err(Error::Panicked(_))), "{result:?}");
    assert!(!stop.is_stopped());
    // So does a consumer that goes away.
    let mut batches = dataset.scan().threads(2).stop(&stop).batches().unwrap();
    batches.next().unwrap().unwrap();
    drop(batches);
    assert!(!stop.is_stopped());
    // A stop by the caller is the last item, not an end that looks like success.
    stop.stop();
    let last = dataset.scan().stop(&stop).placed_batches().unwrap().last().unwrap();
    assert!(matches!(last, Err(Error::Stopped)), "{last:?}");
}

/// Runs a stream to its end on this thread, which sleeps until it is woken.
fn block_on<S: Stream>(stream: S) -> Vec<S::Item> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut stream = pin!(stream);
    let mut items = Vec::new();
    loop {
        match stream.as_mut().poll_next(&mut context) {
            Poll::Ready(Some(item)) => items.push(item),
            Poll::Ready(None) => return items,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn a_stream_gives_what_the_iterator_gives() {
    let dir = scratch::dir();
    let paths = files(dir.path(), 3);
    let scan = ringquet::Dataset::open(&paths).unwrap().scan().threads(1).batch_rows(100);
    let expected: Vec<RecordBatch> =
        scan.clone().batches().unwrap().collect::<Result<_, ArrowError>>().unwrap();
    for _ in 0..20 {
        let stream = scan.clone().stream().unwrap();
        assert_eq!(stream.schema(), expected[0].schema());
        let streamed: Vec<RecordBatch> =
            block_on(stream).into_iter().collect::<Result<_, Error>>().unwrap();
        assert_eq!(streamed, expected);
    }
    let many = scan.clone().threads(3).stream().unwrap();
    assert_eq!(
        block_on(many).iter().map(|it| it.as_ref().unwrap().num_rows()).sum::<usize>(),
        7500
    );
    // Dropped before its end; and stopped by the caller, which is an error at the end.
    let mut stream = pin!(scan.clone().stream().unwrap());
    drop(stream.as_mut().poll_next(&mut Context::from_waker(Waker::noop())));
    let stop = StopFlag::new();
    stop.stop();
    let items = block_on(scan.stop(&stop).stream().unwrap());
    assert!(matches!(items.last(), Some(Err(Error::Stopped))), "{items:?}");
}

/// Opening used to map, to zero and to register the 96 MiB of a reader thread for a footer of a few hundred bytes.
#[test]
fn opening_a_few_files_takes_little_memory() {
    let dir = scratch::dir();
    let paths = files(dir.path(), 8);
    let tally = Tally::default();
    let sim = SimOptions { tally: tally.clone(), ..SimOptions::default() };
    let direct = DirectChoice::Off;
    let io = IoOptions { driver: DriverChoice::Sim, direct, sim, ..IoOptions::default() };
    let memory_budget_bytes = Some(192 << 20);
    let options =
        EngineOptions { io, threads: Some(1), memory_budget_bytes, ..EngineOptions::default() };
    let dataset = Dataset::open_with(&paths, options).unwrap();
    assert_eq!(dataset.num_rows(), 8 * 2500);
    assert_eq!(tally.arena_bytes_max(), 4 << 20);
    assert_eq!(tally.arenas_in_use(), 0, "nothing is kept for a scan that may never come");
    dataset.scan().read_raw().unwrap();
    assert_eq!(tally.arena_bytes_max(), 96 << 20);
    assert_eq!(tally.arenas_in_use(), 1);
}

/// A footer that is longer than the memory for a few footers comes in parts.
#[test]
fn a_long_footer_is_read_with_little_memory() {
    let dir = scratch::dir();
    let path = dir.path().join("wide.parquet");
    let long = "n".repeat(600);
    let column = |n: u32| (format!("{long}{n}"), Arc::new(Int64Array::from(vec![1])) as ArrayRef);
    let batch = RecordBatch::try_from_iter((0..2500).map(column)).unwrap();
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let dataset = ringquet::Dataset::open(&[&path]).unwrap();
    assert!(dataset.opened().footer_bytes > 4 << 20, "{:?}", dataset.opened());
    let read: Vec<RecordBatch> =
        dataset.scan().batches().unwrap().collect::<Result<_, ArrowError>>().unwrap();
    assert_eq!(concat(&read).columns(), batch.columns());
}

/// Runs an example of the library, built by the same cargo as the binary.
fn example(name: &str, args: &[&Path]) -> String {
    let binary = binary::path();
    let path = binary.with_file_name("examples").join(name);
    let done = Command::new(&path).args(args).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{}: {err}", path.display());
    out.into_owned()
}

#[test]
fn the_examples_do_what_they_say() {
    let dir = scratch::dir();
    files(dir.path(), 3);
    let text = example("count_rows", &[dir.path()]);
    assert!(text.contains("7500 rows in 3 files by their footers"), "{text}");
    assert!(text.contains("7500 rows in column 'id', 0 of them null"), "{text}");

    let out = dir.path().join("out.arrow");
    let text = example("to_arrow_ipc", &[&out, dir.path()]);
    assert!(text.starts_with("7500 rows in "), "{text}");
    let file = std::fs::File::open(&out).unwrap();
    let reader = arrow_ipc::reader::FileReader::try_new(file, None).unwrap();
    let written: Vec<RecordBatch> = reader.map(|batch| batch.unwrap()).collect();
    let expected: Vec<i64> = (0..3).flat_map(|n| 10_000 * n..10_000 * n + 2500).collect();
    assert_eq!(ids(&written), expected);

    let text = example("on_reader_threads", &[dir.path()]);
    assert!(text.contains("7500 rows in "), "{text}");
    assert!(text.contains("id: 0 null") && text.contains("name: 1072 null"), "{text}");
}
