//! `cargo xtask tidy`: what a reader of the checkout relies on and no compiler checks. In CI and in `cargo xtask test`; takes about
//! a second.
//!
//! Each check gives a list of findings, a line each that begins with the place; all are printed.

mod architecture;
mod commits;
mod files;
mod flags;
mod modules;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use xshell::cmd;

use crate::readme;
use crate::workshop::Workshop;

/// A check's name and what it finds.
type Check = (&'static str, fn(&Workshop, &Tree) -> Result<Vec<String>>);

const CHECKS: &[Check] = &[
    ("length of files", files::check),
    ("words", words::check),
    ("flags outside of the command line", flags::check),
    ("modules that use those below them", modules::check),
    ("ARCHITECTURE.md against the tree", architecture::check),
    ("README.md against benches/runs", tables),
    ("subjects of commits", commits::check),
];

/// Runs every check.
///
/// # Errors
/// Where there are findings; they are printed.
pub(crate) fn run(workshop: &Workshop) -> Result<()> {
    let tree = Tree::read(workshop)?;
    let mut all = 0;
    for (name, check) in CHECKS {
        let findings = check(workshop, &tree).with_context(|| format!("tidy, {name}"))?;
        for finding in &findings {
            println!("{finding}");
        }
        all += findings.len();
    }
    match all {
        0 => Ok(()),
        1 => bail!("tidy: a finding, see above"),
        all => bail!("tidy: {all} findings, see above"),
    }
}

fn tables(workshop: &Workshop, _: &Tree) -> Result<Vec<String>> {
    let checked = readme::run(workshop, true);
    Ok(checked.err().map(|error| format!("{error:#}")).into_iter().collect())
}

/// The text files that git tracks, or would track: ignored files are left out.
struct Tree {
    root: PathBuf,
    files: Vec<Text>,
}

/// A text file.
struct Text {
    /// Relative to the root.
    path: String,
    text: String,
}

/// Written by machines, by others, or kept as measured: held to nothing here.
const NOT_OURS: [&str; 6] = [
    "LICENSE",
    "benches/runs/",
    "docs/schema/",
    "tests/fuzz/seeds/",
    "tests/it/run/golden/",
    "tests/it/workload/reference/",
];

impl Tree {
    fn read(workshop: &Workshop) -> Result<Tree> {
        let listed = cmd!(workshop.sh, "git ls-files -z --cached --others --exclude-standard");
        let listed =
            listed.quiet().read().context("tidy reads a checkout, and git lists its files")?;
        let mut files = Vec::new();
        let mut paths: Vec<&str> = listed.split('\0').filter(|path| !path.is_empty()).collect();
        paths.sort_unstable();
        paths.dedup();
        for path in paths {
            if NOT_OURS.iter().any(|start| path.starts_with(start)) || path.ends_with(".lock") {
                continue;
            }
            // A file that was deleted and not yet committed is listed, too.
            let Ok(bytes) = fs::read(workshop.root.join(path)) else { continue };
            // Data of tests.
            let Ok(text) = String::from_utf8(bytes) else { continue };
            files.push(Text { path: path.to_owned(), text });
        }
        Ok(Tree { root: workshop.root.clone(), files })
    }

    /// The text of a file by its path.
    fn text(&self, path: &str) -> Result<&str> {
        let file = self.files.iter().find(|file| file.path == path);
        Ok(&file.with_context(|| format!("{path} is not there"))?.text)
    }

    /// Rust sources below crates/, with the folder of the crate.
    fn crate_sources(&self) -> impl Iterator<Item = (&str, &Text)> {
        self.files.iter().filter_map(|file| {
            let (name, rest) = file.path.strip_prefix("crates/")?.split_once('/')?;
            let is_source = rest.starts_with("src/") && rest.ends_with(".rs");
            is_source.then_some((name, file))
        })
    }
}

/// The lines of a source file that are compiled into the library: without comments that have a line of their own, without an item
/// that is for tests alone, and up to the module of tests, which stands at the end.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let next = move || loop {
        let (at, line) = lines.next()?;
        let trimmed = line.trim_start();
        if trimmed.starts_with("#[cfg(test)]") {
            let (_, item) = lines.next()?;
            if item.trim_start().starts_with("mod ") && item.ends_with('{') {
                return None;
            }
        } else if !trimmed.starts_with("//") {
            return Some((at, line));
        }
    };
    std::iter::from_fn(next)
}

/// Whether a source file holds tests alone: `tests.rs` or a file below `tests/`.
fn is_test(path: &str) -> bool {
    Path::new(path)
        .components()
        .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
}

#[cfg(test)]
mod support {
    use super::{Text, Tree};

    /// A tree of these files.
    pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
        let files = files
            .iter()
            .map(|(path, text)| Text { path: (*path).to_owned(), text: (*text).to_owned() });
        Tree { root: std::path::PathBuf::from("/nowhere"), files: files.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_has_no_comments_and_no_tests() {
        let text = "//! a\nfn b() {} // c\n    // d\n#[cfg(test)]\nmod c;\nmod d;\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(code(text).collect::<Vec<_>>(), [(2, "fn b() {} // c"), (6, "mod d;")]);
        assert!(is_test("crates/a/src/b/tests.rs") && !is_test("crates/a/src/tested.rs"));
    }

    /// What CI checks holds for this checkout.
    #[test]
    fn this_checkout_is_tidy() {
        let workshop = Workshop::open().unwrap();
        if workshop.root.join(".git").exists() {
            run(&workshop).unwrap();
        }
    }
}
