//! `ringquet verify`: holds a generated data set against its manifest.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use ringquet_datagen::{VerifyOptions, VerifyReport};
use ringquet_result::path_text::serialize_path;
use serde::Serialize;

use crate::args::VerifyArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::progress::FilesBar;
use crate::quantity::{byte_rate, count, counted, seconds};
use crate::size::ByteSize;

pub(crate) fn run(args: &VerifyArgs, console: &mut Console) -> Result<Exit> {
    let options = VerifyOptions {
        threads: args.threads.map_or(0, usize::from),
        skip_bytes: args.skip_bytes,
        ..VerifyOptions::default()
    };
    console.set_options(&Options { dir: &args.dir, verify: &options });
    let stop = console.stop_on_signals()?;
    let bar = FilesBar::new(console, "verifying");
    let verified = ringquet_datagen::verify(&args.dir, &options, &bar, stop.as_atomic());
    bar.finish();
    let report = Report(verified?);
    console.warn_all(&report.0.warnings);
    for problem in &report.0.problems {
        console.error(&format!("{}: {}", args.dir.join(&problem.file).display(), problem.text));
    }
    console.report(&report, &report)?;
    Ok(if report.0.is_sound() { Exit::Done } else { Exit::Failed })
}

/// `options` of the document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Options<'a> {
    /// The data folder.
    #[serde(serialize_with = "serialize_path")]
    dir: &'a Path,
    #[serde(flatten)]
    verify: &'a VerifyOptions,
}

#[derive(Debug, Serialize)]
struct Report(VerifyReport);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        let (checked, listed) = (count(report.files_checked), count(report.files_listed));
        writeln!(f, "files        {checked} read of {listed} listed")?;
        let rate = byte_rate(report.bytes, report.seconds);
        let (rows, bytes) = (counted(report.rows, "row"), ByteSize(report.bytes));
        writeln!(f, "sound        {rows}, {bytes}")?;
        writeln!(f, "time         {}, {rate}", seconds(report.seconds))?;
        match &report.digest {
            Some(digest) => write!(f, "digest       {digest}"),
            None => write!(f, "problems     {}", count(report.problems.len() as u64)),
        }
    }
}
