//! What a data set gets at the recommended options: raw, decompressed, decoded.
//!
//! Both readings are done in turn, round after round, so that what else happens on the machine happens to both; a first
//! round of each makes rings and arenas and is not counted. The line has the round of each with the median rate.

use ringquet_result::{Warning, WarningCode};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use ringquet::engine::{EngineOptions, IoOptions};
use ringquet::report::ScanReport;
use ringquet::{Dataset, StopFlag};
use ringquet_io::throughput::{GIB, throughput_text};
use serde::Serialize;

use super::error::CharacterizeError;

/// How often Ctrl-C is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// Rounds of each reading that count.
const ROUNDS: usize = 3;

/// Shortest round: a smaller data set is read again and again.
const ROUND_SECONDS_MIN: f64 = 0.3;

/// Reading that does more, decoding as it goes, cannot be faster by more than chance.
const FASTER_BY_CHANCE: f64 = 1.1;

/// The data set to read.
#[derive(Debug, Clone, Default)]
pub struct ParquetSource {
    /// Files, or directories searched for `*.parquet`.
    pub paths: Vec<PathBuf>,
    /// Columns by name; `None`: all.
    pub columns: Option<Vec<String>>,
}

impl ParquetSource {
    /// Opens the files, so that a sweep does not end with a data set that is not there.
    ///
    /// # Errors
    /// [`CharacterizeError::Parquet`].
    pub(super) fn check(&self, io: &IoOptions) -> Result<(), CharacterizeError> {
        let options = EngineOptions {
            io: io.clone(),
            columns: self.columns.clone(),
            ..EngineOptions::default()
        };
        let opened = Dataset::open_with(&self.paths, options).and_then(Dataset::require_all);
        opened.map_err(CharacterizeError::Parquet).map(drop)
    }
}

/// Rates of one data set at one set of options. All are over the wall-clock time of their reading.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ParquetLine {
    /// Files of the data set.
    pub files: u64,
    /// Bytes of the selected column chunks of all of them.
    pub wanted_bytes: u64,
    /// Reader threads of both readings.
    pub threads: usize,
    /// Nothing decoded: bytes per second.
    pub raw_bytes_per_second: f64,
    /// Length of that reading in seconds.
    pub raw_seconds: f64,
    /// CPU seconds per GiB of it.
    pub raw_cpu_seconds_per_gib: f64,
    /// While decoding: stored bytes per second.
    pub read_bytes_per_second: f64,
    /// Bytes of pages after decompression, per second of the same reading.
    pub decompressed_bytes_per_second: f64,
    /// Bytes of Arrow data per second of the same reading.
    pub decoded_bytes_per_second: f64,
    /// Rows per second of the same reading.
    pub rows_per_second: f64,
    /// Length of it in seconds.
    pub seconds: f64,
    /// Of a core that only decodes, Arrow bytes per second.
    pub decoded_bytes_per_second_per_core: f64,
    /// Seconds of a core that only decodes per stored byte, decompression included.
    pub decode_seconds_per_stored_byte: f64,
    /// Arrow bytes per stored byte.
    pub decoded_per_stored: f64,
    /// Bytes of pages after decompression per stored byte; 1 where nothing is compressed.
    pub decompressed_per_stored: f64,
    /// Column chunks that the `parquet` crate decoded, the slow way.
    pub fallback_column_chunks: u64,
    /// The data set was longer than the time for it: the rates are of its first part.
    pub cut_short: bool,
}

/// Reads the data set raw and decoding, each at most `seconds` long in all rounds that count.
pub(super) fn measure(
    source: &ParquetSource,
    io: &IoOptions,
    threads: usize,
    cpus: Option<Vec<usize>>,
    seconds: f64,
    stop: &StopFlag,
    warnings: &mut Vec<Warning>,
) -> Result<ParquetLine, CharacterizeError> {
    let options = EngineOptions {
        io: io.clone(),
        threads: Some(threads),
        cpus,
        columns: source.columns.clone(),
        ..EngineOptions::default()
    };
    let opened = Dataset::open_with(&source.paths, options).and_then(Dataset::require_all);
    let dataset = opened.map_err(CharacterizeError::Parquet)?;
    let each = seconds / ROUNDS as f64;
    let read_raw =
        |seconds| ScanRound::read(seconds, stop, |limit| dataset.scan().stop(limit).read_raw());
    let read_decoding = |seconds| {
        ScanRound::read(seconds, stop, |limit| dataset.scan().stop(limit).visit(|_| |_| {}))
    };
    read_raw(ROUND_SECONDS_MIN)?;
    read_decoding(ROUND_SECONDS_MIN)?;
    let (mut raws, mut scans) = (Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        raws.push(read_raw(each)?);
        scans.push(read_decoding(each)?);
    }
    let (raw, scan) = (ScanRound::median(raws), ScanRound::median(scans));
    warnings.extend(scan.warnings.iter().cloned());
    let (raw_rate, rate) = (per(raw.read_bytes, raw.seconds), per(scan.read_bytes, scan.seconds));
    if rate > raw_rate * FASTER_BY_CHANCE {
        warnings.push(Warning::new(
            WarningCode::RawSlowerThanDecoding,
            format!(
                "the data set was read at {} raw and at {} while decoding: something else slowed the device, so neither the line nor the roofline shows its limit; measure again, or read more with `preset` normal",
                throughput_text(raw_rate),
                throughput_text(rate)
            ),
        ));
    }
    Ok(ParquetLine {
        files: dataset.files().len() as u64,
        wanted_bytes: dataset.wanted_bytes(),
        threads,
        raw_bytes_per_second: raw_rate,
        raw_seconds: raw.seconds,
        raw_cpu_seconds_per_gib: per(raw.cpu_seconds * GIB, raw.read_bytes),
        read_bytes_per_second: rate,
        decompressed_bytes_per_second: per(scan.decompressed_bytes, scan.seconds),
        decoded_bytes_per_second: per(scan.decoded_bytes, scan.seconds),
        rows_per_second: per(scan.rows, scan.seconds),
        seconds: scan.seconds,
        decoded_bytes_per_second_per_core: per(scan.decoded_bytes, scan.decode_seconds),
        decode_seconds_per_stored_byte: per(scan.decode_seconds, scan.read_bytes),
        decoded_per_stored: per(scan.decoded_bytes, scan.read_bytes),
        decompressed_per_stored: per(scan.decompressed_bytes, scan.read_bytes),
        fallback_column_chunks: scan.fallback_column_chunks,
        cut_short: raw.cut_short || scan.cut_short,
    })
}

fn per(amount: f64, of: f64) -> f64 {
    if of > 0.0 { amount / of } else { 0.0 }
}

/// One reading or several, one after the other: sums.
#[derive(Debug, Default)]
struct ScanRound {
    seconds: f64,
    cpu_seconds: f64,
    read_bytes: f64,
    rows: f64,
    decoded_bytes: f64,
    decompressed_bytes: f64,
    decode_seconds: f64,
    fallback_column_chunks: u64,
    warnings: Vec<Warning>,
    /// Not even once was the whole data set read.
    cut_short: bool,
}

impl ScanRound {
    /// Reads until [`ROUND_SECONDS_MIN`] are over, and `seconds` at most.
    fn read(
        seconds: f64,
        stop: &StopFlag,
        mut read: impl FnMut(&StopFlag) -> Result<ScanReport, ringquet::Error>,
    ) -> Result<ScanRound, CharacterizeError> {
        let mut sum = ScanRound { cut_short: true, ..ScanRound::default() };
        while sum.seconds < ROUND_SECONDS_MIN.min(seconds) {
            let report = limited(seconds - sum.seconds, stop, &mut read)?;
            sum.seconds += report.seconds;
            sum.cpu_seconds += report.cpu_seconds;
            sum.read_bytes += report.read_bytes as f64;
            sum.rows += report.rows as f64;
            sum.decoded_bytes += report.decoded_bytes as f64;
            sum.decompressed_bytes += report.decoder.decompressed_bytes as f64;
            sum.decode_seconds += report.decode_seconds;
            sum.cut_short &= report.stopped;
            sum.fallback_column_chunks =
                sum.fallback_column_chunks.max(report.decoder.fallback_column_chunks);
            sum.warnings = report.warnings;
        }
        Ok(sum)
    }

    /// The one of median rate.
    fn median(mut rounds: Vec<ScanRound>) -> ScanRound {
        let rate = |round: &ScanRound| per(round.read_bytes, round.seconds);
        rounds.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
        rounds.swap_remove(rounds.len() / 2)
    }
}

/// Runs `read` with a flag that is set after `seconds`, or when `stop` is.
fn limited(
    seconds: f64,
    stop: &StopFlag,
    read: impl FnOnce(&StopFlag) -> Result<ScanReport, ringquet::Error>,
) -> Result<ScanReport, CharacterizeError> {
    let limit = StopFlag::new();
    let (done, waiting) = channel::<()>();
    let report = std::thread::scope(|scope| {
        let watched = limit.clone();
        scope.spawn(move || {
            let mut left = Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0));
            // The channel closes when the reading is done.
            while waiting.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                left = left.saturating_sub(LOOK);
                if left.is_zero() || stop.is_stopped() {
                    watched.stop();
                }
            }
        });
        let report = read(&limit);
        drop(done);
        report
    });
    if stop.is_stopped() {
        return Err(CharacterizeError::Stopped);
    }
    let report = report.map_err(CharacterizeError::Parquet)?;
    match report.failures.first() {
        // A rate over files that could not be read is a rate of nothing.
        Some(failure) => Err(CharacterizeError::Unreadable(failure.error.clone())),
        None => Ok(report),
    }
}
