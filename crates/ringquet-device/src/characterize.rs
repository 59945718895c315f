//! Measures a device: sweeps until steady, the knee, options for `scan` and `run`, and the stage that limits throughput.
//!
//! ```text
//!  paths ─▶ target (test_file) ─▶ sweep: points ─▶ measure (places, steady) ─▶ knee ─▶ recommend ─▶ report
//!             │ doctor: device chain                 │ array                     ╰▶ parquet_line, memory_copy ─▶ roofline
//! ```
//! A directory gets a test file of ours, which has no name and is gone when the process ends, however it ends. Files and
//! block devices are opened for reading only. All reads are O_DIRECT; if that is refused, or a path is in memory,
//! it is refused, unless `direct` is off.
//!
//! Rates count the bytes that arrived in the window; device bytes, reported beside them, come from the kernel's counters and
//! include what other processes read. CPU seconds are those of the process (user and system), so they include the
//! kernel's worker threads of its rings and leave out interrupts that hit other processes.

// Longer than 600 lines: options, sweep and report of one measurement, until they get files of their own with their crate.

mod error;
mod shown_options;

mod sweep;

mod target;
mod test_file;

mod places;
mod steady;

mod measure;

mod array;
mod knee;
mod recommend;

mod memory_copy;
mod parquet_line;
mod roofline;

use ringquet_result::{Warning, WarningCode};
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use array::{ArrayView, IMBALANCE_MAX, Member, ReaderPlace, TargetReport, view};
pub use error::CharacterizeError;
pub use knee::{KNEE_SHARE, Knee, Load, depth_for, knee};
pub use measure::{PointMeasurement, PointReport, SweepSetup, measure};
pub use memory_copy::MemoryCopy;
pub use parquet_line::{ParquetLine, ParquetSource};
pub use recommend::{KneeReport, Recommended, knees, recommend};
pub use roofline::{Rates, Roofline, Stage, roofline};
pub use shown_options::ShownOptions;
pub use steady::{RANGE_MAX, SLOPE_MAX, Steadiness, WINDOW_ROUNDS, judge};
pub use sweep::{Access, Axes, IN_FLIGHT_BYTES_MAX, Preset, SweepPoint, points};
pub use target::TargetKind;

use ringquet::StopFlag;
use ringquet::engine::{DirectChoice, EngineOptions, IoOptions};
use ringquet_io::throughput::GIB;
use ringquet_io::{DriverChoice, DriverName, PageKind};
use serde::Serialize;

use crate::doctor::Tree;
use target::{Preparation, ReadTarget};

/// Threads of a point at most: beyond the largest machines.
const THREADS_MAX: usize = 4096;

/// A device that read less than this share of what arrived has a cache in front of it.
const CACHED_SHARE: f64 = 0.9;

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct CharacterizeOptions {
    /// Directories, files, or block devices; several are read side by side.
    pub paths: Vec<PathBuf>,
    /// How much.
    pub preset: Preset,
    /// In place of the preset's own.
    pub axes: Axes,
    /// Length of the test file in bytes, in place of the preset's own.
    pub test_file_bytes: Option<u64>,
    /// Rounds per point at most, in place of the preset's own; at least five.
    pub rounds_max: Option<usize>,
    /// Length of a round, in place of the preset's own.
    pub round: Option<Duration>,
    /// Driver, O_DIRECT (`Auto` means `On`) and the rest of the queues.
    pub io: IoOptions,
    /// CPUs to pin readers to.
    pub cpus: Option<Vec<usize>>,
    /// The data set of the Parquet line.
    pub parquet: Option<ParquetSource>,
    /// The workload of the data set, and its overrides: to reproduce the measurement.
    pub workload: Option<(PathBuf, Vec<String>)>,
    /// Measure IOPOLL and unregistered buffers at the knees too.
    pub extras: bool,
}

impl CharacterizeOptions {
    /// A preset over paths, everything else by default.
    pub fn new(paths: Vec<PathBuf>, preset: Preset) -> CharacterizeOptions {
        CharacterizeOptions {
            paths,
            preset,
            axes: Axes::default(),
            test_file_bytes: None,
            rounds_max: None,
            round: None,
            io: IoOptions::default(),
            cpus: None,
            parquet: None,
            workload: None,
            extras: true,
        }
    }

    fn check(&self) -> Result<(), CharacterizeError> {
        let wrong = |text: String| Err(CharacterizeError::Options(text));
        if self.paths.is_empty() {
            return wrong("no path given".to_owned());
        }
        let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        let twice = self.paths.iter().enumerate().find(|(index, path)| {
            self.paths[..*index].iter().any(|before| real(before) == real(path))
        });
        if let Some((_, path)) = twice {
            return wrong(format!("{}: is given twice", path.display()));
        }
        let min = test_file::LEN_BYTES_MIN;
        if let Some(bytes) = self.test_file_bytes.filter(|bytes| *bytes < min) {
            return wrong(format!("`test_file_bytes` {bytes}: must be at least {min} bytes"));
        }
        if let Some(&block) = self
            .axes
            .block_bytes
            .iter()
            .flatten()
            .find(|&&block| !(4096..=16 << 20).contains(&block) || !block.is_multiple_of(4096))
        {
            return wrong(format!(
                "`block_bytes` {block}: must be a multiple of 4096 from 4 KiB to 16 MiB"
            ));
        }
        if let Some(&depth) =
            self.axes.queue_depths.iter().flatten().find(|&&depth| !(1..=4096).contains(&depth))
        {
            return wrong(format!("`queue_depths` {depth}: must be 1 to 4096"));
        }
        if let Some(&threads) =
            self.axes.threads.iter().flatten().find(|&&n| !(1..=THREADS_MAX).contains(&n))
        {
            return wrong(format!("`threads` {threads}: must be 1 to {THREADS_MAX}"));
        }
        Ok(())
    }
}

/// Progress of a characterisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CharacterizeProgress {
    /// Bytes of the test file that are written, and that are to be.
    Writing {
        /// So far.
        written_bytes: u64,
        /// In all.
        bytes: u64,
    },
    /// A point begins.
    SweepPoint {
        /// Points that are done.
        done: usize,
        /// Points in all.
        points: usize,
        /// The one that begins.
        point: SweepPoint,
        /// What is left, in seconds: from the mean of those that are done.
        seconds_left: f64,
    },
    /// The data set of the Parquet line is read.
    Parquet,
}

/// Everything that was measured.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CharacterizeReport {
    /// How much was to be measured.
    pub preset: Preset,
    /// From the first byte of a test file to the last of the Parquet line, in seconds.
    pub seconds: f64,
    /// What was read from.
    pub targets: Vec<TargetReport>,
    /// The threads and their CPUs, of the points with most threads.
    pub readers: Vec<ReaderPlace>,
    /// I/O driver of the reads.
    pub driver: DriverReport,
    /// Bytes read by all points, ramps and drains included.
    pub read_bytes: u64,
    /// Bytes that the members read meanwhile, for any process; `None` if they have no counter.
    pub device_read_bytes: Option<u64>,
    /// The sweep.
    pub points: Vec<PointReport>,
    /// IOPOLL and unregistered buffers at the knees.
    pub extras: Vec<PointReport>,
    /// Extra points that the device or the kernel refused, with the reason.
    pub refused: Vec<Refused>,
    /// One per access and block size.
    pub knees: Vec<KneeReport>,
    /// For `scan` and `run`.
    pub recommended: Option<Recommended>,
    /// How the fastest point was distributed over the members; `None` if they have no counter.
    pub array: Option<ArrayView>,
    /// How fast memory is copied; measured together with the Parquet line.
    pub memory_copy: Option<MemoryCopy>,
    /// What the data set got.
    pub parquet: Option<ParquetLine>,
    /// Which stage binds for that data set.
    pub roofline: Option<Roofline>,
    /// Warnings.
    pub warnings: Vec<Warning>,
}

/// I/O driver of the reads.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DriverReport {
    /// Which driver.
    pub name: DriverName,
    /// Around the page cache.
    pub direct: bool,
    /// The arena is registered with the ring.
    pub registered_buffers: bool,
    /// Files are registered with the ring.
    pub registered_files: bool,
    /// Pages of the arena.
    pub huge_pages: PageKind,
    /// What the kernel took.
    pub setup_flags: Vec<&'static str>,
    /// Reads per submission at most.
    pub submit_batch: u32,
}

/// An extra point that could not be measured.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refused {
    /// Which one.
    pub point: SweepPoint,
    /// The kernel's answer.
    pub reason: String,
}

/// Measures a device. `progress` is called before each point and while a test file is written.
///
/// # Errors
/// [`CharacterizeError`], each naming the path or option; test files are gone in every case.
pub fn characterize(
    options: &CharacterizeOptions,
    progress: &dyn Fn(CharacterizeProgress),
    stop: &StopFlag,
) -> Result<CharacterizeReport, CharacterizeError> {
    options.check()?;
    let begun = Instant::now();
    let tree = Tree::default();
    let mut warnings = Vec::new();
    options.parquet.as_ref().map_or(Ok(()), |source| source.check(&options.io))?;
    let targets = prepare(options, &tree, progress, stop, &mut warnings)?;
    let mut sweep = Sweep::new(options, &tree, &targets, progress, stop)?;
    let (points, extras) = sweep.run(options.extras)?;
    let knees = recommend::knees(&points);
    let recommended = recommend::recommend(&points, &extras).map(|recommended| Recommended {
        arguments: format!("{}{}", recommended.arguments, carried_by(&options.io)),
        ..recommended
    });
    let array = fastest(&points)
        .and_then(|point| point.devices.as_ref())
        .and_then(|read| array::view(&sweep.members, read));
    let parquet = match (&options.parquet, &recommended) {
        (Some(source), Some(recommended)) => {
            progress(CharacterizeProgress::Parquet);
            Some(parquet_line(options, source, recommended, stop, &mut warnings)?)
        }
        _ => None,
    };
    let cores = sweep.bench.cpus.clone();
    let memory_copy = parquet.as_ref().map(|_| memory_copy::measure(&cores));
    let roofline = parquet.as_ref().zip(memory_copy).and_then(|(line, memory)| {
        let peak = fastest(&points).map_or(0.0, |point| point.read_bytes_per_second);
        roofline::roofline(&Rates {
            device_bytes_per_second: peak,
            read_cpu_seconds_per_byte: line.raw_cpu_seconds_per_gib / GIB,
            decode_seconds_per_byte: line.decode_seconds_per_stored_byte,
            decoded_per_stored: line.decoded_per_stored,
            cores: line.threads,
            copy_bytes_per_second: memory.all_cores_bytes_per_second,
        })
    });
    let (driver, read_bytes) = (sweep.driver(options)?, sweep.read_bytes);
    warnings.extend(std::mem::take(&mut sweep.warnings));
    point_warnings(&points, array.as_ref(), options, &mut warnings);
    let mut distinct: Vec<Warning> = Vec::new();
    for warning in warnings {
        if !distinct.contains(&warning) {
            distinct.push(warning);
        }
    }
    Ok(CharacterizeReport {
        preset: options.preset,
        seconds: begun.elapsed().as_secs_f64(),
        targets: targets.iter().map(TargetReport::of).collect(),
        readers: array::reader_places(&tree.sys_root(), &sweep.bench.cpus),
        driver,
        read_bytes,
        device_read_bytes: sweep.meter.read_bytes(),
        points,
        extras,
        refused: sweep.refused,
        knees,
        recommended,
        array,
        memory_copy,
        parquet,
        roofline,
        warnings: distinct,
    })
}

fn prepare(
    options: &CharacterizeOptions,
    tree: &Tree,
    progress: &dyn Fn(CharacterizeProgress),
    stop: &StopFlag,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<ReadTarget>, CharacterizeError> {
    let preset = options.preset.test_file_bytes();
    let preparation = Preparation {
        tree,
        direct: direct(options),
        test_file_bytes: (
            options.test_file_bytes.unwrap_or(preset),
            options.test_file_bytes.is_some(),
        ),
        stop,
        written: &|written_bytes, bytes| {
            progress(CharacterizeProgress::Writing { written_bytes, bytes })
        },
    };
    options.paths.iter().map(|path| preparation.prepare(path, warnings)).collect()
}

/// The requested driver and page cache mode, as further arguments.
fn carried_by(io: &IoOptions) -> String {
    let driver = match io.driver {
        DriverChoice::Pread => " `driver` pread",
        DriverChoice::Mmap => " `driver` mmap",
        DriverChoice::Auto | DriverChoice::Uring | DriverChoice::Sim => "",
    };
    let direct = if io.direct == DirectChoice::Off { " `direct` off" } else { "" };
    format!("{driver}{direct}")
}

/// The device is measured, unless the options say otherwise.
fn direct(options: &CharacterizeOptions) -> DirectChoice {
    match options.io.direct {
        DirectChoice::Auto | DirectChoice::On => DirectChoice::On,
        DirectChoice::Off => DirectChoice::Off,
    }
}

/// The points, one after another.
struct Sweep<'a> {
    points: Vec<SweepPoint>,
    bench: SweepSetup,
    /// Where reads of a test file go, and the directory that it was made in.
    test_files: Vec<(PathBuf, PathBuf)>,
    members: Vec<crate::doctor::BlockDevice>,
    meter: ringquet_io::device::DeviceMeter,
    progress: &'a dyn Fn(CharacterizeProgress),
    stop: &'a StopFlag,
    begun: Instant,
    done: usize,
    points_in_all: usize,
    read_bytes: u64,
    first: Option<PointMeasurement>,
    refused: Vec<Refused>,
    warnings: Vec<Warning>,
}

impl<'a> Sweep<'a> {
    fn new(
        options: &CharacterizeOptions,
        tree: &Tree,
        targets: &[ReadTarget],
        progress: &'a dyn Fn(CharacterizeProgress),
        stop: &'a StopFlag,
    ) -> Result<Sweep<'a>, CharacterizeError> {
        let numbers: Vec<(u32, u32)> = targets.iter().map(|target| target.number).collect();
        let engine = EngineOptions { cpus: options.cpus.clone(), ..EngineOptions::default() };
        let cpus = engine
            .resolve(&numbers)
            .map_err(|error| CharacterizeError::Options(error.to_string()))?
            .cpus;
        let shortest = targets.iter().map(|target| target.len_bytes).min().unwrap_or(0);
        let points = sweep::points(options.preset, &options.axes, cpus.len(), shortest);
        if points.is_empty() {
            return Err(CharacterizeError::Options(format!(
                "no point is left to measure: blocks must fit 16 times into the shortest file ({shortest} bytes), and depth times block into {IN_FLIGHT_BYTES_MAX} bytes"
            )));
        }
        let members = array::members_of(targets);
        let threads = points.iter().map(|point| point.threads).max().unwrap_or(1);
        // More threads than CPUs share them.
        let cpus =
            (0..threads).map(|thread| cpus.get(thread % cpus.len().max(1)).copied().flatten());
        let bench = SweepSetup {
            files: targets.iter().map(|target| (target.reads.clone(), target.len_bytes)).collect(),
            cpus: cpus.collect(),
            io: IoOptions { direct: direct(options), ..options.io.clone() },
            devices: members.iter().map(|member| member.number).collect(),
            sys: tree.sys_root(),
            round: options.round.unwrap_or(options.preset.round()),
            rounds_max: options.rounds_max.unwrap_or(options.preset.rounds_max()),
        };
        let meter =
            ringquet_io::device::DeviceMeter::begin(tree.sys_root(), bench.devices.iter().copied());
        Ok(Sweep {
            points_in_all: points.len(),
            points,
            bench,
            test_files: targets
                .iter()
                .filter(|target| target.kind == TargetKind::Directory)
                .map(|target| (target.reads.clone(), target.path.clone()))
                .collect(),
            members,
            meter,
            progress,
            stop,
            begun: Instant::now(),
            done: 0,
            read_bytes: 0,
            first: None,
            refused: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// The sweep, and with `extras` the points at the knees with other settings.
    fn run(
        &mut self,
        extras: bool,
    ) -> Result<(Vec<PointReport>, Vec<PointReport>), CharacterizeError> {
        if extras {
            self.points_in_all += extra_points_of(&self.points);
        }
        let points = std::mem::take(&mut self.points);
        let mut reports = Vec::with_capacity(points.len());
        for point in &points {
            reports.push(self.measure(point)?);
        }
        let mut extra_reports = Vec::new();
        // Only io_uring polls and registers: of another driver the same would be measured again under other names.
        let is_uring =
            self.first.as_ref().is_some_and(|first| first.facts.name == DriverName::Uring);
        if extras && !is_uring {
            self.points_in_all = self.done;
        }
        if extras && is_uring {
            for point in extra_points(&reports) {
                match self.measure(&point) {
                    Ok(report) => extra_reports.push(report),
                    // Polling is refused by devices without poll queues: that is an answer.
                    Err(
                        error @ (CharacterizeError::Io(_) | CharacterizeError::TestFile { .. }),
                    ) if point.iopoll => {
                        self.done += 1;
                        self.refused.push(Refused { point, reason: error.to_string() });
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok((reports, extra_reports))
    }

    fn measure(&mut self, point: &SweepPoint) -> Result<PointReport, CharacterizeError> {
        (self.progress)(CharacterizeProgress::SweepPoint {
            done: self.done,
            points: self.points_in_all,
            point: *point,
            seconds_left: self.seconds_left(),
        });
        let measured =
            measure::measure(&self.bench, point, self.stop).map_err(|error| self.of_path(error))?;
        self.done += 1;
        self.read_bytes += measured.read_bytes_in_all;
        self.warnings.extend(measured.warnings.iter().cloned());
        let report = measured.report.clone();
        self.first.get_or_insert(measured);
        Ok(report)
    }

    /// A test file has no name: its errors name the directory.
    fn of_path(&self, error: CharacterizeError) -> CharacterizeError {
        let CharacterizeError::Io(io) = error else { return error };
        let text = io.to_string();
        let concerned = self.test_files.iter().find_map(|(reads, path)| {
            let rest = text.strip_prefix(&format!("{}: ", reads.display()))?;
            Some(CharacterizeError::TestFile { path: path.clone(), text: rest.to_owned() })
        });
        concerned.unwrap_or(CharacterizeError::Io(io))
    }

    fn seconds_left(&self) -> f64 {
        let left = self.points_in_all.saturating_sub(self.done) as f64;
        let each = if self.done == 0 {
            (WINDOW_ROUNDS + 1) as f64 * self.bench.round.as_secs_f64()
        } else {
            self.begun.elapsed().as_secs_f64() / self.done as f64
        };
        left * each
    }

    fn driver(&self, options: &CharacterizeOptions) -> Result<DriverReport, CharacterizeError> {
        let first = self.first.as_ref().ok_or(CharacterizeError::Stopped)?;
        Ok(DriverReport {
            name: first.facts.name,
            direct: direct(options) != DirectChoice::Off && first.facts.name != DriverName::Mmap,
            registered_buffers: first.facts.registered_buffers,
            registered_files: first.facts.registered_files,
            huge_pages: first.pages,
            setup_flags: first.facts.setup_flags.clone(),
            submit_batch: self.bench.io.submit_batch,
        })
    }
}

/// How many [`extra_points`] will be: two per access.
fn extra_points_of(points: &[SweepPoint]) -> usize {
    let any = |access| usize::from(points.iter().any(|point| point.access == access));
    2 * (any(Access::Sequential) + any(Access::Random))
}

/// The fastest knee of sequential reads and that of the smallest random ones, polled and unregistered.
fn extra_points(reports: &[PointReport]) -> Vec<SweepPoint> {
    let knees = recommend::knees(reports);
    let of = |access| knees.iter().filter(move |knee| knee.access == access);
    let random = of(Access::Random).min_by_key(|knee| knee.block_bytes);
    let sequential = of(Access::Sequential)
        .max_by(|a, b| a.at.knee.read_bytes_per_second.total_cmp(&b.at.knee.read_bytes_per_second));
    let variants = |knee: &KneeReport| {
        let base = SweepPoint {
            access: knee.access,
            block_bytes: knee.block_bytes,
            queue_depth: knee.at.knee.queue_depth,
            threads: knee.at.knee.threads,
            iopoll: false,
            registered_buffers: true,
        };
        [SweepPoint { registered_buffers: false, ..base }, SweepPoint { iopoll: true, ..base }]
    };
    random.into_iter().chain(sequential).flat_map(variants).collect()
}

/// The point with the highest bandwidth.
fn fastest(points: &[PointReport]) -> Option<&PointReport> {
    points.iter().max_by(|a, b| a.read_bytes_per_second.total_cmp(&b.read_bytes_per_second))
}

fn parquet_line(
    options: &CharacterizeOptions,
    source: &ParquetSource,
    recommended: &Recommended,
    stop: &StopFlag,
    warnings: &mut Vec<Warning>,
) -> Result<ParquetLine, CharacterizeError> {
    let io = IoOptions {
        read_size_bytes: recommended.read_size_bytes,
        queue_depth: recommended.queue_depth,
        iopoll: recommended.iopoll,
        ..options.io.clone()
    };
    parquet_line::measure(
        source,
        &io,
        recommended.threads,
        options.cpus.clone(),
        options.preset.parquet_seconds(),
        stop,
        warnings,
    )
}

/// Warnings about the points.
fn point_warnings(
    points: &[PointReport],
    array: Option<&ArrayView>,
    options: &CharacterizeOptions,
    warnings: &mut Vec<Warning>,
) {
    let unsteady = points.iter().filter(|point| !point.steady).count();
    if unsteady > 0 {
        let text = format!(
            "{unsteady} of {} points did not become steady (range of 5 rounds over {:.0} %, or slope over {:.0} %): their numbers are from the last rounds; is something else using the device?",
            points.len(),
            RANGE_MAX * 100.0,
            SLOPE_MAX * 100.0
        );
        warnings.push(Warning::new(WarningCode::NotSteady, text));
    }
    let cached = points.iter().filter(|point| {
        point
            .device_read_bytes
            .is_some_and(|device| (device as f64) < CACHED_SHARE * point.read_bytes as f64)
    });
    let cached = cached.count();
    if cached > 0 || options.io.direct == DirectChoice::Off {
        let text = match options.io.direct {
            DirectChoice::Off => "reads go through the page cache: measurements show memory wherever it holds the file".to_owned(),
            _ => format!("in {cached} of {} points the device read less than was served: the file has holes, or a cache served the rest", points.len()),
        };
        warnings.push(Warning::new(WarningCode::PageCache, text));
    }
    if let Some(array) = array
        && array.members.len() > 1
        && array.imbalance > IMBALANCE_MAX
    {
        let most = array.members.iter().max_by_key(|member| member.read_bytes);
        let text = format!(
            "{} read {:.0} % more than the mean of {} members at the fastest point: the array is as fast as its busiest member",
            most.map_or("one member", |member| &member.name),
            array.imbalance * 100.0,
            array.members.len()
        );
        warnings.push(Warning::new(WarningCode::ArrayImbalance, text));
    }
    if cfg!(debug_assertions) {
        let text = "this is a debug build: CPU times and CPU-bound rates are not meaningful";
        warnings.push(Warning::new(WarningCode::DebugBuild, text));
    }
}
