//! Whatever ends a call, nothing is left in the directory.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::cli::binary;
use crate::scratch;

/// A call that would go on for minutes.
fn start(dir: &std::path::Path) -> Child {
    let mut command = Command::new(binary::path());
    command.args(["characterize", ".", "--preset", "full", "--test-file-size", "32MiB"]);
    command.current_dir(dir).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Reads are under way: it holds its file, and reader threads run.
fn wait_until_it_reads(child: &Child) {
    let begun = Instant::now();
    let tasks = format!("/proc/{}/task", child.id());
    loop {
        let mut names = std::fs::read_dir(&tasks).into_iter().flatten().filter_map(Result::ok);
        let is_reader = |task: std::fs::DirEntry| {
            let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            name.starts_with("ringquet-")
        };
        if names.any(is_reader) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no reader thread after a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn ended_by(signal: libc::c_int) -> (Output, usize, Duration) {
    let dir = scratch::dir();
    let child = start(dir.path());
    wait_until_it_reads(&child);
    let begun = Instant::now();
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: a system call on numbers; the child is not waited for yet, so its number is still its own.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    let output = child.wait_with_output().unwrap();
    (output, std::fs::read_dir(dir.path()).unwrap().count(), begun.elapsed())
}

#[test]
fn ctrl_c_ends_it_soon_and_leaves_nothing() {
    let (output, left, taken) = ended_by(libc::SIGINT);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("error: interrupted"), "{stderr}");
    assert_eq!(left, 0);
    assert!(taken < Duration::from_secs(5), "{taken:?}");
}

/// Not even a process that is killed leaves its file: it has no name.
#[test]
fn a_killed_call_leaves_nothing() {
    let (output, left, _) = ended_by(libc::SIGKILL);
    assert_eq!(output.status.code(), None);
    assert_eq!(left, 0);
}
