//! `ringquet layout`: which file layout delivers a workload's rows best on this storage.

use std::fmt;

use anyhow::Result;
use indicatif::ProgressBar;
use ringquet_datagen::ContentOptions;
use ringquet_layout::{LayoutOptions, LayoutProgress, LayoutReport, VariantReport};
use serde::Serialize;

use super::source::{self, WorkloadOptions};
use crate::args::LayoutArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::progress;
use crate::quantity::{byte_rate, count, counted, rate, seconds};
use crate::size::ByteSize;
use crate::table::{Align, Table};

pub(crate) fn run(args: &LayoutArgs, console: &mut Console) -> Result<Exit> {
    let options = LayoutOptions {
        size_bytes: args.size.0,
        repeats: args.repeats.get(),
        content: ContentOptions {
            repeat_fraction: args.repeat_fraction,
            ..ContentOptions::default()
        },
        engine: args.engine.options(args.columns.columns.clone())?,
    };
    let loaded = source::load(&args.workload, console)?;
    console.set_options(&Options {
        workload: WorkloadOptions::new(&args.workload, &loaded),
        layout: &options,
    });
    let stop = console.stop_on_signals()?;
    let bar = progress::counted(console, "comparing", 0, "layouts");
    let compared = ringquet_layout::compare(&loaded, &options, &|done| show(&bar, done), &stop);
    bar.finish_and_clear();
    let report = Report(compared?);
    console.warn_all(&report.0.warnings);
    console.report_with_flags(&report, &report)?;
    Ok(Exit::Done)
}

fn show(bar: &ProgressBar, progress: LayoutProgress) {
    bar.set_length(progress.variants);
    bar.set_position(progress.done);
    bar.set_message(progress.name);
}

/// `options` of the document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Options<'a> {
    #[serde(flatten)]
    workload: WorkloadOptions<'a>,
    #[serde(flatten)]
    layout: &'a LayoutOptions,
}

#[derive(Debug, Serialize)]
struct Report(LayoutReport);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        writeln!(
            f,
            "layouts of {}: {} in {}, each read {} times, {} in all\n",
            report.model,
            counted(report.rows, "row"),
            counted(report.files, "file"),
            report.repeats,
            seconds(report.seconds)
        )?;
        let mut table = Table::new(&[
            ("layout", Align::Left),
            ("on disk", Align::Right),
            ("bytes/row", Align::Right),
            ("device", Align::Right),
            ("rows, raw", Align::Right),
            ("rows, decoded", Align::Right),
            ("rows per core", Align::Right),
        ]);
        for variant in &report.variants {
            table.row(row(variant, variant.variant.name == report.picked.name));
        }
        writeln!(f, "{table}")?;
        writeln!(f, "pick         {}", report.picked.name)?;
        writeln!(f, "             {}", report.picked.why)?;
        if !report.picked.settings.is_empty() {
            writeln!(f, "datagen      {}", report.picked.settings.join(" "))?;
        }
        write!(f, "driver       {}", super::scan::driver_line(&report.driver))
    }
}

fn row(report: &VariantReport, is_picked: bool) -> Vec<String> {
    let per_second = |value: f64| {
        // Rates are positive, and three digits of them are shown.
        let whole = value.round().max(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rounded, not negative"
        )]
        rate(whole as u64, 1.0)
    };
    let device = report.device_bytes_per_second.map_or("-".to_owned(), |bytes| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate of bytes, not negative"
        )]
        byte_rate(bytes.max(0.0) as u64, 1.0)
    });
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bytes by rows, not negative"
    )]
    let bytes_per_row = report.bytes_per_row.round().max(0.0) as u64;
    vec![
        format!("{}{}", report.variant.name, if is_picked { " ←" } else { "" }),
        ByteSize(report.file_bytes).to_string(),
        count(bytes_per_row),
        device,
        per_second(report.raw_rows_per_second),
        per_second(report.rows_per_second),
        per_second(report.rows_per_second_per_core),
    ]
}
