//! Reports that cannot be written: the command has failed, whatever it did.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::binary::{Answer, command, ringquet};
use super::sets;
use crate::scratch;

/// Calls of all verbs that succeed where there is somewhere to write to.
pub(super) fn calls(dir: &Path) -> Vec<&'static str> {
    sets::write_files(dir, 1);
    sets::write_workload(&dir.join("w.yaml"));
    ringquet(dir, "datagen w.yaml").succeeds();
    let document = ringquet(dir, "scan part_0.parquet --json").succeeds().stdout;
    std::fs::write(dir.join("scan.json"), document).unwrap();
    vec![
        "--help",
        "--version",
        "scan --help",
        "inspect part_0.parquet",
        "plan part_0.parquet",
        "scan part_0.parquet",
        "cat part_0.parquet",
        "cat part_0.parquet -o out.arrow",
        "datagen w.yaml --force",
        "datasize w.yaml --accelerators 1 --host-memory 1GiB",
        "run w.yaml --accelerators 1 --results-dir results",
        "verify data",
        "characterize . --test-file-size 16MiB --round 0.02 --rounds 5 --read-sizes 512K --queue-depths 4 --threads 1 --no-extras",
        "doctor",
        "layout w.yaml --size 8MiB --repeats 1",
        "report scan.json",
        "check results",
        "completions bash",
        "man scan",
        "man -o man",
    ]
}

/// Closes standard output before the program starts, as `>&-` does.
fn closed(mut command: Command) -> Command {
    let close_stdout = || {
        // SAFETY: a system call on a number.
        unsafe { libc::close(1) };
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes one system call and allocates nothing.
    unsafe { command.pre_exec(close_stdout) };
    command.stdout(Stdio::inherit());
    command
}

#[test]
fn a_closed_or_full_standard_output_is_an_error() {
    let dir = scratch::dir();
    for line in calls(dir.path()) {
        for json in ["", " --json"] {
            let line = format!("{line}{json}");
            let mut command = closed(command(dir.path(), &line));
            let output = command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output();
            let answer = Answer::from_output(&line, &output.unwrap()).ends_with(1);
            let expect = "cannot write to standard output: it is closed";
            assert!(answer.stderr.contains(expect), "{line}: {}", answer.stderr);
            // A help page has no --json.
            if line.contains("--help") || line.contains("--version") {
                break;
            }
        }
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = command(dir.path(), line);
        let output = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let answer = Answer::from_output(line, &output.wait_with_output().unwrap()).ends_with(1);
        let expect = "cannot write to standard output: No space left";
        assert!(answer.stderr.contains(expect), "{line}: {}", answer.stderr);
        assert_eq!(answer.stderr.matches(expect).count(), 1, "{line}: {}", answer.stderr);
    }
}

/// Rust's runtime puts /dev/null in place of a closed descriptor; one that is given on purpose, in whatever way, is none.
#[test]
fn dev_null_is_a_place_to_write_to() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    for write_only in [true, false] {
        let null = File::options().read(!write_only).write(true).open("/dev/null").unwrap();
        let mut command = command(dir.path(), "scan part_0.parquet --json");
        let output = command.stdout(null).stderr(Stdio::piped()).spawn().unwrap();
        Answer::from_output("scan", &output.wait_with_output().unwrap()).succeeds();
    }
}
