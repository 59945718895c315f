//! `ringquet run`: plays a workload with emulated accelerators, or searches for how many there can be.

mod search;

use std::fmt;

use anyhow::Result;
use indicatif::ProgressBar;
use ringquet::engine::DecodeMode;
use ringquet_io::throughput_text;
use ringquet_train::{AcceleratorPriority, Ensemble, Phase, RunOptions, RunProgress, RunReport};
use serde::Serialize;

use super::source;
use crate::args::{DecodeArg, PriorityArg, RunArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::progress;
use crate::quantity::{byte_rate, count, counted, rate, seconds};
use crate::size::ByteSize;

pub(crate) fn run(args: &RunArgs, console: &mut Console) -> Result<Exit> {
    let options = RunOptions {
        results_tree: args.results_tree,
        engine: args.engine.options(args.columns.clone())?,
        decode: match args.decode {
            DecodeArg::Arrow => DecodeMode::Arrow,
            DecodeArg::Raw => DecodeMode::Raw,
        },
        drop_caches: args.drop_caches,
        priority: match args.accelerator_priority {
            PriorityArg::Auto => AcceleratorPriority::Auto,
            PriorityArg::Normal => AcceleratorPriority::Normal,
        },
        argv: console.argv().to_vec(),
        ..RunOptions::new(args.accelerators.unwrap_or(1), args.results_dir.clone())
    };
    let loaded = source::load(&args.workload, console)?;
    if args.find_max_accelerators {
        return search::run(args, &loaded, &options, console);
    }
    console.set_options(&options.shown(&loaded));
    let stop = console.stop_on_signals()?;
    let ensemble = Ensemble::join()?;
    // Of several processes the first speaks for all.
    let speaks = ensemble.process() == 0;
    let bar = match speaks {
        true => progress::counted(console, "training", 0, "steps"),
        false => ProgressBar::hidden(),
    };
    let progress = |done| show(&bar, done);
    let played = ringquet_train::run_together(&loaded, &options, &ensemble, &progress, &stop);
    bar.finish_and_clear();
    let report = match played {
        Ok(report) => Report(report),
        Err(error) => {
            let end = console.fail(&error.into());
            // The others would wait for this process at the next step.
            ensemble.abort();
            return Ok(end);
        }
    };
    if speaks {
        console.warn_all(&report.0.warnings);
        console.report(&report, &report)?;
    }
    Ok(judge(&report.0, console, speaks))
}

fn show(bar: &ProgressBar, done: RunProgress) {
    let RunProgress { epoch, epochs, step, steps, au_percent, .. } = done;
    let phase = match done.phase {
        Phase::Train => "training",
        Phase::Eval => "evaluating",
    };
    bar.set_length(steps);
    bar.set_position(step);
    // What is delivered: decoded, or raw.
    let delivered = throughput_text(done.decoded_bytes_per_second);
    bar.set_message(format!(
        "{phase}, epoch {epoch} of {epochs}, AU {au_percent:.1} %, {delivered}"
    ));
}

/// Whether the run came to its end and met its target, if it has one.
fn judge(report: &RunReport, console: &Console, speaks: bool) -> Exit {
    let failed = if !report.complete {
        "interrupted: the results cover only the steps before that".to_owned()
    } else if let (Some(bar), Some(false)) = (report.au_percent_bar, report.au_meets_expectation) {
        let au = report.train.au_percent_mean;
        format!("AU {au:.2} % is below the target of {bar:.2} % (metric.au)")
    } else {
        return Exit::Done;
    };
    if speaks {
        console.error(&failed);
    }
    Exit::Failed
}

#[derive(Debug, Serialize)]
struct Report(RunReport);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        write!(
            f,
            "run          {}, {}, {}",
            report.model,
            counted(u64::from(report.accelerators), "accelerator"),
            counted(report.epochs.len() as u64, "epoch"),
        )?;
        if report.processes > 1 {
            write!(
                f,
                ", {} processes on {}",
                report.processes,
                counted(report.hosts as u64, "host")
            )?;
        }
        writeln!(f)?;
        let judged = match (report.au_percent_bar, report.complete) {
            (None, true) => "no target (the workload has no metric.au)".to_owned(),
            (None, false) => "until it was interrupted; no target".to_owned(),
            (Some(bar), false) => {
                format!("until it was interrupted; not compared with the target of {bar:.2} %")
            }
            (Some(bar), true) if report.au_meets_expectation == Some(true) => {
                format!("meets the target of {bar:.2} %")
            }
            (Some(bar), true) => format!("misses the target of {bar:.2} %"),
        };
        writeln!(f, "AU           {:.2} %, {judged}", report.train.au_percent_mean)?;
        let lost = report.lost_time;
        let of_all = report.time_by_cause;
        let all = of_all.compute_seconds
            + of_all.batch_wait_seconds
            + lost.barrier_seconds
            + lost.touch_seconds
            + lost.preprocess_seconds
            + lost.oversleep_seconds;
        let share = |seconds: f64| if all > 0.0 { 100.0 * seconds / all } else { 0.0 };
        writeln!(
            f,
            "lost to      I/O {:.1} %, decode {:.1} %, reader CPU {:.1} %, barrier {:.1} %, fetching {:.1} %, preprocessing {:.1} %, oversleep {:.1} %",
            share(lost.io_seconds),
            share(lost.decode_seconds),
            share(lost.reader_seconds),
            share(lost.barrier_seconds),
            share(lost.touch_seconds),
            share(lost.preprocess_seconds),
            share(lost.oversleep_seconds),
        )?;
        writeln!(
            f,
            "             of the total time, including steps that AU excludes; {:.1} % of it was computation",
            share(of_all.compute_seconds)
        )?;
        writeln!(f, "first batch  after {}", seconds(report.first_batch_seconds))?;
        let per_second = rate(report.rows, report.seconds);
        writeln!(f, "samples      {}, {per_second}", count(report.rows))?;
        writeln!(
            f,
            "time         {}, CPU {}",
            seconds(report.seconds),
            seconds(report.cpu_seconds)
        )?;
        let nominal = ByteSize(report.nominal_bytes);
        let per_second = byte_rate(report.nominal_bytes, report.seconds);
        writeln!(f, "nominal      {nominal}, {per_second}, as DLIO counts")?;
        let read = ByteSize(report.read_bytes);
        writeln!(f, "read         {read}, {}", byte_rate(report.read_bytes, report.seconds))?;
        if report.decode == DecodeMode::Arrow {
            let decoded = ByteSize(report.decoded_bytes);
            let per_second = byte_rate(report.decoded_bytes, report.seconds);
            writeln!(f, "decoded      {decoded}, {per_second}")?;
        }
        match report.device_read_bytes {
            Some(bytes) => writeln!(
                f,
                "device       {}, {}",
                ByteSize(bytes),
                byte_rate(bytes, report.seconds)
            )?,
            None => writeln!(f, "device       has no read counter")?,
        }
        writeln!(f, "driver       {}", super::scan::driver_line(&report.driver))?;
        write!(f, "results      {}", report.results_dir.display())
    }
}
