//! `ringquet run --find-max-accelerators`.

use std::fmt;

use anyhow::Result;
use indicatif::ProgressBar;
use ringquet_io::throughput::{GIB, throughput_text};
use ringquet_train::{
    Bound, CeilingBy, LostTime, RunOptions, SearchOptions, SearchPoint, SearchProgress,
    SearchReport,
};
use ringquet_workload::Loaded;
use serde::Serialize;

use crate::args::RunArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::progress;
use crate::quantity::counted;
use crate::table::{Align, Table};

pub(super) fn run(
    args: &RunArgs,
    loaded: &Loaded,
    options: &RunOptions,
    console: &mut Console,
) -> Result<Exit> {
    let search = SearchOptions {
        round_seconds: args.round_seconds,
        accelerators_max: args.accelerators_max,
    };
    console.set_options(&search.shown(loaded, options));
    let stop = console.stop_on_signals()?;
    let bar = progress::counted(console, "searching", 0, "steps");
    let progress = |done| show(&bar, done);
    let found = ringquet_train::find_max_accelerators(loaded, options, &search, &progress, &stop);
    bar.finish_and_clear();
    let report = Report(found?);
    console.warn_all(&report.0.warnings);
    console.report(&report, &report)?;
    Ok(judge(&report.0, console))
}

fn show(bar: &ProgressBar, done: SearchProgress) {
    let SearchProgress { accelerators, points, rounds, phase } = done;
    bar.set_length(phase.steps);
    bar.set_position(phase.step);
    bar.set_message(format!(
        "point {}, {accelerators} accelerators, round {}, AU {:.1} %, {}",
        points + 1,
        rounds + 1,
        phase.au_percent,
        throughput_text(phase.decoded_bytes_per_second)
    ));
}

/// Whether there is an answer, and one accelerator at least meets the bar.
fn judge(report: &SearchReport, console: &Console) -> Exit {
    if !report.complete {
        console.error("interrupted: the maximum is unknown");
        return Exit::Failed;
    }
    if report.accelerators == 0 {
        let bar = report.au_percent_bar;
        console
            .error(&format!("not even one accelerator meets the target of {bar:.2} % (metric.au)"));
        return Exit::Failed;
    }
    Exit::Done
}

#[derive(Debug, Serialize)]
struct Report(SearchReport);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        write!(f, "{}", curve(&report.points))?;
        if report.complete {
            writeln!(
                f,
                "most         {} at AU ≥ {:.2} %",
                counted(u64::from(report.accelerators), "accelerator"),
                report.au_percent_bar
            )?;
        }
        match report.bound {
            Some(bound) => writeln!(f, "beyond       {}", describe(bound, report))?,
            None if report.complete => {
                let Some(by) = ceiling(report) else { return Ok(()) };
                writeln!(f, "beyond       not tried: {by}")?;
            }
            None => {}
        }
        for prediction in &report.predictions {
            let same = prediction.cores_factor == 1.0 && prediction.bandwidth_factor == 1.0;
            let with = if same {
                "as it is".to_owned()
            } else {
                format!(
                    "{} × cores, {} × bandwidth",
                    prediction.cores_factor, prediction.bandwidth_factor
                )
            };
            let reading = throughput_text(prediction.read_bytes_per_second);
            let known = if prediction.bandwidth_is_known {
                ""
            } else {
                ", if the device can deliver it: more than was measured here"
            };
            writeln!(
                f,
                "predicted    {with}: {}, reading {reading}, limited by {}{known}",
                counted(prediction.accelerators, "accelerator"),
                word(prediction.bound)
            )?;
        }
        write!(f, "results      {}", report.file.display())
    }
}

/// The curve, a line for each point.
fn curve(points: &[SearchPoint]) -> Table {
    let right = Align::Right;
    let mut table = Table::new(&[
        ("accelerators", right),
        ("AU %", right),
        ("target", Align::Left),
        ("samples/s", right),
        ("read GiB/s", right),
        ("lost %: I/O", right),
        ("decode", right),
        ("reader CPU", right),
        ("barrier", right),
        ("rest", right),
        ("readers idle %", right),
        ("CPUs", right),
    ]);
    for point in points {
        let LostTime { io_seconds, decode_seconds, reader_seconds, barrier_seconds, .. } =
            point.lost_time;
        let rest = point.lost_time.touch_seconds
            + point.lost_time.preprocess_seconds
            + point.lost_time.oversleep_seconds;
        let waited = io_seconds + decode_seconds + reader_seconds;
        let all = point.compute_seconds + waited + barrier_seconds + rest;
        let share = |seconds: f64| format!("{:.1}", 100.0 * seconds / all.max(f64::MIN_POSITIVE));
        let met = if point.meets_bar { "met" } else { "missed" };
        let steady = match (point.disturbed, point.steady) {
            (true, _) => ", disturbed",
            (false, true) => "",
            (false, false) => ", not steady",
        };
        table.row(vec![
            point.accelerators.to_string(),
            format!("{:.2}", point.au_percent),
            format!("{met}{steady}"),
            format!("{:.0}", point.samples_per_second),
            format!("{:.3}", point.read_bytes_per_second / GIB),
            share(io_seconds),
            share(decode_seconds),
            share(reader_seconds),
            share(barrier_seconds),
            share(rest),
            format!("{:.0}", 100.0 * point.reader_time.idle_share()),
            format!("{:.2}", point.cpus_busy),
        ]);
    }
    table
}

fn word(bound: Bound) -> &'static str {
    match bound {
        Bound::Device => "the device",
        Bound::Decode => "decoding",
        Bound::Reader => "the reader threads' other work",
        Bound::Barrier => "the barrier",
    }
}

/// What binds beyond the most accelerators, in a sentence with its numbers.
fn describe(bound: Bound, report: &SearchReport) -> String {
    let seen = report.points.iter().find(|point| Some(point.accelerators) == report.bound_at);
    let readers = seen.map(|point| point.reader_time).unwrap_or_default();
    let waited = 100.0 * readers.read_wait_share();
    match bound {
        Bound::Device => format!(
            "the device: reader threads waited for reads in {waited:.0} % of the time in which batches were missing"
        ),
        Bound::Decode => format!(
            "decoding: reader threads were busy in {:.0} % of the time in which batches were missing, and decoded in {:.0} % of it",
            100.0 - waited,
            100.0 * readers.decode_share()
        ),
        Bound::Reader => format!(
            "the reader threads: they were busy in {:.0} % of the time in which batches were missing, and decoded in only {:.0} % of it; the rest is submitting, copying from the page cache, handing over and waiting for a CPU",
            100.0 - waited,
            100.0 * readers.decode_share()
        ),
        Bound::Barrier => format!(
            "the barrier: reader threads had delivered and were idle for {:.0} % of the time; accelerators waited for each other, or for a CPU",
            100.0 * readers.idle_share()
        ),
    }
}

fn ceiling(report: &SearchReport) -> Option<String> {
    let most = report.ceiling.accelerators;
    (report.accelerators == most).then(|| match report.ceiling.by {
        CeilingBy::DataSet => format!(
            "the data set allows {most}: each accelerator needs its own file with several full batches"
        ),
        CeilingBy::Memory => {
            format!("the prefetched batches of more than {most} would fill half of the memory")
        }
        CeilingBy::Process => format!("the limit of one process is {most}"),
        CeilingBy::Asked => format!("--accelerators-max {most}"),
    })
}
