//! `ringquet characterize`: measures a device and recommends options.

use std::fmt;

use anyhow::Result;
use indicatif::ProgressBar;
use ringquet_device::characterize::{
    self, CharacterizeError, CharacterizeProgress, CharacterizeReport, ParquetSource, PointReport,
};
use ringquet_io::throughput_text;
use serde::Serialize;

use super::source;
use crate::args::{CharacterizeArgs, WorkloadArgs};
use crate::console::Console;
use crate::exit::{Exit, Interrupted, UsageError};
use crate::progress;
use crate::quantity::{counted, nanoseconds, rate, seconds};
use crate::size::ByteSize;
use crate::table::{Align, Table};

pub(crate) fn run(args: &CharacterizeArgs, console: &mut Console) -> Result<Exit> {
    let mut options = args.options()?;
    if let Some(workload) = &args.workload {
        let workload = WorkloadArgs {
            workload: workload.clone(),
            overrides: args.overrides.clone(),
            strict: false,
        };
        let loaded = source::load(&workload, console)?;
        let (dataset, folder) = (&loaded.workload.dataset, loaded.workload.data_dir());
        let columns = dataset.parquet.read_column_names().into_iter().map(str::to_owned).collect();
        options.workload = Some((workload.workload, workload.overrides));
        options.parquet = Some(ParquetSource {
            paths: dataset.train_files().map(|file| folder.join(file)).collect(),
            // A workload without columns of its own reads all there are.
            columns: Some(columns).filter(|names: &Vec<String>| !names.is_empty()),
        });
    }
    console.set_options(&options.shown());
    let stop = console.stop_on_signals()?;
    let bar = progress::with_message(console, "preparing");
    let measured = characterize::characterize(&options, &|at| show(&bar, at), &stop);
    bar.finish_and_clear();
    let report = Report(measured.map_err(as_the_user_sees_it)?);
    console.warn_all(&report.0.warnings);
    console.report_with_flags(&report, &report)?;
    Ok(Exit::Done)
}

/// Maps usage errors and Ctrl-C.
fn as_the_user_sees_it(error: CharacterizeError) -> anyhow::Error {
    match error {
        CharacterizeError::Options(text) => UsageError(text).into(),
        CharacterizeError::Stopped => Interrupted.into(),
        CharacterizeError::Io(error) => error.into(),
        error => error.into(),
    }
}

fn show(bar: &ProgressBar, at: CharacterizeProgress) {
    match at {
        CharacterizeProgress::Writing { written_bytes, bytes } => {
            bar.set_length(bytes);
            bar.set_position(written_bytes);
            let (written, all) = (ByteSize(written_bytes), ByteSize(bytes));
            bar.set_message(format!("writing the test file, {written} of {all}"));
        }
        CharacterizeProgress::SweepPoint { done, points, point, seconds_left } => {
            bar.set_length(points as u64);
            bar.set_position(done as u64);
            let size = ByteSize(u64::from(point.block_bytes));
            let (access, depth) = (point.access.as_str(), point.queue_depth);
            let threads = counted(point.threads as u64, "thread");
            let at = done + 1;
            bar.set_message(format!(
                "point {at} of {points}: {access} {size}, depth {depth}, {threads}; about {seconds_left:.0} s left"
            ));
        }
        CharacterizeProgress::Parquet => bar.set_message("reading and decoding the data set"),
    }
}

#[derive(Debug, Serialize)]
struct Report(CharacterizeReport);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        targets(report, f)?;
        writeln!(f, "driver       {}", driver_line(report))?;
        writeln!(f)?;
        write!(f, "{}", points_table(report.points.iter().chain(&report.extras)))?;
        for refused in &report.refused {
            let (access, size) = (refused.point.access.as_str(), refused.point.block_bytes);
            let what = if refused.point.iopoll { "iopoll" } else { "no registered buffers" };
            let size = ByteSize(u64::from(size));
            writeln!(f, "  {access} {size}, {what}: refused, {}", refused.reason)?;
        }
        writeln!(f)?;
        for knee in &report.knees {
            let at = knee.at.knee;
            writeln!(
                f,
                "knee         {} {}: {} of depth {}, {} (peak {})",
                knee.access.as_str(),
                ByteSize(u64::from(knee.block_bytes)),
                counted(at.threads as u64, "thread"),
                at.queue_depth,
                throughput_text(at.read_bytes_per_second),
                throughput_text(knee.at.peak.read_bytes_per_second),
            )?;
        }
        array(report, f)?;
        parquet(report, f)?;
        if let Some(recommended) = &report.recommended {
            writeln!(f, "recommended  {}", recommended.arguments)?;
            for why in &recommended.why {
                writeln!(f, "             {why}")?;
            }
        }
        write!(f, "time         {}", seconds(report.seconds))
    }
}

fn targets(report: &CharacterizeReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for target in &report.targets {
        let devices: Vec<String> = target
            .devices
            .iter()
            .map(|device| format!("{} ({})", device.name, device.kind_name()))
            .collect();
        writeln!(
            f,
            "path         {}, {}{}{}",
            target.path,
            ByteSize(target.len_bytes),
            target.file_system.as_ref().map(|name| format!(", {name}")).unwrap_or_default(),
            if devices.is_empty() { String::new() } else { format!(" on {}", devices.join(", ")) },
        )?;
    }
    Ok(())
}

fn driver_line(report: &CharacterizeReport) -> String {
    let on_off = |is_on: bool| if is_on { "on" } else { "off" };
    let driver = &report.driver;
    format!(
        "{}, direct {}, registered buffers {}",
        driver.name.as_str(),
        on_off(driver.direct),
        on_off(driver.registered_buffers)
    )
}

fn points_table<'a>(points: impl Iterator<Item = &'a PointReport>) -> Table {
    let mut table = Table::new(&[
        ("access", Align::Left),
        ("size", Align::Right),
        ("threads", Align::Right),
        ("depth", Align::Right),
        ("bandwidth", Align::Right),
        ("reads", Align::Right),
        ("p50", Align::Right),
        ("p99", Align::Right),
        ("p99.9", Align::Right),
        ("max", Align::Right),
        ("CPU s/GiB", Align::Right),
        ("", Align::Left),
    ]);
    for point in points {
        let mut notes = Vec::new();
        if !point.steady {
            notes.push("not steady");
        }
        if point.iopoll {
            notes.push("iopoll");
        }
        if !point.registered_buffers {
            notes.push("unregistered");
        }
        let latency = &point.latency_ns;
        table.row(vec![
            point.access.as_str().to_owned(),
            ByteSize(u64::from(point.block_bytes)).to_string(),
            point.threads.to_string(),
            point.queue_depth.to_string(),
            throughput_text(point.read_bytes_per_second),
            rate(point.reads, point.seconds),
            nanoseconds(latency.p50),
            nanoseconds(latency.p99),
            nanoseconds(latency.p99_9),
            nanoseconds(latency.max),
            format!("{:.3}", point.cpu_seconds_per_gib),
            notes.join(", "),
        ]);
    }
    table
}

/// Members of an array; a single drive has nothing to balance.
fn array(report: &CharacterizeReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(array) = report.array.as_ref().filter(|array| array.members.len() > 1) else {
        return Ok(());
    };
    let members: Vec<String> = array
        .members
        .iter()
        .map(|member| {
            let node = member.numa_node.map(|node| format!(" (node {node})")).unwrap_or_default();
            format!("{}{node} {:.1} %", member.name, member.share * 100.0)
        })
        .collect();
    writeln!(
        f,
        "array        {}; the busiest reads {:.1} % more than the mean",
        members.join(", "),
        array.imbalance * 100.0
    )
}

fn parquet(report: &CharacterizeReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(line) = &report.parquet else { return Ok(()) };
    writeln!(
        f,
        "parquet      raw {}; decoding: stored {}, decompressed {}, decoded {}, {} of {}{}",
        throughput_text(line.raw_bytes_per_second),
        throughput_text(line.read_bytes_per_second),
        throughput_text(line.decompressed_bytes_per_second),
        throughput_text(line.decoded_bytes_per_second),
        counted(line.threads as u64, "thread"),
        counted(line.files, "file"),
        if line.cut_short { ", cut short" } else { "" },
    )?;
    if let Some(roof) = &report.roofline {
        writeln!(
            f,
            "roofline     stored bytes: device {}, decode {} ({} per core), memory {}: {} binds; {:.1} cores would keep up with the device",
            throughput_text(roof.device_bytes_per_second),
            throughput_text(roof.decode_bytes_per_second),
            throughput_text(roof.decode_bytes_per_second_per_core),
            throughput_text(roof.memory_bytes_per_second),
            roof.bound_by.as_str(),
            roof.cores_for_device
        )?;
    }
    Ok(())
}
