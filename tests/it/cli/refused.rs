//! A machine that refuses io_uring, as containers do: everything works through pread, and says so.
//!
//! The refusal is real: the binary runs under a seccomp filter that answers `EPERM` to `io_uring_setup`, like the
//! default profile of Docker.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::binary::{Answer, command};
use super::sets;
use crate::scratch;

/// What a process may not do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// `io_uring_setup` answers EPERM.
    NoUring,
    /// A system call answers with an error: its number, and the error's.
    Refused(libc::c_long, libc::c_int),
    /// No more than this may be locked in memory, and no privilege to go beyond: what a user's shell has.
    LockedBytes(u64),
    /// A file cannot grow beyond this many bytes: writing answers EFBIG.
    FileBytes(u64),
}

/// The call, under a limit.
pub(crate) fn limited(mut command: Command, limit: Limit) -> Command {
    let impose = move || match limit {
        Limit::NoUring => refuse(libc::SYS_io_uring_setup, libc::EPERM),
        Limit::Refused(call, errno) => refuse(call, errno),
        Limit::LockedBytes(bytes) => limit_locked_bytes(bytes),
        Limit::FileBytes(bytes) => limit_file_bytes(bytes),
    };
    // SAFETY: between fork and exec the closure makes system calls only; it neither allocates nor locks.
    unsafe { command.pre_exec(impose) };
    command
}

fn limit_file_bytes(bytes: u64) -> io::Result<()> {
    // SAFETY: a system call on numbers. Without it the signal would end the process before it could see the error.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: the pointer is to a rlimit that lives through the call.
    answer(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) })
}

fn limit_locked_bytes(bytes: u64) -> io::Result<()> {
    /// `CAP_IPC_LOCK` of linux/capability.h.
    const CAP_IPC_LOCK: libc::c_ulong = 14;
    // Only root has the privilege and may drop it; for everyone else the refusal is just right.
    // SAFETY: a system call on numbers.
    let _ = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0) };
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: the pointer is to a rlimit that lives through the call.
    answer(unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "codes of 16 bits and the numbers of a call and an error, all small and positive"
)]
fn refuse(call: libc::c_long, errno: libc::c_int) -> io::Result<()> {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let instruction = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    // `seccomp_data` begins with the number of the system call.
    let mut filter = [
        instruction(LOAD, 0, 0, 0),
        instruction(JUMP_IF_EQUAL, 0, 1, call as u32),
        instruction(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
        instruction(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
    // SAFETY: a system call on numbers.
    answer(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    // SAFETY: the program and its filter live through the call, which copies them.
    answer(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) })
}

fn answer(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The usual limit of 8 MiB: the arena is larger, so it is read into unregistered, and the advice says how to raise it.
#[test]
fn a_low_limit_of_locked_memory_costs_registration_only() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 2);
    let line = "scan . --digest --json";
    let limited = Answer::of(line, limited(command(dir.path(), line), Limit::LockedBytes(8 << 20)))
        .succeeds();
    let free = Answer::of(line, command(dir.path(), line)).succeeds();
    let (limited, free) = (limited.document(), free.document());
    assert_eq!(limited["digest"], free["digest"]);
    assert_eq!(limited["driver"]["name"], free["driver"]["name"]);
    if free["driver"]["name"] == "uring" {
        assert_eq!(limited["driver"]["registered_buffers"], false);
        let warnings = limited["warnings"].as_array().unwrap();
        let warning =
            warnings.iter().find(|w| w["code"] == "registered_buffers_unavailable").unwrap();
        let message = warning["message"].as_str().unwrap();
        assert!(message.contains("ulimit -l") && message.contains("CAP_IPC_LOCK"), "{message}");
    }
}

#[test]
fn reading_goes_on_through_pread_and_says_so() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 2);
    let refused = |line: &str| Answer::of(line, limited(command(dir.path(), line), Limit::NoUring));
    let free = |line: &str| Answer::of(line, command(dir.path(), line));
    let line = "scan . --digest --json";
    let answer = refused(line).succeeds();
    let document = answer.document();
    assert_eq!(document["driver"]["name"], "pread");
    assert_eq!(document["driver"]["registered_buffers"], false);
    let codes: Vec<&str> = document["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes.iter().filter(|code| **code == "uring_unavailable").count(), 1, "{codes:?}");
    let told =
        answer.stderr.lines().filter(|line| line.starts_with("warning[uring_unavailable]: "));
    assert_eq!(told.count(), 1, "{}", answer.stderr);
    assert_eq!(document["digest"], free(line).succeeds().document()["digest"]);

    for line in [
        "plan .",
        "inspect part_0.parquet",
        "cat part_0.parquet",
        "cat part_0.parquet -o out.arrow",
    ] {
        let answer = refused(line).succeeds();
        assert_eq!(answer.stdout, free(line).succeeds().stdout, "{line}");
    }
}

/// It used to be said that the kernel is too old, or that the limit of locked memory is too low. The ring works without.
#[test]
fn a_refused_registration_is_named_and_done_without() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 2);
    let line = "scan . --digest --json";
    let free = Answer::of(line, command(dir.path(), line)).succeeds().document();
    if free["driver"]["name"] != "uring" {
        return;
    }
    for errno in [libc::EPERM, libc::EACCES, libc::ENOSYS] {
        for driver in ["auto", "uring"] {
            let line = format!("{line} --driver {driver}");
            let refused = limited(
                command(dir.path(), &line),
                Limit::Refused(libc::SYS_io_uring_register, errno),
            );
            let document = Answer::of(&line, refused).succeeds().document();
            assert_eq!(document["driver"]["name"], "uring");
            assert_eq!(document["driver"]["registered_buffers"], false);
            assert_eq!(document["driver"]["registered_files"], false);
            assert_eq!(document["digest"], free["digest"]);
            let warnings = document["warnings"].as_array().unwrap();
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert_eq!(warnings[0]["code"], "uring_register_refused");
            let message = warnings[0]["message"].as_str().unwrap();
            assert!(message.contains("io_uring_register") && message.contains("seccomp"));
        }
    }
}

/// A ring that can be made and not entered is none; its name and the profile are said.
#[test]
fn a_refused_enter_is_named() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    let limit = Limit::Refused(libc::SYS_io_uring_enter, libc::EPERM);
    let line = "scan . --json";
    let document = Answer::of(line, limited(command(dir.path(), line), limit)).succeeds();
    let document = document.document();
    assert_eq!(document["driver"]["name"], "pread");
    let message = document["warnings"][0]["message"].as_str().unwrap();
    assert!(message.contains("io_uring_enter: Operation not permitted"), "{message}");
    assert!(message.contains("seccomp"), "{message}");
}

/// Sandboxes made before `statx` refuse it: fstat is enough to read.
#[test]
fn a_refused_statx_is_done_without() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 2);
    sets::write_workload(&dir.path().join("w.yaml"));
    for errno in [libc::EPERM, libc::ENOSYS] {
        let limit = Limit::Refused(libc::SYS_statx, errno);
        let refused = |line: &str| Answer::of(line, limited(command(dir.path(), line), limit));
        let free = |line: &str| Answer::of(line, command(dir.path(), line));
        let line = "scan part_0.parquet part_1.parquet --digest --json";
        let document = refused(line).succeeds().document();
        assert_eq!(document["digest"], free(line).succeeds().document()["digest"]);
        // Without it a plan may have other alignments.
        refused("plan part_0.parquet").succeeds();
        for line in ["inspect part_0.parquet", "cat part_0.parquet"] {
            assert_eq!(refused(line).succeeds().stdout, free(line).succeeds().stdout, "{line}");
        }
        refused("datagen w.yaml --force").succeeds();
        refused("verify data").succeeds();
        refused("run w.yaml --accelerators 1 --results-dir results").succeeds();
    }
}

#[test]
fn a_whole_round_works_without_io_uring() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    let refused = |line: &str| Answer::of(line, limited(command(dir.path(), line), Limit::NoUring));
    refused("datagen w.yaml").succeeds();
    refused("verify data").succeeds();
    let answer = refused("run w.yaml --accelerators 2 --results-dir results --json").succeeds();
    assert_eq!(answer.document()["driver"]["name"], "pread");
    assert!(answer.stderr.contains("warning[uring_unavailable]"), "{}", answer.stderr);
}

#[test]
fn io_uring_by_name_is_an_error_with_the_remedy() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    let line = "scan . --driver uring";
    let answer = Answer::of(line, limited(command(dir.path(), line), Limit::NoUring)).ends_with(1);
    let error = answer.error();
    assert!(error.contains("io_uring is not available") && error.contains("seccomp"), "{error}");
}
