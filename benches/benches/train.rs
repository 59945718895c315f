//! Isolates what an emulated training run gets: reading, decoding, delivery and the emulation itself, all at once and on
//! the same cores. The peer is a Python loop over PyArrow that decodes the same columns, in its kinder form (whole row
//! groups, see python/train_peer.py); accelerators that it could feed are computed from its rows per second.
//!
//! - `step/375us`: how long a computation of 375 µs takes while reader threads keep all cores busy
//! - `dlrm_page_cache/T`: AU of one DLRM B200 accelerator, data in the page cache, T reader threads
//! - `dlrm_o_direct/T`: the same from the device, and what bound it
//! - `flux_24/T`: AU of 24 FLUX B200 accelerators from the device
//! - `flux_most/T`: the most FLUX B200 accelerators at AU ≥ 90 % from the device, the curve, and what binds beyond
//! - `python`: the loop over PyArrow
//!
//! FLUX steps are 4 samples of 0.1125 s instead of 48 of 1.35 s: the same demand, with enough full batches in 10 GB for
//! dozens of accelerators. Ends with a table for the README. `cargo xtask bench train [CASE…]`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use ringquet::StopFlag;
use ringquet::engine::{DirectChoice, EngineOptions};
use ringquet_benches::pairs::Spread;
use ringquet_benches::{Scale, chosen, data};
use ringquet_io::throughput::GIB;
use ringquet_train::{
    Bound, EpochReport, PhaseReport, RunOptions, RunReport, SearchOptions, SearchReport,
    TimeByCause,
};
use ringquet_workload::Loaded;

/// AU that FLUX has to reach, and accelerators that two cores have to feed, for the bar of the table.
const FLUX_ACCELERATORS_BAR: u32 = 24;

/// AU in percent that one DLRM accelerator has to reach from the page cache.
const DLRM_AU_BAR: f64 = 70.0;

#[expect(clippy::print_stdout, reason = "a bench prints its results")]
fn main() -> Result<()> {
    let bench = Bench::open(Scale::of_this_process())?;
    let mut table = Vec::new();
    for threads in [2, 1] {
        bench.dlrm(&mut table, DirectChoice::Off, threads)?;
        bench.dlrm(&mut table, DirectChoice::On, threads)?;
        bench.flux_24(&mut table, threads)?;
        bench.flux_most(&mut table, threads)?;
    }
    bench.python(&mut table)?;
    println!("\n| workload | from | reader | threads | result | bar |\n|---|---|---|---|---|---|");
    for row in table {
        println!("{row}");
    }
    Ok(())
}

struct Bench {
    scale: Scale,
    dlrm: Loaded,
    flux: Loaded,
}

impl Bench {
    fn open(scale: Scale) -> Result<Bench> {
        let dlrm = workload(
            scale.pick("dlrm-smoke", "dlrm"),
            "dlrm_b200.yaml",
            scale.pick(
                &["dataset.num_files_train=2", "dataset.num_samples_per_file=12288"],
                &["dataset.num_files_train=16", "dataset.num_samples_per_file=393216"],
            ),
            // One epoch warms up and is left out.
            scale.pick(&["reader.batch_size=1024", "train.epochs=2"], &["train.epochs=9"]),
        )?;
        let flux = workload(
            scale.pick("flux-smoke", "flux-192"),
            "flux_b200.yaml",
            scale.pick(
                &["dataset.num_files_train=2", "dataset.num_samples_per_file=4"],
                &["dataset.num_files_train=192", "dataset.num_samples_per_file=24"],
            ),
            scale.pick(
                &["reader.batch_size=1", "train.computation_time=0.01", "train.epochs=2"],
                &["reader.batch_size=4", "train.computation_time=0.1125", "train.epochs=4"],
            ),
        )?;
        Ok(Bench { scale, dlrm, flux })
    }

    /// One DLRM accelerator; through the page cache the first epoch fills it.
    fn dlrm(&self, table: &mut Vec<String>, direct: DirectChoice, threads: usize) -> Result<()> {
        let buffered = direct == DirectChoice::Off;
        let from = if buffered { "page cache" } else { "O_DIRECT" };
        let name = format!("dlrm_{}/{threads}", if buffered { "page_cache" } else { "o_direct" });
        if !chosen(&name) {
            return Ok(());
        }
        let report = self.run(&self.dlrm, 1, direct, threads).with_context(|| name.clone())?;
        let au = au(&report);
        tell(&name, &report, au);
        // A handful of steps of an unoptimized build say nothing about time.
        if buffered && self.scale == Scale::Full {
            step(&report, self.dlrm.workload.train.computation_time.mean_seconds());
        }
        let bar = (buffered && threads == 2).then_some(DLRM_AU_BAR);
        table.push(format!(
            "| DLRM B200, 1 accelerator | {from} | ringquet | {threads} | AU {:.1} % ({:.1}–{:.1}), {:.1} M rows/s{} | {} |",
            au.median,
            au.min,
            au.max,
            rows_per_second(&report) / 1e6,
            if buffered { String::new() } else { format!(", bound by {}", bound_by(&report)) },
            verdict(bar, au.median, "AU ≥", " %"),
        ));
        Ok(())
    }

    fn flux_24(&self, table: &mut Vec<String>, threads: usize) -> Result<()> {
        let name = format!("flux_24/{threads}");
        if !chosen(&name) {
            return Ok(());
        }
        let accelerators = self.scale.pick(2, FLUX_ACCELERATORS_BAR);
        let report = self.run(&self.flux, accelerators, DirectChoice::On, threads)?;
        let au = au(&report);
        tell(&name, &report, au);
        table.push(format!(
            "| FLUX B200, {accelerators} accelerators | O_DIRECT | ringquet | {threads} | AU {:.1} % ({:.1}–{:.1}), {:.2} GiB/s read | {} |",
            au.median,
            au.min,
            au.max,
            report.read_bytes_per_second / GIB,
            verdict(report.au_percent_bar.filter(|_| threads == 2), au.median, "AU ≥", " %"),
        ));
        Ok(())
    }

    fn flux_most(&self, table: &mut Vec<String>, threads: usize) -> Result<()> {
        let name = format!("flux_most/{threads}");
        // An epoch of the smoke set has too few steps for a search.
        if !chosen(&name) || self.scale == Scale::Smoke {
            return Ok(());
        }
        let found = self.search(&self.flux, DirectChoice::On, threads)?;
        curve(&name, &found);
        let at = found.points.iter().find(|point| point.accelerators == found.accelerators);
        let bar = (threads == 2).then_some(f64::from(FLUX_ACCELERATORS_BAR));
        table.push(format!(
            "| FLUX B200, most accelerators at AU ≥ {:.0} % | O_DIRECT | ringquet | {threads} | **{}**, {:.2} GiB/s read, beyond: {} | {} |",
            found.au_percent_bar,
            found.accelerators,
            at.map_or(f64::NAN, |point| point.read_bytes_per_second / GIB),
            found.bound.map_or("not tried", bound),
            verdict(bar, f64::from(found.accelerators), "≥", ""),
        ));
        Ok(())
    }

    /// Rows per second of the Python loop, and what they would feed if nothing else took time.
    #[expect(clippy::print_stdout, reason = "a bench prints its results")]
    fn python(&self, table: &mut Vec<String>) -> Result<()> {
        if !chosen("python") {
            return Ok(());
        }
        let Some(python) = std::env::var_os("RINGQUET_PYTHON") else {
            println!(
                "python is left out: RINGQUET_PYTHON is not set ('cargo xtask bench train' sets it)"
            );
            return Ok(());
        };
        let columns =
            |loaded: &Loaded| loaded.workload.dataset.parquet.read_column_names().join(",");
        for (what, loaded) in [("DLRM", &self.dlrm), ("FLUX", &self.flux)] {
            let workload = &loaded.workload;
            let dir = workload.data_dir().join("train");
            let output = Command::new(&python)
                .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/train_peer.py"))
                .arg(&dir)
                .args([self.scale.pick("0.2", "10"), "2", &columns(loaded)])
                .output()
                .context("starting Python")?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "train_peer.py: {said}");
            let told: serde_json::Value = serde_json::from_slice(&output.stdout)?;
            let number = |key: &str| told[key].as_f64().unwrap_or(f64::NAN);
            let rows = number("rows") / number("seconds");
            let step = workload.train.computation_time.mean_seconds();
            let demand = workload.reader.batch_size as f64 / step;
            let version = told["pyarrow"].as_str().unwrap_or("?");
            println!(
                "python/{what:<37} PyArrow {version}: {rows:.0} rows/s, {:.3} GiB/s decoded",
                number("decoded_bytes") / number("seconds") / GIB
            );
            let result = if what == "DLRM" {
                format!(
                    "AU ≤ {:.1} %, {:.2} M rows/s",
                    (100.0 * rows / demand).min(100.0),
                    rows / 1e6
                )
            } else {
                let most = (rows / (demand * workload.metric.au)).floor();
                format!("≤ {most} accelerators at AU ≥ 90 %, {rows:.0} samples/s")
            };
            table.push(format!(
                "| {what} B200 | page cache | PyArrow {version}, whole row groups | 2 | {result} | |"
            ));
        }
        Ok(())
    }

    fn options(&self, accelerators: u32, direct: DirectChoice, threads: usize) -> RunOptions {
        let mut engine = EngineOptions { threads: Some(threads), ..EngineOptions::default() };
        engine.io.direct = direct;
        RunOptions { engine, ..RunOptions::new(accelerators, results()) }
    }

    fn run(
        &self,
        loaded: &Loaded,
        accelerators: u32,
        direct: DirectChoice,
        threads: usize,
    ) -> Result<RunReport> {
        let options = self.options(accelerators, direct, threads);
        let report = ringquet_train::run(loaded, &options, &|_| {}, &StopFlag::new())?;
        ensure!(report.complete, "the run was stopped");
        Ok(report)
    }

    fn search(
        &self,
        loaded: &Loaded,
        direct: DirectChoice,
        threads: usize,
    ) -> Result<SearchReport> {
        let options = self.options(FLUX_ACCELERATORS_BAR, direct, threads);
        let search = SearchOptions::default();
        let stop = StopFlag::new();
        Ok(ringquet_train::find_max_accelerators(loaded, &options, &search, &|_| {}, &stop)?)
    }
}

fn results() -> PathBuf {
    data::root().join("train-results")
}

/// The workload over the data set `name`, which is generated unless it is there.
fn workload(name: &str, yaml: &str, sizes: &[&str], run: &[&str]) -> Result<Loaded> {
    let train = data::data_set(name, yaml, sizes)?;
    let dir = train.parent().context("train lies in the data folder")?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workloads").join(yaml);
    let mut overrides: Vec<String> =
        sizes.iter().chain(run).map(|text| (*text).to_owned()).collect();
    overrides.push(format!("dataset.data_folder={}", dir.display()));
    ringquet_workload::load(&path, &overrides, false).with_context(|| yaml.to_owned())
}

/// Epochs that count: all but the first.
fn counted(report: &RunReport) -> impl Iterator<Item = &EpochReport> {
    report.epochs.iter().skip(1)
}

fn au(report: &RunReport) -> Spread {
    Spread::of(counted(report).map(|epoch| epoch.train.metrics.au_percent))
}

fn rows_per_second(report: &RunReport) -> f64 {
    Spread::of(counted(report).map(|epoch| epoch.train.metrics.samples_per_second)).median
}

/// A line on what the accelerators' time went into, over the epochs that count.
#[expect(clippy::print_stdout, reason = "a bench prints its results")]
fn tell(name: &str, report: &RunReport, au: Spread) {
    let sum = |of: fn(&PhaseReport) -> f64| -> f64 {
        counted(report).map(|epoch| of(&epoch.train)).sum()
    };
    let lost = |of: fn(&PhaseReport) -> f64| 100.0 * sum(of) / sum(|of| total(&of.time_by_cause));
    let per_second = |of: fn(&PhaseReport) -> f64| sum(of) / sum(|phase| phase.seconds);
    println!(
        "{name:<44} AU {au} %   lost: I/O {:.1}  decode {:.1}  reader CPU {:.1}  barrier {:.1}  fetching {:.1}  oversleep {:.2} %   read {:.2} GiB/s  decoded {:.2} GiB/s  CPUs {:.2}",
        lost(|phase| phase.lost_time.io_seconds),
        lost(|phase| phase.lost_time.decode_seconds),
        lost(|phase| phase.lost_time.reader_seconds),
        lost(|phase| phase.lost_time.barrier_seconds),
        lost(|phase| phase.lost_time.touch_seconds),
        lost(|phase| phase.lost_time.oversleep_seconds),
        per_second(|phase| phase.engine.read_bytes as f64) / GIB,
        per_second(|phase| phase.engine.decoded_bytes as f64) / GIB,
        per_second(|phase| phase.engine.cpu_seconds),
    );
}

fn total(of: &TimeByCause) -> f64 {
    of.batch_wait_seconds
        + of.touch_seconds
        + of.preprocess_seconds
        + of.compute_seconds
        + of.oversleep_seconds
        + of.barrier_wait_seconds
}

/// What a computation took beside what was set. (AU counts what was set; the rest is oversleep.)
#[expect(clippy::print_stdout, reason = "a bench prints its results")]
fn step(report: &RunReport, set_seconds: f64) {
    let of = report.time_by_cause;
    let steps = of.compute_seconds / set_seconds;
    let took = (of.compute_seconds + of.oversleep_seconds) / steps;
    let off = 100.0 * (took / set_seconds - 1.0);
    let verdict = if off.abs() <= 2.0 { "met" } else { "MISSED" };
    println!(
        "{:<44} a step of {:.1} µs took {:.2} µs in the mean ({off:+.2} %)  bar ± 2 %: {verdict}",
        "",
        set_seconds * 1e6,
        took * 1e6
    );
}

fn bound_by(report: &RunReport) -> &'static str {
    let lost = report.lost_time;
    let busy = lost.decode_seconds + lost.reader_seconds;
    bound(if lost.io_seconds >= busy {
        Bound::Device
    } else if lost.decode_seconds >= lost.reader_seconds {
        Bound::Decode
    } else {
        Bound::Reader
    })
}

fn bound(bound: Bound) -> &'static str {
    match bound {
        Bound::Device => "the device",
        Bound::Decode => "decoding",
        Bound::Reader => "the reader threads' other work",
        Bound::Barrier => "the barrier",
    }
}

#[expect(clippy::print_stdout, reason = "a bench prints its results")]
fn curve(name: &str, found: &SearchReport) {
    println!("{name:<44} most {} accelerators", found.accelerators);
    for point in &found.points {
        println!(
            "{:<44} {:>4} accelerators  AU {:>6.2} %  {:>8.0} samples/s  read {:.2} GiB/s  readers idle {:>3.0} %{}",
            "",
            point.accelerators,
            point.au_percent,
            point.samples_per_second,
            point.read_bytes_per_second / GIB,
            100.0 * point.reader_time.idle_share(),
            if point.disturbed {
                "  disturbed"
            } else if point.steady {
                ""
            } else {
                "  not steady"
            }
        );
    }
    if let Some(capacity) = &found.capacity {
        println!(
            "{:<44} a busy reader thread delivers {:.0} rows/s; the device gave {:.0} rows/s{}",
            "",
            capacity.rows_per_busy_second,
            capacity.device_rows_per_second,
            if capacity.device_is_full { ", and no more" } else { "" }
        );
    }
    for prediction in &found.predictions {
        println!(
            "{:<44} {} × cores, {} × bandwidth: {} accelerators at {:.2} GiB/s, held by {}{}",
            "",
            prediction.cores_factor,
            prediction.bandwidth_factor,
            prediction.accelerators,
            prediction.read_bytes_per_second / GIB,
            bound(prediction.bound),
            if prediction.bandwidth_is_known { "" } else { ", if the device gives it" }
        );
    }
}

fn verdict(bar: Option<f64>, found: f64, what: &str, unit: &str) -> String {
    bar.map_or_else(String::new, |bar| {
        let met = if found >= bar { "met" } else { "MISSED" };
        format!("{what} {bar:.0}{unit}: {met}")
    })
}
