//! Command-line arguments.

mod characterize;
mod doctor;

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ringquet_datagen::{ContentOptions, DatagenOptions, WriteChoice};
use ringquet_train::SearchOptions;

use crate::engine_args::{DirectArg, EngineArgs};
use crate::size::ByteSize;

pub(crate) use characterize::CharacterizeArgs;
pub(crate) use doctor::DoctorArgs;

/// Read Parquet files from NVMe drives into Arrow, at the speed of the drives
///
/// Write sizes as 4096, 512K, 4MiB or 1GB: K and KiB are 1024 bytes, kB is 1000.
/// Exit codes: 0 success, 1 failure or target missed, 2 usage error.
#[derive(Debug, Parser)]
#[command(name = "ringquet", version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// Print one JSON document on stdout and nothing else
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Show no progress bars and no warnings
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
}

/// The command.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show what files contain: schema, row groups, column chunks, encodings, and the decoder for each
    Inspect(InspectArgs),
    /// Show the reads that a scan would issue
    Plan(PlanArgs),
    /// Read and decode every file once and report throughput
    Scan(ScanArgs),
    /// Show rows of a file, or write them to an Arrow IPC file
    Cat(CatArgs),
    /// Generate the data set of a workload
    Datagen(DatagenArgs),
    /// Compute how many files a workload needs on given hosts
    Datasize(DatasizeArgs),
    /// Run a workload: read, decode, and feed emulated accelerators
    Run(RunArgs),
    /// Check a generated data set against its manifest
    Verify(VerifyArgs),
    /// Measure a device, find the knees of its curves, and recommend options for scan and run
    Characterize(CharacterizeArgs),
    /// Check kernel features, limits and drives; show what to change and how
    Doctor(DoctorArgs),
    /// Compare file layouts for the data of a workload on this storage
    Layout(LayoutArgs),
    /// Show results of scan, run, characterize and layout side by side on one page
    Report(ReportArgs),
    /// Check results against the rules of MLPerf Storage
    Check(CheckArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page of ringquet or of one command, or write all pages
    Man(ManArgs),
}

impl Verb {
    /// As it is typed.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Verb::Inspect(_) => "inspect",
            Verb::Plan(_) => "plan",
            Verb::Scan(_) => "scan",
            Verb::Cat(_) => "cat",
            Verb::Datagen(_) => "datagen",
            Verb::Datasize(_) => "datasize",
            Verb::Run(_) => "run",
            Verb::Verify(_) => "verify",
            Verb::Characterize(_) => "characterize",
            Verb::Doctor(_) => "doctor",
            Verb::Layout(_) => "layout",
            Verb::Report(_) => "report",
            Verb::Check(_) => "check",
            Verb::Completions(_) => "completions",
            Verb::Man(_) => "man",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Parquet files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// List every column and row group, instead of grouping the columns of wide files
    #[arg(long)]
    pub(crate) all: bool,
    /// Also list every column chunk
    #[arg(long)]
    pub(crate) chunks: bool,
}

/// Which files, and which of their columns.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// Parquet files, or directories to search for *.parquet (skips names that begin with '_' or '.')
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Stop if any file cannot be opened, instead of reading the others
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) columns: ColumnArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ColumnArgs {
    /// Columns to read, by name [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Option<Vec<String>>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Also write these reads as a fio iolog (`fio --read_iolog=FILE`)
    #[arg(long, value_name = "FILE")]
    pub(crate) fio_iolog: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Read without decoding
    #[arg(long, conflicts_with = "digest")]
    pub(crate) raw: bool,
    /// Hash the decoded values; the hash does not depend on driver, threads or decoder
    #[arg(long)]
    pub(crate) digest: bool,
    /// Decoder: fast kernels where they apply (auto), or the parquet crate for everything (fallback)
    #[arg(long, value_enum, default_value_t, value_name = "WHICH", conflicts_with = "raw")]
    pub(crate) decoder: DecoderArg,
    /// Verify page checksums where pages have them
    #[arg(long, conflicts_with = "raw")]
    pub(crate) verify_crc: bool,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DecoderArg {
    #[default]
    Auto,
    Fallback,
}

#[derive(Debug, Args)]
pub(crate) struct CatArgs {
    /// A Parquet file
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) columns: ColumnArgs,
    /// Rows A to B, excluding B; A or B may be omitted [default: all with -o, otherwise the first 20]
    #[arg(long, value_name = "A..B")]
    pub(crate) rows: Option<RowRange>,
    /// Write an Arrow IPC file instead of showing rows
    #[arg(short, long, value_name = "OUT.arrow")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

/// `A..B`, `A..`, `..B` or `..`: rows of a file, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowRange(pub(crate) Range<u64>);

impl FromStr for RowRange {
    type Err = String;

    fn from_str(text: &str) -> Result<RowRange, String> {
        let wrong = || format!("'{text}' is not a range of rows: expected 0..100, 100.. or ..100");
        let (start, end) = text.split_once("..").ok_or_else(wrong)?;
        let bound = |text: &str, absent: u64| match text.trim() {
            "" => Ok(absent),
            digits => digits.parse::<u64>().map_err(|_| wrong()),
        };
        let range = bound(start, 0)?..bound(end, u64::MAX)?;
        if range.start > range.end {
            return Err(format!("'{text}' ends before it starts"));
        }
        Ok(RowRange(range))
    }
}

/// A workload: a file and what is changed in it.
#[derive(Debug, Args)]
pub(crate) struct WorkloadArgs {
    /// Workload file in DLIO's format
    #[arg(value_name = "WORKLOAD.yaml")]
    pub(crate) workload: PathBuf,
    /// Values to override, for example dataset.data_folder=DIR or train.epochs=2
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) overrides: Vec<String>,
    /// Fail on keys that are unknown or have no effect, instead of warning
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DatagenArgs {
    #[command(flatten)]
    pub(crate) workload: WorkloadArgs,
    /// Writing threads [default: one per available CPU]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Bypass the page cache (O_DIRECT); auto does so if the file system supports it
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) direct: DirectArg,
    /// I/O driver for writes; auto uses io_uring if it works, else pwrite with a warning
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    pub(crate) driver: WriteDriverArg,
    /// Seed of all values
    #[arg(long, value_name = "N", default_value_t = DatagenOptions::default().seed)]
    pub(crate) seed: u64,
    /// Keep the files that an interrupted call completed
    #[arg(long, conflicts_with = "force")]
    pub(crate) resume: bool,
    /// Write all files again, including existing ones
    #[arg(long)]
    pub(crate) force: bool,
    /// Index of the first file to write; evaluation files follow training files
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) first_file: u64,
    /// Number of files to write [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) files: Option<u64>,
    /// Fraction of values (0 to below 1) that repeat an earlier value of their column chunk
    #[arg(long, value_name = "FRACTION", default_value_t = ContentOptions::default().repeat_fraction)]
    pub(crate) repeat_fraction: f64,
    /// Write floats of any bit pattern, including NaN and infinity, as DLIO does
    #[arg(long)]
    pub(crate) raw_floats: bool,
    /// Write PLAIN pages without dictionaries; the manifest records this and the options below
    #[arg(long, help_heading = "Layout beyond DLIO")]
    pub(crate) no_dictionary: bool,
    /// Use BYTE_STREAM_SPLIT instead of dictionaries for floats and wide integers
    #[arg(long, help_heading = "Layout beyond DLIO")]
    pub(crate) byte_stream_split: bool,
    /// Write data pages v2
    #[arg(long, help_heading = "Layout beyond DLIO")]
    pub(crate) data_page_v2: bool,
    /// Write column index and offset index
    #[arg(long, help_heading = "Layout beyond DLIO")]
    pub(crate) page_index: bool,
    /// Size at which a data page is complete [default: 1MiB]
    #[arg(long, value_name = "BYTES", help_heading = "Layout beyond DLIO")]
    pub(crate) page_size: Option<ByteSize>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WriteDriverArg {
    #[default]
    Auto,
    Uring,
    Pwrite,
}

impl WriteDriverArg {
    pub(crate) fn choice(self) -> WriteChoice {
        match self {
            WriteDriverArg::Auto => WriteChoice::Auto,
            WriteDriverArg::Uring => WriteChoice::Uring,
            WriteDriverArg::Pwrite => WriteChoice::Pwrite,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DatasizeArgs {
    #[command(flatten)]
    pub(crate) workload: WorkloadArgs,
    /// Total number of accelerators on all hosts
    #[arg(long, value_name = "N")]
    pub(crate) accelerators: u64,
    /// Number of hosts
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) hosts: u64,
    /// Memory of one host, for example 256GiB
    #[arg(long, value_name = "BYTES")]
    pub(crate) host_memory: ByteSize,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) workload: WorkloadArgs,
    /// Emulated accelerators per process; with --find-max-accelerators, where the search starts [default there: 1]
    #[arg(long, value_name = "N", required_unless_present = "find_max_accelerators")]
    pub(crate) accelerators: Option<u32>,
    /// Search for the most accelerators that meet metric.au, and report what limits the next ones
    #[arg(long)]
    pub(crate) find_max_accelerators: bool,
    /// Upper limit of the search
    #[arg(
        long,
        value_name = "N",
        requires = "find_max_accelerators",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub(crate) accelerators_max: Option<u32>,
    /// Seconds per round of the search; each point takes two or more rounds, until two in a row agree
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = SearchOptions::default().round_seconds,
        value_parser = round_seconds
    )]
    pub(crate) round_seconds: f64,
    /// Directory for summary.json and the other results
    #[arg(long, value_name = "DIR")]
    pub(crate) results_dir: PathBuf,
    /// Write results to training/MODEL/run/TIME/ below it, as mlpstorage does
    #[arg(long, conflicts_with = "find_max_accelerators")]
    pub(crate) results_tree: bool,
    /// What accelerators consume: Arrow batches, or raw bytes without decoding
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub(crate) decode: DecodeArg,
    /// Drop the page cache before each epoch
    #[arg(long)]
    pub(crate) drop_caches: bool,
    /// Priority of accelerator threads; auto raises it above reader threads if the system permits
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    pub(crate) accelerator_priority: PriorityArg,
    /// Columns to read, by name [default: those in the workload]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Option<Vec<String>>,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DecodeArg {
    #[default]
    Arrow,
    Raw,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PriorityArg {
    #[default]
    Auto,
    Normal,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Data folder of a generated data set, which contains its manifest
    pub(crate) dir: PathBuf,
    /// Reader threads [default: one per available CPU]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Compare decoded values only, without hashing file bytes (one read less)
    #[arg(long)]
    pub(crate) skip_bytes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LayoutArgs {
    #[command(flatten)]
    pub(crate) workload: WorkloadArgs,
    /// Approximate decoded size of each variant
    #[arg(long, value_name = "BYTES", default_value = "128MiB")]
    pub(crate) size: ByteSize,
    /// Measurements per variant; the median counts
    #[arg(long, value_name = "N", default_value = "3")]
    pub(crate) repeats: std::num::NonZeroU32,
    /// Fraction of values (0 to below 1) that repeat an earlier value of their column chunk
    #[arg(long, value_name = "FRACTION", default_value_t = ContentOptions::default().repeat_fraction)]
    pub(crate) repeat_fraction: f64,
    #[command(flatten)]
    pub(crate) columns: ColumnArgs,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// JSON documents of scan, run, characterize and layout, or folders of results
    #[arg(required = true, value_name = "RESULT")]
    pub(crate) results: Vec<PathBuf>,
    /// Output file: .html, .md or .csv [default: Markdown on stdout]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Output format, instead of the one that the extension implies
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) format: Option<ReportFormatArg>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormatArg {
    Html,
    Md,
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Results: a tree training/MODEL/run/TIME/, any folder in it, or one folder of results
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell to print the script for
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Command to print the page of [default: ringquet itself]
    #[arg(conflicts_with = "output")]
    pub(crate) verb: Option<String>,
    /// Write all pages to this directory: ringquet.1, ringquet-scan.1, …
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

/// Seconds of a round of a search. Shorter rounds mean little, longer ones never end.
fn round_seconds(text: &str) -> Result<f64, String> {
    const ACCEPTED: std::ops::RangeInclusive<f64> = 0.1..=3600.0;
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    match ACCEPTED.contains(&seconds) {
        true => Ok(seconds),
        false => Err(format!("must be {} to {} seconds", ACCEPTED.start(), ACCEPTED.end())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn row_ranges() {
        let check = |text: &str, expect: Range<u64>| assert_eq!(text.parse(), Ok(RowRange(expect)));
        check("0..100", 0..100);
        check("100..", 100..u64::MAX);
        check("..7", 0..7);
        check("..", 0..u64::MAX);
        check("3..3", 3..3);
        for wrong in ["", "7", "a..b", "5..4", "1...3", "-1..3"] {
            assert!(wrong.parse::<RowRange>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn common_options_stand_before_or_after_the_verb() {
        for line in
            ["ringquet --json scan a b --columns x,y", "ringquet scan --columns x,y a b --json"]
        {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            let Verb::Scan(scan) = cli.verb else { panic!("{line}") };
            assert!(cli.json, "{line}");
            assert_eq!(scan.source.paths.len(), 2, "{line}");
            assert_eq!(scan.source.columns.columns.unwrap(), ["x", "y"], "{line}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for line in [
            "ringquet",
            "ringquet scan",
            "ringquet scan a --raw --digest",
            "ringquet inspect",
            "ringquet run w.yaml --accelerators 1",
            "ringquet datasize w.yaml --accelerators 1",
            "ringquet characterize",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
