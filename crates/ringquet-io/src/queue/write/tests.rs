//! One list of cases that every driver of writes passes, and what becomes of writes that fail or never end.

use std::fs::File;
use std::os::fd::RawFd;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::driver::pread::write_now;
use crate::driver::sim::Fault;
use crate::driver::{DriverFacts, RawCompletion, RawRead};

const SLOT_BYTES: usize = 8192;
const SLOTS: u32 = 4;

fn options(driver: WriteChoice) -> WriteOptions {
    WriteOptions { driver, slot_bytes: 8192, slots: SLOTS, patience: Patience::default() }
}

/// Writes at most so many bytes at a time, now and then none because of a signal, and ends writes in the
/// reverse of their order.
struct Stutter {
    facts: DriverFacts,
    most: u32,
    calls: u32,
    completed: Vec<RawCompletion>,
}

impl Driver for Stutter {
    fn facts(&self) -> &DriverFacts {
        &self.facts
    }

    fn set_file(&mut self, _: u32, _: Option<RawFd>) -> io::Result<()> {
        unreachable!("writes go through plain descriptors")
    }

    unsafe fn push(&mut self, _: RawRead) {
        unreachable!("a queue of writes")
    }

    unsafe fn push_write(&mut self, write: RawWrite) {
        self.calls += 1;
        let result = match self.calls % 5 {
            0 => -libc::EINTR,
            3 => -libc::EAGAIN,
            // SAFETY: the contract of `push_write` holds until the completion is reaped; `len` only shrank.
            _ => unsafe { write_now(&RawWrite { len: write.len.min(self.most), ..write }) },
        };
        self.completed.push(RawCompletion { token: write.token, result });
    }

    fn enter(&mut self, _: Option<Duration>) -> io::Result<u32> {
        Ok(0)
    }

    fn reap(&mut self, completions: &mut Vec<RawCompletion>) {
        completions.extend(self.completed.drain(..).rev());
    }
}

fn stutter(most: u32) -> WriteQueue {
    let arena = Arena::new(SLOT_BYTES * SLOTS as usize, HugePages::Off, &mut Vec::new()).unwrap();
    let facts = DriverFacts::without_ring(DriverName::Pwrite);
    let driver = Stutter { facts, most, calls: 0, completed: Vec::new() };
    WriteQueue::over(Box::new(driver), WriteDriver::Pwrite, arena, &options(WriteChoice::Auto))
}

/// The list that every driver passes. Where io_uring is refused, its cases are left out.
fn for_each_driver(check: impl Fn(&str, &dyn Fn() -> WriteQueue)) {
    let make = |driver| WriteQueue::new(&options(driver), &mut Vec::new());
    check("pwrite", &|| make(WriteChoice::Pwrite).unwrap());
    check("stutter, one page", &|| stutter(4096));
    for seed in 0..10 {
        let sim = SimOptions {
            seed,
            storm_share: 300,
            refuse_share: 40,
            cq_entries: (seed % 2 == 0).then_some(2),
            short_granule: 4096,
            ..SimOptions::default()
        };
        check(&format!("sim, seed {seed}"), &|| {
            WriteQueue::simulated(&sim, &options(WriteChoice::Auto)).unwrap()
        });
    }
    match make(WriteChoice::Uring) {
        Ok(_) => check("uring", &|| make(WriteChoice::Uring).unwrap()),
        Err(error) => assert!(matches!(error, IoError::UringUnavailable { .. }), "{error}"),
    }
}

/// Under target, which is no tmpfs: O_DIRECT shall be met.
fn dir() -> tempfile::TempDir {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    tempfile::tempdir_in(target).or_else(|_| tempfile::tempdir()).unwrap()
}

fn create(path: &Path, choice: DirectChoice) -> Arc<WriteFile> {
    Arc::new(WriteFile::new(path, File::create(path).unwrap(), choice).unwrap())
}

fn byte(at: usize) -> u8 {
    u8::try_from((at * 31 + at / 251) % 256).unwrap()
}

/// Writes `bytes` bytes whose last slot is not full.
fn write_all(queue: &mut WriteQueue, file: &Arc<WriteFile>, bytes: usize) -> Result<(), IoError> {
    for start in (0..bytes).step_by(SLOT_BYTES) {
        let mut slot = queue.take()?;
        let len = SLOT_BYTES.min(bytes - start);
        for (at, place) in slot.bytes_mut()[..len].iter_mut().enumerate() {
            *place = byte(start + at);
        }
        queue.write(file, start as u64, slot, len)?;
    }
    queue.finish()
}

#[test]
fn what_is_written_is_what_lies_there() {
    for_each_driver(|name, make| {
        for choice in [DirectChoice::Auto, DirectChoice::Off] {
            let dir = dir();
            let mut queue = make();
            // Several files over one queue, as datagen writes them.
            for bytes in [0, 4096, SLOT_BYTES * 40 + 4096] {
                let path = dir.path().join(format!("f{bytes}"));
                let file = create(&path, choice);
                write_all(&mut queue, &file, bytes).unwrap();
                let found = std::fs::read(&path).unwrap();
                assert_eq!(found.len(), bytes, "{name}, {choice:?}");
                let wrong = found.iter().enumerate().find(|(at, found)| **found != byte(*at));
                assert_eq!(wrong, None, "{name}, {choice:?}, {bytes} bytes");
            }
        }
    });
}

#[test]
fn short_writes_go_on_where_they_ended() {
    // 100 bytes at a time: through the page cache any place will do, around it only blocks.
    let dir = dir();
    let path = dir.path().join("f");
    let file = create(&path, DirectChoice::Off);
    write_all(&mut stutter(100), &file, 20_000).unwrap();
    let found = std::fs::read(&path).unwrap();
    assert!(found.len() == 20_000 && (0..20_000).all(|at| found[at] == byte(at)));
}

/// A file system that takes O_DIRECT and then refuses the length.
#[test]
fn a_refused_direct_write_goes_through_the_page_cache() {
    for_each_driver(|name, make| {
        let dir = dir();
        let path = dir.path().join("f");
        let file = create(&path, DirectChoice::Auto);
        let mut queue = make();
        write_all(&mut queue, &file, 2 * SLOT_BYTES + 77).unwrap();
        assert_eq!(std::fs::read(&path).unwrap().len(), 2 * SLOT_BYTES + 77, "{name}");
        assert!(!file.is_direct(), "{name}");
    });
}

#[test]
fn a_full_disk_is_named_and_the_queue_goes_on() {
    for_each_driver(|name, make| {
        let mut queue = make();
        let path = Path::new("/dev/full");
        let full = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        let full = Arc::new(WriteFile::new(path, full, DirectChoice::Auto).unwrap());
        let error = write_all(&mut queue, &full, SLOT_BYTES * 9).unwrap_err().to_string();
        assert!(error.starts_with("/dev/full: write of 8192 bytes at offset "), "{name}: {error}");
        assert!(error.contains("No space left on device"), "{name}: {error}");
        queue.discard().unwrap();
        let dir = dir();
        let path = dir.path().join("f");
        write_all(&mut queue, &create(&path, DirectChoice::Auto), SLOT_BYTES).unwrap();
        assert_eq!(std::fs::read(&path).unwrap().len(), SLOT_BYTES, "{name}");
    });
}

#[test]
fn a_drop_in_the_middle_waits_for_the_kernel() {
    for_each_driver(|name, make| {
        let dir = dir();
        let path = dir.path().join("f");
        let file = create(&path, DirectChoice::Auto);
        let mut queue = make();
        let arena = Arc::clone(&queue.arena);
        for n in 0..3 {
            let mut slot = queue.take().unwrap();
            slot.bytes_mut().fill(7);
            queue.write(&file, n * SLOT_BYTES as u64, slot, SLOT_BYTES).unwrap();
        }
        let held = queue.take().unwrap();
        drop(queue);
        assert_eq!(arena.free_bytes(), arena.len_bytes() - SLOT_BYTES, "{name}");
        drop(held);
        assert_eq!(arena.free_bytes(), arena.len_bytes(), "{name}");
        assert_eq!(Arc::strong_count(&file), 1, "{name}: no write holds the file");
    });
}

#[test]
fn options_have_bounds() {
    for wrong in [
        WriteOptions { slots: 1, ..WriteOptions::default() },
        WriteOptions { slots: 1025, ..WriteOptions::default() },
        WriteOptions { slot_bytes: 5000, ..WriteOptions::default() },
        WriteOptions { slot_bytes: 0, ..WriteOptions::default() },
    ] {
        let error = WriteQueue::new(&wrong, &mut Vec::new()).err().unwrap();
        assert!(matches!(error, IoError::Options(_)), "{wrong:?}: {error}");
    }
}

/// A driver whose writes never end.
fn silent(patience: Patience) -> (WriteQueue, SimOptions) {
    let sim = SimOptions { answers_max: Some(1), ..SimOptions::default() };
    let options = WriteOptions { patience, ..options(WriteChoice::Auto) };
    (WriteQueue::simulated(&sim, &options).unwrap(), sim)
}

/// The wait for a write had no end: a device that fell silent held the thread for ever, in `take`, `finish` and
/// `discard`; and a drop waited once more.
#[test]
fn a_device_that_falls_silent_is_an_error_and_is_waited_for_once() {
    let dir = dir();
    let file = create(&dir.path().join("f"), DirectChoice::Off);
    let ms = Duration::from_millis;
    let patience = Patience { answer: ms(60), drain: ms(2000), ..Patience::default() };
    let (mut queue, _) = silent(patience);
    let arena = Arc::downgrade(&queue.arena);
    let begun = Instant::now();
    let error = write_all(&mut queue, &file, SLOT_BYTES * 9).unwrap_err();
    assert!(matches!(&error, IoError::NoAnswer { .. }), "{error}");
    assert!(error.to_string().contains("no answer for 0 seconds"), "{error}");
    assert!(error.to_string().starts_with(&*dir.path().to_string_lossy()), "{error}");
    assert!(queue.discard().is_err(), "it stays unusable");
    drop(queue);
    let took = begun.elapsed();
    assert!(took >= ms(60) && took < ms(1900), "waited once: {took:?}");
    assert!(arena.upgrade().is_some(), "the memory of writes without an answer stays");

    // Given up before an answer was missed: the drop waits, and not for ever.
    let (mut queue, _) = silent(Patience { answer: ms(10_000), drain: ms(50), ..patience });
    for n in 0..3 {
        let slot = queue.take().unwrap();
        queue.write(&file, n * SLOT_BYTES as u64, slot, SLOT_BYTES).unwrap();
    }
    let begun = Instant::now();
    assert!(queue.discard().is_err());
    drop(queue);
    let took = begun.elapsed();
    assert!(took >= ms(50) && took < ms(5000), "{took:?}");
}

/// 1,000 refusals in total ended a write, however much of it was done in between, and came within a millisecond.
#[test]
fn refusals_are_waited_out_with_pauses_and_have_an_end() {
    let dir = dir();
    let path = dir.path().join("f");
    let sim = SimOptions {
        seed: 5,
        retry_share: 200,
        short_share: 255,
        short_granule: 1,
        delay_share: 0,
        ..SimOptions::default()
    };
    let mut queue = WriteQueue::simulated(&sim, &options(WriteChoice::Auto)).unwrap();
    write_all(&mut queue, &create(&path, DirectChoice::Off), 9000).unwrap();
    let found = std::fs::read(&path).unwrap();
    assert!(found.len() == 9000 && (0..9000).all(|at| found[at] == byte(at)));

    let sim = SimOptions { storm_share: u16::MAX, ..SimOptions::default() };
    let patience = Patience { retry: Duration::from_millis(50), ..Patience::default() };
    let options = WriteOptions { patience, ..options(WriteChoice::Auto) };
    let begun = Instant::now();
    let mut queue = WriteQueue::simulated(&sim, &options).unwrap();
    let error = write_all(&mut queue, &create(&path, DirectChoice::Off), 9).unwrap_err();
    let took = begun.elapsed();
    assert!(error.to_string().contains("Resource temporarily unavailable"), "{error}");
    assert!(took >= Duration::from_millis(50) && took < Duration::from_secs(5), "{took:?}");
    let refused = sim.tally.count(Fault::Storm);
    assert!(refused < 1000, "with pauses, not {refused} times");
}
