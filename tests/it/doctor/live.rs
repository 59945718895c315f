//! This machine, through the binary.

use crate::cli::binary::ringquet;
use crate::scratch;

#[test]
fn every_finding_says_what_is_and_what_it_should_be() {
    let dir = scratch::dir();
    let answer = ringquet(dir.path(), "doctor . --json").succeeds();
    let document = answer.document();
    assert_eq!(document["command"], "doctor");
    assert_eq!(document["schema_version"], 1);
    let findings = document["findings"].as_array().unwrap();
    for finding in findings {
        assert!(!finding["is"].as_str().unwrap().is_empty(), "{finding}");
        assert!(!finding["should_be"].as_str().unwrap().is_empty(), "{finding}");
        if finding["standing"] == "slow" || finding["standing"] == "broken" {
            assert!(!finding["costs"].as_str().unwrap().is_empty(), "{finding}");
        }
    }
    let has = |code: &str| findings.iter().any(|finding| finding["code"] == code);
    for code in [
        "kernel",
        "io_uring_disabled",
        "seccomp",
        "locked_memory",
        "open_files",
        "huge_pages",
        "cpu_governor",
        "file_system",
        "o_direct",
    ] {
        assert!(has(code), "{code}: {document:#}");
    }
    let count = |key: &str| document[key].as_u64().unwrap();
    let told = count("good") + count("slow") + count("broken") + count("untold");
    assert_eq!(told, findings.len() as u64);
}

#[test]
fn text_tells_the_same_and_names_commands() {
    let dir = scratch::dir();
    let document = ringquet(dir.path(), "doctor . --json").succeeds().document();
    let text = ringquet(dir.path(), "doctor . --all").succeeds().stdout;
    for finding in document["findings"].as_array().unwrap() {
        assert!(text.contains(finding["code"].as_str().unwrap()), "{finding}\n{text}");
        let wrong = finding["standing"] == "slow" || finding["standing"] == "broken";
        if let (true, Some(mend)) = (wrong, finding["mend"].as_str()) {
            assert!(text.contains(mend), "{finding}\n{text}");
        }
    }
    let without_path = ringquet(dir.path(), "doctor").succeeds().stdout;
    assert!(without_path.contains("good"), "{without_path}");
}

#[test]
fn a_path_that_is_not_there() {
    let dir = scratch::dir();
    let answer = ringquet(dir.path(), "doctor nowhere").ends_with(1);
    assert!(answer.error().contains("nowhere: No such file"), "{}", answer.error());
}

/// Nothing is written, not even into the directory that is looked at.
#[test]
fn the_directory_is_left_as_it_was() {
    let dir = scratch::dir();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    ringquet(dir.path(), "doctor empty").succeeds();
    assert_eq!(std::fs::read_dir(dir.path().join("empty")).unwrap().count(), 0);
}
