//! `ringquet check`: results against the rules of MLPerf Storage.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use ringquet_report::check::{self, CheckReport, RuleCheck, Verdict};
use ringquet_result::path_text::serialize_path;
use serde::Serialize;

use crate::args::CheckArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::quantity::counted;

/// Width at which the text of a rule is broken into lines.
const WIDTH: usize = 100;

pub(crate) fn run(args: &CheckArgs, console: &mut Console) -> Result<Exit> {
    console.set_options(&Options { dir: &args.dir });
    let report = Report(check::check(&args.dir)?);
    console.report_with_flags(&report, &report)?;
    Ok(if report.0.passed { Exit::Done } else { Exit::Failed })
}

/// `options` of the document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Options<'a> {
    /// Folder whose results were checked.
    #[serde(serialize_with = "serialize_path")]
    dir: &'a Path,
}

#[derive(Debug, Serialize)]
struct Report(CheckReport);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        for model in &report.models {
            writeln!(f, "all runs of {} in {}", model.model, model.folder.display())?;
            findings(f, &model.findings)?;
            writeln!(f)?;
        }
        for run in &report.runs {
            let standing = run.standing.map_or("unknown", |standing| standing.as_str());
            writeln!(f, "run {}, parameters {standing}", run.folder.display())?;
            findings(f, &run.findings)?;
            writeln!(f)?;
        }
        let rules = |count: usize, what: &str| format!("{} {what}", counted(count as u64, "rule"));
        write!(
            f,
            "{}, {}, {}",
            rules(report.passes, "kept"),
            rules(report.fails, "broken"),
            rules(report.unknowns, "unknown from the results")
        )
    }
}

fn findings(f: &mut fmt::Formatter<'_>, findings: &[RuleCheck]) -> fmt::Result {
    for finding in findings {
        let verdict = match finding.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "FAIL",
            Verdict::Unknown => "unknown",
            Verdict::Note => "note",
        };
        let rule = finding.rule;
        writeln!(f, "  {verdict:<8}{rule:<22}{}", broken(&finding.value, 32))?;
        // The requirement is of interest where it was not met.
        if finding.verdict != Verdict::Pass {
            writeln!(f, "{:32}required: {}", "", broken(&finding.asks, 32))?;
        }
    }
    Ok(())
}

/// Text in lines of about [`WIDTH`] letters, those after the first set in.
fn broken(text: &str, indent: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a first line");
        if !line.is_empty() && indent + line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join(&format!("\n{:indent$}", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_broken_between_words() {
        let text = broken(&"word ".repeat(30), 32);
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().skip(1).all(|line| line.starts_with(&" ".repeat(32))), "{text}");
        assert_eq!(broken("a", 4), "a");
        assert_eq!(broken("", 4), "");
    }
}
