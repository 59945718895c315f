//! What becomes of reads that are refused, cut short, timed out or never answered, answer by answer.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use super::*;
use crate::driver::one_by_one::{OneByOne, ReadOne};
use crate::driver::sim::{Fault, Sim, SimOptions};
use crate::driver::{DriverName, RawCompletion, RawWrite};
use crate::options::{HugePages, Patience};

const MS: Duration = Duration::from_millis(1);

/// Completes reads with the results of a list, one after the other, and in full after its end. A number that is
/// not negative is done as far as that.
struct Script {
    facts: DriverFacts,
    answers: VecDeque<i32>,
    pushed: VecDeque<RawRead>,
    completed: Vec<RawCompletion>,
}

impl Driver for Script {
    fn facts(&self) -> &DriverFacts {
        &self.facts
    }

    fn set_file(&mut self, _: u32, _: Option<std::os::fd::RawFd>) -> io::Result<()> {
        Ok(())
    }

    unsafe fn push(&mut self, read: RawRead) {
        self.pushed.push_back(read);
    }

    unsafe fn push_write(&mut self, _: RawWrite) {
        unreachable!("a queue of reads")
    }

    fn enter(&mut self, _: Option<Duration>) -> io::Result<u32> {
        while let Some(read) = self.pushed.pop_front() {
            let whole = i32::try_from(read.len).unwrap();
            let result = self.answers.pop_front().unwrap_or(whole).min(whole);
            let part = RawRead { len: u32::try_from(result).unwrap_or(0), ..read };
            if part.len > 0 {
                // SAFETY: the contract of `push` holds until the completion is reaped; `len` only shrank.
                let done = unsafe { crate::driver::pread::read_now(&part) };
                assert_eq!(done, result);
            }
            self.completed.push(RawCompletion { token: read.token, result });
        }
        Ok(1)
    }

    fn reap(&mut self, completions: &mut Vec<RawCompletion>) {
        completions.append(&mut self.completed);
    }
}

struct Case {
    _dir: tempfile::TempDir,
    path: PathBuf,
    queue: ReadQueue,
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

fn case(driver: Box<dyn Driver>, len: usize, options: IoOptions) -> Case {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    std::fs::write(&path, bytes(len)).unwrap();
    let options = IoOptions { direct: DirectChoice::Off, ..options };
    let arena = Arena::new(options.arena_bytes, HugePages::Off, &mut Vec::new()).unwrap();
    let queue = ReadQueue::with_driver(driver, arena, &options);
    Case { _dir: dir, path, queue }
}

fn script(answers: impl IntoIterator<Item = i32>) -> Box<Script> {
    let facts = DriverFacts::without_ring(DriverName::Sim);
    let answers = answers.into_iter().collect();
    Box::new(Script { facts, answers, pushed: VecDeque::new(), completed: Vec::new() })
}

fn small() -> IoOptions {
    IoOptions { arena_bytes: 4 << 20, queue_depth: 4, ..IoOptions::default() }
}

impl Case {
    fn ask(&mut self, range: Range<u64>) {
        let file = self.queue.file(0, &self.path, None).unwrap();
        let len = range.end - range.start;
        let slot = match range.start {
            0 => self.queue.acquire(usize::try_from(len).unwrap()).unwrap(),
            _ => self.queue.acquire_aligned(len, file.alignment()).unwrap(),
        };
        self.queue.read(0, range, slot, 0);
    }

    /// Reads `range` with a wait that is not longer than requested.
    fn read(&mut self, range: Range<u64>) -> Result<Vec<u8>, IoError> {
        self.ask(range);
        loop {
            self.queue.wait(50 * MS)?;
            if let Some(completed) = self.queue.next_completed() {
                return completed.result.map(|filled| filled.to_vec());
            }
        }
    }
}

/// A read was given up after 1,000 refusals in total, whatever came through in between.
#[test]
fn what_comes_through_ends_the_count_of_refusals() {
    let mut row = vec![-libc::EAGAIN; 12];
    row.push(100);
    let options =
        IoOptions { patience: Patience { retry: 400 * MS, ..Patience::default() }, ..small() };
    let mut case = case(script(row.repeat(20)), 10_000, options);
    let begun = Instant::now();
    assert_eq!(case.read(0..10_000).unwrap(), bytes(10_000));
    // All refusals together have lasted longer than those in a row may.
    assert!(begun.elapsed() > 400 * MS, "{:?}", begun.elapsed());
    assert_eq!(case.queue.counters().retries, 240);
}

#[test]
fn refusals_without_end_are_an_error_after_a_while_and_few_tries() {
    for errno in [libc::EAGAIN, libc::EBUSY, libc::EINTR] {
        let options =
            IoOptions { patience: Patience { retry: 60 * MS, ..Patience::default() }, ..small() };
        let mut case = case(script(vec![-errno; 1_000_000]), 10_000, options);
        let begun = Instant::now();
        let error = case.read(0..10_000).unwrap_err();
        assert!(
            matches!(&error, IoError::Read { source, .. } if source.raw_os_error() == Some(errno))
        );
        let (took, tries) = (begun.elapsed(), case.queue.counters().retries);
        assert!(took >= 60 * MS && took < 5000 * MS, "{took:?}");
        assert!(tries < 100, "{tries} tries in {took:?}");
    }
}

/// A file system's time-out is not the end of the file.
#[test]
fn a_time_out_is_told_as_one() {
    for errno in [libc::ETIME, libc::ETIMEDOUT, libc::ECANCELED, libc::EIO] {
        for before in [vec![], vec![4096]] {
            let answers = before.into_iter().chain([-errno]);
            let mut case = case(script(answers), 10_000, small());
            let error = case.read(0..10_000).unwrap_err();
            assert!(
                matches!(&error, IoError::Read { source, .. } if source.raw_os_error() == Some(errno)),
                "{error}"
            );
        }
    }
    let mut case = case(script([0]), 10_000, small());
    assert!(matches!(case.read(0..10_000), Err(IoError::UnexpectedEof { .. })));
}

fn simulated(sim: &SimOptions, options: IoOptions) -> Case {
    let options = IoOptions { driver: DriverChoice::Sim, sim: sim.clone(), ..options };
    case(Box::new(Sim::new(sim.clone())), 1 << 20, options)
}

#[test]
fn a_device_that_falls_silent_is_an_error_that_names_the_oldest_read() {
    let sim = SimOptions { answers_max: Some(0), ..SimOptions::default() };
    let patience = Patience { answer: 80 * MS, drain: 300 * MS, ..Patience::default() };
    let mut case = simulated(&sim, IoOptions { patience, read_size_bytes: 4096, ..small() });
    let begun = Instant::now();
    let error = case.read(8192..100_000).unwrap_err();
    assert!(begun.elapsed() >= 80 * MS && begun.elapsed() < 5000 * MS);
    let IoError::NoAnswer { path, offset, length, others, .. } = &error else { panic!("{error}") };
    assert_eq!((path, *offset, *length, *others), (&case.path, 8192, 4096, 3), "{error}");
}

/// `close` waited for half a minute, and the drop behind it once more.
#[test]
fn a_silent_device_is_waited_for_once() {
    let sim = SimOptions { answers_max: Some(0), ..SimOptions::default() };
    let patience = Patience { drain: 500 * MS, ..Patience::default() };
    let mut case = simulated(&sim, IoOptions { patience, ..small() });
    case.ask(0..100_000);
    case.queue.pump().unwrap();
    let arena = Arc::clone(case.queue.arena());
    let begun = Instant::now();
    assert!(case.queue.close().is_none(), "the kernel may still write to it");
    let took = begun.elapsed();
    assert!(took >= 500 * MS && took < 950 * MS, "{took:?}");
    assert!(arena.free_bytes() < arena.len_bytes(), "the slot stays with the kernel");
}

/// Blocks larger than a page were accepted, and then a slot was found to be too short for them.
#[test]
fn blocks_larger_than_a_page_are_read() {
    for shift in 9..=20 {
        let alignment = 1 << shift;
        let sim = SimOptions { seed: shift, alignment: Some(alignment), ..SimOptions::default() };
        // The smallest read is shorter than a block.
        let mut case = simulated(&sim, IoOptions { read_size_bytes: 4096, ..small() });
        let (step, end) = (u64::from(alignment), (1 << 20) - 77);
        std::fs::OpenOptions::new().write(true).open(&case.path).unwrap().set_len(end).unwrap();
        let expected = bytes(1 << 20);
        for range in [0..1, 0..end, step.min(end - 1) / step * step..end, 0..(step + 1).min(end)] {
            let found = case.read(range.clone()).unwrap();
            let index = |offset| usize::try_from(offset).unwrap();
            let (start, end) = (index(range.start), index(range.end));
            assert!(found == expected[start..end], "{alignment}: {range:?}");
        }
        assert_eq!(sim.tally.count(Fault::Misaligned), 0, "{alignment}");
    }
}

#[test]
fn a_file_that_cannot_be_registered_is_named_and_others_are_read() {
    let sim = SimOptions { seed: 3, file_table_share: 30_000, ..SimOptions::default() };
    let mut case = simulated(&sim, IoOptions { open_files: 1, ..small() });
    let other = case.path.with_file_name("g");
    std::fs::write(&other, bytes(5000)).unwrap();
    let (mut refused, mut read) = (0, 0);
    for n in 0..200_u32 {
        let (key, path) = (n % 2, if n % 2 == 0 { &case.path } else { &other });
        match case.queue.file(key, path, None) {
            Err(IoError::Register { path: named, .. }) => {
                assert_eq!(&named, path);
                refused += 1;
            }
            Err(error) => panic!("{error}"),
            Ok(_) => {
                let slot = case.queue.acquire(8192).unwrap();
                case.queue.read(key, 0..5000, slot, 0);
                let completed = loop {
                    case.queue.wait(50 * MS).unwrap();
                    if let Some(completed) = case.queue.next_completed() {
                        break completed;
                    }
                };
                assert_eq!(completed.result.unwrap()[..], bytes(5000)[..]);
                read += 1;
            }
        }
    }
    assert!(refused > 20 && read > 20, "{refused} refused, {read} read");
}

/// A file was not looked at again where it had no place in the file table.
#[test]
fn a_file_that_is_not_open_is_checked_by_its_path() {
    let mut case = case(script([]), 10_000, IoOptions { open_files: 1, ..small() });
    let other = case.path.with_file_name("g");
    std::fs::write(&other, bytes(5000)).unwrap();
    let identity = case.queue.file(1, &other, None).unwrap().identity();
    // The only place is taken by a file with a read in flight.
    case.ask(0..10_000);
    assert!(!case.queue.can_open(1));
    case.queue.check_unchanged(1, &other, &identity).unwrap();
    std::fs::write(&other, bytes(4999)).unwrap();
    let error = case.queue.check_unchanged(1, &other, &identity).unwrap_err();
    assert!(error.to_string().contains("5000 to 4999"), "{error}");
    std::fs::remove_file(&other).unwrap();
    let error = case.queue.check_unchanged(1, &other, &identity).unwrap_err();
    assert!(error.to_string().contains("No such file"), "{error}");
}

#[test]
fn a_ring_that_dies_is_an_error_and_its_memory_stays() {
    let sim = SimOptions { enters_max: Some(1), delay_share: 255, ..SimOptions::default() };
    let mut case = simulated(&sim, small());
    let error = case.read(0..100_000).unwrap_err();
    assert!(matches!(&error, IoError::Enter { .. }), "{error}");
    assert!(error.to_string().contains("No such device"), "{error}");
    let arena = Arc::clone(case.queue.arena());
    drop(case);
    assert!(arena.free_bytes() < arena.len_bytes());
}

/// Latency began at the push: a read that waited for its batch while the caller decoded was reported as slow.
#[test]
fn latency_begins_when_the_kernel_gets_the_read() {
    let options = IoOptions { queue_depth: 8, submit_batch: 4, read_size_bytes: 4096, ..small() };
    let mut case = case(script([]), 5 * 4096, options);
    case.ask(0..5 * 4096);
    // Four are a batch; the fifth waits for others.
    case.queue.pump().unwrap();
    std::thread::sleep(50 * MS);
    case.queue.wait(50 * MS).unwrap();
    case.queue.wait(50 * MS).unwrap();
    case.queue.next_completed().unwrap().result.unwrap();
    let counters = case.queue.counters();
    assert_eq!(
        (counters.reads, counters.latency_ns.len(), counters.reap_delay_ns.len()),
        (5, 5, 5)
    );
    assert!(counters.latency_ns.min() < 25_000_000, "{} ns", counters.latency_ns.min());
    // The four were complete at once, and no look saw them: their reap delay says so.
    assert!(counters.latency().p50 >= 49_000_000, "{:?}", counters.latency());
    assert!(counters.reap_delay().p50 >= 49_000_000, "{:?}", counters.reap_delay());
    assert!(counters.reap_delay_ns.min() < 25_000_000, "{} ns", counters.reap_delay_ns.min());
}

/// A driver that needs an enter before a completion can be seen, as a ring with `DEFER_TASKRUN`.
struct Deferring {
    script: Box<Script>,
    unposted: Vec<RawCompletion>,
}

impl Driver for Deferring {
    fn facts(&self) -> &DriverFacts {
        self.script.facts()
    }

    fn has_unposted(&mut self) -> bool {
        !self.unposted.is_empty()
    }

    fn set_file(&mut self, _: u32, _: Option<std::os::fd::RawFd>) -> io::Result<()> {
        Ok(())
    }

    unsafe fn push(&mut self, read: RawRead) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.script.push(read) };
    }

    unsafe fn push_write(&mut self, _: RawWrite) {
        unreachable!("a queue of reads")
    }

    fn enter(&mut self, wait: Option<Duration>) -> io::Result<u32> {
        let posted = std::mem::take(&mut self.unposted);
        self.script.enter(wait)?;
        self.script.reap(&mut self.unposted);
        self.script.completed = posted;
        Ok(1)
    }

    fn reap(&mut self, completions: &mut Vec<RawCompletion>) {
        self.script.reap(completions);
    }
}

#[test]
fn a_look_that_cannot_see_all_completions_is_none() {
    let driver = Deferring { script: script([]), unposted: Vec::new() };
    let mut case = case(Box::new(driver), 4096, small());
    case.ask(0..4096);
    case.queue.pump().unwrap();
    for _ in 0..3 {
        std::thread::sleep(10 * MS);
        // Looks at what is posted only.
        case.queue.engine.reap();
    }
    case.queue.pump().unwrap();
    case.queue.next_completed().expect("one pump has it posted, and reaps it").result.unwrap();
    let delay = case.queue.counters().reap_delay();
    assert!(delay.max >= 29_000_000, "{delay:?}");
}

/// With `DEFER_TASKRUN` completions were posted only by enters that had something to submit, or that waited.
#[test]
fn a_ring_gives_completions_to_one_who_never_waits() {
    let options = small();
    let arena = Arena::new(options.arena_bytes, HugePages::Off, &mut Vec::new()).unwrap();
    let Ok(driver) = probe::probed_uring(&options, &arena, &mut Vec::new()) else { return };
    let facts = driver.facts().clone();
    drop(driver);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    std::fs::write(&path, bytes(1 << 20)).unwrap();
    let options = IoOptions { driver: DriverChoice::Uring, ..options };
    let mut queue = ReadQueue::new(&options, &mut Vec::new()).unwrap();
    queue.file(0, &path, None).unwrap();
    let slot = queue.acquire(1 << 20).unwrap();
    queue.read(0, 0..1 << 20, slot, 0);
    let begun = Instant::now();
    let completed = loop {
        queue.pump().unwrap();
        if let Some(completed) = queue.next_completed() {
            break completed;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{facts:?}");
        std::thread::sleep(MS);
    };
    assert!(completed.result.unwrap()[..] == bytes(1 << 20)[..]);
    assert_eq!(queue.counters().wait_ns, 0);
}

/// Takes its time for each read.
struct Slow(crate::driver::pread::Pread);

impl ReadOne for Slow {
    unsafe fn read_one(&mut self, read: &RawRead) -> i32 {
        std::thread::sleep(5 * MS);
        // SAFETY: the caller's promise is the same.
        unsafe { self.0.read_one(read) }
    }
}

/// Reads that are carried out one at a time counted the time of all those before them in the line as theirs.
#[test]
fn latency_of_a_driver_without_a_queue_is_that_of_one_read() {
    let options = IoOptions { queue_depth: 20, read_size_bytes: 4096, ..small() };
    let driver =
        OneByOne::new(DriverName::Pread, options.queue_depth, Slow(crate::driver::pread::Pread));
    let mut case = case(Box::new(driver), 20 * 4096, options);
    assert_eq!(case.read(0..20 * 4096).unwrap(), bytes(20 * 4096));
    let latency = case.queue.counters().latency();
    assert!(latency.p50 >= 5_000_000 && latency.p50 < 25_000_000, "{latency:?}");
    assert_eq!(case.queue.counters().reads, 20);
}
