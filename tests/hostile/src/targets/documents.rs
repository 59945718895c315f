//! Results that `report` reads: JSON documents, up to three. Whatever they hold, a text in them stays text in every form of
//! the report, and the page loads and runs nothing.

use std::path::{Path, PathBuf};

use ringquet_report::{ReportFormat, read};

use crate::folder::{in_folder, parts};
use crate::markup::{check_csv, check_html, check_markdown};

/// Columns of a report as CSV.
const CSV_COLUMNS: usize = 7;

/// Runs the target on `bytes`.
///
/// # Panics
/// When what must hold does not.
pub fn documents(bytes: &[u8]) {
    let names = ["a.json", "b.json", "c.json"];
    let files = parts(bytes, &names);
    in_folder(&files, |dir| {
        let paths: Vec<PathBuf> = files.iter().map(|(name, _)| dir.join(name)).collect();
        check_report(dir, &paths);
    });
}

/// Reads the results at `paths` and writes all forms of the report.
pub(super) fn check_report(dir: &Path, paths: &[PathBuf]) {
    if paths.is_empty() {
        return;
    }
    let report = match read(paths) {
        Ok(report) => report,
        Err(error) => {
            let message = error.to_string();
            assert!(message.contains(&dir.display().to_string()), "names no path: {message}");
            return;
        }
    };
    let forms = [
        check_html(&report.render(ReportFormat::Html)),
        check_markdown(&report.render(ReportFormat::Markdown)),
        check_csv(&report.render(ReportFormat::Csv), CSV_COLUMNS),
    ];
    for form in forms {
        form.unwrap_or_else(|error| panic!("a result became markup: {error}"));
    }
}
