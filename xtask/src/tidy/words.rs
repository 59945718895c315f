//! Nothing is left for later in the text, and links lead only where a reader expects them to lead: what is not on the list, such
//! as the host of a package registry, is configuration of one machine.

use anyhow::Result;

use super::Tree;
use crate::workshop::Workshop;

/// Marks of unfinished work: it goes into an issue instead. In two parts, so that this file has none.
const MARKS: [(&str, &str); 3] = [("TO", "DO"), ("FIX", "ME"), ("XX", "X")];

/// Hosts that text may link to.
const HOSTS: [&str; 7] = [
    "www.w3.org",
    "json-schema.org",
    "ringquet.invalid", // no host: names of schemas in tests
    "www.apache.org",
    "github.com",
    "git-lfs.github.com",
    "git-lfs", // how a pointer file begins
];

pub(super) fn check(_: &Workshop, tree: &Tree) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (at, line) in file.text.lines().enumerate() {
            let place = format!("{}:{}", file.path, at + 1);
            for (begin, end) in MARKS {
                let mark = format!("{begin}{end}");
                if words(line).any(|word| word == mark) {
                    findings.push(format!("{place}: {mark}: file an issue instead"));
                }
            }
            for host in hosts(line).filter(|host| !HOSTS.contains(host)) {
                findings.push(format!("{place}: a link to {host}, which is not in tidy's list"));
            }
        }
    }
    Ok(findings)
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric())
}

/// The hosts of the links in a line.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    let links = line.split("://").skip(1);
    let scheme =
        line.split("://").map(|before| before.ends_with("http") || before.ends_with("https"));
    links.zip(scheme).filter(|(_, is_web)| *is_web).filter_map(|(link, _)| {
        let end = link.find(|c: char| !c.is_ascii_alphanumeric() && !".-".contains(c));
        let host = &link[..end.unwrap_or(link.len())];
        // `https://…` in a pattern or a format string names no host.
        (!host.is_empty()).then_some(host)
    })
}

#[cfg(test)]
mod tests {
    use super::super::support::tree;
    use super::*;

    #[test]
    fn marks_and_unknown_hosts_are_found() {
        let (mark, scheme) = (["TO", "DO"].concat(), ["https", "://"].concat());
        let text = format!(
            "// {mark}: later\nautodoc TODOS\n{scheme}www.w3.org/2000/svg {scheme}registry.example/x\nfile://x {scheme}{{host}}\n"
        );
        let workshop = Workshop::open().unwrap();
        let findings = check(&workshop, &tree(&[("a.rs", &text)])).unwrap();
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings[0].starts_with(&format!("a.rs:1: {mark}")), "{findings:?}");
        assert!(findings[1].starts_with("a.rs:3: a link to registry.example"), "{findings:?}");
    }
}
