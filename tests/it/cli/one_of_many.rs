//! One bad file among good ones: which verbs go on without it, and which refuse.

use super::binary::{Answer, ringquet};
use super::sets;
use crate::scratch;

/// A data set of three files in `set`, the second of which is empty. The others hold 5,000 rows.
fn set(dir: &std::path::Path) {
    sets::write_files(&dir.join("set"), 3);
    std::fs::write(dir.join("set/part_1.parquet"), "").unwrap();
}

/// The call fails, says one error, about the empty file, and has a report all the same.
#[track_caller]
fn goes_on(answer: Answer) -> Answer {
    let answer = answer.ends_with(1);
    let error = answer.error();
    assert!(error.contains("set/part_1.parquet: 0 bytes long"), "{error}");
    assert!(error.contains("the file is empty"), "{error}");
    assert!(!answer.stdout.is_empty(), "{}", answer.line);
    answer
}

#[test]
fn scan_reads_the_others() {
    let dir = scratch::dir();
    set(dir.path());
    for options in ["", "--threads 1", "--driver pread", "--raw"] {
        let document = goes_on(ringquet(dir.path(), &format!("scan set --json {options}")));
        let document = document.document();
        assert_eq!(document["files"], 2, "{options}");
        assert_eq!(document["failures"].as_array().unwrap().len(), 1, "{options}");
        assert_eq!(document["failures"][0]["path"], "set/part_1.parquet", "{options}");
        if options != "--raw" {
            assert_eq!(document["rows"], 5000, "{options}");
        }
    }
    let text = goes_on(ringquet(dir.path(), "scan set")).stdout;
    assert!(text.contains("5,000 rows of 2 files"), "{text}");
    let digest = goes_on(ringquet(dir.path(), "scan set --json --digest"));
    assert!(digest.document().get("digest").is_none(), "no digest of a part");
}

#[test]
fn plan_and_inspect_show_the_others() {
    let dir = scratch::dir();
    set(dir.path());
    let document = goes_on(ringquet(dir.path(), "plan set --json")).document();
    assert_eq!(document["units"].as_array().unwrap().len(), 6);
    assert_eq!(document["failures"].as_array().unwrap().len(), 1);
    let files = "set/part_0.parquet set/part_1.parquet set/part_2.parquet";
    let document = goes_on(ringquet(dir.path(), &format!("inspect {files} --json"))).document();
    assert_eq!(document["files"].as_array().unwrap().len(), 2);
    assert_eq!(document["failures"].as_array().unwrap().len(), 1);
}

/// The same for whatever can be wrong with a file, several of them at once.
#[test]
fn every_kind_of_bad_file_is_one_error() {
    let dir = scratch::dir();
    sets::write_files(&dir.path().join("set"), 2);
    let at = |name: &str| dir.path().join("set").join(name);
    let bytes = std::fs::read(at("part_0.parquet")).unwrap();
    std::fs::write(at("a_text.parquet"), "a,b\n1,2\n").unwrap();
    std::fs::write(at("b_cut.parquet"), &bytes[..bytes.len() / 2]).unwrap();
    let mut garbage = bytes.clone();
    // At the footer's start: what stands at its end are keys and values, of which any bytes are taken.
    let tail: [u8; 4] = bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap();
    let footer = bytes.len() - 8 - u32::from_le_bytes(tail) as usize;
    garbage[footer..footer + 50].fill(0xff);
    std::fs::write(at("c_garbage.parquet"), garbage).unwrap();
    std::os::unix::fs::symlink("nowhere", at("d_link.parquet")).unwrap();
    std::os::unix::fs::symlink("e_loop.parquet", at("e_loop.parquet")).unwrap();
    let answer = ringquet(dir.path(), "scan set --json nowhere").ends_with(1);
    let errors: Vec<&str> =
        answer.stderr.lines().filter_map(|line| line.strip_prefix("error: ")).collect();
    let document = answer.document();
    assert_eq!(document["rows"], 5000);
    let failures = document["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 6, "{document:#}");
    for (failure, expect) in failures.iter().zip([
        "nowhere: No such file",
        "a_text.parquet: 8 bytes long",
        "b_cut.parquet: not a Parquet file",
        "c_garbage.parquet: ",
        "d_link.parquet: cannot open: No such file",
        "e_loop.parquet: cannot open: Too many levels of symbolic links",
    ]) {
        let error = failure["error"].as_str().unwrap();
        assert!(error.contains(expect), "{expect}: {error}");
        assert!(errors.contains(&error), "{error}: {errors:?}");
    }
    assert!(failures[2]["error"].as_str().unwrap().contains("it was cut off"), "{failures:?}");
}

#[test]
fn strict_refuses_a_part() {
    let dir = scratch::dir();
    set(dir.path());
    for verb in ["scan", "plan"] {
        let answer = ringquet(dir.path(), &format!("{verb} set --strict")).ends_with(1);
        assert!(answer.error().contains("set/part_1.parquet"), "{}", answer.stderr);
        assert!(answer.stdout.is_empty(), "{}", answer.stdout);
    }
    std::fs::remove_file(dir.path().join("set/part_1.parquet")).unwrap();
    ringquet(dir.path(), "scan set --strict").succeeds();
}

/// A training run, or a measurement, of a part of the data is another one: it is refused.
#[test]
fn run_and_characterize_refuse() {
    let dir = scratch::dir();
    sets::write_workload(&dir.path().join("w.yaml"));
    ringquet(dir.path(), "datagen w.yaml").succeeds();
    let file = dir.path().join("data/train/img_1_of_3.parquet");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    for line in [
        "run w.yaml --accelerators 1 --results-dir results",
        "characterize . --test-file-size 16MiB --parquet data/train",
        "characterize . --test-file-size 16MiB --workload w.yaml",
    ] {
        let answer = ringquet(dir.path(), line).ends_with(1);
        let error = answer.error();
        assert!(error.contains("img_1_of_3.parquet: not a Parquet file"), "{line}: {error}");
        assert!(answer.stdout.is_empty(), "{}", answer.stdout);
    }
    let answer = ringquet(dir.path(), "verify data").ends_with(1);
    assert!(answer.error().contains("img_1_of_3.parquet"), "{}", answer.stderr);
    assert!(answer.stdout.contains("problems     1"), "{}", answer.stdout);
}
