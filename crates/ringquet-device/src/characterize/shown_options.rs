//! The options of a characterisation as its document has them.

use std::path::Path;

use ringquet_io::IoOptions;
use ringquet_result::path_text::path_texts;
use serde::Serialize;

use super::{Axes, CharacterizeOptions, Preset};

/// `options` in the document of a characterisation.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShownOptions<'a> {
    /// Directories, files and block devices that were read side by side.
    paths: Vec<String>,
    /// How much was to be measured.
    preset: Preset,
    /// In place of the preset's own.
    #[serde(flatten)]
    axes: &'a Axes,
    /// Length of the test file in bytes; null for the preset's own.
    test_file_bytes: Option<u64>,
    /// Rounds per point at most; null for the preset's own.
    rounds_max: Option<usize>,
    /// Length of a round in seconds; null for the preset's own.
    round_seconds: Option<f64>,
    /// CPUs to pin reader threads to; null for those near the device.
    cpus: Option<&'a [usize]>,
    /// File of the workload whose data set the Parquet line reads.
    #[serde(serialize_with = "ringquet_result::path_text::serialize_path_option")]
    workload: Option<&'a Path>,
    /// Overrides of that workload, as typed.
    overrides: Option<&'a [String]>,
    /// Data set of the Parquet line. Null with a workload: its files follow from it, and may be thousands.
    parquet_paths: Option<Vec<String>>,
    /// Columns of that data set; null for all of them, and with a workload.
    parquet_columns: Option<&'a [String]>,
    /// IOPOLL and unregistered buffers were to be measured at the knees, too.
    extras: bool,
    /// Options of the read queues.
    io: &'a IoOptions,
}

impl CharacterizeOptions {
    /// As the document has them. Every field is named here: a new one is shown, or left out by name.
    pub fn shown(&self) -> ShownOptions<'_> {
        let CharacterizeOptions {
            paths,
            preset,
            axes,
            test_file_bytes,
            rounds_max,
            round,
            io,
            cpus,
            parquet,
            workload,
            extras,
        } = self;
        let parquet = parquet.as_ref().filter(|_| workload.is_none());
        ShownOptions {
            paths: path_texts(paths),
            preset: *preset,
            axes,
            test_file_bytes: *test_file_bytes,
            rounds_max: *rounds_max,
            round_seconds: round.map(|round| round.as_secs_f64()),
            cpus: cpus.as_deref(),
            workload: workload.as_ref().map(|(file, _)| file.as_path()),
            overrides: workload.as_ref().map(|(_, overrides)| overrides.as_slice()),
            parquet_paths: parquet.map(|source| path_texts(&source.paths)),
            parquet_columns: parquet.and_then(|source| source.columns.as_deref()),
            extras: *extras,
            io,
        }
    }
}
