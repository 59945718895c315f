//! Single points through the library.

use std::path::Path;
use std::time::{Duration, Instant};

use ringquet::StopFlag;
use ringquet::engine::{DirectChoice, DriverChoice, IoOptions};
use ringquet_device::characterize::{Access, CharacterizeError, SweepPoint, SweepSetup, measure};
use ringquet_io::device::SysRoot;

use crate::scratch;

fn bench(path: &Path, len: u64, driver: DriverChoice) -> SweepSetup {
    SweepSetup {
        files: vec![(path.to_owned(), len)],
        cpus: vec![None; 3],
        io: IoOptions { driver, direct: DirectChoice::Auto, ..IoOptions::default() },
        devices: Vec::new(),
        sys: SysRoot::default(),
        round: Duration::from_millis(30),
        rounds_max: 6,
    }
}

const POINT: SweepPoint = SweepPoint {
    access: Access::Random,
    block_bytes: 8192,
    queue_depth: 4,
    threads: 3,
    iopoll: false,
    registered_buffers: true,
};

#[test]
fn every_driver_measures() {
    let dir = scratch::dir();
    let path = scratch::bytes_file(dir.path(), "f", 1 << 20, 1);
    for driver in [DriverChoice::Auto, DriverChoice::Pread, DriverChoice::Mmap] {
        let measured = measure(&bench(&path, 1 << 20, driver), &POINT, &StopFlag::new()).unwrap();
        let report = &measured.report;
        assert!(report.reads > 0 && report.latency_ns.max > 0, "{driver:?}: {report:?}");
        assert!(report.round_bytes_per_second.len() >= 5, "{report:?}");
        assert!(measured.read_bytes_in_all > report.read_bytes, "{report:?}");
        assert_eq!(report.device_read_bytes, None, "no device was named");
    }
}

/// One thread that fails ends the others, and its error is the answer.
#[test]
fn an_error_ends_all_threads() {
    let dir = scratch::dir();
    let path = dir.path().join("nowhere");
    let error = measure(&bench(&path, 1 << 20, DriverChoice::Auto), &POINT, &StopFlag::new());
    assert!(error.unwrap_err().to_string().contains("nowhere: cannot open"));

    // A file that shrinks while it is read.
    let path = scratch::bytes_file(dir.path(), "f", 1 << 20, 1);
    let bench = SweepSetup {
        rounds_max: 10_000,
        round: Duration::from_secs(1),
        ..bench(&path, 1 << 20, DriverChoice::Pread)
    };
    std::thread::scope(|scope| {
        let measured = scope.spawn(|| measure(&bench, &POINT, &StopFlag::new()));
        std::thread::sleep(Duration::from_millis(200));
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(4096).unwrap();
        let error = measured.join().unwrap().unwrap_err().to_string();
        assert!(error.contains("unexpected end of file"), "{error}");
    });
}

#[test]
fn a_stop_is_seen_within_a_round() {
    let dir = scratch::dir();
    let path = scratch::bytes_file(dir.path(), "f", 1 << 20, 1);
    let bench =
        SweepSetup { round: Duration::from_secs(60), ..bench(&path, 1 << 20, DriverChoice::Auto) };
    let stop = StopFlag::new();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let measured = scope.spawn(|| measure(&bench, &POINT, &stop));
        std::thread::sleep(Duration::from_millis(100));
        stop.stop();
        assert!(matches!(measured.join().unwrap(), Err(CharacterizeError::Stopped)));
    });
    assert!(begun.elapsed() < bench.round, "{:?}", begun.elapsed());
}
