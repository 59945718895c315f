//! `ringquet characterize`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ringquet_device::characterize::{
    Access, Axes, CharacterizeOptions, ParquetSource, Preset, WINDOW_ROUNDS,
};
use ringquet_io::{DriverChoice, IoOptions, cpus};

use crate::engine_args::DirectArg;
use crate::exit::UsageError;
use crate::size::ByteSize;

/// Rounds are cut by a clock; below this its own jitter shows.
const ROUND_SECONDS_MIN: f64 = 0.02;

/// Above this a sweep never ends.
const ROUND_SECONDS_MAX: f64 = 3600.0;

#[derive(Debug, Args)]
pub(crate) struct CharacterizeArgs {
    /// Directories (for a temporary test file), files or block devices (read only); several are measured together
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// How much to measure: quick takes about two minutes, normal 15 minutes or more, full hours
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    preset: PresetArg,
    /// Size of the test file [default: 2GiB, 8GiB or 32GiB by preset, at most half of the free space]
    #[arg(long, value_name = "BYTES")]
    test_file_size: Option<ByteSize>,
    /// Data set to read and decode with the recommended options, to find the stage that limits throughput
    #[arg(long, value_name = "PATH", num_args = 1..)]
    parquet: Vec<PathBuf>,
    /// Columns of that data set, by name [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "parquet")]
    columns: Option<Vec<String>>,
    /// Workload whose data set and columns to read instead
    #[arg(long, value_name = "WORKLOAD.yaml", conflicts_with = "parquet")]
    pub(crate) workload: Option<PathBuf>,
    /// Values to override in the workload, for example dataset.data_folder=DIR
    #[arg(long = "override", value_name = "KEY=VALUE", requires = "workload")]
    pub(crate) overrides: Vec<String>,
    #[command(flatten)]
    sweep: SweepArgs,
}

/// Values that replace those of the preset.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sweep")]
struct SweepArgs {
    /// Read sizes, for example 4K,512K [default: by preset]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    read_sizes: Option<Vec<ByteSize>>,
    /// Queue depths per thread, for example 1,8,64 [default: by preset]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    queue_depths: Option<Vec<u32>>,
    /// Numbers of reader threads, for example 1,2 [default: by preset, up to one per CPU]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    threads: Option<Vec<usize>>,
    /// Measure this access pattern only
    #[arg(long, value_enum, value_name = "WHICH")]
    access: Option<AccessArg>,
    /// Do not measure unregistered buffers and polling at the knees
    #[arg(long)]
    no_extras: bool,
    /// Seconds per round; each point takes one round to start up and at least five more [default: by preset]
    #[arg(long, value_name = "SECONDS")]
    round: Option<f64>,
    /// Maximum rounds per point, even if it is not steady [default: 12 or 25, by preset]
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// CPUs to pin reader threads to, for example 0-3,8 [default: CPUs near the device]
    #[arg(long, value_name = "LIST")]
    cpus: Option<String>,
    /// I/O driver for reads; auto uses io_uring if a probe shows that it works, else pread
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    driver: DriverArg,
    /// Bypass the page cache (O_DIRECT); auto requires it, off measures the page cache
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    direct: DirectArg,
    /// Maximum reads to submit with one system call
    #[arg(long, value_name = "N", default_value_t = IoOptions::default().submit_batch)]
    submit_batch: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum PresetArg {
    #[default]
    Quick,
    Normal,
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AccessArg {
    Sequential,
    Random,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum DriverArg {
    #[default]
    Auto,
    Uring,
    Pread,
}

impl CharacterizeArgs {
    /// What to measure; the verb finds the data set of a workload.
    ///
    /// # Errors
    /// [`UsageError`] if an option is out of range.
    pub(crate) fn options(&self) -> Result<CharacterizeOptions, UsageError> {
        let sweep = &self.sweep;
        let preset = match self.preset {
            PresetArg::Quick => Preset::Quick,
            PresetArg::Normal => Preset::Normal,
            PresetArg::Full => Preset::Full,
        };
        let block = |ByteSize(bytes): &ByteSize| {
            u32::try_from(*bytes)
                .map_err(|_| UsageError(format!("--read-sizes {bytes}: must be at most 16 MiB")))
        };
        let blocks = sweep.read_sizes.as_ref();
        let block_bytes = blocks.map(|sizes| sizes.iter().map(block).collect()).transpose()?;
        let cpus = sweep.cpus.as_deref().map(cpus::parse_list).transpose();
        let io = IoOptions {
            driver: match sweep.driver {
                DriverArg::Auto => DriverChoice::Auto,
                DriverArg::Uring => DriverChoice::Uring,
                DriverArg::Pread => DriverChoice::Pread,
            },
            direct: sweep.direct.choice(),
            submit_batch: sweep.submit_batch,
            ..IoOptions::default()
        };
        io.check().map_err(|error| UsageError(error.to_string()))?;
        let parquet = (!self.parquet.is_empty())
            .then(|| ParquetSource { paths: self.parquet.clone(), columns: self.columns.clone() });
        Ok(CharacterizeOptions {
            axes: Axes {
                block_bytes,
                queue_depths: sweep.queue_depths.clone(),
                threads: sweep.threads.clone(),
                access: sweep.access.map(|access| match access {
                    AccessArg::Sequential => Access::Sequential,
                    AccessArg::Random => Access::Random,
                }),
            },
            test_file_bytes: self.test_file_size.map(|ByteSize(bytes)| bytes),
            rounds_max: rounds(sweep.rounds)?,
            round: round(sweep.round)?,
            io,
            cpus: cpus.map_err(|error| UsageError(format!("--cpus: {error}")))?,
            parquet,
            extras: !sweep.no_extras,
            ..CharacterizeOptions::new(self.paths.clone(), preset)
        })
    }
}

fn rounds(rounds: Option<usize>) -> Result<Option<usize>, UsageError> {
    match rounds {
        Some(rounds) if rounds < WINDOW_ROUNDS => {
            Err(UsageError(format!("--rounds {rounds}: must be at least {WINDOW_ROUNDS}")))
        }
        rounds => Ok(rounds),
    }
}

fn round(seconds: Option<f64>) -> Result<Option<Duration>, UsageError> {
    match seconds {
        None => Ok(None),
        Some(seconds) if (ROUND_SECONDS_MIN..=ROUND_SECONDS_MAX).contains(&seconds) => {
            Ok(Some(Duration::from_secs_f64(seconds)))
        }
        Some(seconds) => Err(UsageError(format!(
            "--round {seconds}: must be {ROUND_SECONDS_MIN} to {ROUND_SECONDS_MAX} seconds"
        ))),
    }
}
