//! What a data set gets at the recommended options: raw, decompressed, decoded.

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use ringquet::{Dataset, EngineOptions, IoOptions, ScanReport, StopFlag, Warning};
use serde::Serialize;

use super::error::CharacterizeError;

/// How often Ctrl-C is looked for.
const LOOK: Duration = Duration::from_millis(50);

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
        Dataset::open(&self.paths, options).map_err(CharacterizeError::Parquet).map(drop)
    }
}

/// Rates of one data set at one set of options. All are over the wall-clock time of their reading.
#[derive(Debug, Clone, Serialize)]
pub struct ParquetLine {
    /// Files of the data set.
    pub files: u64,
    /// Bytes of the wanted column chunks of all of them.
    pub wanted_bytes: u64,
    /// Reader threads of both readings.
    pub threads: usize,
    /// Nothing decoded: bytes per second.
    pub raw_bytes_per_second: f64,
    /// Length of that reading in seconds.
    pub raw_seconds: f64,
    /// CPU seconds per 10⁹ bytes of it.
    pub raw_cpu_seconds_per_gigabyte: f64,
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
    /// Seconds of a core per stored byte, decompression included.
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

/// Reads the data set twice, each at most `seconds` long.
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
    let dataset = Dataset::open(&source.paths, options).map_err(CharacterizeError::Parquet)?;
    let raw = limited(seconds, stop, |limit| dataset.scan_raw(limit))?;
    let scan = limited(seconds, stop, |limit| dataset.scan(limit, |_| |_| {}))?;
    warnings.extend(scan.warnings.iter().cloned());
    let stored = scan.read_bytes as f64;
    let per = |amount: f64, of: f64| if of > 0.0 { amount / of } else { 0.0 };
    Ok(ParquetLine {
        files: dataset.files().len() as u64,
        wanted_bytes: dataset.wanted_bytes(),
        threads,
        raw_bytes_per_second: raw.read_bytes_per_second,
        raw_seconds: raw.seconds,
        raw_cpu_seconds_per_gigabyte: raw.cpu_seconds_per_gigabyte.unwrap_or(0.0),
        read_bytes_per_second: scan.read_bytes_per_second,
        decompressed_bytes_per_second: per(scan.decoder.decompressed_bytes as f64, scan.seconds),
        decoded_bytes_per_second: scan.decoded_bytes_per_second,
        rows_per_second: scan.rows_per_second,
        seconds: scan.seconds,
        decoded_bytes_per_second_per_core: per(scan.decoded_bytes as f64, scan.decode_seconds),
        decode_seconds_per_stored_byte: per(scan.decode_seconds, stored),
        decoded_per_stored: per(scan.decoded_bytes as f64, stored),
        decompressed_per_stored: per(scan.decoder.decompressed_bytes as f64, stored),
        fallback_column_chunks: scan.decoder.fallback_column_chunks,
        cut_short: raw.stopped || scan.stopped,
    })
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
