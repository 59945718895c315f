//! Reports: one page from the documents and folders that other commands wrote.
//!
//! ```text
//!  files ─▶ source ─▶ scan, run, … ─▶ entries ─▶ compare ─▶ html, markdown, csv
//!                      numbers, tables, charts as points       svg on a canvas
//! ```
//! [`read()`] finds out what each result is and takes the fields that it supports; it
//! ignores other fields, so that results of later versions can be read. [`Report::render`] writes the report
//! in one of three formats. An HTML page is one file: it loads nothing and runs no scripts.

mod error;
mod units;

mod model;

mod source;

mod characterize;
mod entry;
mod reader;
mod run;
mod scan;
mod search;
mod steps;
mod variants;

mod compare;

mod canvas;
mod svg;
mod ticks;

mod csv;
mod html;
mod markdown;

pub mod check;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ringquet_result::{Fields, command_line};
use serde_json::Value;

pub use error::ReportError;
pub use model::{
    Axis, Better, Chart, Detail, Drawn, Level, MetricValue, Remark, Report, ResultEntry, Scale,
    Series, TextTable, Unit,
};

use source::Source;
pub(crate) use source::json as read_json;

/// Results of one report: each has a letter.
pub const RESULTS_MAX: usize = 26;

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    /// One page, with charts.
    Html,
    /// Tables.
    Markdown,
    /// Plain numbers, one a line.
    Csv,
}

impl ReportFormat {
    /// By the extension of a file's name.
    pub fn of_path(path: &Path) -> Option<ReportFormat> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match &*extension {
            "html" | "htm" => Some(ReportFormat::Html),
            "md" | "markdown" => Some(ReportFormat::Markdown),
            "csv" => Some(ReportFormat::Csv),
            _ => None,
        }
    }
}

/// Reads the results at `paths`: JSON documents of `scan`, `run`, `characterize` and `layout`, and
/// folders that `ringquet run` or DLIO wrote.
///
/// # Errors
/// [`ReportError`] names the first path that is no result, and why.
pub fn read(paths: &[PathBuf]) -> Result<Report, ReportError> {
    if paths.is_empty() {
        return Err(ReportError::Nothing);
    }
    if paths.len() > RESULTS_MAX {
        return Err(ReportError::TooMany { given: paths.len(), limit: RESULTS_MAX });
    }
    let mut entries = Vec::new();
    for (letter, path) in ('A'..='Z').zip(paths) {
        let mut entry = entry_of(&source::read(path)?, path)?;
        entry.label = letter.to_string();
        entry.source = path.display().to_string();
        entries.push(entry);
    }
    let mut charts = compare::take_charts(&mut entries);
    charts.extend(against_accelerators(&entries));
    Ok(Report { entries, charts })
}

fn entry_of(source: &Source, path: &Path) -> Result<ResultEntry, ReportError> {
    match source {
        Source::Document(document) => of_document(document, &[], path),
        Source::Folder { document: Some(document), ranks, .. } => {
            of_document(document, ranks, path)
        }
        Source::Folder { document: None, summary, ranks, readers } => {
            let empty = Value::Null;
            let mut entry = run::of_dlio(Fields(summary.as_ref().unwrap_or(&empty)), ranks);
            reader::add(&mut entry, readers);
            Ok(entry)
        }
    }
}

fn of_document(document: &Value, ranks: &[Value], path: &Path) -> Result<ResultEntry, ReportError> {
    let fields = Fields(document);
    let mut entry = match fields.text("command") {
        Some("scan") => scan::entry(fields),
        Some("run") if search::is_search(fields) => search::entry(fields),
        Some("run") => run::entry(fields, ranks),
        Some("layout") => variants::entry(fields),
        Some("characterize") => characterize::entry(fields),
        other => {
            let reason = match other {
                Some(command) => format!("was written by '{command}', which has no report"),
                None => "has no command".to_owned(),
            };
            return Err(ReportError::NotAResult { path: path.to_owned(), reason });
        }
    };
    let argv: Vec<_> = fields.list("argv").filter_map(|word| word.0.as_str()).collect();
    entry.command = (!argv.is_empty()).then(|| command_line::line(&argv));
    Ok(entry)
}

/// AU against accelerators, where runs of one kind differ in them.
fn against_accelerators(entries: &[ResultEntry]) -> Option<Chart> {
    let number = |entry: &ResultEntry, key: &str| {
        entry.metrics.iter().find(|metric| metric.key == key).map(|metric| metric.value)
    };
    /// Accelerators, AU in percent, and the AU asked for.
    type AuPoint = (f64, f64, Option<f64>);
    let mut models: BTreeMap<&str, Vec<AuPoint>> = BTreeMap::new();
    for entry in entries {
        let pair = (number(entry, "accelerators"), number(entry, "train.au_percent_mean"));
        if let (Some(accelerators), Some(au)) = pair {
            let model = entry.name.split(',').next().unwrap_or_default();
            let bar = number(entry, "au_percent_bar");
            models.entry(model).or_default().push((accelerators, au, bar));
        }
    }
    models.retain(|_, points| points.iter().any(|point| point.0 != points[0].0));
    let bars: Vec<Option<f64>> = models.values().flatten().map(|point| point.2).collect();
    let series: Vec<Series> = models
        .into_iter()
        .take(compare::SERIES_MAX)
        .map(|(model, mut points)| {
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let points = points.into_iter().map(|(accelerators, au, _)| (accelerators, au));
            Series { name: model.to_owned(), points: points.collect() }
        })
        .collect();
    let bar = bars.first().copied().flatten().filter(|bar| bars.iter().all(|b| *b == Some(*bar)));
    (!series.is_empty()).then(|| search::accelerators(series, bar))
}

impl Report {
    /// The report in one of its forms.
    pub fn render(&self, format: ReportFormat) -> String {
        match format {
            ReportFormat::Html => html::render(self),
            ReportFormat::Markdown => markdown::render(self),
            ReportFormat::Csv => csv::render(self),
        }
    }
}
