//! Only `ringquet-cli` spells options as on the command line. A library names its own option, and the command line puts
//! the flag into the message (`crates/ringquet-cli/src/flags.rs`).

use std::collections::BTreeMap;

use anyhow::Result;

use super::{Tree, code, is_test};
use crate::workshop::Workshop;

/// The crate that may.
const CLI: &str = "ringquet-cli";

/// Programs whose flags stand in advice: what follows one of them on a line is theirs.
const OTHERS: [&str; 5] = ["docker ", "cargo ", "containers --ulimit", "fio ", "mpirun "];

pub(super) fn check(_: &Workshop, tree: &Tree) -> Result<Vec<String>> {
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
    let finding = |(flag, places): (&str, Vec<String>)| {
        let places = places.join(", ");
        format!(
            "{places}: {flag} in a library: name the option in backticks, and ringquet-cli spells the flag"
        )
    };
    Ok(found.into_iter().map(finding).collect())
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
    fn a_library_spells_no_flag() {
        let source =
            "fn a() { b(\"--json\"); }\n// --json\n#[cfg(test)]\nmod tests {\n \"--json\" }\n";
        let tree = tree(&[
            ("crates/ringquet/src/a.rs", source),
            ("crates/ringquet/src/a/tests.rs", source),
            ("crates/ringquet-cli/src/a.rs", source),
            ("xtask/src/a.rs", source),
        ]);
        let findings = check(&Workshop::open().unwrap(), &tree).unwrap();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].starts_with("crates/ringquet/src/a.rs:1: --json"), "{findings:?}");
    }
}
