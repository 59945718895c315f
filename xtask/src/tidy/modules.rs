//! Where a crate's `lib.rs` says of its modules that each uses only those above it, they do.

use anyhow::Result;

use super::{Tree, code, is_test};
use crate::workshop::Workshop;

/// What a `lib.rs` promises.
const PROMISE: &str = "each uses only those above it";

pub(super) fn check(_: &Workshop, tree: &Tree) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for (name, lib) in tree.crate_sources() {
        let src = format!("crates/{name}/src/");
        if lib.path != format!("{src}lib.rs") || !lib.text.contains(PROMISE) {
            continue;
        }
        let order: Vec<&str> = code(&lib.text).filter_map(|(_, line)| module(line)).collect();
        let place = |module: &str| order.iter().position(|other| *other == module);
        for (_, file) in
            tree.crate_sources().filter(|(of, file)| *of == name && !is_test(&file.path))
        {
            let path = file.path.strip_prefix(&src).unwrap_or_default();
            let own = path.split(['/', '.']).next().unwrap_or(path);
            let Some(own_place) = place(own) else { continue };
            for (at, line) in code(&file.text) {
                for used in used_modules(line) {
                    if place(used).is_some_and(|used| used > own_place) {
                        let path = &file.path;
                        findings.push(format!(
                            "{path}:{at}: {own} uses {used}, which is below it in lib.rs"
                        ));
                    }
                }
            }
        }
    }
    Ok(findings)
}

/// The module that a line declares, whose file it is.
fn module(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    line.strip_prefix("mod ")?.strip_suffix(';')
}

/// The modules of the crate's first level that a line names by their paths.
fn used_modules(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        (end > 0).then_some(&rest[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::super::support::tree;
    use super::*;

    #[test]
    fn a_module_that_uses_one_below_it_is_found() {
        let lib = "// Modules in reading order; each uses only those above it.\nmod error;\n\nmod thrift;\n";
        let up = "use crate::thrift::kind;\n#[cfg(test)]\nmod tests {\n    use crate::thrift;\n}\n";
        let tree = tree(&[
            ("crates/a/src/lib.rs", lib),
            ("crates/a/src/error.rs", up),
            (
                "crates/a/src/thrift/reader.rs",
                "use crate::error::Fault;\nuse crate::thrift::kind;\n",
            ),
            ("crates/b/src/lib.rs", "mod error;\nmod thrift;\n"),
            ("crates/b/src/error.rs", up),
        ]);
        let findings = check(&Workshop::open().unwrap(), &tree).unwrap();
        let expected = "crates/a/src/error.rs:1: error uses thrift, which is below it in lib.rs";
        assert_eq!(findings, [expected]);
    }
}
