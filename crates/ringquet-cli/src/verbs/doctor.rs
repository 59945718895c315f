//! `ringquet doctor`: each setting with its value, the value it should have, the cost, and the fix.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use ringquet_device::doctor::{self, Diagnosis, DoctorReport, Machine, Severity};
use ringquet_result::path_text::serialize_path_option;
use serde::Serialize;

use crate::args::DoctorArgs;
use crate::console::Console;
use crate::exit::Exit;

/// Examines the machine. The exit code is 0 whatever is found; scripts read `broken` and `slow` of the document.
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
    /// Only the text omits anything.
    #[serde(skip)]
    all: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.doctor;
        let wrong =
            |finding: &&Diagnosis| matches!(finding.standing, Severity::Broken | Severity::Slow);
        for finding in report.findings.iter().filter(wrong) {
            writeln!(f, "{:<7} {}: {}", word(finding.standing), name(finding), finding.is)?;
            writeln!(f, "        should be  {}", finding.should_be)?;
            writeln!(f, "        costs      {}", finding.costs)?;
            if let Some(mend) = &finding.mend {
                writeln!(f, "        fix        {mend}")?;
            }
        }
        let others = report.findings.iter().filter(|finding| !wrong(finding));
        for finding in others.filter(|_| self.all || report.broken + report.slow == 0) {
            write!(f, "{:<7} {}: {}", word(finding.standing), name(finding), finding.is)?;
            match finding.standing {
                Severity::Unknown => writeln!(f, " (should be: {})", finding.should_be)?,
                _ => writeln!(f)?,
            }
        }
        write!(
            f,
            "{} broken, {} slow, {} good, {} unknown{}",
            report.broken,
            report.slow,
            report.good,
            report.unknown,
            if self.all || report.broken + report.slow == 0 {
                ""
            } else {
                "; --all lists them too"
            }
        )
    }
}

fn word(standing: Severity) -> &'static str {
    match standing {
        Severity::Good => "good",
        Severity::Slow => "slow",
        Severity::Broken => "broken",
        Severity::Unknown => "unknown",
    }
}

fn name(finding: &Diagnosis) -> String {
    match &finding.subject {
        Some(subject) => format!("{} of {subject}", finding.code),
        None => finding.code.to_owned(),
    }
}
