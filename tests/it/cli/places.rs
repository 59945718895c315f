//! Where files lie and what they are called: names that are no text, links, FIFOs, file systems in memory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use super::binary::{Answer, command_in, ringquet};
use super::{schema, sets};
use crate::scratch;

/// The messages of the warnings with this code.
fn warnings(document: &Value, code: &str) -> Vec<String> {
    let warnings = document["warnings"].as_array().expect("a list of warnings");
    let of_code = warnings.iter().filter(|warning| warning["code"] == code);
    of_code.map(|warning| warning["message"].as_str().unwrap().to_owned()).collect()
}

fn fifo(path: &Path) {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path is a C string that lives through the call.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

/// Every path that a verb takes, in a folder whose name is not UTF-8 and has a line break. It used to be a panic in eight
/// verbs. The document shows the name as far as it is text; files are read and written by the name itself.
#[test]
fn names_that_are_not_utf8() {
    let dir = scratch::dir();
    let folder = dir.path().join(OsStr::from_bytes(b"f\xffld\nr"));
    sets::write_files(&folder.join("set"), 2);
    sets::write_workload(&folder.join("w.yaml"));
    let shown = "f\u{fffd}ld\\nr";
    let check = |line: &str| -> Value {
        Answer::of(line, command_in(&folder, line)).succeeds();
        let line = format!("{line} --json");
        let answer = Answer::of(&line, command_in(&folder, &line)).succeeds();
        assert!(answer.stdout.contains(shown), "{line}: {}", answer.stdout);
        answer.document()
    };
    let document = check("scan DIR/set --digest");
    assert_eq!((&document["files"], &document["rows"]), (&2.into(), &5000.into()));
    check("inspect DIR/set/part_0.parquet");
    check("plan DIR/set --fio-iolog DIR/log");
    let log = std::fs::read(folder.join("log")).unwrap();
    let name = [folder.as_os_str().as_bytes(), b"/set/part_0.parquet add\n"].concat();
    assert!(log.windows(name.len()).any(|part| part == name), "the path as it is");
    check("cat DIR/set/part_0.parquet");
    check("cat DIR/set/part_0.parquet -o DIR/out.arrow");
    assert!(folder.join("out.arrow").is_file());
    check("datagen DIR/w.yaml --force");
    check("datasize DIR/w.yaml --accelerators 1 --host-memory 1GiB");
    check("verify DIR/data");
    let results = "--results-dir DIR/results";
    check(&format!("run DIR/w.yaml --accelerators 1 {results}"));
    let sweep = "--test-file-size 16MiB --round 0.02 --rounds 5 --read-sizes 512K --queue-depths 4 --threads 1 --no-extras";
    check(&format!("characterize DIR {sweep} --parquet DIR/set"));
    check(&format!("characterize DIR {sweep} --workload DIR/w.yaml"));
    check("doctor DIR");
    check("layout DIR/w.yaml --size 8MiB --repeats 1");
    let document = Answer::of("scan", command_in(&folder, "scan DIR/set --json")).succeeds();
    std::fs::write(folder.join("scan.json"), document.stdout).unwrap();
    check("report DIR/scan.json -o DIR/report.html");
    assert!(folder.join("report.html").is_file());
    Answer::of("check", command_in(&folder, "check DIR/results --json")).document();

    // What is wrong is said of the file by the same name.
    for line in
        ["scan DIR/none", "inspect DIR/none", "cat DIR/none", "verify DIR", "doctor DIR/none"]
    {
        let line = format!("{line} --json");
        let answer = Answer::of(&line, command_in(&folder, &line)).ends_with(1);
        let message = answer.document()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("f\u{fffd}ld"), "{line}: {message}");
    }
}

/// A result of a run in such a folder used to be an empty document.
#[test]
fn results_in_such_a_folder_are_complete() {
    let dir = scratch::dir();
    let folder = dir.path().join(OsStr::from_bytes(b"\xfe"));
    std::fs::create_dir(&folder).unwrap();
    sets::write_workload(&folder.join("w.yaml"));
    for line in ["datagen w.yaml", "run DIR/w.yaml --accelerators 1 --results-dir DIR/results"] {
        Answer::of(line, command_in(&folder, line)).succeeds();
    }
    let text = std::fs::read_to_string(folder.join("results/ringquet.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    schema::check_as("ringquet", &document);
    assert!(document["results_dir"].as_str().unwrap().contains('\u{fffd}'), "{document:#}");
    assert!(document["train"].is_object(), "{document:#}");
}

/// Named, a FIFO is an error that says what it is; found in a directory, it is skipped. It used to be a hang.
#[test]
fn what_is_no_file_is_not_waited_for() {
    let dir = scratch::dir();
    sets::write_files(&dir.path().join("set"), 1);
    fifo(&dir.path().join("set/fifo.parquet"));
    let _socket =
        std::os::unix::net::UnixListener::bind(dir.path().join("set/socket.parquet")).unwrap();
    symlink("/dev/zero", dir.path().join("set/zero.parquet")).unwrap();
    for (path, kind) in [
        ("set/fifo.parquet", "is a FIFO (named pipe), not a regular file"),
        ("set/socket.parquet", "is a socket, not a regular file"),
        ("set/zero.parquet", "is a character device, not a regular file"),
        ("/dev/null", "is a character device, not a regular file"),
    ] {
        for verb in ["scan", "plan", "inspect", "cat"] {
            for options in ["", " --direct on", " --direct off"] {
                if verb == "inspect" && !options.is_empty() {
                    continue;
                }
                let answer = ringquet(dir.path(), &format!("{verb} {path}{options}")).ends_with(1);
                let expect = format!("{path}: {kind}");
                assert!(answer.error().starts_with(&expect), "{verb}{options}: {}", answer.stderr);
            }
        }
    }
    let document = ringquet(dir.path(), "scan set --json").succeeds().document();
    assert_eq!(document["files"], 1);
    let messages = warnings(&document, "special_files_skipped");
    assert!(messages[0].starts_with("skipped 3 entries (first: set/fifo.parquet)"), "{messages:?}");
    assert!(messages[0].contains("is a FIFO"), "{messages:?}");
    for line in ["characterize set/fifo.parquet", "doctor set/fifo.parquet"] {
        // However these end, they end.
        drop(ringquet(dir.path(), line));
    }
    // Documents that are looked for in a folder.
    for name in ["ringquet-manifest.json", "summary.json", "ringquet.json"] {
        fifo(&dir.path().join("set").join(name));
    }
    let answer = ringquet(dir.path(), "verify set").ends_with(1);
    assert!(answer.error().contains("is a FIFO"), "{}", answer.stderr);
    let answer = ringquet(dir.path(), "report set").ends_with(1);
    assert!(answer.error().contains("is a FIFO"), "{}", answer.stderr);
    drop(ringquet(dir.path(), "check set"));
}

/// A file that is given as standard input is one like others; a pipe is a FIFO.
#[test]
fn standard_input_by_its_name() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    let line = "scan /dev/stdin --json";
    let mut command = super::binary::command(dir.path(), line);
    command.stdin(std::fs::File::open(dir.path().join("part_0.parquet")).unwrap());
    let output = command.output().unwrap();
    let document = Answer::from_output(line, &output).succeeds().document();
    assert_eq!(document["rows"], sets::FILE_ROWS);
    let mut command = super::binary::command(dir.path(), line);
    let (reader, _writer) = std::io::pipe().unwrap();
    command.stdin(reader);
    let answer = Answer::from_output(line, &command.output().unwrap()).ends_with(1);
    assert!(answer.error().contains("/dev/stdin: is a FIFO"), "{}", answer.stderr);
}

/// What Spark and others leave beside the data is no data; and a file counts once, by however many paths it is reached.
#[test]
fn a_data_set_as_writers_leave_it() {
    let dir = scratch::dir();
    let at = |name: &str| dir.path().join("set").join(name);
    sets::write_files(&at("part.parquet"), 2);
    std::fs::write(at("_SUCCESS"), "").unwrap();
    std::fs::write(at("_metadata"), "PAR1").unwrap();
    sets::write_file(&at("_x.parquet"), 7);
    sets::write_files(&at("_temporary/0"), 1);
    std::fs::hard_link(at("part.parquet/part_0.parquet"), at("hard.parquet")).unwrap();
    symlink("part.parquet/part_1.parquet", at("soft.parquet")).unwrap();
    symlink(".", at("round")).unwrap();
    let document = ringquet(dir.path(), "scan set --json").succeeds().document();
    assert_eq!((&document["files"], &document["rows"]), (&2.into(), &5000.into()));
    let twice = warnings(&document, "files_listed_twice");
    assert!(
        twice[0].starts_with("2 of 4 paths lead to a file that is listed already"),
        "{twice:?}"
    );
    let hidden = warnings(&document, "hidden_files_skipped");
    assert!(hidden[0].starts_with("skipped 2 entries (first: set/_temporary)"), "{hidden:?}");
    let links = warnings(&document, "links_not_followed");
    assert!(links[0].starts_with("skipped 1 entry (first: set/round)"), "{links:?}");

    let document = ringquet(dir.path(), "scan set/_x.parquet set/_temporary --json").succeeds();
    assert_eq!(document.document()["files"], 2);
    let line = "scan set/part.parquet set/../set/part.parquet/part_0.parquet set/part.parquet/part_0.parquet --json";
    let document = ringquet(dir.path(), line).succeeds().document();
    assert_eq!(document["files"], 2);
    assert_eq!(warnings(&document, "files_listed_twice").len(), 1);
}

/// Names of the greatest length that a file system takes.
#[test]
fn long_names() {
    let dir = scratch::dir();
    let name = format!("{}.parquet", "n".repeat(255 - 8));
    sets::write_file(&dir.path().join(&name), 0);
    ringquet(dir.path(), &format!("scan {name}")).succeeds();
    ringquet(dir.path(), "scan .").succeeds();
    let output = format!("{}.arrow", "o".repeat(255 - 6));
    ringquet(dir.path(), &format!("cat {name} -o {output}")).succeeds();
    assert!(dir.path().join(&output).is_file());
    let document = ringquet(dir.path(), "scan . --json").succeeds().stdout;
    std::fs::write(dir.path().join("scan.json"), document).unwrap();
    let output = format!("{}.html", "r".repeat(255 - 5));
    ringquet(dir.path(), &format!("report scan.json -o {output}")).succeeds();
    assert!(dir.path().join(&output).is_file());
}

/// What is read from memory says so: O_DIRECT works on a tmpfs too, since Linux 6.5.
#[test]
fn a_file_system_in_memory_is_no_device() {
    let Ok(dir) = tempfile::tempdir_in("/dev/shm") else { return };
    sets::write_files(dir.path(), 1);
    let line = |direct: &str| format!("scan . --json --direct {direct}");
    let document = ringquet(dir.path(), &line("auto")).succeeds().document();
    let messages = warnings(&document, "memory_file_system");
    assert!(
        messages[0].starts_with("1 of 1 files (first: ./part_0.parquet) are on tmpfs"),
        "{messages:?}"
    );
    let document = ringquet(dir.path(), &line("off")).succeeds().document();
    assert!(warnings(&document, "memory_file_system").is_empty());
    let on_disk = scratch::dir();
    sets::write_files(on_disk.path(), 1);
    let document = ringquet(on_disk.path(), &line("auto")).succeeds().document();
    assert!(warnings(&document, "memory_file_system").is_empty());
}

/// What people name `.parquet` by mistake, or get instead of a file: the message says what it is.
#[test]
fn files_that_are_something_else() {
    let dir = scratch::dir();
    let check = |bytes: &[u8], expect: &str| {
        std::fs::write(dir.path().join("x.parquet"), bytes).unwrap();
        for verb in ["scan", "plan", "inspect", "cat"] {
            let answer = ringquet(dir.path(), &format!("{verb} x.parquet")).ends_with(1);
            assert!(answer.error().contains(expect), "{verb}: {}", answer.stderr);
        }
    };
    check(b"\x1f\x8b\x08\0\0\0\0\0\0\x03lots of bytes", "it looks like gzip: decompress it first");
    check(b"<!DOCTYPE html><html><title>Log in</title>", "it looks like a web page");
    check(b"{\"message\": \"not found\"}", "it looks like JSON");
    check(b"ARROW1\0\0lots of bytes ARROW1", "it looks like an Arrow IPC file");
    check(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "it looks like a Git LFS pointer: fetch the file itself with 'git lfs pull'",
    );
    check(b"id,name\n1,a\n2,b\n", "it looks like CSV");
    check(b"", "the file is empty");
    check(b"PAR1 and then nothing more", "it was cut off");
}

/// Opening is not in `seconds`: the document has both.
#[test]
fn opening_has_its_own_seconds() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 3);
    let document = ringquet(dir.path(), "scan . --json").succeeds().document();
    let number = |key: &str| document[key].as_f64().unwrap_or_else(|| panic!("{key}"));
    let (open, seconds) = (number("open_seconds"), number("seconds"));
    assert!(open > 0.0 && seconds > 0.0);
    for (rate, amount) in [
        ("rows_per_second", "rows"),
        ("read_bytes_per_second", "read_bytes"),
        ("decoded_bytes_per_second", "decoded_bytes"),
    ] {
        let with_open = number(&format!("{rate}_with_open"));
        let expect = number(amount) / (open + seconds);
        assert!((with_open / expect - 1.0).abs() < 1e-9, "{rate}: {with_open}, {expect}");
        assert!(with_open < number(rate));
    }
    let text = ringquet(dir.path(), "scan .").succeeds().stdout;
    assert!(text.contains("opening") && text.contains("with opening"), "{text}");
}
