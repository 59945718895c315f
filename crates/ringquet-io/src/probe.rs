//! Which driver works here, found out by trying: a ring, the registered arena, one read.

use std::sync::Arc;
use std::time::Duration;

use crate::arena::Arena;
use crate::driver::{Driver, DriverName, RawRead};
use crate::error::{IoError, Warning};
use crate::mmap::MmapCopy;
use crate::one_by_one::OneByOne;
use crate::options::{DriverChoice, IoOptions};
use crate::pread::Pread;
use crate::sim::Sim;
use crate::uring::Uring;

/// The driver that `options` ask for. With `auto`, io_uring if it passes the probe, else pread and a warning.
///
/// # Errors
/// [`IoError::UringUnavailable`] if it was asked for by name.
pub(crate) fn make_driver(
    options: &IoOptions,
    arena: &Arc<Arena>,
    warnings: &mut Vec<Warning>,
) -> Result<Box<dyn Driver>, IoError> {
    let pread = || Box::new(OneByOne::new(DriverName::Pread, options.queue_depth, Pread));
    match options.driver {
        DriverChoice::Pread => Ok(pread()),
        DriverChoice::Sim => Ok(Box::new(Sim::new(options.sim.clone()))),
        DriverChoice::Mmap => {
            Ok(Box::new(OneByOne::new(DriverName::Mmap, options.queue_depth, MmapCopy::default())))
        }
        DriverChoice::Uring => Ok(Box::new(probed_uring(options, arena, warnings)?)),
        DriverChoice::Auto => match probed_uring(options, arena, warnings) {
            Ok(uring) => Ok(Box::new(uring)),
            Err(error) => {
                warnings.push(Warning::new(
                    "uring_unavailable",
                    format!("{error}; reading with pread instead"),
                ));
                Ok(pread())
            }
        },
    }
}

/// A ring that has proved itself: a kernel or a seccomp profile may allow the setup and refuse the rest. If
/// only the registered arena does not work, the ring is made again without it.
pub(crate) fn probed_uring(
    options: &IoOptions,
    arena: &Arc<Arena>,
    warnings: &mut Vec<Warning>,
) -> Result<Uring, IoError> {
    let mut uring = Uring::new(options, arena, warnings)?;
    // A polled ring takes reads of files opened with O_DIRECT only: its first real read is its probe.
    if options.iopoll {
        return Ok(uring);
    }
    match test_read(&mut uring, arena) {
        Ok(()) => Ok(uring),
        Err(_) if uring.facts().registered_buffers => {
            warnings.push(Warning::new(
                "registered_buffers_unavailable",
                "a read into registered buffers failed; reading into unregistered memory",
            ));
            drop(uring);
            let options = IoOptions { registered_buffers: false, ..options.clone() };
            let mut uring = Uring::new(&options, arena, warnings)?;
            test_read(&mut uring, arena).map_err(refused)?;
            Ok(uring)
        }
        Err(reason) => Err(refused(reason)),
    }
}

fn refused(reason: String) -> IoError {
    IoError::UringUnavailable {
        reason,
        remedy:
            "a ring can be made but not used; use --driver pread, and look at the seccomp profile"
                .to_owned(),
    }
}

/// Reads the first bytes of a file that every process has: its own executable.
fn test_read(uring: &mut Uring, arena: &Arc<Arena>) -> Result<(), String> {
    let file = std::fs::File::open("/proc/self/exe").map_err(|e| format!("/proc/self/exe: {e}"))?;
    let slot = arena.acquire(4096).ok_or("the arena has no free slot")?;
    let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
    uring.set_file(0, Some(fd)).map_err(|e| format!("io_uring_register of a file: {e}"))?;
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
    // SAFETY: slot and file live until the completion is reaped below; if none comes, both are kept.
    unsafe { uring.push(read) };
    let mut completions = Vec::new();
    for _ in 0..50 {
        uring
            .enter(Some(Duration::from_millis(100)))
            .map_err(|e| format!("io_uring_enter: {e}"))?;
        uring.reap(&mut completions);
        if let Some(completion) = completions.first() {
            uring.set_file(0, None).map_err(|e| format!("io_uring_register of a file: {e}"))?;
            let bytes = slot.filled(0..4);
            return match completion.result {
                16 if bytes[..] == *b"\x7fELF" => Ok(()),
                result if result < 0 => {
                    Err(format!("a test read: {}", std::io::Error::from_raw_os_error(-result)))
                }
                result => Err(format!("a test read of 16 bytes brought {result}")),
            };
        }
    }
    #[expect(
        clippy::mem_forget,
        reason = "the kernel did not answer for five seconds and may still write"
    )]
    std::mem::forget((slot, file));
    Err("a test read did not complete within five seconds".to_owned())
}
