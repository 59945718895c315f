//! ARCHITECTURE.md against the tree: its table of crates has every member of the workspace and their dependencies, no arrow runs up,
//! every source file that it names is there, and every file with `unsafe` is in its list.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use xshell::cmd;

use super::{Tree, code, is_test};
use crate::workshop::Workshop;

const PAGE: &str = "ARCHITECTURE.md";

pub(super) fn check(workshop: &Workshop, tree: &Tree) -> Result<Vec<String>> {
    let page = tree.text(PAGE)?;
    let metadata =
        cmd!(workshop.sh, "cargo metadata --no-deps --format-version 1").quiet().read()?;
    let metadata: Value = serde_json::from_str(&metadata).context("output of cargo metadata")?;
    let members = members(&metadata, &tree.root.display().to_string())?;
    let rooms = rooms(page)?;
    let mut findings = against_members(&rooms, &members);
    findings.extend(named_files(page, tree));
    findings.extend(unsafe_files(page, tree)?);
    Ok(findings)
}

/// A row of the table of crates.
#[derive(Debug, PartialEq)]
struct Room {
    /// `ringquet-io`, or the folder of what is no crate of its own: `tests/hostile`.
    name: String,
    /// Names of the crates that it may depend on.
    may: Vec<String>,
}

/// A member of the workspace.
#[derive(Debug)]
struct Member {
    package: String,
    /// Relative to the root.
    folder: String,
    /// Packages, and whether only tests or a feature bring them.
    dependencies: Vec<(String, bool)>,
}

fn members(metadata: &Value, root: &str) -> Result<Vec<Member>> {
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("not a string");
    packages
        .iter()
        .map(|package| {
            let manifest = text(&package["manifest_path"])?;
            let folder = manifest.strip_suffix("/Cargo.toml").unwrap_or(&manifest);
            let folder = folder.strip_prefix(root).unwrap_or(folder).trim_start_matches('/');
            let dependencies = package["dependencies"].as_array().context("no dependencies")?;
            let ours = dependencies.iter().filter(|dependency| dependency["path"].is_string());
            let ours = ours
                .map(|it| Ok((text(&it["name"])?, it["optional"] == true || it["kind"] == "dev")));
            Ok(Member {
                package: text(&package["name"])?,
                folder: folder.to_owned(),
                dependencies: ours.collect::<Result<_>>()?,
            })
        })
        .collect()
}

/// The rows of `| crate | what it is | may depend on |`.
fn rooms(page: &str) -> Result<Vec<Room>> {
    let head = "| crate | what it is | may depend on |";
    let table = page.split_once(head).with_context(|| format!("{PAGE}: no table {head:?}"))?.1;
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut rooms: Vec<Room> = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, _, may] = cells[..] else { bail!("{PAGE}: not three cells: {row}") };
        let name = name.trim_matches('`');
        let mut all = Vec::new();
        for word in without_parentheses(may).split(',').map(str::trim) {
            match word.trim_matches('`') {
                "–" => {}
                "all above" => all.extend(rooms.iter().map(|room| room.name.clone())),
                short => {
                    let long = format!("ringquet-{short}");
                    let known = |name: &str| rooms.iter().any(|room| room.name == name);
                    let found = [short, &long].into_iter().find(|name| known(name));
                    all.push(found.map(str::to_owned).with_context(|| {
                        format!(
                            "{PAGE}: {name} may depend on {short:?}, which is no crate above it"
                        )
                    })?);
                }
            }
        }
        rooms.push(Room { name: name.to_owned(), may: all });
    }
    ensure!(!rooms.is_empty(), "{PAGE}: the table of crates has no rows");
    Ok(rooms)
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0_usize;
    let kept = text.chars().filter(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    });
    kept.collect()
}

fn against_members(rooms: &[Room], members: &[Member]) -> Vec<String> {
    let mut findings = Vec::new();
    let room_of = |member: &Member| {
        rooms.iter().find(|room| room.name == member.package || room.name == member.folder)
    };
    let by_package: BTreeMap<&str, &Member> =
        members.iter().map(|member| (member.package.as_str(), member)).collect();
    for member in members {
        let Some(room) = room_of(member) else {
            findings.push(format!("{PAGE}: {} is not in the table of crates", member.folder));
            continue;
        };
        for (dependency, for_tests) in &member.dependencies {
            let Some(target) =
                by_package.get(dependency.as_str()).and_then(|member| room_of(member))
            else {
                continue;
            };
            // What is there for tests lies below everything: it depends on none of ours.
            let is_leaf = *for_tests && target.may.is_empty();
            if !room.may.contains(&target.name) && !is_leaf {
                findings.push(format!(
                    "{}/Cargo.toml: depends on {dependency}, which {PAGE} does not allow {}",
                    member.folder, room.name
                ));
            }
        }
    }
    for room in rooms {
        let is_member = |member: &Member| room.name == member.package || room.name == member.folder;
        if !members.iter().any(is_member) {
            findings.push(format!("{PAGE}: {} is no member of the workspace", room.name));
        }
    }
    findings
}

/// The words in backquotes, of one line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// `ringquet-io/queue.rs` or `queue.rs` of the crate named before it in the same cell, or of any.
fn is_at(name: &str, path: &str) -> bool {
    let inside = |crate_name: &str, rest: &str| {
        let source = format!("crates/{crate_name}/src/{rest}");
        match source.strip_suffix('*') {
            Some(folder) => path.starts_with(folder),
            None => path == source,
        }
    };
    if let Some((first, rest)) = name.split_once('/')
        && inside(first, rest)
    {
        return true;
    }
    path == name || path.strip_suffix(name).is_some_and(|before| before.ends_with('/'))
}

fn names_a_file(word: &str) -> bool {
    (word.ends_with(".rs") || word.ends_with("/*")) && !word.contains([' ', '<'])
}

fn named_files(page: &str, tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for (at, line) in page.lines().enumerate() {
        for word in quoted(line).filter(|word| names_a_file(word)) {
            if !tree.files.iter().any(|file| is_at(word, &file.path)) {
                findings.push(format!("{PAGE}:{}: no file is called {word}", at + 1));
            }
        }
    }
    findings
}

fn unsafe_files(page: &str, tree: &Tree) -> Result<Vec<String>> {
    let head = "## Where `unsafe` is\n";
    let section = page.split_once(head).with_context(|| format!("{PAGE}: no {head:?}"))?.1;
    let section = section.split("\n## ").next().unwrap_or(section);
    let listed: Vec<&str> =
        section.lines().flat_map(quoted).filter(|word| names_a_file(word)).collect();
    let mut findings = Vec::new();
    for (name, file) in tree.crate_sources() {
        let has = |(_, line): (usize, &str)| {
            ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "#[unsafe("]
                .iter()
                .any(|form| line.contains(form))
        };
        if is_test(&file.path) || !code(&file.text).any(has) {
            continue;
        }
        if !listed.iter().any(|word| is_at(word, &file.path)) {
            let path = &file.path;
            findings.push(format!("{path}: has unsafe, and {PAGE} does not list it ({name})"));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::super::support::tree;
    use super::*;

    const TABLE: &str = "| crate | what it is | may depend on |\n|---|---|---|\n\
        | `ringquet-io` | bytes | – |\n\
        | `ringquet` | reads | io (numbers, and more) |\n\
        | `ringquet-interleave` | for tests | – |\n\
        | `tests` | all | all above |\n\n";

    fn member(package: &str, folder: &str, dependencies: &[(&str, bool)]) -> Member {
        let dependencies =
            dependencies.iter().map(|(name, optional)| ((*name).to_owned(), *optional));
        Member {
            package: package.into(),
            folder: folder.into(),
            dependencies: dependencies.collect(),
        }
    }

    #[test]
    fn a_table_names_what_may_depend_on_what() {
        let rooms = rooms(TABLE).unwrap();
        assert_eq!(rooms.iter().map(|room| room.may.len()).collect::<Vec<_>>(), [0, 1, 0, 3]);
        let up = TABLE.replace("| bytes | – |", "| bytes | ringquet |");
        let error = super::rooms(&up).unwrap_err().to_string();
        assert!(error.contains("no crate above it"), "{error}");
        assert!(super::rooms("nothing").is_err());
        assert!(super::rooms(&TABLE.replace("| bytes ", "")).is_err());
    }

    #[test]
    fn members_and_rooms_are_the_same() {
        let rooms = rooms(TABLE).unwrap();
        let mut members = vec![
            member("ringquet-io", "crates/ringquet-io", &[("ringquet-interleave", true)]),
            member("ringquet", "crates/ringquet", &[("ringquet-io", false)]),
            member("ringquet-interleave", "crates/ringquet-interleave", &[]),
            member("ringquet-tests", "tests", &[("ringquet", false), ("ringquet-io", false)]),
        ];
        assert_eq!(against_members(&rooms, &members), [""; 0]);
        members[0].dependencies.push(("ringquet".to_owned(), false));
        let findings = against_members(&rooms, &members);
        assert!(findings[0].starts_with("crates/ringquet-io/Cargo.toml: depends on ringquet,"));
        members[0].dependencies.pop();
        members[2] = member("ringquet-new", "crates/ringquet-new", &[]);
        let findings = against_members(&rooms, &members);
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings[0].contains("crates/ringquet-new is not in the table"));
        assert!(findings[1].contains("ringquet-interleave is no member"));
    }

    #[test]
    fn files_are_where_the_page_says() {
        let tree = tree(&[
            ("crates/ringquet-io/src/queue.rs", "fn a() { unsafe { b() } }\n"),
            ("crates/ringquet-io/src/queue/tests.rs", "unsafe { b() }\n"),
            (
                "crates/ringquet/src/plan.rs",
                "// unsafe { }\n#[cfg(test)]\nmod tests {\nunsafe { b() }\n}\n",
            ),
        ]);
        let page = "`plan.rs`, `ringquet-io/queue.rs`, `queue/*`, `ringquet-io/gone.rs`\n## Where `unsafe` is\n`queue.rs`\n## Next\n";
        assert_eq!(named_files(page, &tree).len(), 2, "{:?}", named_files(page, &tree));
        assert_eq!(unsafe_files(page, &tree).unwrap(), [""; 0]);
        let page = page.replace("`queue.rs`\n##", "`plan.rs`\n##");
        assert_eq!(unsafe_files(&page, &tree).unwrap().len(), 1);
    }
}
