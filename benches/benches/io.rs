//! Isolates the way from the device to memory, and shows what decoding adds to it. The peer is fio with io_uring, registered
//! buffers and files and O_DIRECT, at the same read size, depth and number of threads; fio never decodes.
//!
//! Both have their buffers on reserved huge pages, where those can be had: fio cannot ask for transparent ones, our default,
//! and a read into base pages is more work for kernel and device. What our default gives stands in a line of its own.
//!
//! - `flux_raw`: sequential reads of a FLUX file set of 5 GB (`scan --raw`), then the same decoded (`scan`)
//! - `dlrm_replay`: the reads of 40 of 200 DLRM columns; fio replays them from `plan --fio-iolog`; then decoded
//! - `random_4k`: 4 KiB reads at random places; IOPS and CPU per read
//! - `knobs`: what registered buffers, registered files, batches and depth buy here, no peer
//! - `latency`: percentiles of the time of a read by `scan --raw`, `scan` and `characterize`, against fio's
//! - `footers`: opening 256 files with footers of 17.7 MB, all in flight together ÷ one after another
//!
//! `cargo bench -p ringquet-benches --bench io [CASE…]`. Needs fio (Debian: `apt-get install fio`).

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ringquet::engine::{EngineOptions, IoOptions};
use ringquet::{Batch, Dataset, StopFlag};
use ringquet_benches::fio::{self, Job};
use ringquet_benches::huge_pages::ReservedHugePages;
use ringquet_benches::latency::{self, Contender, Percentiles};
use ringquet_benches::pairs::{Pairs, Sample, Spread, tell};
use ringquet_benches::{Scale, chosen, data};
use ringquet_device::characterize::{self, Access, SweepPoint};
use ringquet_io::device::SysRoot;
use ringquet_io::throughput::GIB;
use ringquet_io::usage::Usage;
use ringquet_io::{Alignment, DataFile, DirectChoice, HugePages, ReadQueue};

const QUEUE_DEPTH: u32 = 64;
const READ_SIZE: u32 = 512 << 10;
const SUBMIT_BATCH: u32 = 16;

fn main() -> Result<()> {
    let scale = Scale::of_this_process();
    let flux = data::data_set(
        scale.pick("flux-smoke", "flux"),
        "flux_b200.yaml",
        &scale.pick(
            ["dataset.num_files_train=2", "dataset.num_samples_per_file=4"],
            ["dataset.num_files_train=8", "dataset.num_samples_per_file=288"],
        ),
    )?;
    let dlrm = data::data_set(
        scale.pick("dlrm-smoke", "dlrm"),
        "dlrm_b200.yaml",
        &scale.pick(
            ["dataset.num_files_train=2", "dataset.num_samples_per_file=12288"],
            ["dataset.num_files_train=16", "dataset.num_samples_per_file=393216"],
        ),
    )?;
    let reserved = ReservedHugePages::reserve(scale);
    let settings = fio::Settings {
        queue_depth: QUEUE_DEPTH,
        submit_batch: SUBMIT_BATCH,
        huge_pages: reserved.is_some(),
    };
    let bench = SweepSetup { scale, fio: fio::available(), settings, rounds: scale.pick(1, 7) };
    for threads in [1, 2] {
        bench.case(&format!("flux_raw/{threads}"), || bench.flux_raw(&flux, threads))?;
        bench.case(&format!("dlrm_replay/{threads}"), || bench.dlrm_replay(&dlrm, threads))?;
        bench.case(&format!("random_4k/{threads}"), || bench.random_4k(&flux, threads))?;
    }
    bench.case("latency/sequential", || bench.latency_sequential(&flux))?;
    bench.case("latency/random", || bench.latency_random(&flux))?;
    bench.case("knobs", || bench.knobs(&flux))?;
    bench.case("footers", || bench.footers())?;
    Ok(())
}

struct SweepSetup {
    scale: Scale,
    fio: bool,
    settings: fio::Settings,
    rounds: usize,
}

impl SweepSetup {
    fn case(&self, name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
        if chosen(name) { run().with_context(|| name.to_owned()) } else { Ok(()) }
    }

    fn peer(&self, jobs: &[Job]) -> Result<Sample> {
        if self.fio { fio::run(&data::root(), self.settings, jobs) } else { Ok(Sample::NOTHING) }
    }

    /// One pass over all files.
    fn flux_raw(&self, dir: &Path, threads: usize) -> Result<()> {
        let dataset = Dataset::open_with(&[dir.to_owned()], engine(threads))?;
        let jobs = sequential(&dataset, threads);
        let name = format!("FLUX raw, O_DIRECT, {threads} threads");
        let bars = [Some(0.97), (threads == 2).then_some(0.95)];
        self.beside_fio(&name, &dataset, &jobs, bars)
    }

    /// The reads of the 40 columns.
    fn dlrm_replay(&self, dir: &Path, threads: usize) -> Result<()> {
        let columns = data::dlrm_read_columns()?;
        let options = EngineOptions { columns: Some(columns), ..engine(threads) };
        let dataset = Dataset::open_with(&[dir.to_owned()], options)?;
        let plan = dataset.plan();
        let mut jobs = Vec::new();
        for thread in 0..threads {
            let row_groups =
                plan.row_groups.iter().skip(thread).step_by(threads).cloned().collect();
            let part = ringquet::engine::plan::Plan::new(plan.bounds, row_groups);
            let log = data::root().join(format!("dlrm-{thread}-of-{threads}.iolog"));
            std::fs::write(&log, part.fio_iolog(Alignment::PAGE))?;
            // fio opens the files of a log too late to register them; it says so and gives up otherwise.
            jobs.push(vec![
                format!("read_iolog={}", log.display()),
                format!("bs={READ_SIZE}"),
                "registerfiles=0".into(),
            ]);
        }
        let name = format!("DLRM plan ({} reads), {threads} threads", plan.reads);
        let bars = [Some(0.95), (threads == 2).then_some(0.90)];
        self.beside_fio(&name, &dataset, &jobs, bars)
    }

    /// A scan raw and decoded, its buffers on reserved huge pages as fio's are, and raw once more on transparent ones.
    fn beside_fio(
        &self,
        name: &str,
        dataset: &Dataset,
        jobs: &[Job],
        [bar_raw, bar_decoded]: [Option<f64>; 2],
    ) -> Result<()> {
        let pairs = Pairs::measure(self.rounds, || raw(dataset), || self.peer(jobs))?;
        tell(name, "fio", "GiB/s", GIB, &pairs, bar_raw);
        cpu(&pairs);
        let pairs = Pairs::measure(self.rounds, || decoded(dataset), || self.peer(jobs))?;
        tell("  … decoded to Arrow", "fio", "GiB/s", GIB, &pairs, bar_decoded);
        let io = IoOptions { huge_pages: HugePages::Transparent, ..dataset.options().io.clone() };
        let paths = dataset.files().iter().map(|file| file.path.clone()).collect();
        let by_default =
            Dataset::open_files(paths, EngineOptions { io, ..dataset.options().clone() })?;
        let pairs = Pairs::measure(self.rounds, || raw(&by_default), || self.peer(jobs))?;
        tell("  … raw, ours on transparent huge pages", "fio", "GiB/s", GIB, &pairs, None);
        Ok(())
    }

    /// 4 KiB anywhere in one file.
    fn random_4k(&self, dir: &Path, threads: usize) -> Result<()> {
        let path = data::first_file(dir)?;
        let per_thread = self.scale.pick(1000, 300_000u64);
        let jobs: Vec<Job> = (0..threads)
            .map(|thread| {
                vec![
                    format!("filename={}", path.display()),
                    "rw=randread".into(),
                    "bs=4096".into(),
                    format!("io_size={}", per_thread * 4096),
                    format!("randseed={}", thread + 1),
                ]
            })
            .collect();
        let io = IoOptions {
            submit_batch: SUBMIT_BATCH,
            queue_depth: QUEUE_DEPTH,
            ..IoOptions::default()
        };
        let ours = || {
            let before = Usage::now();
            let begun = Instant::now();
            std::thread::scope(|scope| {
                let workers: Vec<_> = (0..threads)
                    .map(|thread| {
                        let (path, io) = (&path, &io);
                        scope.spawn(move || {
                            ringquet_io::cpus::pin_current_thread(thread);
                            random_reads(path, per_thread, thread as u64 + 1, io)
                        })
                    })
                    .collect();
                workers
                    .into_iter()
                    .try_for_each(|worker| worker.join().expect("a worker does not panic"))
            })?;
            Ok::<_, anyhow::Error>(Sample {
                work: (per_thread * threads as u64) as f64,
                seconds: begun.elapsed().as_secs_f64(),
                cpu_seconds: Usage::now().since(&before).cpu_seconds(),
            })
        };
        let peer = || {
            let sample = self.peer(&jobs)?;
            Ok(Sample { work: sample.work / 4096.0, ..sample })
        };
        let pairs = Pairs::measure(self.rounds, ours, peer)?;
        tell(&format!("4 KiB random, {threads} threads"), "fio", "kIOPS", 1e3, &pairs, Some(0.95));
        cpu(&pairs);
        Ok(())
    }

    fn peer_latency(&self, jobs: &[Job]) -> Result<[Percentiles; 2]> {
        if self.fio {
            fio::latency(&data::root(), self.settings, jobs)
        } else {
            Ok([Percentiles::NOTHING; 2])
        }
    }

    /// One pass over all files by one thread: nothing but reading, reading while decoding, and a point of `characterize`.
    fn latency_sequential(&self, dir: &Path) -> Result<()> {
        let dataset = Dataset::open_with(&[dir.to_owned()], engine(1))?;
        let jobs = sequential(&dataset, 1);
        let of = |report: ringquet::report::ScanReport| {
            anyhow::ensure!(report.failures.is_empty(), "{:?}", report.failures);
            Ok(Percentiles::new(report.latency_ns, report.reap_delay_ns))
        };
        let stop = StopFlag::new();
        let raw = || of(dataset.scan().stop(&stop).read_raw()?);
        let decoded = || of(dataset.scan().stop(&stop).visit(|_| |batch: Batch| drop(batch))?);
        let point = || self.point(&dataset, Access::Sequential, READ_SIZE);
        let mut contenders = [
            Contender { name: "FLUX, 512 KiB, depth 64: scan --raw", read: Box::new(raw) },
            Contender { name: "FLUX, 512 KiB, depth 64: scan", read: Box::new(decoded) },
            Contender { name: "FLUX, 512 KiB, depth 64: characterize", read: Box::new(point) },
        ];
        latency::compare(self.rounds, || self.peer_latency(&jobs), &mut contenders)
    }

    /// 4 KiB anywhere in one file, by one thread.
    fn latency_random(&self, dir: &Path) -> Result<()> {
        let path = data::first_file(dir)?;
        let dataset = Dataset::open_files(vec![path.clone()], engine(1))?;
        let jobs = vec![vec![
            format!("filename={}", path.display()),
            "rw=randread".to_owned(),
            "bs=4096".to_owned(),
            format!("io_size={}", self.scale.pick(1000, 300_000) * 4096),
        ]];
        let point = || self.point(&dataset, Access::Random, 4096);
        let mut contenders =
            [Contender { name: "random 4 KiB, depth 64: characterize", read: Box::new(point) }];
        latency::compare(self.rounds, || self.peer_latency(&jobs), &mut contenders)
    }

    /// A point of `characterize` over the files of a data set, by one thread.
    fn point(&self, dataset: &Dataset, access: Access, block_bytes: u32) -> Result<Percentiles> {
        let file = |file: &ringquet::FileEntry| (file.path.clone(), file.identity.len);
        let bench = characterize::SweepSetup {
            files: dataset.files().iter().map(file).collect(),
            cpus: dataset.resolved().cpus.clone(),
            io: dataset.options().io.clone(),
            devices: Vec::new(),
            sys: SysRoot::default(),
            round: Duration::from_millis(self.scale.pick(30, 400)),
            rounds_max: 5,
        };
        let point = SweepPoint {
            access,
            block_bytes,
            queue_depth: QUEUE_DEPTH,
            threads: 1,
            iopoll: false,
            registered_buffers: true,
        };
        let report = characterize::measure(&bench, &point, &StopFlag::new())?.report;
        Ok(Percentiles::new(report.latency_ns, report.reap_delay_ns))
    }

    /// What each option buys on this machine, each beside the default.
    #[expect(clippy::print_stdout, reason = "a bench prints its results")]
    fn knobs(&self, dir: &Path) -> Result<()> {
        let path = data::first_file(dir)?;
        let default = IoOptions::default;
        let count = self.scale.pick(500, 100_000u64);
        println!(
            "{:<44} {:>10} {:>14} {:>10} {:>14}",
            "option", "4k kIOPS", "4k CPU µs/op", "raw GiB/s", "raw CPU s/GiB"
        );
        let mut cases = vec![
            ("default: registered buffers and files, batch 32".to_owned(), default()),
            (
                "registered buffers off".to_owned(),
                IoOptions { registered_buffers: false, ..default() },
            ),
            ("registered files off".to_owned(), IoOptions { registered_files: false, ..default() }),
            (
                "both off".to_owned(),
                IoOptions { registered_buffers: false, registered_files: false, ..default() },
            ),
            ("batch 1".to_owned(), IoOptions { submit_batch: 1, ..default() }),
            (
                "pread".to_owned(),
                IoOptions { driver: ringquet::engine::DriverChoice::Pread, ..default() },
            ),
            ("O_DIRECT off".to_owned(), IoOptions { direct: DirectChoice::Off, ..default() }),
        ];
        cases.extend((0..9).map(|n| {
            (format!("depth {}", 1 << n), IoOptions { queue_depth: 1 << n, ..default() })
        }));
        for (name, io) in cases {
            let rounds = self.scale.pick(1, 3);
            let mut iops = Vec::new();
            let mut cpu_op = Vec::new();
            let mut rates = Vec::new();
            let mut cpu_gib = Vec::new();
            let dataset = Dataset::open_with(
                &[dir.to_owned()],
                EngineOptions { io: io.clone(), ..engine(1) },
            )?;
            for _ in 0..rounds {
                let before = Usage::now();
                let begun = Instant::now();
                random_reads(&path, count, 7, &io)?;
                iops.push(count as f64 / begun.elapsed().as_secs_f64());
                cpu_op.push(Usage::now().since(&before).cpu_seconds() * 1e6 / count as f64);
                let sample = raw(&dataset)?;
                rates.push(sample.rate());
                cpu_gib.push(sample.cpu_per_work() * GIB);
            }
            println!(
                "{name:<44} {:>10.1} {:>14.2} {:>10.2} {:>14.4}",
                Spread::of(iops).median / 1e3,
                Spread::of(cpu_op).median,
                Spread::of(rates).median / GIB,
                Spread::of(cpu_gib).median
            );
        }
        Ok(())
    }

    /// A footer as large as a real DLRM file's, 256 times through hard links.
    #[expect(clippy::print_stdout, reason = "a bench prints its results")]
    fn footers(&self) -> Result<()> {
        let groups = self.scale.pick(8, 768);
        let samples = format!("dataset.num_samples_per_file={}", groups * 16);
        let overrides =
            ["dataset.num_files_train=1", &samples, "dataset.parquet.row_group_size=16"];
        let dir = data::data_set(
            self.scale.pick("footer-smoke", "footer"),
            "dlrm_b200.yaml",
            &overrides,
        )?;
        let file = data::first_file(&dir)?;
        let links = dir.with_file_name("links");
        std::fs::create_dir_all(&links)?;
        let count = self.scale.pick(8, 256);
        let mut paths = Vec::new();
        for n in 0..count {
            let path = links.join(format!("{n:03}.parquet"));
            if !path.exists() {
                std::fs::hard_link(&file, &path)?;
            }
            paths.push(path);
        }
        let open = |footers_in_flight: usize, threads: usize| -> Result<Sample> {
            let options = EngineOptions {
                footers_in_flight,
                columns: Some(data::dlrm_read_columns()?),
                ..engine(threads)
            };
            let before = Usage::now();
            let dataset = Dataset::open_files(paths.clone(), options)?;
            let opened = dataset.opened();
            Ok(Sample {
                work: opened.footer_bytes as f64,
                seconds: opened.seconds,
                cpu_seconds: Usage::now().since(&before).cpu_seconds(),
            })
        };
        for threads in [1, 2] {
            let pairs = Pairs::measure(
                self.scale.pick(1, 5),
                || open(usize::MAX, threads),
                || open(1, threads),
            )?;
            tell(
                &format!("{count} footers together ÷ one by one, {threads} threads"),
                "one by one",
                "GiB/s",
                GIB,
                &pairs,
                None,
            );
        }
        let dataset = Dataset::open_files(
            paths.clone(),
            EngineOptions { columns: Some(data::dlrm_read_columns()?), ..engine(2) },
        )?;
        let opened = dataset.opened();
        println!(
            "  {} footers of {:.1} MB: {:.2} s, {:.2} s of it parsing (summed over threads), {:.1} MB kept in memory",
            opened.files,
            opened.footer_bytes as f64 / opened.files as f64 / 1e6,
            opened.seconds,
            opened.parse_seconds,
            opened.footer_heap_bytes as f64 / 1e6
        );
        Ok(())
    }
}

/// fio jobs that read the files of a data set one after the other, each thread its own.
fn sequential(dataset: &Dataset, threads: usize) -> Vec<Job> {
    let paths = || dataset.files().iter().map(|file| file.path.display().to_string());
    let job = |thread| {
        let mine: Vec<String> = paths().skip(thread).step_by(threads).collect();
        vec![
            format!("filename={}", mine.join(":")),
            "rw=read".into(),
            format!("bs={READ_SIZE}"),
            "file_service_type=sequential".into(),
        ]
    };
    (0..threads).map(job).collect()
}

fn engine(threads: usize) -> EngineOptions {
    let io = IoOptions {
        queue_depth: QUEUE_DEPTH,
        read_size_bytes: READ_SIZE,
        submit_batch: SUBMIT_BATCH,
        ..IoOptions::default()
    };
    EngineOptions { io, threads: Some(threads), ..EngineOptions::default() }
}

fn raw(dataset: &Dataset) -> Result<Sample> {
    let report = dataset.scan().read_raw()?;
    anyhow::ensure!(report.failures.is_empty(), "{:?}", report.failures);
    Ok(Sample {
        work: report.read_bytes as f64,
        seconds: report.seconds,
        cpu_seconds: report.cpu_seconds,
    })
}

fn decoded(dataset: &Dataset) -> Result<Sample> {
    let report = dataset.scan().visit(|_| |batch: ringquet::Batch| drop(batch))?;
    anyhow::ensure!(report.failures.is_empty(), "{:?}", report.failures);
    Ok(Sample {
        work: report.read_bytes as f64,
        seconds: report.seconds,
        cpu_seconds: report.cpu_seconds,
    })
}

#[expect(clippy::print_stdout, reason = "a bench prints its results")]
fn cpu(pairs: &Pairs) {
    println!("{:<44} CPU per unit, ours ÷ peer: {}", "", pairs.cpu_ratio());
}

/// `count` reads of 4 KiB at random places of a file, the queue kept full.
fn random_reads(path: &Path, count: u64, seed: u64, io: &IoOptions) -> Result<()> {
    let options = IoOptions { arena_bytes: 8 << 20, read_size_bytes: 4096, ..io.clone() };
    let mut queue = ReadQueue::new(&options, &mut Vec::new())?;
    let blocks = DataFile::open(path, options.direct)?.len_bytes() / 4096;
    queue.file(0, path, None)?;
    let mut state = seed;
    let (mut asked, mut done) = (0, 0);
    while done < count {
        while asked < count && asked - done < u64::from(options.queue_depth) {
            let Some(slot) = queue.acquire(4096) else { break };
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 16) % blocks * 4096;
            queue.read(0, at..at + 4096, slot, asked);
            asked += 1;
        }
        queue.pump()?;
        queue.wait(Duration::from_millis(100))?;
        while let Some(completed) = queue.next_completed() {
            completed.result?;
            done += 1;
        }
    }
    Ok(())
}
