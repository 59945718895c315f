//! `ringquet scan`: reads, and decodes, everything once.

use std::fmt;

use anyhow::Result;
use ringquet::engine::{DecoderChoice, EngineOptions};
use ringquet::report::{DriverReport, ScanReport};
use ringquet::{Batch, Dataset};
use serde::Serialize;

use super::source::{self, SourceOptions};
use crate::args::{DecoderArg, ScanArgs};
use crate::console::Console;
use crate::exit::{Exit, Interrupted};
use crate::progress;
use crate::quantity::{byte_rate, count, counted, nanoseconds, rate, seconds};
use crate::size::ByteSize;

pub(crate) fn run(args: &ScanArgs, console: &mut Console) -> Result<Exit> {
    let mut options = args.engine.options(args.source.columns.columns.clone())?;
    options.verify_crc = args.verify_crc;
    options.decoder = match args.decoder {
        DecoderArg::Auto => DecoderChoice::Auto,
        DecoderArg::Fallback => DecoderChoice::FallbackOnly,
    };
    let source = SourceOptions::new(&args.source);
    console.set_options(&Options { source, raw: args.raw, digest: args.digest, engine: &options });
    let dataset = source::open_all_of(&args.source, options, console)?;
    // What is measured below is reading, not the mapping of memory.
    let dataset = Dataset::clone(&dataset).map_memory()?;
    let stop = console.stop_on_signals()?;
    let (digest, scan) = if args.raw {
        let bar = progress::busy(console, "reading");
        let scan = dataset.scan().stop(&stop).read_raw()?;
        bar.finish_and_clear();
        (None, scan)
    } else if args.digest {
        let bar = progress::busy(console, "reading and hashing");
        let (digest, scan) = dataset.scan().stop(&stop).digest()?;
        bar.finish_and_clear();
        (Some(digest), scan)
    } else {
        let bar = progress::counted(console, "reading", dataset.num_rows(), "rows");
        let visit = |batch: Batch| bar.inc(batch.columns.num_rows() as u64);
        let scan = dataset.scan().stop(&stop).visit(|_| visit)?;
        bar.finish_and_clear();
        (None, scan)
    };
    if scan.stopped {
        return Err(Interrupted.into());
    }
    console.warn_all(&scan.warnings);
    // The first of them were reported when the files were opened.
    for failure in &scan.failures[dataset.failures().len()..] {
        console.error(&failure.error);
    }
    let failed = !scan.failures.is_empty();
    // A hash of what could be read is the hash of something else.
    let digest = digest.filter(|_| !failed).map(|digest| digest.to_string());
    let report = Report { files: dataset.files().len() as u64, raw: args.raw, digest, scan };
    console.report(&report, &report)?;
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// `options` of the document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Options<'a> {
    #[serde(flatten)]
    source: SourceOptions<'a>,
    /// Files are read, and nothing is decoded.
    raw: bool,
    /// The decoded content is hashed.
    digest: bool,
    #[serde(flatten)]
    engine: &'a EngineOptions,
}

/// What a scan did. Rates are over `seconds`, those `_with_open` over `open_seconds + seconds`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Report {
    /// Files that were read.
    files: u64,
    #[serde(skip)]
    raw: bool,
    /// Hash of the decoded content, 32 hexadecimal digits: equal for every driver, thread count and decoder. Absent where none was
    /// asked for, and where a file could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(flatten)]
    scan: ScanReport,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scan = &self.scan;
        if self.raw {
            writeln!(f, "files        {}, nothing decoded", count(self.files))?;
        } else {
            let rows = counted(scan.rows, "row");
            let per_second = rate(scan.rows, scan.seconds);
            writeln!(f, "rows         {rows} of {}, {per_second}", counted(self.files, "file"))?;
        }
        writeln!(
            f,
            "time         {}, CPU {}; opening before that {}",
            seconds(scan.seconds),
            seconds(scan.cpu_seconds),
            seconds(scan.open_seconds)
        )?;
        let with_open = scan.open_seconds + scan.seconds;
        writeln!(
            f,
            "read         {}, {}, {} with opening ({} in {}, {:.2}× what was wanted)",
            ByteSize(scan.read_bytes),
            byte_rate(scan.read_bytes, scan.seconds),
            byte_rate(scan.read_bytes, with_open),
            rate(scan.reads, scan.seconds),
            counted(scan.reads, "read"),
            scan.read_amplification
        )?;
        if !self.raw {
            writeln!(
                f,
                "decoded      {}, {}, {} with opening",
                ByteSize(scan.decoded_bytes),
                byte_rate(scan.decoded_bytes, scan.seconds),
                byte_rate(scan.decoded_bytes, with_open)
            )?;
        }
        match scan.device_read_bytes {
            Some(bytes) => writeln!(f, "device       {} read", ByteSize(bytes))?,
            None => writeln!(f, "device       has no read counter")?,
        }
        let latency = &scan.latency_ns;
        writeln!(
            f,
            "latency      p50 {}, p99 {}, max {}; reap delay p99 {}",
            nanoseconds(latency.p50),
            nanoseconds(latency.p99),
            nanoseconds(latency.max),
            nanoseconds(scan.reap_delay_ns.p99)
        )?;
        write!(f, "driver       {}", driver_line(&scan.driver))?;
        if !self.raw {
            write!(
                f,
                "\ndecoder      {} column chunks fast, {} fallback",
                count(scan.decoder.fast_column_chunks),
                count(scan.decoder.fallback_column_chunks)
            )?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "\ndigest       {digest}")?;
        }
        Ok(())
    }
}

/// The I/O driver of the reads, in one line.
pub(super) fn driver_line(driver: &DriverReport) -> String {
    format!(
        "{}, direct {}, registered buffers {}, {} of depth {}",
        driver.name.as_str(),
        on_off(driver.direct),
        on_off(driver.registered_buffers),
        counted(driver.threads as u64, "thread"),
        driver.queue_depth
    )
}

fn on_off(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}
