//! No file is longer than 600 lines, unless it says why.

use anyhow::Result;

use super::Tree;
use crate::workshop::Workshop;

/// Longer ones are hard to hold in mind; CONTRIBUTING.md has the number.
const LINES_MAX: usize = 600;

/// What is written by hand.
const KINDS: [&str; 6] = [".rs", ".py", ".md", ".sh", ".toml", ".yaml"];

/// How a file says why it is longer, within its first lines: `// Longer than 600 lines: REASON`.
const REASON: &str = "Longer than 600 lines: ";

/// Lines in which the reason is looked for.
const HEAD_LINES: usize = 30;

/// A reason shorter than this is none.
const REASON_LETTERS: usize = 20;

pub(super) fn check(_: &Workshop, tree: &Tree) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for file in &tree.files {
        if !KINDS.iter().any(|kind| file.path.ends_with(kind)) {
            continue;
        }
        let lines = file.text.lines().count();
        let reason = file.text.lines().take(HEAD_LINES).find_map(reason);
        let path = &file.path;
        match reason {
            None if lines > LINES_MAX => findings.push(format!(
                "{path}: {lines} lines, more than {LINES_MAX}; give a part of it a name of its own, or say why not: '// {REASON}…'"
            )),
            Some(reason) if reason.trim().len() < REASON_LETTERS => {
                findings.push(format!("{path}: the reason for its length is none: {reason:?}"));
            }
            Some(_) if lines <= LINES_MAX => {
                findings.push(format!("{path}: {lines} lines need no reason, remove '{REASON}…'"));
            }
            _ => {}
        }
    }
    Ok(findings)
}

/// The reason of a line that is a comment and gives one.
fn reason(line: &str) -> Option<&str> {
    line.trim_start().trim_start_matches(['/', '#']).strip_prefix(' ')?.strip_prefix(REASON)
}

#[cfg(test)]
mod tests {
    use super::super::support::tree;
    use super::*;

    #[test]
    fn a_long_file_needs_a_reason_and_a_short_one_has_none() {
        let long = "x\n".repeat(601);
        let reason = format!("// {REASON}one table that is read from top to bottom\n");
        let files = [
            ("a.rs", long.clone()),
            ("b.rs", format!("{reason}{long}")),
            ("c.rs", format!("// {REASON}so\n{long}")),
            ("d.rs", reason),
            ("e.rs", "x\n".repeat(600)),
            ("f.json", long),
        ];
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let workshop = Workshop::open().unwrap();
        let findings = check(&workshop, &tree(&files)).unwrap();
        let begins = ["a.rs: 601 lines", "c.rs: the reason", "d.rs: 1 lines"];
        assert_eq!(findings.len(), begins.len(), "{findings:?}");
        for (finding, begin) in findings.iter().zip(begins) {
            assert!(finding.starts_with(begin), "{finding}");
        }
    }
}
