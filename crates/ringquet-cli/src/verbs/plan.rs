//! `ringquet plan`: the reads that a scan would issue, as text, JSON or an fio iolog.

use ringquet_result::WarningCode;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use ringquet::Dataset;
use ringquet::engine::EngineOptions;
use ringquet::engine::plan::Plan;
use ringquet::report::Failure;
use ringquet_io::Alignment;
use ringquet_result::path_text::serialize_path_option;
use serde::Serialize;

use super::source::{self, SourceOptions};
use crate::args::PlanArgs;
use crate::console::Console;
use crate::exit::Exit;

pub(crate) fn run(args: &PlanArgs, console: &mut Console) -> Result<Exit> {
    let options = args.engine.options(args.source.columns.columns.clone())?;
    console.set_options(&Options {
        source: SourceOptions::new(&args.source),
        fio_iolog: args.fio_iolog.as_deref(),
        engine: &options,
    });
    let dataset = source::open_all_of(&args.source, options, console)?;
    let plan = dataset.plan();
    if let Some(file) = &args.fio_iolog {
        let breaks = |path: &Path| path.as_os_str().as_bytes().iter().any(u8::is_ascii_whitespace);
        if let Some(row_group) = plan.row_groups.iter().find(|row_group| breaks(&row_group.path)) {
            let path = row_group.path.display();
            console.warn(
                WarningCode::FioIologNames,
                format!("{path}: fio cannot read names with blanks or line breaks from an iolog; use a symbolic link without them"),
            );
        }
        write_iolog(file, &plan.fio_iolog(alignment(&dataset)))?;
    }
    let report = Report { plan, failures: source::failures(&dataset) };
    console.report(&report, &report.plan)?;
    Ok(source::end(&dataset))
}

/// `options` of the document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Options<'a> {
    #[serde(flatten)]
    source: SourceOptions<'a>,
    /// File that the fio iolog was written to.
    #[serde(serialize_with = "serialize_path_option")]
    fio_iolog: Option<&'a Path>,
    #[serde(flatten)]
    engine: &'a EngineOptions,
}

/// The reads that a scan would issue.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Report {
    #[serde(flatten)]
    plan: Plan,
    /// Files that are not in the plan.
    failures: Vec<Failure>,
}

/// The alignment that every file of the data set takes.
fn alignment(dataset: &Dataset) -> Alignment {
    dataset.files().iter().map(|file| file.alignment).max().unwrap_or(Alignment::BYTE)
}

fn write_iolog(file: &Path, log: &[u8]) -> Result<()> {
    std::fs::write(file, log).with_context(|| format!("{}: cannot write the iolog", file.display()))
}
