//! Reading everything once.

use super::binary::ringquet;
use super::sets;
use crate::scratch;

#[test]
fn the_digest_does_not_depend_on_how_it_is_read() {
    let dir = scratch::dir();
    sets::write_files(&dir.path().join("a"), 3);
    let digest = |options: &str| {
        let document = ringquet(dir.path(), &format!("scan a --digest --json {options}"));
        document.succeeds().document()["digest"].as_str().unwrap().to_owned()
    };
    let expect = digest("");
    for options in [
        "--driver pread",
        "--driver mmap",
        "--direct off",
        "--threads 1",
        "--threads 2",
        "--decoder fallback",
        "--queue-depth 1",
        "--read-size 4K --submit-batch 1",
        "--coalesce-gap 0",
        "--memory-budget 16MiB --threads 1",
        "--no-registered-buffers --no-registered-files",
        "--huge-pages off",
        "--cpus 0 --threads 1 --verify-crc",
    ] {
        assert_eq!(digest(options), expect, "{options}");
    }
    assert_ne!(digest("--columns id"), expect);
    std::fs::remove_file(dir.path().join("a/part_1.parquet")).unwrap();
    sets::write_file(&dir.path().join("a/part_1.parquet"), 7);
    assert_ne!(digest(""), expect, "another content has another digest");
}

#[test]
fn text_tells_rows_bytes_driver_and_decoder() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 2);
    let text = ringquet(dir.path(), "scan . --driver pread --direct off").succeeds().stdout;
    assert!(text.contains("5,000 rows of 2 files"), "{text}");
    assert!(text.contains("driver       pread, direct off, registered buffers off"), "{text}");
    for word in ["read ", "decoded ", "latency ", "p99", "device ", "fallback", "GiB/s"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn raw_reads_the_same_bytes_and_decodes_nothing() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 2);
    let raw = ringquet(dir.path(), "scan . --raw --json").succeeds().document();
    let decoded = ringquet(dir.path(), "scan . --json").succeeds().document();
    assert_eq!(raw["read_bytes"], decoded["read_bytes"]);
    assert_eq!(raw["decoded_bytes"], 0);
    assert!(decoded["decoded_bytes"].as_u64() > Some(0));
}

/// A directory is searched; what has another name, or a name that begins with a dot, is not read.
#[test]
fn directories_are_searched_for_parquet_files() {
    let dir = scratch::dir();
    sets::write_files(&dir.path().join("train/0"), 1);
    sets::write_files(&dir.path().join("train/1"), 2);
    std::fs::write(dir.path().join("train/notes.txt"), "no data").unwrap();
    std::fs::write(dir.path().join("train/.part_9.parquet"), "unfinished").unwrap();
    let document = ringquet(dir.path(), "scan train --json").succeeds().document();
    assert_eq!(document["files"], 3);
    let document = ringquet(dir.path(), "scan train/0 train/1/part_1.parquet --json").succeeds();
    assert_eq!(document.document()["files"], 2);
}

#[test]
fn quiet_keeps_the_report_and_drops_warnings() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    // Registered buffers without a driver that could have them: nothing to warn of, but huge pages are.
    let line = "scan . --huge-pages on --json";
    let loud = ringquet(dir.path(), line).succeeds();
    let quiet = ringquet(dir.path(), &format!("{line} --quiet")).succeeds();
    assert!(quiet.stderr.is_empty(), "{}", quiet.stderr);
    let warnings = loud.document()["warnings"].clone();
    assert_eq!(
        quiet.document()["warnings"].as_array().map(Vec::len),
        warnings.as_array().map(Vec::len)
    );
    for warning in warnings.as_array().unwrap() {
        let line = format!("warning[{}]: ", warning["code"].as_str().unwrap());
        assert!(loud.stderr.contains(&line), "{line}\n{}", loud.stderr);
    }
}
