//! Every sentence in the source of every crate, one list per crate. Messages that are put together where they occur (what is wrong
//! with a page, a warning, a remark) are kept here, and no new one can be forgotten.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ringquet_messages::{assert_text, literals};

#[test]
fn sentences_of_every_crate() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates");
    let mut names: Vec<PathBuf> = entries(&crates);
    names.retain(|path| path.join("src").is_dir());
    assert!(names.len() > 10, "crates are below {}", crates.display());
    for path in names {
        let mut sources = Vec::new();
        add_sources(&path.join("src"), &mut sources);
        // A set: a file that is moved or split changes nothing.
        let sentences: BTreeSet<String> =
            sources.iter().flat_map(|source| literals::sentences(source)).collect();
        let list: Vec<String> = sentences.into_iter().collect();
        let name = path.file_name().expect("a crate has a name").to_string_lossy().into_owned();
        assert_text!(name, list.join("\n"));
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("the folder is in this repository");
    entries.map(|entry| entry.expect("its entries can be listed").path()).collect()
}

fn add_sources(dir: &Path, sources: &mut Vec<String>) {
    for path in entries(dir) {
        let is_test = path.file_stem().is_some_and(|stem| {
            stem == "tests" || stem == "interleavings" || stem.to_string_lossy().ends_with("_tests")
        });
        if is_test {
            continue;
        }
        if path.is_dir() {
            add_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(fs::read_to_string(&path).expect("source is UTF-8"));
        }
    }
}
