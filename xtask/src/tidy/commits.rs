//! The subject of a commit that is not yet upstream has at most 72 characters.

use anyhow::Result;
use xshell::cmd;

use super::Tree;
use crate::workshop::Workshop;

/// As CONTRIBUTING.md says.
const SUBJECT_MAX: usize = 72;

/// Where the others' work is: the branch that this one follows, else the usual names.
const BASES: [&str; 3] = ["@{upstream}", "origin/main", "origin/master"];

pub(super) fn check(workshop: &Workshop, _: &Tree) -> Result<Vec<String>> {
    let sh = &workshop.sh;
    let base = BASES.into_iter().find(|base| {
        let asked = cmd!(sh, "git rev-parse --quiet --verify {base}").quiet();
        asked.ignore_stdout().ignore_stderr().run().is_ok()
    });
    let Some(base) = base else {
        println!(
            "SKIPPED subjects of commits: this branch follows none, so it is unknown which are new"
        );
        return Ok(Vec::new());
    };
    let range = format!("{base}..HEAD");
    let log = cmd!(sh, "git log --no-merges --format=%h\t%s {range}").quiet().read()?;
    Ok(too_long(&log))
}

/// Of lines `HASH TAB SUBJECT`.
fn too_long(log: &str) -> Vec<String> {
    let commits = log.lines().filter_map(|line| line.split_once('\t'));
    let long = commits.filter(|(_, subject)| subject.chars().count() > SUBJECT_MAX);
    long.map(|(hash, subject)| {
        let length = subject.chars().count();
        format!("commit {hash}: a subject of {length} characters, at most {SUBJECT_MAX}: {subject}")
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_counted_in_characters() {
        let long = format!("a1b2\t{}", "ü".repeat(73));
        let short = format!("c3d4\t{}", "ü".repeat(72));
        let findings = too_long(&format!("{short}\n{long}\n"));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].starts_with("commit a1b2: a subject of 73 characters"));
    }
}
