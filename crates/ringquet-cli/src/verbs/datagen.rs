//! `ringquet datagen`: writes the data set of a workload.

use std::fmt;

use anyhow::Result;
use ringquet_datagen::{ContentOptions, DatagenOptions, Existing, GenerateReport, PageOptions};
use serde::Serialize;

use super::source::{self, WorkloadOptions};
use crate::args::DatagenArgs;
use crate::console::Console;
use crate::exit::{Exit, UsageError};
use crate::progress::FilesBar;
use crate::quantity::{byte_rate, count, counted, seconds};
use crate::size::ByteSize;

pub(crate) fn run(args: &DatagenArgs, console: &mut Console) -> Result<Exit> {
    let loaded = source::load(&args.workload, console)?;
    let options = options(args)?;
    console.set_options(&Options {
        workload: WorkloadOptions::new(&args.workload, &loaded),
        resume: args.resume,
        force: args.force,
        datagen: &options,
    });
    let stop = console.stop_on_signals()?;
    let bar = FilesBar::new(console, "generating");
    let generated = ringquet_datagen::generate(&loaded, &options, &bar, stop.as_atomic());
    bar.finish();
    let report = Report(generated?);
    for warning in &report.0.warnings {
        console.warn(warning.code, &*warning.message);
    }
    console.report(&report, &report)?;
    Ok(Exit::Done)
}

fn options(args: &DatagenArgs) -> Result<DatagenOptions, UsageError> {
    Ok(DatagenOptions {
        seed: args.seed,
        first_file: args.first_file,
        files: args.files,
        threads: args.threads.map_or(0, usize::from),
        existing: match (args.resume, args.force) {
            (true, _) => Existing::Resume,
            (_, true) => Existing::Force,
            _ => Existing::Refuse,
        },
        direct: args.direct.choice(),
        driver: args.driver.choice(),
        content: ContentOptions {
            repeat_fraction: args.repeat_fraction,
            raw_floats: args.raw_floats,
        },
        pages: pages(args)?,
        ..DatagenOptions::default()
    })
}

fn pages(args: &DatagenArgs) -> Result<PageOptions, UsageError> {
    let default = PageOptions::default();
    let page_bytes = match args.page_size {
        None => default.page_bytes,
        Some(ByteSize(bytes)) => u32::try_from(bytes)
            .map_err(|_| UsageError(format!("--page-size {bytes}: must be less than 4 GiB")))?,
    };
    Ok(PageOptions {
        dictionary: !args.no_dictionary,
        byte_stream_split: args.byte_stream_split,
        data_page_v2: args.data_page_v2,
        page_index: args.page_index,
        page_bytes,
    })
}

/// `options` of the document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Options<'a> {
    #[serde(flatten)]
    workload: WorkloadOptions<'a>,
    /// Files that an earlier call finished are kept.
    resume: bool,
    /// Files that are there are written again.
    force: bool,
    #[serde(flatten)]
    datagen: &'a DatagenOptions,
}

#[derive(Debug, Serialize)]
struct Report(GenerateReport);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        write!(f, "files        {}", count(report.files))?;
        if report.files_kept > 0 {
            write!(f, ", {} of them kept", count(report.files_kept))?;
        }
        writeln!(f, ", {}", counted(report.rows, "row"))?;
        write!(f, "on disk      {}", ByteSize(report.bytes))?;
        if report.bytes_written > 0 {
            write!(f, ", written at {}", byte_rate(report.bytes_written, report.seconds))?;
        }
        writeln!(f)?;
        if let Some(driver) = report.written_with {
            let way = if report.direct { "O_DIRECT" } else { "through the page cache" };
            writeln!(f, "written with {}, {way}", driver.as_str())?;
        }
        let threads = counted(report.threads as u64, "thread");
        writeln!(f, "time         {}, {threads}", seconds(report.seconds))?;
        writeln!(f, "digest       {}", report.digest)?;
        write!(f, "manifest     {}", report.manifest.display())
    }
}
