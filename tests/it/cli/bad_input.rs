//! Bad input, one kind after the other: one clear line that names the file and what is wrong, exit code 1 or 2, and
//! no panic.

use std::path::Path;

use super::binary::ringquet;
use super::sets;
use crate::scratch;

/// Every verb that reads `path` ends with 1 and one line that contains `path` and `expect`.
#[track_caller]
fn check(dir: &Path, path: &str, expect: &str) {
    let mut verbs = vec!["scan", "plan", "inspect"];
    if path.ends_with(".parquet") {
        verbs.push("cat");
    }
    for verb in verbs {
        let answer = ringquet(dir, &format!("{verb} {path}")).ends_with(1);
        let error = answer.error();
        assert!(error.contains(path) && error.contains(expect), "{verb} {path}: {error}");
        assert_eq!(answer.stderr.lines().count(), 1, "{verb} {path}: {}", answer.stderr);
        assert!(answer.stdout.is_empty(), "{verb} {path}: {}", answer.stdout);
    }
}

/// A sound file of this length in bytes, with its footer's length.
fn sound_file(path: &Path) -> (Vec<u8>, usize) {
    sets::write_file(path, 0);
    let bytes = std::fs::read(path).unwrap();
    let tail: [u8; 4] = bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap();
    let footer_bytes = u32::from_le_bytes(tail) as usize;
    (bytes, footer_bytes)
}

#[test]
fn a_path_that_is_not_there() {
    let dir = scratch::dir();
    check(dir.path(), "nowhere", "No such file or directory");
    check(dir.path(), "nowhere.parquet", "No such file or directory");
}

#[test]
fn an_empty_directory() {
    let dir = scratch::dir();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    check(dir.path(), "empty", "no *.parquet file");
}

#[test]
fn a_directory_with_a_file_that_is_not_parquet() {
    let dir = scratch::dir();
    sets::write_files(&dir.path().join("mixed"), 2);
    let text = "this is a letter, not a Parquet file\n";
    std::fs::write(dir.path().join("mixed/part_1.parquet"), text).unwrap();
    check(dir.path(), "mixed/part_1.parquet", "not a Parquet file");
    check(dir.path(), "mixed/part_1.parquet", "it looks like text");
    // The other file is read: see one_of_many.rs.
    std::fs::remove_file(dir.path().join("mixed/part_0.parquet")).unwrap();
    check(dir.path(), "mixed", "part_1.parquet: not a Parquet file");
}

#[test]
fn files_that_are_too_short() {
    let dir = scratch::dir();
    for (name, bytes) in [
        ("empty.parquet", &b""[..]),
        ("magic.parquet", b"PAR1"),
        ("eleven.parquet", b"PAR1aaaPAR1"),
    ] {
        std::fs::write(dir.path().join(name), bytes).unwrap();
        check(dir.path(), name, "too short for a Parquet file");
    }
}

#[test]
fn a_truncated_file() {
    let dir = scratch::dir();
    let path = dir.path().join("cut.parquet");
    let (bytes, footer_bytes) = sound_file(&path);
    // In the middle of the data, at the end of the data, in the middle of the footer, within the tail.
    let end_of_data = bytes.len() - 8 - footer_bytes;
    for len in [bytes.len() / 2, end_of_data, bytes.len() - 8 - footer_bytes / 2, bytes.len() - 3] {
        std::fs::write(&path, &bytes[..len]).unwrap();
        check(dir.path(), "cut.parquet", "not a Parquet file: it ends with");
    }
}

/// The tail is there, but half of the footer in front of it is not.
#[test]
fn a_footer_with_a_hole() {
    let dir = scratch::dir();
    let path = dir.path().join("hole.parquet");
    let (bytes, footer_bytes) = sound_file(&path);
    let footer = bytes.len() - 8 - footer_bytes;
    for hole in [footer..footer + footer_bytes / 2, footer + footer_bytes / 2..bytes.len() - 8] {
        let mut cut = bytes.clone();
        cut.drain(hole);
        std::fs::write(&path, cut).unwrap();
        check(dir.path(), "hole.parquet", "");
    }
}

#[test]
fn a_footer_longer_than_the_file() {
    let dir = scratch::dir();
    let path = dir.path().join("long.parquet");
    let (mut bytes, _) = sound_file(&path);
    let tail = bytes.len() - 8;
    bytes[tail..tail + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    check(dir.path(), "long.parquet", "expected 4294967295 bytes");
}

/// One damaged file of several: its error names it, the others are read, and the call fails.
#[test]
fn damaged_pages() {
    let dir = scratch::dir();
    sets::write_files(&dir.path().join("set"), 3);
    let path = dir.path().join("set/part_1.parquet");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4..40].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let answer = ringquet(dir.path(), "scan set --json --threads 1").ends_with(1);
    assert!(answer.error().contains("set/part_1.parquet"), "{}", answer.stderr);
    let document = answer.document();
    assert_eq!(document["failures"].as_array().map(Vec::len), Some(1), "{document:#}");
    assert!(document["rows"].as_u64() >= Some(2 * sets::FILE_ROWS), "{}", document["rows"]);
    let answer = ringquet(dir.path(), "scan set --json --digest").ends_with(1);
    assert!(answer.document().get("digest").is_none(), "no digest of a part");
}

#[test]
fn a_column_that_is_not_there() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    for verb in ["scan", "plan", "cat"] {
        let answer = ringquet(dir.path(), &format!("{verb} part_0.parquet --columns id,txet"));
        let answer = answer.ends_with(1);
        let error = answer.error();
        assert!(error.contains("no column 'txet'") && error.contains("'text'"), "{verb}: {error}");
    }
}

#[test]
fn a_workload_with_a_misspelt_key() {
    let dir = scratch::dir();
    let path = dir.path().join("w.yaml");
    let misspelt = sets::WORKLOAD.replace("num_files_train: 3", "num_files_trian: 3");
    std::fs::write(&path, misspelt).unwrap();
    let check = |line: &str| {
        let loose = ringquet(dir.path(), line).succeeds();
        let warning = "warning[unknown_key]: w.yaml:10: `dataset.num_files_trian`";
        assert!(loose.stderr.contains(warning), "{}", loose.stderr);
        assert!(loose.stderr.contains("num_files_train"), "the right name: {}", loose.stderr);
        let strict = ringquet(dir.path(), &format!("{line} --strict")).ends_with(2);
        assert!(
            strict.error().contains("w.yaml:10: `dataset.num_files_trian`"),
            "{}",
            strict.stderr
        );
    };
    check("datasize w.yaml --accelerators 1 --host-memory 1MiB");
    check("datagen w.yaml dataset.num_samples_per_file=10 --force");
}

#[test]
fn a_workload_that_says_something_impossible() {
    let dir = scratch::dir();
    let path = dir.path().join("w.yaml");
    let check = |from: &str, to: &str, expect: &[&str]| {
        std::fs::write(&path, sets::WORKLOAD.replace(from, to)).unwrap();
        for line in ["datagen w.yaml", "datasize w.yaml --accelerators 1 --host-memory 1GiB"] {
            let answer = ringquet(dir.path(), line).ends_with(1);
            let error = answer.error();
            for part in expect {
                assert!(error.contains("w.yaml:") && error.contains(part), "{part}: {error}");
            }
        }
    };
    check("dtype: int8", "dtype: int9", &["dtype", "int9", "expected", "int16"]);
    check("num_files_train: 3", "num_files_train: -3", &["dataset.num_files_train", "-3"]);
    check("epochs: 2", "epochs: two", &["train.epochs", "two"]);
    check("dataset:", "dataset: [", &["w.yaml:"]);
    assert!(!dir.path().join("data").exists(), "nothing was generated");
}

#[test]
fn a_workload_that_is_not_there() {
    let dir = scratch::dir();
    let answer = ringquet(dir.path(), "datagen nowhere.yaml").ends_with(1);
    assert!(answer.error().starts_with("nowhere.yaml: cannot read"), "{}", answer.stderr);
}

#[test]
fn a_data_set_without_a_manifest() {
    let dir = scratch::dir();
    sets::write_files(dir.path(), 1);
    let answer = ringquet(dir.path(), "verify .").ends_with(1);
    assert!(answer.error().contains("no manifest"), "{}", answer.stderr);
    let answer = ringquet(dir.path(), "verify nowhere").ends_with(1);
    assert!(answer.error().contains("nowhere"), "{}", answer.stderr);
}
