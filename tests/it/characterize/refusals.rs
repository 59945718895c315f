//! Paths and options that cannot be measured: one clear line, and nothing made.

use std::path::Path;
use std::process::Command;

use super::SHORT;
use crate::cli::binary::{self, Answer, ringquet};
use crate::scratch;

#[track_caller]
fn check(dir: &Path, arguments: &str, code: i32, expect: &[&str]) {
    let line = format!("characterize {arguments}");
    let answer = ringquet(dir, &line).ends_with(code);
    let error = answer.error();
    for expect in expect {
        assert!(error.contains(expect), "{line}: {error}");
    }
    assert_eq!(answer.stderr.lines().count(), 1, "{line}: {}", answer.stderr);
    assert!(answer.stdout.is_empty(), "{line}: {}", answer.stdout);
}

#[test]
fn paths_that_cannot_be_read() {
    let dir = scratch::dir();
    check(dir.path(), "nowhere", 1, &["nowhere: No such file"]);
    let made = Command::new("mkfifo").arg(dir.path().join("pipe")).status().unwrap();
    assert!(made.success());
    check(dir.path(), "pipe", 1, &["pipe: not a directory, a regular file or a block device"]);
    check(dir.path(), "/dev/null", 1, &["/dev/null: not a directory"]);
    std::fs::write(dir.path().join("short"), [1; 5000]).unwrap();
    check(dir.path(), "short", 1, &["short: 5000 bytes long", "at least 1048576"]);
}

/// Where no file can be made, not even by root.
#[test]
fn a_directory_that_cannot_be_written_to() {
    let dir = scratch::dir();
    let expect = ["/sys: cannot create a test file", "give a directory that you may write to"];
    check(dir.path(), "/sys", 1, &expect);
}

#[test]
fn memory_is_no_device_unless_it_is_asked_for() {
    let dir = scratch::dir();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    if !mounts.lines().any(|line| line.split(' ').skip(1).take(2).eq(["/dev/shm", "tmpfs"])) {
        return;
    }
    let shm = tempfile::tempdir_in("/dev/shm").unwrap();
    let path = shm.path().display();
    check(dir.path(), &format!("{path}"), 1, &["tmpfs, which is in memory", "--direct off"]);
    let line =
        format!("characterize {path} --direct off --read-sizes 64K --no-extras {SHORT} --json");
    let document = ringquet(dir.path(), &line).succeeds().document();
    assert_eq!(document["driver"]["direct"], false);
    let warnings = document["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning["code"] == "page_cache"), "{warnings:?}");
    assert_eq!(std::fs::read_dir(shm.path()).unwrap().count(), 0);
}

#[test]
fn more_than_the_disk_holds() {
    let dir = scratch::dir();
    let expect = ["bytes are free, too few for a test file of", "--test-file-size"];
    check(dir.path(), ". --test-file-size 4096P", 1, &expect);
    check(dir.path(), ". --test-file-size 1K", 2, &["--test-file-size 1024", "at least 1048576"]);
    check(dir.path(), ". ./.", 2, &["given twice"]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// The file cannot grow: as where a quota or the disk is used up in the middle.
#[test]
fn a_disk_that_gets_full() {
    let dir = scratch::dir();
    let script = format!(
        "trap '' XFSZ; ulimit -f 4096; exec {} characterize . {SHORT}",
        binary::path().display()
    );
    let mut command = Command::new("bash");
    command.arg("-c").arg(script).current_dir(dir.path());
    let answer = Answer::of("characterize . under a limit", command).ends_with(1);
    let error = answer.error();
    assert!(error.contains("writing the test file failed at byte 0 of 16777216"), "{error}");
    assert!(error.contains("File too large"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn options_out_of_range() {
    let dir = scratch::dir();
    check(dir.path(), ". --read-sizes 5000", 2, &["--read-sizes 5000", "4 KiB to 16 MiB"]);
    check(dir.path(), ". --read-sizes 8G", 2, &["at most 16 MiB"]);
    check(dir.path(), ". --queue-depths 0", 2, &["--queue-depths 0"]);
    check(dir.path(), ". --threads 0", 2, &["--threads 0"]);
    check(dir.path(), ". --rounds 4", 2, &["--rounds 4: must be at least 5"]);
    check(dir.path(), ". --round 0", 2, &["--round 0"]);
    check(dir.path(), ". --round NaN", 2, &["--round NaN"]);
    check(dir.path(), ". --cpus 7-1", 2, &["--cpus"]);
    let line = ". --read-sizes 16M --queue-depths 4096 --test-file-size 16MiB";
    check(dir.path(), line, 2, &["no point is left to measure"]);
    for line in ["characterize", "characterize . --columns a", "characterize . --preset slow"] {
        ringquet(dir.path(), line).ends_with(2);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_data_set_that_is_none() {
    let dir = scratch::dir();
    std::fs::create_dir(dir.path().join("set")).unwrap();
    std::fs::write(dir.path().join("set/a.parquet"), "this is a letter, not a Parquet file")
        .unwrap();
    let line = format!(". --read-sizes 64K --no-extras {SHORT} --parquet set");
    let answer = ringquet(dir.path(), &format!("characterize {line}")).ends_with(1);
    let error = answer.error();
    assert!(error.contains("Parquet line") && error.contains("not a Parquet file"), "{error}");
}

/// The first block device in /dev, if this machine has one.
fn some_block_device() -> Option<String> {
    use std::os::unix::fs::FileTypeExt as _;
    let names = std::fs::read_dir("/sys/class/block").ok()?.filter_map(Result::ok);
    let mut paths: Vec<String> = names
        .filter(|name| {
            let size = std::fs::read_to_string(name.path().join("size")).unwrap_or_default();
            // 64 MiB and more, in sectors of 512 bytes.
            size.trim().parse::<u64>().is_ok_and(|sectors| sectors >= 64 << 11)
        })
        .map(|name| format!("/dev/{}", name.file_name().to_string_lossy()))
        .filter(|path| std::fs::metadata(path).is_ok_and(|m| m.file_type().is_block_device()))
        .collect();
    paths.sort();
    paths.into_iter().next()
}

/// It is read if that is permitted, and never written; otherwise it is refused by name.
#[test]
fn a_block_device() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let dir = scratch::dir();
    let Some(device) = some_block_device() else { return };
    let line = format!("characterize {device} --read-sizes 64K --no-extras {SHORT} --json");
    if std::fs::File::open(&device).is_err() {
        check_refused(ringquet(dir.path(), &line), &device);
        return;
    }
    let document = ringquet(dir.path(), &line).succeeds().document();
    assert_eq!(document["targets"][0]["kind"], "block_device");
    assert!(document["targets"][0]["file_system"].is_null());

    // A member of the group `disk` cannot become somebody else; root can.
    if Command::new("true").uid(65534).gid(65534).status().is_err() {
        return;
    }
    // The target directory may be closed to others: a copy that everyone may run.
    let copy = tempfile::tempdir().unwrap();
    let binary = copy.path().join("ringquet");
    std::fs::copy(binary::path(), &binary).unwrap();
    std::fs::set_permissions(copy.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(&binary);
    command.args(line.replace(" --json", "").split(' ')).current_dir("/").uid(65534).gid(65534);
    check_refused(Answer::of(&line, command), &device);
}

#[track_caller]
fn check_refused(answer: Answer, device: &str) {
    let answer = answer.ends_with(1);
    let error = answer.error();
    assert!(
        error.contains(device) && error.contains("no permission to read this device"),
        "{error}"
    );
}
