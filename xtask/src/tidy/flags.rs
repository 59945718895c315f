//! Only `ringquet-cli` knows how options are spelt on the command line. A library names its own option, and the command line puts
//! the flag into the message.
//!
//! What existed when this check came is counted below, flag by flag. The list may only shrink: a flag that is found more often
//! than listed is a finding, and so is one that is found less often, until its number is lowered.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{Tree, code, is_test};
use crate::workshop::Workshop;

/// The crate that may.
const CLI: &str = "ringquet-cli";

/// Flags in code outside of the command line, and how often.
const KNOWN: &[(&str, usize)] = &[
    ("--byte-stream-split", 1),
    ("--direct", 1),
    ("--driver", 2),
    ("--files", 1),
    ("--first-file", 1),
    ("--iopoll", 1),
    ("--json", 2),
    ("--no-dictionary", 1),
    ("--page-size", 1),
    ("--preset", 1),
    ("--queue-depth", 1),
    ("--read-size", 2),
    ("--results-tree", 2),
    ("--threads", 2),
];

/// Programs whose flags stand in advice: what follows one of them on a line is theirs.
const OTHERS: [&str; 5] = ["docker ", "cargo ", "containers --ulimit", "fio ", "mpirun "];

pub(super) fn check(_: &Workshop, tree: &Tree) -> Result<Vec<String>> {
    Ok(compare(tree, KNOWN))
}

fn compare(tree: &Tree, known: &[(&str, usize)]) -> Vec<String> {
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, file) in tree.crate_sources() {
        if name == CLI || is_test(&file.path) {
            continue;
        }
        for (at, line) in code(&file.text) {
            for flag in flags(line) {
                found.entry(flag).or_default().push(format!("{}:{at}", file.path));
            }
        }
    }
    let mut findings = Vec::new();
    for (flag, places) in &found {
        let listed = known.iter().find(|(name, _)| name == flag).map_or(0, |(_, count)| *count);
        let count = places.len();
        if count > listed {
            findings.push(format!(
                "{}: {flag} in a library, found {count} times and {listed} are known: name the option and have ringquet-cli spell the flag",
                places.join(", ")
            ));
        }
    }
    for (flag, listed) in known {
        let count = found.get(flag).map_or(0, Vec::len);
        if count < *listed {
            findings.push(format!(
                "xtask/src/tidy/flags.rs: {flag} is found {count} times: lower its {listed}, or remove it"
            ));
        }
    }
    findings
}

/// The flags of ringquet in a line of code.
fn flags(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("--").filter_map(|(at, _)| {
        let before = &line[..at];
        // Neither a rule of dashes nor a CSS variable nor a decrement.
        if before.ends_with('-')
            || before.ends_with("var(")
            || before.ends_with(char::is_alphanumeric)
        {
            return None;
        }
        // A shell comment in advice begins anew.
        let sentence = before.rsplit('#').next().unwrap_or(before);
        let name = &line[at + 2..];
        let end = name.find(|c: char| !c.is_ascii_lowercase() && c != '-' && !c.is_ascii_digit());
        let name = &line[at..at + 2 + end.unwrap_or(name.len())];
        // Names of one letter are CSS variables.
        let is_flag = name.len() > 3 && name[2..].starts_with(|c: char| c.is_ascii_lowercase());
        let theirs = OTHERS
            .iter()
            .any(|other| sentence.contains(other) || format!("{sentence}{name}").contains(other));
        (is_flag && !theirs).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::super::support::tree;
    use super::*;

    #[test]
    fn flags_of_ringquet_are_told_from_others() {
        let check =
            |line: &str, expect: &[&str]| assert_eq!(flags(line).collect::<Vec<_>>(), expect);
        check(r#"format!("--queue-depth {}: lower --threads")"#, &["--queue-depth", "--threads"]);
        check(r#""docker update --cpus 2   # or --threads 3""#, &["--threads"]);
        check(r#""(--direct off measures)", "--sqpoll={cpu}""#, &["--direct", "--sqpoll"]);
        check(r#""var(--ink)" "|---|" "a--b" "-- x""#, &[]);
        check(r#""`cargo build --release --features mpi`""#, &[]);
        check(r#""for containers --ulimit memlock=-1""#, &[]);
    }

    #[test]
    fn the_list_only_shrinks() {
        let source =
            "fn a() { b(\"--json\"); }\n// --json\n#[cfg(test)]\nmod tests {\n \"--json\" }\n";
        let tree = tree(&[
            ("crates/ringquet/src/a.rs", source),
            ("crates/ringquet/src/a/tests.rs", source),
            ("crates/ringquet-cli/src/a.rs", source),
            ("xtask/src/a.rs", source),
        ]);
        assert_eq!(compare(&tree, &[("--json", 1)]), [""; 0]);
        let more = compare(&tree, &[]);
        assert!(more[0].starts_with("crates/ringquet/src/a.rs:1: --json"), "{more:?}");
        let fewer = compare(&tree, &[("--json", 2)]);
        assert!(fewer[0].contains("found 1 times: lower its 2"), "{fewer:?}");
        assert_eq!(compare(&tree, &[("--json", 1), ("--raw", 1)]).len(), 1);
    }
}
