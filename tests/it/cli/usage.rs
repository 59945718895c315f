//! Help, wrong usage and exit codes.

use std::process::Stdio;

use super::binary::{Answer, command, ringquet};
use super::sets;
use crate::scratch;

#[test]
fn help_names_every_verb_and_goes_to_stdout() {
    let dir = scratch::dir();
    let help = ringquet(dir.path(), "--help").succeeds();
    for verb in ["inspect", "plan", "scan", "cat", "datagen", "datasize", "run", "verify"] {
        assert!(help.stdout.contains(verb), "{verb}\n{}", help.stdout);
        let of_verb = ringquet(dir.path(), &format!("{verb} --help")).succeeds();
        assert!(of_verb.stdout.contains("--json"), "{verb}\n{}", of_verb.stdout);
    }
    assert!(ringquet(dir.path(), "--version").succeeds().stdout.starts_with("ringquet 0."));
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_wrong() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    sets::write_workload(&dir.path().join("w.yaml"));
    let check = |line: &str, expect: &str| {
        let answer = ringquet(dir.path(), line).ends_with(2);
        // What clap says has more lines than one: which arguments, and how it is used.
        let stderr = &answer.stderr;
        assert!(!answer.error().is_empty() && stderr.contains(expect), "{line}: {stderr}");
        assert!(answer.stdout.is_empty() || line.contains("--json"), "{line}: {}", answer.stdout);
    };
    check("frobnicate", "unrecognized subcommand 'frobnicate'");
    check("scan", "required arguments were not provided");
    check("scan . --driver floppy", "invalid value 'floppy'");
    check("scan . --queue-depth 0", "--queue-depth 0: must be 1 to 4096");
    check("scan . --queue-depth many", "invalid value 'many'");
    check("scan . --read-size 5000", "--read-size 5000: must be a multiple of 4096");
    check("scan . --read-size 4X", "has an unknown unit");
    check("scan . --threads 0", "--threads 0");
    check("scan . --threads 2 --memory-budget 64K", "--memory-budget 65536");
    check("scan . --cpus 3-1", "ends before it starts");
    check("scan . --cpus 8000", "CPU 8000");
    check("scan . --raw --digest", "cannot be used with");
    check("scan . --iopoll --direct off", "--iopoll needs O_DIRECT");
    check("cat part_0.parquet --rows 7", "is not a range of rows");
    check("cat part_0.parquet --rows 7..3", "ends before it starts");
    check("cat .", "is a directory");
    check("datagen w.yaml nonsense", "override `nonsense`");
    check("datagen w.yaml dataset.num_files_train=many", "dataset.num_files_train");
    check("datagen w.yaml --repeat-fraction 2", "--repeat-fraction 2: must be 0");
    check("datagen w.yaml --resume --force", "cannot be used with");
    check("datasize w.yaml --accelerators 0 --host-memory 1GiB", "--accelerators 0");
    check("run w.yaml --accelerators 1", "--results-dir");
    check("scan . --queue-depth 0 --json", "--queue-depth 0");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    for line in
        ["cat part_0.parquet --rows ..", "scan .", "inspect part_0.parquet --json", "plan ."]
    {
        let mut command = command(dir.path(), line);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{line}: {stderr}");
        assert!(!stderr.contains("error") && !stderr.contains("panicked"), "{line}: {stderr}");
    }
}

/// A failure stays one. Reports that cannot be written: see stdout.rs.
#[test]
fn what_becomes_of_the_report_does_not_hide_a_failure() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 2);
    let path = dir.path().join("part_1.parquet");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4..40].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let mut scan = command(dir.path(), "scan .");
    let mut child = scan.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let answer = Answer::from_output("scan .", &child.wait_with_output().unwrap()).ends_with(1);
    assert!(answer.error().contains("part_1.parquet"), "{}", answer.stderr);
}
