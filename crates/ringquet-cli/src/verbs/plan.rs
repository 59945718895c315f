//! `ringquet plan`: the reads that a scan would issue, as text, JSON or an fio iolog.

use std::path::Path;

use anyhow::{Context as _, Result};
use ringquet::Dataset;
use ringquet_io::Alignment;
use serde_json::json;

use super::source;
use crate::args::PlanArgs;
use crate::console::Console;
use crate::engine_args;
use crate::exit::Exit;

pub(crate) fn run(args: &PlanArgs, console: &mut Console) -> Result<Exit> {
    let options = args.engine.options(args.source.columns.columns.clone())?;
    let verb = json!({ "paths": args.source.paths, "fio_iolog": args.fio_iolog });
    console.set_options(engine_args::document(&options, verb));
    let dataset = source::open(&args.source.paths, options, console)?;
    let plan = dataset.plan();
    if let Some(file) = &args.fio_iolog {
        write_iolog(file, &plan.fio_iolog(alignment(&dataset)))?;
    }
    console.report(&plan, &plan)?;
    Ok(Exit::Done)
}

/// The alignment that every file of the data set takes.
fn alignment(dataset: &Dataset) -> Alignment {
    dataset.files().iter().map(|file| file.alignment).max().unwrap_or(Alignment::BYTE)
}

fn write_iolog(file: &Path, log: &str) -> Result<()> {
    std::fs::write(file, log).with_context(|| format!("{}: cannot write the iolog", file.display()))
}
