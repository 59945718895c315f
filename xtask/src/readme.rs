//! `cargo xtask readme`: writes the tables of README.md from the kept runs under `benches/runs`; with `--check` it says instead
//! whether they are what the runs say.
//!
//! A table stands between `<!-- readme: NAME, by cargo xtask readme -->` and `<!-- readme: end of NAME -->`. What stands outside of
//! such a pair is written by hand.

mod line;
mod run;
mod tables;

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use self::run::Runs;
use self::tables::PARTS;
use crate::workshop::Workshop;

/// Writes README's tables, or compares them.
///
/// # Errors
/// A run that is not understood; markers that are missing; with `check`, tables that differ.
pub(crate) fn run(workshop: &Workshop, check: bool) -> Result<()> {
    let runs = Runs::read(&workshop.root.join("benches/runs"))?;
    let path = workshop.root.join("README.md");
    let before = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut after = before.clone();
    for (name, part) in PARTS {
        after = spliced(&after, name, &part(&runs)).context("README.md")?;
    }
    if after == before {
        return Ok(());
    }
    if check {
        let same = before.lines().zip(after.lines()).take_while(|(old, new)| old == new).count();
        let line = same + 1;
        bail!(
            "README.md, line {line}: its tables are not those of benches/runs; 'cargo xtask readme' writes them"
        );
    }
    fs::write(&path, after).with_context(|| path.display().to_string())
}

/// `text` with `part` between the markers of `name`.
fn spliced(text: &str, name: &str, part: &str) -> Result<String> {
    let begin = format!("<!-- readme: {name}, by cargo xtask readme -->\n");
    let end = format!("<!-- readme: end of {name} -->");
    ensure!(text.matches(&begin).count() == 1, "not one line {:?}", begin.trim_end());
    let (before, rest) = text.split_once(&begin).context("no begin of the table")?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("no line {end:?} below"))?;
    Ok(format!("{before}{begin}{}\n{end}{after}", part.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_replaces_what_stands_between_its_markers() {
        let text =
            "a\n<!-- readme: x, by cargo xtask readme -->\nold\n<!-- readme: end of x -->\nb\n";
        let new = spliced(text, "x", "new\n\n").unwrap();
        assert_eq!(new, text.replace("old", "new"));
        assert_eq!(spliced(&new, "x", "new").unwrap(), new);
        assert!(spliced(text, "y", "").is_err());
        assert!(spliced(&text.replace("end of", "endof"), "x", "").is_err());
        assert!(spliced(&format!("{text}{text}"), "x", "").is_err());
    }
}
