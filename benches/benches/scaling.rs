//! Isolates what grows faster than the work: the same work in ever more parts, on one reader thread, from the page cache. The
//! time per part has to stay the same.
//!
//! - `columns/N`: 60,000 column chunks of 100 float values, N to a row group; seconds per column chunk
//! - `two_rows/N`: the same with 2 values to a chunk
//! - `row_groups/N`: a file of N row groups of 16 rows in two columns; seconds per row group
//! - `files/N`: N files of a few hundred bytes in folders of a thousand; seconds per file
//! - `lanes/N`: 4,096 row groups, dealt to N lanes of a reader thread; seconds per row group
//!
//! Where the number of parts differs, what the smallest point takes is what starting takes: it is taken off the others.
//! A pass is open (find the files, read and parse their footers) and scan; planning, which `ringquet plan` does, is measured
//! beside it. Points of 3,000 and 60,000 columns are compared with PyArrow, one thread, the file in its memory.
//!
//! `cargo xtask bench scaling [CASE…]`, e.g. `columns/40 columns/3000`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use arrow_array::{ArrayRef, Float32Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use ringquet::engine::{DecodeMode, Delivery, Demand, DirectChoice, EngineOptions, Gate, Lane};
use ringquet::report::ScanReport;
use ringquet::{Dataset, RowGroupId, StopFlag};
use ringquet_benches::pairs::{Pairs, Sample, tell};
use ringquet_benches::pyarrow::PyArrow;
use ringquet_benches::{Scale, chosen, data};

/// Time per part at any point, divided by that at the best point of the sweep.
const FLAT_BAR: f64 = 1.5;

/// Our time divided by PyArrow's, at most; told as a ratio of rates.
const PYARROW_BAR: f64 = 1.0;

/// Below this a time says little about its parts: such points take no part in the ratios.
const SECONDS_MIN: f64 = 0.01;

/// Passes of a point; the fastest counts. The first of all finds memory and caches cold: it takes more than one to be fast.
const PASSES_MIN: usize = 3;

/// Passes of short points go on for as long.
const SWEEP_SECONDS: f64 = 0.5;

/// A pass that takes longer is made once.
const LONG_SECONDS: f64 = 5.0;

/// Files in one folder.
const FOLDER_FILES: usize = 1000;

fn main() -> Result<()> {
    let scale = Scale::of_this_process();
    let pyarrow = if scale == Scale::Full { PyArrow::start()? } else { None };
    let mut bench = Bench { scale, pyarrow };
    bench.columns("columns", 100)?;
    bench.columns("two_rows", 2)?;
    bench.row_groups()?;
    bench.files()?;
    bench.lanes()
}

struct Bench {
    scale: Scale,
    pyarrow: Option<PyArrow>,
}

/// A point of a sweep: the best of its passes, in seconds.
#[derive(Debug, Clone, Copy)]
struct Point {
    /// What the sweep varies.
    size: usize,
    /// Parts of the work.
    parts: usize,
    open: f64,
    scan: f64,
    /// `None` where it is not part of the sweep.
    plan: Option<f64>,
}

impl Bench {
    /// Arrangements of the same column chunks: few to a row group and many row groups, or the other way round.
    fn columns(&mut self, sweep: &str, rows: usize) -> Result<()> {
        let chunks = self.scale.pick(600, 60_000);
        let sizes = self.scale.pick(&[4, 600][..], &[40, 200, 1000, 3000, 10_000, 60_000][..]);
        let mut points = Vec::new();
        for &columns in sizes {
            if !chosen(&format!("{sweep}/{columns}")) {
                continue;
            }
            let row_groups = chunks / columns;
            let path = written(columns, row_groups, rows)?;
            let paths = [path.clone()];
            let pass = || pass(&paths, (row_groups * rows) as u64, None);
            points.push(measured(columns, row_groups * columns, pass)?);
            if [3000, 60_000].contains(&columns) {
                self.beside_pyarrow(&format!("{sweep}/{columns}"), &path)?;
            }
        }
        told(sweep, "columns", "column chunk", &points, false);
        Ok(())
    }

    fn row_groups(&self) -> Result<()> {
        let sizes = self.scale.pick(&[1, 50][..], &[1, 100, 1000, 10_000, 100_000][..]);
        let mut points = Vec::new();
        for &row_groups in sizes {
            if !chosen(&format!("row_groups/{row_groups}")) {
                continue;
            }
            let paths = [written(2, row_groups, 16)?];
            let pass = || pass(&paths, 16 * row_groups as u64, None);
            points.push(measured(row_groups, row_groups, pass)?);
        }
        told("row_groups", "row groups", "row group", &points, true);
        Ok(())
    }

    fn files(&self) -> Result<()> {
        let sizes = self.scale.pick(&[1, 20][..], &[1, 100, 1000, 10_000, 100_000][..]);
        let mut points = Vec::new();
        for &files in sizes {
            if !chosen(&format!("files/{files}")) {
                continue;
            }
            let folder = copies(&written(2, 1, 16)?, files)?;
            let pass = || pass(std::slice::from_ref(&folder), 16 * files as u64, None);
            points.push(measured(files, files, pass)?);
        }
        told("files", "files", "file", &points, true);
        Ok(())
    }

    fn lanes(&self) -> Result<()> {
        let row_groups = self.scale.pick(64, 4096);
        let sizes = self.scale.pick(&[1, 64][..], &[1, 2, 4, 8, 16, 32, 64][..]);
        let mut points = Vec::new();
        for &lanes in sizes {
            if !chosen(&format!("lanes/{lanes}")) {
                continue;
            }
            let paths = [written(8, row_groups, 1000)?];
            let pass = || pass(&paths, 1000 * row_groups as u64, Some(lanes));
            points.push(measured(lanes, row_groups, pass)?);
        }
        told("lanes", "lanes", "row group", &points, false);
        Ok(())
    }

    fn beside_pyarrow(&mut self, name: &str, path: &Path) -> Result<()> {
        let Some(pyarrow) = &mut self.pyarrow else { return Ok(()) };
        pyarrow.open(path, None)?;
        let paths = [path.to_owned()];
        let ours = || {
            let begun = Instant::now();
            scan(&open(&paths)?, None)?;
            Ok::<_, anyhow::Error>(Sample::since(1, begun))
        };
        let peer = || {
            let seconds = pyarrow.pass()?;
            Ok(Sample { work: 1.0, seconds, cpu_seconds: seconds })
        };
        let pairs = Pairs::measure(PASSES_MIN, ours, peer)?;
        tell(&format!("{name} ÷ PyArrow"), "PyArrow", "passes/s", 1.0, &pairs, Some(PYARROW_BAR));
        Ok(())
    }
}

/// Seconds of opening, scanning and planning.
type Pass = (f64, f64, Option<f64>);

/// The fastest of some passes.
fn measured(size: usize, parts: usize, pass: impl Fn() -> Result<Pass>) -> Result<Point> {
    let mut point = Point { size, parts, open: f64::INFINITY, scan: f64::INFINITY, plan: None };
    let begun = Instant::now();
    for passes in 1.. {
        let (open, scan, plan) = pass()?;
        point.open = point.open.min(open);
        point.scan = point.scan.min(scan);
        point.plan = plan.map(|plan| point.plan.map_or(plan, |before: f64| before.min(plan)));
        let is_enough = passes >= PASSES_MIN && begun.elapsed().as_secs_f64() > SWEEP_SECONDS;
        if is_enough || open + scan + plan.unwrap_or(0.0) > LONG_SECONDS {
            break;
        }
    }
    Ok(point)
}

/// Opens, scans and plans once. With `lanes` the row groups are dealt to so many, and nothing is planned.
fn pass(paths: &[PathBuf], rows: u64, lanes: Option<usize>) -> Result<Pass> {
    let begun = Instant::now();
    let dataset = open(paths)?;
    let open = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let report = scan(&dataset, lanes)?;
    let scan = begun.elapsed().as_secs_f64();
    ensure!(report.rows == rows, "{} rows of {rows}", report.rows);
    ensure!(report.failures.is_empty(), "{}", report.failures[0].error);
    let begun = Instant::now();
    let plan = lanes.is_none().then(|| {
        std::hint::black_box(dataset.plan());
        begun.elapsed().as_secs_f64()
    });
    Ok((open, scan, plan))
}

fn open(paths: &[PathBuf]) -> Result<Arc<Dataset>> {
    let mut options = EngineOptions { threads: Some(1), ..EngineOptions::default() };
    options.io.direct = DirectChoice::Off;
    Ok(Arc::new(Dataset::open_with(paths, options)?))
}

fn scan(dataset: &Arc<Dataset>, lanes: Option<usize>) -> Result<ScanReport> {
    let stop = StopFlag::new();
    let Some(lanes) = lanes else {
        let report =
            dataset.scan().stop(&stop).visit(|_| |batch| drop(std::hint::black_box(batch)))?;
        return Ok(report);
    };
    let mut row_groups: Vec<Vec<RowGroupId>> = vec![Vec::new(); lanes];
    for (at, row_group) in dataset.row_groups().into_iter().enumerate() {
        row_groups[at % lanes].push(row_group);
    }
    let lane =
        |row_groups: Vec<RowGroupId>| Box::new(Dealt(row_groups.into_iter())) as Box<dyn Lane>;
    let lanes = row_groups.into_iter().map(lane).collect();
    let playing =
        ringquet::engine::play(dataset, vec![(lanes, Gate::new())], DecodeMode::Arrow, &stop);
    Ok(playing.join()?)
}

/// A lane that wants all that it was dealt.
struct Dealt(std::vec::IntoIter<RowGroupId>);

impl Lane for Dealt {
    fn next_row_group(&mut self) -> Option<RowGroupId> {
        self.0.next()
    }

    fn demand(&mut self) -> Demand {
        Demand::Hungry(1)
    }

    fn deliver(&mut self, delivery: Delivery) {
        if let Delivery::Failed { row_group, error } = delivery {
            panic!("row group {} of file {}: {error}", row_group.row_group, row_group.file);
        }
        drop(std::hint::black_box(delivery));
    }
}

/// What a column of a table shows, in seconds.
type Measure = fn(&Point) -> f64;

/// A table of a sweep. With `grows` the parts differ from point to point, and starting is taken off.
#[expect(clippy::print_stdout, reason = "a bench prints its results")]
fn told(sweep: &str, varied: &str, part: &str, points: &[Point], grows: bool) {
    let Some(first) = points.first() else { return };
    let start = |of: Measure| if grows { of(first) } else { 0.0 };
    let parts_of_start = if grows { first.parts } else { 0 };
    let per_part = |point: &Point, of: Measure| {
        let seconds = of(point) - start(of);
        let parts = point.parts - parts_of_start;
        (parts > 0 && seconds >= SECONDS_MIN).then(|| seconds / parts as f64)
    };
    let measures: [(&str, Measure); 4] = [
        ("open", |point| point.open),
        ("scan", |point| point.scan),
        ("open + scan", |point| point.open + point.scan),
        ("plan", |point| point.plan.unwrap_or(0.0)),
    ];
    println!("\n{sweep}: µs per {part}, and how many times that of the best point");
    print!("{varied:>12} {:>9} {:>9} {:>9}", "parts", "seconds", "plan s");
    measures.iter().for_each(|(name, _)| print!(" {name:>20}"));
    println!();
    let best = measures.map(|(_, of)| {
        points.iter().filter_map(|point| per_part(point, of)).fold(f64::INFINITY, f64::min)
    });
    let mut worst = [0.0_f64; 4];
    for point in points {
        let seconds = point.open + point.scan;
        print!("{:>12} {:>9} {seconds:>9.3}", point.size, point.parts);
        print!(" {:>9.3}", point.plan.unwrap_or(f64::NAN));
        for ((at, best), (_, of)) in best.iter().enumerate().zip(measures) {
            match per_part(point, of) {
                Some(each) => {
                    let ratio = each / best;
                    worst[at] = worst[at].max(ratio);
                    print!(" {:>12.3} {ratio:>6.2}x", each * 1e6);
                }
                None => print!(" {:>20}", "–"),
            }
        }
        println!();
    }
    for (at, name) in [(2, "open + scan"), (3, "plan")] {
        if worst[at] > 0.0 {
            let verdict = if worst[at] <= FLAT_BAR { "met" } else { "MISSED" };
            println!("{sweep}: {name} within {:.2}x  bar ≤ {FLAT_BAR}: {verdict}", worst[at]);
        }
    }
}

/// A file of float columns, made once.
fn written(columns: usize, row_groups: usize, rows: usize) -> Result<PathBuf> {
    let folder = data::root().join("scaling");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{columns}-columns-{row_groups}-groups-{rows}-rows.parquet"));
    if path.exists() {
        return Ok(path);
    }
    let values = |column: usize| -> ArrayRef {
        let value = |row: usize| (row * 7919 + column) as f32 / 3.0;
        Arc::new(Float32Array::from_iter_values((0..rows).map(value)))
    };
    let batch = RecordBatch::try_from_iter_with_nullable(
        (0..columns).map(|column| (format!("c{column}"), values(column), false)),
    )?;
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_max_row_group_row_count(Some(rows))
        .build();
    let unfinished = path.with_extension("unfinished");
    let mut writer =
        ArrowWriter::try_new(File::create(&unfinished)?, batch.schema(), Some(properties))?;
    for _ in 0..row_groups {
        writer.write(&batch)?;
        writer.flush()?;
    }
    writer.close()?;
    fs::rename(unfinished, &path)?;
    Ok(path)
}

/// A folder with so many copies of a file, each an inode of its own; made once.
fn copies(file: &Path, count: usize) -> Result<PathBuf> {
    let folder = data::root().join("scaling").join(format!("{count}-files"));
    if folder.exists() {
        return Ok(folder);
    }
    let bytes = fs::read(file)?;
    let unfinished = folder.with_extension("unfinished");
    // What an interrupted run left.
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    for number in 0..count {
        let below = unfinished.join(format!("{:03}", number / FOLDER_FILES));
        if number % FOLDER_FILES == 0 {
            fs::create_dir_all(&below).with_context(|| below.display().to_string())?;
        }
        fs::write(below.join(format!("{number:06}.parquet")), &bytes)?;
    }
    fs::rename(unfinished, &folder)?;
    Ok(folder)
}
