//! Isolates a point of `ringquet characterize`: are its bandwidth and IOPS those that fio reports, in the same run, of the
//! same file, block size, depth and number of threads? fio reads with io_uring, registered buffers and files, O_DIRECT, by
//! time, and hands over an eighth of its depth at once. Here a ratio above 1 is as wrong as one below: **within 5 %** (median) is asked for.
//!
//! - `sequential_512k/1`, `sequential_128k/2`, `random_4k/1`, `random_4k/2`, `random_64k/2`
//!
//! `cargo bench -p ringquet-benches --bench characterize [CASE…]`. Needs fio (Debian: `apt-get install fio`).

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use ringquet::StopFlag;
use ringquet::engine::{DirectChoice, EngineOptions, IoOptions};
use ringquet_benches::huge_pages::ReservedHugePages;
use ringquet_benches::pairs::{Pairs, Sample, tell};
use ringquet_benches::{Scale, chosen, data, fio};
use ringquet_device::characterize::{Access, SweepPoint, SweepSetup, measure};
use ringquet_io::device::SysRoot;
use ringquet_io::throughput::GIB;

/// Two runs of the same tool differ by less.
const AGREEMENT: f64 = 0.05;

fn main() -> Result<()> {
    let scale = Scale::of_this_process();
    let dir = data::data_set(
        scale.pick("flux-smoke", "flux"),
        "flux_b200.yaml",
        &scale.pick(
            ["dataset.num_files_train=2", "dataset.num_samples_per_file=4"],
            ["dataset.num_files_train=8", "dataset.num_samples_per_file=288"],
        ),
    )?;
    let file = ringquet_benches::data::first_file(&dir)?;
    let has_fio = fio::available();
    // Both on the same kind of pages: see `huge_pages`.
    let reserved = ReservedHugePages::reserve(scale);
    let huge_pages = reserved.is_some();
    for (name, access, kib, queue_depth, threads) in [
        ("sequential_512k/1", Access::Sequential, 512, 16, 1),
        ("sequential_128k/2", Access::Sequential, 128, 32, 2),
        ("random_4k/1", Access::Random, 4, 32, 1),
        ("random_4k/2", Access::Random, 4, 64, 2),
        ("random_64k/2", Access::Random, 64, 16, 2),
    ] {
        if chosen(name) {
            let point = SweepPoint {
                access,
                block_bytes: kib << 10,
                queue_depth,
                threads,
                iopoll: false,
                registered_buffers: true,
            };
            agree(name, scale, &file, &point, has_fio.then_some(huge_pages))?;
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a bench prints its results")]
fn agree(
    name: &str,
    scale: Scale,
    file: &Path,
    point: &SweepPoint,
    // Whether fio has huge pages, if there is an fio.
    fio_huge_pages: Option<bool>,
) -> Result<()> {
    // Both begin to count after a ramp, and read for the same time.
    let round = Duration::from_millis(scale.pick(30, 400));
    let len = std::fs::metadata(file)?.len();
    // What fio does best with here: more at once leave the disk waiting, fewer cost CPU.
    let submit_batch = (point.queue_depth / 8).clamp(1, 16);
    let bench = SweepSetup {
        files: vec![(file.to_owned(), len)],
        cpus: EngineOptions { threads: Some(point.threads), ..EngineOptions::default() }
            .resolve(&[])?
            .cpus,
        io: IoOptions { direct: DirectChoice::On, ..IoOptions::default() },
        devices: Vec::new(),
        sys: SysRoot::default(),
        round,
        rounds_max: 5,
    };
    let ours = || {
        let report = measure(&bench, point, &StopFlag::new())?.report;
        // The rate is that of the report, which a user sees; the window is its time.
        let sample = Sample {
            work: report.read_bytes_per_second * report.seconds,
            seconds: report.seconds,
            cpu_seconds: report.cpu_seconds,
        };
        Ok::<_, anyhow::Error>(sample)
    };
    let blocks = len / u64::from(point.block_bytes);
    let jobs: Vec<fio::Job> = (0..point.threads as u64)
        .map(|thread| {
            let mut job = vec![
                format!("filename={}", file.display()),
                format!("bs={}", point.block_bytes),
                "time_based=1".to_owned(),
                format!("ramp_time={}ms", round.as_millis()),
                format!("runtime={}ms", round.as_millis() * 5),
            ];
            match point.access {
                Access::Random => {
                    job.push("rw=randread".to_owned());
                    job.push(format!("randseed={}", thread + 1));
                }
                Access::Sequential => {
                    // A part of its own for each thread.
                    let part = blocks / point.threads as u64 * u64::from(point.block_bytes);
                    job.push("rw=read".to_owned());
                    job.push(format!("offset={}", thread * part));
                    job.push(format!("size={part}"));
                }
            }
            job
        })
        .collect();
    let peer = || {
        let Some(huge_pages) = fio_huge_pages else {
            return Ok(Sample::NOTHING);
        };
        let settings = fio::Settings { queue_depth: point.queue_depth, submit_batch, huge_pages };
        fio::run(&data::root(), settings, &jobs)
    };
    let pairs = Pairs::measure(scale.pick(1, 9), ours, peer)?;
    let random = point.access == Access::Random;
    let (unit, unit_scale) =
        if random { ("kIOPS", f64::from(point.block_bytes) * 1e3) } else { ("GiB/s", GIB) };
    tell(name, "fio", unit, unit_scale, &pairs, None);
    let off = (pairs.rate_ratio().median - 1.0).abs();
    let verdict = if off <= AGREEMENT { "met" } else { "MISSED" };
    println!("{:<44} off by {:.1} %  bar ≤ {:.0} %: {verdict}", "", off * 100.0, AGREEMENT * 100.0);
    Ok(())
}
