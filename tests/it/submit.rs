//! One list of cases that every driver passes: what a queue of reads promises.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use ringquet_io::sim::{Sim, SimOptions};
use ringquet_io::{Arena, Completed, DirectChoice, DriverChoice, IoError, IoOptions, ReadQueue};

use crate::scratch;

/// All drivers, direct and buffered. Where io_uring is refused, its cases say so and are left out.
#[expect(clippy::print_stderr, reason = "a case that is left out is reported")]
fn for_each_driver(check: impl Fn(&str, &dyn Fn(IoOptions) -> ReadQueue)) {
    let named = [
        ("uring", DriverChoice::Uring),
        ("pread", DriverChoice::Pread),
        ("mmap", DriverChoice::Mmap),
    ];
    for (name, driver) in named {
        for direct in [DirectChoice::Auto, DirectChoice::Off] {
            let make = |options: IoOptions| {
                ReadQueue::new(&IoOptions { driver, direct, ..options }, &mut Vec::new())
            };
            if let Err(error) = make(small()) {
                assert!(matches!(error, IoError::UringUnavailable { .. }), "{name}: {error}");
                eprintln!("left out: {error}");
                continue;
            }
            check(&format!("{name}, direct {direct:?}"), &|options| make(options).unwrap());
        }
    }
    let plain = IoOptions {
        registered_buffers: false,
        registered_files: false,
        driver: DriverChoice::Uring,
        ..small()
    };
    if ReadQueue::new(&plain, &mut Vec::new()).is_ok() {
        check("uring, nothing registered", &|options| {
            let options = IoOptions {
                registered_buffers: false,
                registered_files: false,
                driver: DriverChoice::Uring,
                ..options
            };
            ReadQueue::new(&options, &mut Vec::new()).unwrap()
        });
    }
    for seed in 0..20 {
        check(&format!("sim, seed {seed}"), &|options| {
            sim(options, SimOptions { seed, ..SimOptions::default() })
        });
    }
}

fn small() -> IoOptions {
    IoOptions {
        queue_depth: 8,
        read_size_bytes: 8192,
        arena_bytes: 1 << 20,
        submit_batch: 4,
        ..IoOptions::default()
    }
}

pub(crate) fn sim(options: IoOptions, sim: SimOptions) -> ReadQueue {
    let arena = Arena::new(options.arena_bytes, options.huge_pages, &mut Vec::new()).unwrap();
    ReadQueue::with_driver(Box::new(Sim::new(sim)), arena, &options)
}

/// Reads `ranges` of the file and gives the answers in the order of the ranges.
pub(crate) fn read_ranges(
    queue: &mut ReadQueue,
    key: u32,
    path: &Path,
    ranges: &[Range<u64>],
) -> Vec<Result<Vec<u8>, IoError>> {
    let mut answers: Vec<_> = ranges.iter().map(|_| None).collect();
    let mut next = 0;
    while answers.iter().any(Option::is_none) {
        while let Some(range) = ranges.get(next) {
            let file = queue.file(key, path, None).unwrap();
            let start = file.alignment().down(range.start);
            let Some(slot) = queue.acquire(usize::try_from(range.end - start + 4096).unwrap())
            else {
                break;
            };
            queue.read(key, start..range.end, slot, next as u64);
            next += 1;
        }
        queue.pump().unwrap();
        queue.wait(Duration::from_millis(50)).unwrap();
        while let Some(Completed { tag, result }) = queue.next_completed() {
            let at = usize::try_from(tag).unwrap();
            let wanted = usize::try_from(ranges[at].end - ranges[at].start).unwrap();
            let answer = result.map(|filled| filled[filled.len() - wanted..].to_vec());
            assert!(answers[at].replace(answer).is_none(), "one answer for each read");
        }
    }
    answers.into_iter().map(Option::unwrap).collect()
}

/// Ranges of all kinds: one byte, unaligned, longer than a read, up to the end of the file.
fn ranges(len: u64) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = (0..60u64)
        .map(|n| {
            let start = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % (len - 1);
            let most = [1, 100, 5000, 8192, 30_000, 100_000][usize::try_from(n % 6).unwrap()];
            start..(start + most).min(len)
        })
        .collect();
    ranges.push(0..1);
    ranges.push(len - 1..len);
    ranges.push(len - 9000..len);
    ranges
}

#[test]
fn every_range_comes_as_it_lies_in_the_file() {
    let dir = scratch::dir();
    // Not a multiple of any sector size.
    let len = 300_007;
    let path = scratch::bytes_file(dir.path(), "f", len, 1);
    let expected = scratch::expected_bytes(len, 1);
    let ranges = ranges(len as u64);
    for_each_driver(|name, make| {
        let mut queue = make(small());
        let answers = read_ranges(&mut queue, 0, &path, &ranges);
        for (range, answer) in ranges.iter().zip(answers) {
            let expected = &expected
                [usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
            assert!(answer.unwrap() == expected, "{name}: {range:?}");
        }
        assert_eq!(queue.in_flight(), 0, "{name}");
        assert_eq!(
            queue.arena().free_bytes(),
            queue.arena().len_bytes(),
            "{name}: all slots came back"
        );
        let counters = queue.counters();
        assert_eq!(counters.latency_ns.len(), counters.reads, "{name}: a latency for each read");
    });
}

#[test]
fn a_queue_of_depth_one_reads_as_well() {
    let dir = scratch::dir();
    let path = scratch::bytes_file(dir.path(), "f", 100_000, 2);
    let expected = scratch::expected_bytes(100_000, 2);
    for_each_driver(|name, make| {
        let mut queue = make(IoOptions { queue_depth: 1, submit_batch: 1, ..small() });
        let answers = read_ranges(&mut queue, 0, &path, &[0..100_000, 5..6]);
        assert!(answers[0].as_ref().unwrap() == &expected, "{name}");
        assert_eq!(answers[1].as_ref().unwrap()[..], expected[5..6], "{name}");
    });
}

#[test]
fn more_files_than_may_be_open_take_turns() {
    let dir = scratch::dir();
    let files: Vec<_> =
        (0..40u64).map(|n| scratch::bytes_file(dir.path(), &format!("f{n}"), 5000, n)).collect();
    for_each_driver(|name, make| {
        let mut queue = make(IoOptions { open_files: 3, ..small() });
        for round in 0..2 {
            for (key, path) in (0u32..).zip(&files) {
                assert!(queue.can_open(key), "{name}: nothing is in flight");
                let answers = read_ranges(&mut queue, key, path, &[4000..5000]);
                let expected = scratch::expected_bytes(5000, u64::from(key));
                assert!(
                    answers[0].as_ref().unwrap()[..] == expected[4000..],
                    "{name}: round {round}, file {key}"
                );
            }
        }
    });
}

#[test]
fn a_file_that_was_cut_short_is_an_error_that_names_it() {
    let dir = scratch::dir();
    for_each_driver(|name, make| {
        let path = scratch::bytes_file(dir.path(), "cut", 64 << 10, 3);
        let mut queue = make(small());
        let file = queue.file(7, &path, None).unwrap();
        let slot = queue.acquire(32 << 10).unwrap();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(20_000).unwrap();
        queue.read(7, 16 << 10..48 << 10, slot, 5);
        let completed = loop {
            queue.wait(Duration::from_millis(50)).unwrap();
            if let Some(completed) = queue.next_completed() {
                break completed;
            }
        };
        assert_eq!(completed.tag, 5);
        let error = completed.result.unwrap_err();
        assert!(matches!(error, IoError::UnexpectedEof { .. }), "{name}: {error}");
        let text = error.to_string();
        assert!(text.contains("cut") && text.contains("65536 bytes long"), "{name}: {text}");
        let changed = file.check_unchanged(&file.identity()).unwrap_err();
        assert!(changed.to_string().contains("65536 to 20000"), "{name}: {changed}");
    });
}

#[test]
fn a_file_that_was_replaced_is_an_error() {
    let dir = scratch::dir();
    for_each_driver(|name, make| {
        let path = scratch::bytes_file(dir.path(), "a", 10_000, 4);
        let mut queue = make(small());
        let identity = queue.file(0, &path, None).unwrap().identity();
        scratch::bytes_file(dir.path(), "b", 10_000, 5);
        std::fs::rename(dir.path().join("b"), &path).unwrap();
        let error = queue.file(1, &path, Some(&identity)).unwrap_err();
        assert!(matches!(error, IoError::Changed { .. }), "{name}: {error}");
    });
}

/// Slots outlive the queue, and a queue that is dropped with reads in the kernel frees nothing too early: run
/// under valgrind (`cargo xtask sanitize`) this is where it would show.
#[test]
fn a_queue_may_be_dropped_at_any_moment() {
    let dir = scratch::dir();
    let path = scratch::bytes_file(dir.path(), "f", 512 << 10, 6);
    let expected = scratch::expected_bytes(512 << 10, 6);
    for_each_driver(|name, make| {
        let rounds = if name.starts_with("uring") { 150 } else { 10 };
        for round in 0..rounds {
            let mut queue = make(small());
            queue.file(0, &path, None).unwrap();
            for n in 0..(round % 9) {
                let slot = queue.acquire(64 << 10).unwrap();
                let start = (n % 8) * (64 << 10);
                queue.read(0, start..start + (64 << 10), slot, n);
            }
            queue.pump().unwrap();
            let kept = if round % 3 == 0 {
                queue.wait(Duration::from_millis(1)).unwrap();
                queue.next_completed()
            } else {
                None
            };
            drop(queue);
            if let Some(completed) = kept {
                let start = usize::try_from(completed.tag % 8).unwrap() * (64 << 10);
                assert!(
                    completed.result.unwrap()[..] == expected[start..start + (64 << 10)],
                    "{name}: round {round}"
                );
            }
        }
    });
}
