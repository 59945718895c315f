//! Which driver works here, found out by trying: a ring, the registered arena, one read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringquet_result::{Warning, WarningCode};

use crate::driver::is_momentary;
use crate::driver::mmap::MmapCopy;
use crate::driver::one_by_one::OneByOne;
use crate::driver::pread::Pread;
use crate::driver::sim::{Sim, SimOptions};
use crate::driver::uring::Uring;
use crate::driver::{Driver, DriverName, RawRead};
use crate::error::IoError;
use crate::memory::Arena;
use crate::options::{DriverChoice, IoOptions};

/// The driver of `options`. With `auto`, io_uring if it passes the probe, else pread and a warning.
///
/// # Errors
/// [`IoError::UringUnavailable`] if it was requested by name.
pub(crate) fn make_driver(
    options: &IoOptions,
    arena: &Arc<Arena>,
    warnings: &mut Vec<Warning>,
) -> Result<Box<dyn Driver>, IoError> {
    let pread = || Box::new(OneByOne::new(DriverName::Pread, options.queue_depth, Pread));
    match options.driver {
        DriverChoice::Pread => Ok(pread()),
        DriverChoice::Sim => Ok(Box::new(simulated(&options.sim, arena))),
        DriverChoice::Mmap => {
            Ok(Box::new(OneByOne::new(DriverName::Mmap, options.queue_depth, MmapCopy::default())))
        }
        DriverChoice::Uring => Ok(Box::new(probed_uring(options, arena, warnings)?)),
        DriverChoice::Auto => match probed_uring(options, arena, warnings) {
            Ok(uring) => Ok(Box::new(uring)),
            Err(error) => {
                warnings.push(Warning::new(
                    WarningCode::UringUnavailable,
                    format!("{error}; reading with pread instead"),
                ));
                Ok(pread())
            }
        },
    }
}

/// A simulated driver for a queue over `arena`. Each has a stream of its own from the seed.
pub(crate) fn simulated(options: &SimOptions, arena: &Arc<Arena>) -> Sim {
    let number = options.tally.watch(arena);
    let seed = options.seed ^ number.wrapping_mul(0xD134_2543_DE82_EF95);
    Sim::new(SimOptions { seed, ..options.clone() })
}

/// A ring that has proved itself: a kernel or a seccomp profile may allow the setup and refuse the rest. If
/// only the registered arena does not work, the ring is made again without it.
pub(crate) fn probed_uring(
    options: &IoOptions,
    arena: &Arc<Arena>,
    warnings: &mut Vec<Warning>,
) -> Result<Uring, IoError> {
    let uring = Uring::new(options, arena, warnings)?;
    // A polled ring takes reads of files opened with O_DIRECT only: its first real read is its probe.
    if options.iopoll {
        return Ok(uring);
    }
    let registered = uring.facts().registered_buffers;
    // A kernel thread takes what was pushed at any time; otherwise nothing is taken before an enter.
    let taken_by_enter = options.sqpoll.is_none();
    match test_read(uring, arena, taken_by_enter, PROBE_MAX) {
        Ok(uring) => Ok(uring),
        Err(_) if registered => {
            let options = IoOptions { registered_buffers: false, ..options.clone() };
            let uring = Uring::new(&options, arena, warnings)?;
            let uring = test_read(uring, arena, taken_by_enter, PROBE_MAX).map_err(refused)?;
            // Only now it is known that the registered buffers were the cause.
            warnings.push(Warning::new(
                WarningCode::RegisteredBuffersUnavailable,
                "a read into registered buffers failed; reading into unregistered memory",
            ));
            Ok(uring)
        }
        Err(reason) => Err(refused(reason)),
    }
}

fn refused(reason: String) -> IoError {
    IoError::UringUnavailable {
        reason,
        remedy:
            "a ring can be created but not used; use `driver` pread, and check the seccomp profile"
                .to_owned(),
    }
}

/// How long a probe waits for its read.
const PROBE_MAX: Duration = Duration::from_secs(5);

/// What the test file holds.
const TEST_BYTES: &[u8; 16] = b"sixteen of bytes";

/// A file that needs no file system: /proc, where a process finds its executable, is not mounted everywhere.
fn test_file() -> std::io::Result<std::fs::File> {
    let file = rustix::fs::memfd_create("ringquet-probe", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = std::fs::File::from(file);
    std::io::Write::write_all(&mut file, TEST_BYTES)?;
    Ok(file)
}

/// Reads a file of 16 bytes. Gives the driver back if they came.
///
/// Slot and file go back only when the kernel can no longer write to them: after the completion, or if it never
/// took the read, after the driver is gone. Otherwise they are kept for ever.
fn test_read<D: Driver>(
    mut driver: D,
    arena: &Arc<Arena>,
    taken_by_enter: bool,
    limit: Duration,
) -> Result<D, String> {
    let file = test_file().map_err(|e| format!("a file in memory for a test read: {e}"))?;
    let slot = arena.acquire(4096).ok_or("the arena has no free slot")?;
    let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
    driver.set_file(0, Some(fd)).map_err(|e| format!("io_uring_register of a file: {e}"))?;
    let read = RawRead {
        token: 0,
        fd,
        file_index: 0,
        offset: 0,
        address: slot.address(0),
        len: 16,
        piece: slot.piece(),
        rw_flags: 0,
    };
    // SAFETY: slot and file live until the completion is reaped below; if none comes, they outlive the driver or
    // are kept for ever.
    unsafe { driver.push(read) };
    let mut completions = Vec::new();
    let mut may_be_in_kernel = !taken_by_enter;
    let begun = Instant::now();
    let failed = loop {
        match driver.enter(Some(Duration::from_millis(100).min(limit))) {
            Ok(_) => may_be_in_kernel = true,
            Err(error) if error.raw_os_error().is_some_and(is_momentary) => {
                std::thread::sleep(Duration::from_millis(1));
            }
            // An enter that fails has taken nothing.
            Err(error) => break format!("io_uring_enter: {error}"),
        }
        driver.reap(&mut completions);
        if let Some(completion) = completions.first() {
            driver.set_file(0, None).map_err(|e| format!("io_uring_register of a file: {e}"))?;
            let bytes = slot.filled(0..TEST_BYTES.len());
            return match completion.result {
                16 if bytes[..] == *TEST_BYTES => Ok(driver),
                result if result < 0 => {
                    Err(format!("a test read: {}", std::io::Error::from_raw_os_error(-result)))
                }
                result => Err(format!("a test read of 16 bytes returned {result}")),
            };
        }
        if begun.elapsed() >= limit {
            break format!("a test read did not complete within {} seconds", limit.as_secs());
        }
    };
    drop(driver);
    if may_be_in_kernel {
        #[expect(clippy::mem_forget, reason = "the kernel has the read and may still write")]
        std::mem::forget((slot, file));
    }
    Err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::HugePages;

    fn probed(options: SimOptions) -> (Arc<Arena>, Result<Sim, String>) {
        let arena = Arena::new(64 << 10, HugePages::Off, &mut Vec::new()).unwrap();
        let plain = SimOptions { short_share: 0, retry_share: 0, ..options };
        let limit = Duration::from_millis(30);
        let answer = test_read(Sim::new(plain), &arena, true, limit);
        (arena, answer)
    }

    #[test]
    fn a_sound_driver_passes_and_the_slot_is_free_again() {
        let (arena, answer) = probed(SimOptions { refuse_share: 128, ..SimOptions::default() });
        assert!(answer.is_ok());
        assert_eq!(arena.free_bytes(), arena.len_bytes());
    }

    /// A seccomp profile that allows the setup and refuses the rest: nothing was taken, the slot is free.
    #[test]
    fn a_refused_enter_keeps_nothing() {
        let (arena, answer) = probed(SimOptions { enters_max: Some(0), ..SimOptions::default() });
        assert!(answer.err().unwrap().contains("io_uring_enter"));
        assert_eq!(arena.free_bytes(), arena.len_bytes());
    }

    /// The read was taken, and then the ring failed: its slot was given to the next reader of the arena while the kernel
    /// could still write to it.
    #[test]
    fn a_slot_that_the_kernel_may_write_to_is_not_given_to_others() {
        let silent = SimOptions { answers_max: Some(0), ..SimOptions::default() };
        let (arena, answer) = probed(SimOptions { enters_max: Some(1), ..silent.clone() });
        assert!(answer.err().unwrap().contains("io_uring_enter"));
        assert_eq!(arena.free_bytes(), arena.len_bytes() - 4096);
        let (arena, answer) = probed(silent);
        assert!(answer.err().unwrap().contains("did not complete"));
        assert_eq!(arena.free_bytes(), arena.len_bytes() - 4096);
    }
}
