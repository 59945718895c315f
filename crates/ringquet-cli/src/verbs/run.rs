//! `ringquet run`: plays a workload with emulated accelerators.

use std::fmt;

use anyhow::Result;
use indicatif::ProgressBar;
use ringquet::DecodeMode;
use ringquet_bench::{Phase, Progress, RunOptions, RunReport};
use serde::Serialize;

use super::source;
use crate::args::{DecodeArg, RunArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::progress;
use crate::quantity::{byte_rate, count, counted, rate, seconds};
use crate::size::ByteSize;
use crate::stop;

pub(crate) fn run(args: &RunArgs, console: &mut Console) -> Result<Exit> {
    let options = RunOptions {
        results_tree: args.results_tree,
        engine: args.engine.options(args.columns.clone())?,
        decode: match args.decode {
            DecodeArg::Arrow => DecodeMode::Arrow,
            DecodeArg::Raw => DecodeMode::Raw,
        },
        drop_caches: args.drop_caches,
        ..RunOptions::new(args.accelerators, args.results_dir.clone())
    };
    let loaded = source::load(&args.workload, console)?;
    console.set_options(options.to_json(&loaded));
    let stop = stop::on_signals()?;
    let bar = progress::counted(console, "training", 0, "steps");
    let played = ringquet_bench::run(&loaded, &options, &|done| show(&bar, done), &stop);
    bar.finish_and_clear();
    let report = Report(played?);
    console.warn_all(&report.0.warnings);
    console.report(&report, &report)?;
    Ok(judge(&report.0, console))
}

fn show(bar: &ProgressBar, done: Progress) {
    let Progress { epoch, epochs, step, steps, au_percent, .. } = done;
    let phase = match done.phase {
        Phase::Train => "training",
        Phase::Eval => "evaluating",
    };
    bar.set_length(steps);
    bar.set_position(step);
    bar.set_message(format!("{phase}, epoch {epoch} of {epochs}, AU {au_percent:.1} %"));
}

/// Whether the run came to its end and met its bar.
fn judge(report: &RunReport, console: &Console) -> Exit {
    if !report.complete {
        console.error("interrupted: the results are those of the steps until then");
        return Exit::Failed;
    }
    if !report.au_meets_expectation {
        let (au, bar) = (report.train.au_percent_mean, report.au_percent_bar);
        console.error(&format!("AU {au:.2} % is below the bar of {bar:.2} % (metric.au)"));
        return Exit::Failed;
    }
    Exit::Done
}

#[derive(Debug, Serialize)]
struct Report(RunReport);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        writeln!(
            f,
            "run          {}, {}, {}",
            report.model,
            counted(u64::from(report.accelerators), "accelerator"),
            counted(report.epochs.len() as u64, "epoch"),
        )?;
        let meets = if report.au_meets_expectation { "meets" } else { "misses" };
        writeln!(
            f,
            "AU           {:.2} %, {meets} the bar of {:.2} %",
            report.train.au_percent_mean, report.au_percent_bar
        )?;
        let per_second = rate(report.rows, report.seconds);
        writeln!(f, "samples      {}, {per_second}", count(report.rows))?;
        writeln!(
            f,
            "time         {}, CPU {}",
            seconds(report.seconds),
            seconds(report.cpu_seconds)
        )?;
        let read = ByteSize(report.read_bytes);
        writeln!(f, "read         {read}, {}", byte_rate(report.read_bytes, report.seconds))?;
        if report.decode == DecodeMode::Arrow {
            let decoded = ByteSize(report.decoded_bytes);
            let per_second = byte_rate(report.decoded_bytes, report.seconds);
            writeln!(f, "decoded      {decoded}, {per_second}")?;
        }
        match report.device_read_bytes {
            Some(bytes) => writeln!(f, "device       {} read", ByteSize(bytes))?,
            None => writeln!(f, "device       does not tell what it read")?,
        }
        writeln!(f, "driver       {}", super::scan::driver_line(&report.driver))?;
        write!(f, "results      {}", report.results_dir.display())
    }
}
