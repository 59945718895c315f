//! The io_uring driver: the only place that names the `io_uring` crate.
//!
//! A ring belongs to the thread that made it (`SINGLE_ISSUER`), completions are worked on only when that
//! thread enters the kernel (`DEFER_TASKRUN`, available since 6.1). Older kernels get what they support.

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use io_uring::types::{Fd, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, Probe, opcode, squeue};

use serde::Serialize;

use ringquet_result::{Warning, WarningCode};

use crate::driver::{Begins, Driver, DriverFacts, DriverName, RawCompletion, RawRead, RawWrite};
use crate::error::IoError;
use crate::memory::Arena;
use crate::options::{HugePages, IoOptions};

/// `user_data` of cancel requests; slab tokens never reach it.
const CANCEL: u64 = u64::MAX;

/// `user_data` of the timer that ends a wait; slab tokens never reach it either.
const TIMER: u64 = u64::MAX - 1;

/// A ring, and what it got.
pub(crate) struct Uring {
    // Dropped first: closing the ring unregisters the arena before it can be unmapped.
    ring: IoUring,
    _arena: Option<Arc<Arena>>,
    facts: DriverFacts,
    waits: Waits,
    /// What a timer in the ring points at; the kernel copies it when it takes the request.
    timer: Box<Timespec>,
    timer_is_set: bool,
    in_kernel: u32,
}

/// How a wait gets its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// `io_uring_enter` takes a time limit (`EXT_ARG`, available since 5.11).
    Limit,
    /// A timer in the ring completes when the time is over.
    Timer,
    /// A ring that is polled (`IOPOLL`) has neither: it is polled again and again.
    Poll,
}

impl Uring {
    /// Makes the ring on the calling thread, which must be the one that uses it, and registers the arena.
    ///
    /// # Errors
    /// [`IoError::UringUnavailable`] with the reason and the remedy.
    pub(crate) fn new(
        options: &IoOptions,
        arena: &Arc<Arena>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Uring, IoError> {
        let (ring, mut setup_flags) = make_ring(options).map_err(|source| unavailable(&source))?;
        let may_register = may_register(&ring, warnings)?;
        if options.iopoll {
            setup_flags.push("IOPOLL");
        }
        if options.sqpoll.is_some() {
            setup_flags.push("SQPOLL");
        }
        let registered_buffers =
            may_register && options.registered_buffers && register_arena(&ring, arena, warnings);
        let registered_files = may_register
            && options.registered_files
            && match ring.submitter().register_files_sparse(options.open_files) {
                Ok(()) => true,
                Err(source) => {
                    warnings.push(Warning::new(
                        WarningCode::RegisteredFilesUnavailable,
                        format!("cannot register a table of {} files ({source}); reading through plain descriptors", options.open_files),
                    ));
                    false
                }
            };
        let waits = match (options.iopoll, ring.params().is_feature_ext_arg()) {
            (true, _) => Waits::Poll,
            (false, true) => Waits::Limit,
            (false, false) => Waits::Timer,
        };
        Ok(Uring {
            ring,
            _arena: registered_buffers.then(|| Arc::clone(arena)),
            facts: DriverFacts {
                name: DriverName::Uring,
                registered_buffers,
                registered_files,
                setup_flags,
            },
            waits,
            timer: Box::default(),
            timer_is_set: false,
            in_kernel: 0,
        })
    }

    fn entry(&self, read: &RawRead) -> squeue::Entry {
        let RawRead { address, len, offset, piece, fd, file_index, .. } = *read;
        let rw_flags = read.rw_flags.cast_signed();
        let entry = match (self.facts.registered_buffers, self.facts.registered_files) {
            (true, true) => opcode::ReadFixed::new(Fixed(file_index), address, len, piece)
                .offset(offset)
                .rw_flags(rw_flags)
                .build(),
            (true, false) => opcode::ReadFixed::new(Fd(fd), address, len, piece)
                .offset(offset)
                .rw_flags(rw_flags)
                .build(),
            (false, true) => opcode::Read::new(Fixed(file_index), address, len)
                .offset(offset)
                .rw_flags(rw_flags)
                .build(),
            (false, false) => {
                opcode::Read::new(Fd(fd), address, len).offset(offset).rw_flags(rw_flags).build()
            }
        };
        entry.user_data(read.token)
    }
}

impl Uring {
    /// Waits for a completion or the end of `limit` without [`Waits::Limit`].
    fn wait_with_timer(&mut self, limit: Duration) -> io::Result<()> {
        if !self.timer_is_set {
            *self.timer = Timespec::from(limit);
            // Ends with the first completion, too: there is never more than one.
            let timer = opcode::Timeout::new(&*self.timer).count(1).build().user_data(TIMER);
            // SAFETY: the value lives as long as the ring.
            let pushed = unsafe { self.ring.submission().push(&timer) };
            if pushed.is_err() {
                // Full of requests that were not handed over yet.
                self.ring.submit()?;
                // SAFETY: as above.
                let pushed = unsafe { self.ring.submission().push(&timer) };
                if pushed.is_err() {
                    // The kernel did not take them: nothing to wait for.
                    return Err(io::Error::from_raw_os_error(libc::EAGAIN));
                }
            }
            self.timer_is_set = true;
        }
        self.ring.submit_and_wait(1).map(drop)
    }

    /// Waits for a completion or the end of `limit` on a polled ring. Returns the number of system calls.
    fn wait_by_polling(&mut self, limit: Duration) -> io::Result<u32> {
        let begun = Instant::now();
        let mut enters = 0;
        loop {
            enters += 1;
            self.ring.submit_and_wait(0)?;
            if !self.ring.completion().is_empty() || begun.elapsed() >= limit {
                return Ok(enters);
            }
            std::thread::yield_now();
        }
    }
}

/// From the best setup to the plainest; the kernel answers EINVAL to unknown flags.
fn make_ring(options: &IoOptions) -> io::Result<(IoUring, Vec<&'static str>)> {
    let entries = options.queue_depth.next_power_of_two();
    let mut last = None;
    for level in 0..3 {
        let mut builder = IoUring::builder();
        builder.dontfork();
        let mut flags = Vec::new();
        if level == 0 && options.sqpoll.is_none() {
            // TASKRUN_FLAG lets an enter that does not wait see that there is work to run.
            builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag();
            flags.extend(["SINGLE_ISSUER", "DEFER_TASKRUN"]);
        } else if level == 0 {
            builder.setup_single_issuer();
            flags.push("SINGLE_ISSUER");
        } else if level == 1 && options.sqpoll.is_none() {
            // Available since 5.19.
            builder.setup_coop_taskrun().setup_taskrun_flag();
            flags.push("COOP_TASKRUN");
        }
        if options.iopoll {
            builder.setup_iopoll();
        }
        if let Some(sqpoll) = options.sqpoll {
            builder.setup_sqpoll(sqpoll.idle_ms);
            if let Some(cpu) = sqpoll.cpu {
                builder.setup_sqpoll_cpu(cpu);
            }
        }
        match builder.build(entries) {
            Ok(ring) => return Ok((ring, flags)),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.expect("the loop ran and every setup was refused"))
}

/// Checks that the kernel has the opcodes. Without the call that queries them the test read finds out, and nothing is
/// registered: false.
fn may_register(ring: &IoUring, warnings: &mut Vec<Warning>) -> Result<bool, IoError> {
    let mut probe = Probe::new();
    match ring.submitter().register_probe(&mut probe) {
        Ok(())
            if probe.is_supported(opcode::Read::CODE)
                && probe.is_supported(opcode::ReadFixed::CODE) =>
        {
            return Ok(true);
        }
        Err(source) if is_refusal(&source) => {
            warnings.push(Warning::new(
                WarningCode::UringRegisterRefused,
                format!("io_uring_register is refused ({source}), probably by a seccomp filter: buffers and files are not registered, which costs CPU per read; use a profile that allows io_uring_register"),
            ));
            return Ok(false);
        }
        // A kernel before 5.6 has neither the probe nor READ, and answers EINVAL.
        _ => {}
    }
    Err(IoError::UringUnavailable {
        reason: "this kernel's io_uring has no READ".to_owned(),
        remedy: "Linux 5.6 or newer is required; 6.1 or newer is recommended".to_owned(),
    })
}

/// Is a call refused as such, whatever its arguments?
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES | libc::ENOSYS))
}

fn register_arena(ring: &IoUring, arena: &Arc<Arena>, warnings: &mut Vec<Warning>) -> bool {
    let pieces: Vec<libc::iovec> = arena
        .pieces()
        .into_iter()
        .map(|(address, len)| libc::iovec { iov_base: address.cast(), iov_len: len })
        .collect();
    // SAFETY: the pieces lie in the arena, which `Uring` keeps until the ring is closed.
    let answer = unsafe { ring.submitter().register_buffers(&pieces) };
    let Err(source) = answer else { return true };
    let mib = arena.len_bytes() >> 20;
    let advice = match source.raw_os_error() {
        Some(libc::ENOMEM) => {
            "the locked-memory limit is too low: raise it ('ulimit -l unlimited', LimitMEMLOCK=infinity, or /etc/security/limits.conf) or give CAP_IPC_LOCK"
        }
        _ if is_refusal(&source) => {
            "a seccomp filter may refuse it; reading into unregistered memory, which costs CPU per read"
        }
        _ => "reading into unregistered memory, which costs CPU per read",
    };
    warnings.push(Warning::new(
        WarningCode::RegisteredBuffersUnavailable,
        format!("cannot register {mib} MiB of buffers with io_uring ({source}); {advice}"),
    ));
    false
}

fn unavailable(source: &io::Error) -> IoError {
    let remedy = match source.raw_os_error() {
        Some(libc::EPERM) => {
            let disabled =
                std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
            match disabled.trim() {
                "1" | "2" => format!(
                    "kernel.io_uring_disabled is {}: try 'sysctl -w kernel.io_uring_disabled=0'",
                    disabled.trim()
                ),
                _ => "a seccomp filter refuses it: in a container use a profile that allows io_uring_setup, io_uring_enter and io_uring_register".to_owned(),
            }
        }
        Some(libc::ENOSYS) => {
            "this kernel is built without io_uring, or a sandbox hides it".to_owned()
        }
        Some(libc::ENOMEM) => {
            "raise the locked-memory limit ('ulimit -l unlimited') or lower `queue_depth`"
                .to_owned()
        }
        _ => "use `driver` pread".to_owned(),
    };
    IoError::UringUnavailable { reason: format!("io_uring_setup: {source}"), remedy }
}

impl Driver for Uring {
    fn facts(&self) -> &DriverFacts {
        &self.facts
    }

    fn begins(&self) -> Begins {
        if self.ring.params().is_setup_sqpoll() { Begins::AtPush } else { Begins::AtEnter }
    }

    /// With `DEFER_TASKRUN` or `COOP_TASKRUN` a completion is a piece of task work until this thread enters the kernel.
    /// With `TASKRUN_FLAG` the kernel sets a flag in shared memory; [`IoUring::submit`] then enters with `GETEVENTS`.
    fn has_unposted(&mut self) -> bool {
        self.ring.submission().taskrun()
    }

    fn set_file(&mut self, index: u32, fd: Option<RawFd>) -> io::Result<()> {
        if self.facts.registered_files {
            self.ring.submitter().register_files_update(index, &[fd.unwrap_or(-1)])?;
        }
        Ok(())
    }

    unsafe fn push(&mut self, read: RawRead) {
        let entry = self.entry(&read);
        // SAFETY: memory and file stay until the completion, as `Driver::push` demands of its caller.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        pushed.expect("the submission queue is at least as long as the queue depth");
        self.in_kernel += 1;
    }

    unsafe fn push_write(&mut self, write: RawWrite) {
        let RawWrite { token, fd, offset, address, len, piece } = write;
        let entry = if self.facts.registered_buffers {
            opcode::WriteFixed::new(Fd(fd), address, len, piece).offset(offset).build()
        } else {
            opcode::Write::new(Fd(fd), address, len).offset(offset).build()
        };
        // SAFETY: memory and file stay until the completion, as `Driver::push_write` demands of its caller.
        let pushed = unsafe { self.ring.submission().push(&entry.user_data(token)) };
        pushed.expect("the submission queue is at least as long as the queue depth");
        self.in_kernel += 1;
    }

    fn enter(&mut self, wait: Option<Duration>) -> io::Result<u32> {
        let answer = match wait {
            None => self.ring.submit().map(|_| 1),
            Some(limit) => match self.waits {
                Waits::Limit => {
                    let timespec = Timespec::from(limit);
                    let args = SubmitArgs::new().timespec(&timespec);
                    self.ring.submitter().submit_with_args(1, &args).map(|_| 1)
                }
                Waits::Timer => self.wait_with_timer(limit).map(|()| 1),
                Waits::Poll => self.wait_by_polling(limit),
            },
        };
        match answer {
            // The time is over: what was pushed has been taken.
            Err(error) if error.raw_os_error() == Some(libc::ETIME) => Ok(1),
            answer => answer,
        }
    }

    fn reap(&mut self, completions: &mut Vec<RawCompletion>) {
        for cqe in self.ring.completion() {
            match cqe.user_data() {
                CANCEL => {}
                TIMER => self.timer_is_set = false,
                token => {
                    self.in_kernel -= 1;
                    completions.push(RawCompletion { token, result: cqe.result() });
                }
            }
        }
    }

    fn cancel(&mut self) {
        if self.in_kernel == 0 {
            return;
        }
        // Available since 5.19 (ANY). Where it is refused the reads simply run to their end.
        let entry = opcode::AsyncCancel2::new(io_uring::types::CancelBuilder::any())
            .build()
            .user_data(CANCEL);
        // SAFETY: a cancel request points at no memory.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        drop(pushed); // a full queue is no harm: the reads run to their end
    }
}

/// What this kernel's io_uring can do, found out by asking and trying, never from a version number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UringFeatures {
    /// Opcodes that ringquet uses, or would.
    pub opcodes: Vec<UringFeature>,
    /// Setup flags: a small ring was made with each.
    pub setup_flags: Vec<UringFeature>,
    /// Feature bits that the kernel set on a ring.
    pub feature_bits: Vec<UringFeature>,
    /// Memory and files could be registered with a ring.
    pub registrations: Vec<UringFeature>,
}

/// One thing that io_uring has or has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UringFeature {
    /// The kernel's word, e.g. `DEFER_TASKRUN`.
    pub name: &'static str,
    /// The Linux release that brought it.
    pub since: &'static str,
    /// It is there.
    pub supported: bool,
}

/// Memory that the probe registers: enough to show that it works, below every limit that is in use.
const PROBE_ARENA_BYTES: usize = 64 << 10;

/// Queries the io_uring features of the kernel.
///
/// # Errors
/// [`IoError::UringUnavailable`] if no ring can be made, with the reason and the remedy; [`IoError::Arena`].
pub fn uring_features() -> Result<UringFeatures, IoError> {
    let arena = Arena::new(PROBE_ARENA_BYTES, HugePages::Off, &mut Vec::new())?;
    let ring = IoUring::builder().dontfork().build(4).map_err(|source| unavailable(&source))?;
    let feature = |name, since, supported| UringFeature { name, since, supported };
    let mut probe = Probe::new();
    let probed = ring.submitter().register_probe(&mut probe).is_ok();
    let opcode = |name, since, code| feature(name, since, probed && probe.is_supported(code));
    let params = ring.params();
    // The arena is declared first, so it is dropped last: the ring is closed before its memory goes.
    let buffers = register_arena(&ring, &arena, &mut Vec::new());
    let files = ring.submitter().register_files_sparse(4).is_ok();
    let setup = |name, since, set: fn(&mut io_uring::Builder)| {
        let mut builder = IoUring::builder();
        set(builder.dontfork());
        feature(name, since, builder.build(4).is_ok())
    };
    let features = UringFeatures {
        opcodes: vec![
            opcode("READ", "5.6", opcode::Read::CODE),
            opcode("READ_FIXED", "5.1", opcode::ReadFixed::CODE),
            opcode("ASYNC_CANCEL", "5.5", opcode::AsyncCancel::CODE),
        ],
        setup_flags: vec![
            setup("SINGLE_ISSUER", "6.0", |b| {
                b.setup_single_issuer();
            }),
            setup("DEFER_TASKRUN", "6.1", |b| {
                b.setup_single_issuer().setup_defer_taskrun();
            }),
            setup("COOP_TASKRUN", "5.19", |b| {
                b.setup_coop_taskrun();
            }),
            setup("IOPOLL", "5.1", |b| {
                b.setup_iopoll();
            }),
            setup("SQPOLL", "5.1", |b| {
                b.setup_sqpoll(10);
            }),
        ],
        feature_bits: vec![
            feature("NODROP", "5.5", params.is_feature_nodrop()),
            feature("EXT_ARG", "5.11", params.is_feature_ext_arg()),
            feature("NATIVE_WORKERS", "5.12", params.is_feature_native_workers()),
        ],
        registrations: vec![
            feature("registered buffers", "5.1", buffers),
            feature("sparse file table", "5.19", files),
        ],
    };
    drop(ring);
    drop(arena);
    Ok(features)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring gets what the probe reports.
    #[test]
    fn features_are_those_of_a_ring_that_is_made() {
        let options = IoOptions { arena_bytes: PROBE_ARENA_BYTES, ..IoOptions::default() };
        let arena = Arena::new(options.arena_bytes, HugePages::Off, &mut Vec::new()).unwrap();
        match (uring_features(), Uring::new(&options, &arena, &mut Vec::new())) {
            (Ok(features), Ok(uring)) => {
                assert!(features.opcodes.iter().any(|op| op.name == "READ" && op.supported));
                let flags = &uring.facts().setup_flags;
                let told = |name| {
                    features.setup_flags.iter().any(|flag| flag.name == name && flag.supported)
                };
                assert_eq!(told("DEFER_TASKRUN"), flags.contains(&"DEFER_TASKRUN"), "{flags:?}");
            }
            (Err(_), Err(_)) => {}
            (features, uring) => panic!("{features:?} but a ring: {:?}", uring.map(|_| ())),
        }
    }

    /// Before 5.11 a wait had no limit: a device that does not answer held the thread for ever, stop flag or not.
    #[test]
    fn a_wait_ends_on_every_kernel() {
        let options = IoOptions { queue_depth: 1, ..IoOptions::default() };
        let arena = Arena::new(PROBE_ARENA_BYTES, HugePages::Off, &mut Vec::new()).unwrap();
        let Ok(mut uring) = Uring::new(&options, &arena, &mut Vec::new()) else { return };
        let slot = arena.acquire(4096).unwrap();
        // Nobody writes to this pipe: a read of it does not end by itself.
        let (reading, writing) = std::io::pipe().unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&reading);
        uring.set_file(0, Some(fd)).unwrap();
        let read = RawRead {
            token: 7,
            fd,
            file_index: 0,
            offset: 0,
            address: slot.address(0),
            len: 8,
            piece: slot.piece(),
            rw_flags: 0,
        };
        // SAFETY: slot and pipe live until the read has ended below.
        unsafe { uring.push(read) };
        let mut completions = Vec::new();
        for waits in [Waits::Timer, Waits::Limit, Waits::Poll, Waits::Timer, Waits::Timer] {
            uring.waits = waits;
            let begun = Instant::now();
            // Twice, for a timer that was left over would be seen at the second.
            for _ in 0..2 {
                uring.enter(Some(Duration::from_millis(30))).unwrap();
                uring.reap(&mut completions);
            }
            let took = begun.elapsed();
            assert!(took >= Duration::from_millis(50), "{waits:?}: {took:?}");
            assert!(took < Duration::from_secs(20), "{waits:?}: {took:?}");
            assert!(completions.is_empty(), "{waits:?}: {completions:?}");
        }
        drop(writing);
        uring.waits = Waits::Timer;
        while completions.is_empty() {
            uring.enter(Some(Duration::from_secs(10))).unwrap();
            uring.reap(&mut completions);
        }
        assert_eq!(completions, [RawCompletion { token: 7, result: 0 }]);
    }
}
