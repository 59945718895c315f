//! `ringquet doctor`: what is, what it should be, what that costs, what mends it.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use ringquet_device::doctor::{self, DoctorReport, Finding, Machine, Standing};
use ringquet_io::path_text::serialize_path_option;
use serde::Serialize;

use crate::args::DoctorArgs;
use crate::console::Console;
use crate::exit::Exit;

/// Looks, and ends with 0 whatever it finds: `broken` and `slow` of the document tell scripts.
pub(crate) fn run(args: &DoctorArgs, console: &mut Console) -> Result<Exit> {
    console.set_options(&Options { path: args.path.as_deref(), all: args.all });
    let machine = Machine::live(args.path.as_deref())?;
    let report = Report { doctor: doctor::examine(&machine), all: args.all };
    console.report_with_flags(&report, &report)?;
    Ok(Exit::Done)
}

/// `options` of the document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Options<'a> {
    /// Path on the storage that was to be checked; null for the machine alone.
    #[serde(serialize_with = "serialize_path_option")]
    path: Option<&'a Path>,
    /// The text lists what needs no change, too. The document lists it in any case.
    all: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Report {
    #[serde(flatten)]
    doctor: DoctorReport,
    /// Only text leaves something out.
    #[serde(skip)]
    all: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.doctor;
        let wrong =
            |finding: &&Finding| matches!(finding.standing, Standing::Broken | Standing::Slow);
        for finding in report.findings.iter().filter(wrong) {
            writeln!(f, "{:<7} {}: {}", word(finding.standing), name(finding), finding.is)?;
            writeln!(f, "        should be  {}", finding.should_be)?;
            writeln!(f, "        costs      {}", finding.costs)?;
            if let Some(mend) = &finding.mend {
                writeln!(f, "        mend       {mend}")?;
            }
        }
        let others = report.findings.iter().filter(|finding| !wrong(finding));
        for finding in others.filter(|_| self.all || report.broken + report.slow == 0) {
            write!(f, "{:<7} {}: {}", word(finding.standing), name(finding), finding.is)?;
            match finding.standing {
                Standing::Untold => writeln!(f, " (should be: {})", finding.should_be)?,
                _ => writeln!(f)?,
            }
        }
        write!(
            f,
            "{} broken, {} slow, {} good, {} not told{}",
            report.broken,
            report.slow,
            report.good,
            report.untold,
            if self.all || report.broken + report.slow == 0 {
                ""
            } else {
                "; --all lists them too"
            }
        )
    }
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Good => "good",
        Standing::Slow => "slow",
        Standing::Broken => "broken",
        Standing::Untold => "-",
    }
}

fn name(finding: &Finding) -> String {
    match &finding.subject {
        Some(subject) => format!("{} of {subject}", finding.code),
        None => finding.code.to_owned(),
    }
}
