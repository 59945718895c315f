//! `ringquet report`: results at a glance, as one page, as Markdown or as CSV.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ringquet_report::{MetricValue, ReportFormat};
use ringquet_result::path_text::{serialize_path_option, serialize_paths};
use serde::Serialize;

use crate::args::{ReportArgs, ReportFormatArg};
use crate::console::Console;
use crate::exit::{Exit, UsageError};
use crate::quantity::counted;
use crate::size::ByteSize;
use crate::unfinished::unfinished;

pub(crate) fn run(args: &ReportArgs, console: &mut Console) -> Result<Exit> {
    let format = format(args)?;
    console.set_options(&Options {
        results: &args.results,
        output: args.output.as_deref(),
        format,
    });
    if let Some(output) = &args.output {
        keeps_results(output, &args.results)?;
    }
    let report = ringquet_report::read(&args.results)?;
    let text = report.render(format);
    if let Some(output) = &args.output {
        write(output, &text)?;
    }
    let results = report
        .entries
        .iter()
        .map(|entry| ResultReport {
            label: &entry.label,
            name: &entry.name,
            kind: &entry.kind,
            source: &entry.source,
            metrics: &entry.metrics,
        })
        .collect();
    let report = Report {
        results,
        charts: report.charts.len(),
        output: args.output.as_deref(),
        output_bytes: args.output.is_some().then_some(text.len()),
        text: &text,
    };
    console.report(&report, &report)?;
    Ok(Exit::Done)
}

/// A report never takes the place of a result that it is made of.
fn keeps_results(output: &Path, results: &[PathBuf]) -> Result<(), UsageError> {
    let real = |path: &Path| path.canonicalize().ok();
    let Some(output_real) = real(output) else { return Ok(()) };
    match results.iter().any(|result| real(result).is_some_and(|result| result == output_real)) {
        true => {
            Err(UsageError(format!("-o {}: would overwrite one of the results", output.display())))
        }
        false => Ok(()),
    }
}

/// The format that was given or that the output's name implies; otherwise Markdown.
fn format(args: &ReportArgs) -> Result<ReportFormat, UsageError> {
    if let Some(format) = args.format {
        return Ok(match format {
            ReportFormatArg::Html => ReportFormat::Html,
            ReportFormatArg::Md => ReportFormat::Markdown,
            ReportFormatArg::Csv => ReportFormat::Csv,
        });
    }
    let Some(output) = &args.output else { return Ok(ReportFormat::Markdown) };
    ReportFormat::of_path(output).ok_or_else(|| {
        UsageError(format!(
            "-o {}: unknown extension: expected .html, .md or .csv, or use --format",
            output.display()
        ))
    })
}

/// The file appears under its name when it is complete.
fn write(output: &Path, text: &str) -> Result<()> {
    let context = || format!("cannot write {}", output.display());
    let is_plain = std::fs::symlink_metadata(output).map_or(true, |found| found.is_file());
    if !is_plain {
        // A pipe, a device or a link is written to, not replaced.
        return std::fs::write(output, text).with_context(context);
    }
    let unfinished = unfinished(output).with_context(context)?;
    let written =
        std::fs::write(&unfinished, text).and_then(|()| std::fs::rename(&unfinished, output));
    if written.is_err() {
        // What is left of it would only be found later and wondered at.
        let _ = std::fs::remove_file(&unfinished);
    }
    written.with_context(context)
}

/// `options` of the document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Options<'a> {
    /// Documents and folders of results, as typed.
    #[serde(serialize_with = "serialize_paths")]
    results: &'a [PathBuf],
    /// File that the report was written to; null for standard output.
    #[serde(serialize_with = "serialize_path_option")]
    output: Option<&'a Path>,
    /// What the report was written as.
    format: ReportFormat,
}

/// What a report was made of.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Report<'a> {
    /// The results of the report, in the order given.
    results: Vec<ResultReport<'a>>,
    /// Charts over several results.
    charts: usize,
    /// File that the report was written to; null where it was not written.
    #[serde(serialize_with = "serialize_path_option")]
    output: Option<&'a Path>,
    /// Length of that file in bytes.
    output_bytes: Option<usize>,
    #[serde(skip)]
    text: &'a str,
}

/// A result.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ResultReport<'a> {
    /// Letter by which the report calls it.
    label: &'a str,
    /// What it is a result of, as in `scan of /data/train`.
    name: &'a str,
    /// Command that made it, or `dlio`.
    kind: &'a str,
    /// Where it was read from.
    source: &'a str,
    /// What was measured, the most important first.
    metrics: &'a [MetricValue],
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(output) = self.output else { return f.write_str(self.text) };
        let results = counted(self.results.len() as u64, "result");
        let charts = counted(self.charts as u64, "chart");
        writeln!(f, "report       {results}, {charts}")?;
        write!(f, "written      {}, {}", output.display(), ByteSize(self.text.len() as u64))
    }
}
