//! Isolates writing a data set: content from the seed, pages, digests, the way to the device, fsync. Files are removed
//! after every round. Contenders write at the same number of threads, two where there are two CPUs.
//!
//! - `dlrm_pyarrow`: DLRM, uncompressed, the layout of DLIO ÷ PyArrow writing such a table with its defaults, one
//!   process per core. PyArrow's table lies in memory before its clock starts, and it does not fsync; ours is made
//!   from the seed, hashed and flushed within the time. Bytes on disk per second
//! - `dlrm_fio`, `flux_fio`: the same number of bytes ÷ fio's sequential write, io_uring, O_DIRECT, fsync at the end
//! - `uring_pwrite`: FLUX written with io_uring ÷ written with a pwrite thread, no bar
//!
//! `cargo xtask bench datagen [CASE…]`, or `cargo bench -p ringquet-benches --bench datagen` without PyArrow.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use ringquet::StopFlag;
use ringquet_benches::pairs::{Pairs, Sample, tell};
use ringquet_benches::{Scale, chosen, data, fio};
use ringquet_datagen::{DatagenOptions, Existing, Silent, WriteChoice};
use ringquet_io::throughput::GIB;
use ringquet_io::usage::Usage;
use ringquet_workload::Loaded;
use serde_json::{Value, json};

/// Depth and size of fio's writes: what it does best with here. Twelve of 1 MiB, as we write, are 9 % slower.
const FIO_DEPTH: u32 = 8;
const FIO_BLOCK_BYTES: u64 = 512 << 10;

fn main() -> Result<()> {
    let scale = Scale::of_this_process();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(2);
    // Not the folders of other benches: what is below is removed.
    let dir = data::root().join("datagen");
    std::fs::create_dir_all(&dir)?;
    let bench = Bench { scale, threads, rounds: scale.pick(1, 7), dir };
    bench.case("dlrm_pyarrow", || bench.dlrm_pyarrow())?;
    let dlrm = ("dlrm_b200.yaml", scale.pick(6_144, 786_432));
    bench.case("dlrm_fio", || bench.beside_fio("DLRM", dlrm, 0.5))?;
    let flux = ("flux_b200.yaml", scale.pick(2, 288));
    bench.case("flux_fio", || bench.beside_fio("FLUX", flux, 0.8))?;
    bench.case("uring_pwrite", || bench.uring_pwrite(flux))?;
    Ok(())
}

struct Bench {
    scale: Scale,
    threads: usize,
    rounds: usize,
    dir: PathBuf,
}

impl Bench {
    fn case(&self, name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
        if chosen(name) { run().with_context(|| name.to_owned()) } else { Ok(()) }
    }

    /// Two files to a thread.
    fn load(&self, (workload, rows): (&str, u64)) -> Result<Loaded> {
        let yaml = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workloads").join(workload);
        let overrides = [
            format!("dataset.num_files_train={}", self.threads * self.scale.pick(1, 2)),
            format!("dataset.num_samples_per_file={rows}"),
            format!("dataset.data_folder={}", self.dir.join("ours").display()),
        ];
        Ok(ringquet_workload::load(&yaml, &overrides, false)?)
    }

    fn ours(&self, loaded: &Loaded, driver: WriteChoice) -> Result<Sample> {
        let options = DatagenOptions {
            threads: self.threads,
            existing: Existing::Force,
            driver,
            ..DatagenOptions::default()
        };
        let before = Usage::now();
        let report =
            ringquet_datagen::generate(loaded, &options, &Silent, StopFlag::new().as_atomic())?;
        let cpu_seconds = Usage::now().since(&before).cpu_seconds();
        ensure!(report.direct || self.scale == Scale::Smoke, "written through the page cache");
        std::fs::remove_dir_all(&report.data_dir)?;
        Ok(Sample { work: report.bytes_written as f64, seconds: report.seconds, cpu_seconds })
    }

    fn dlrm_pyarrow(&self) -> Result<()> {
        let loaded = self.load(("dlrm_b200.yaml", self.scale.pick(6_144, 786_432)))?;
        let dataset = &loaded.workload.dataset;
        let peer = if self.scale == Scale::Full {
            let rows = 98_304;
            PyArrow::start(&self.dir, dataset, self.threads, rows)?
        } else {
            None
        };
        let peer = RefCell::new(peer);
        let pairs = Pairs::measure(
            self.rounds,
            || self.ours(&loaded, WriteChoice::Auto),
            || match &mut *peer.borrow_mut() {
                Some(peer) => peer.pass(),
                None => Ok(Sample::NOTHING),
            },
        )?;
        let name = format!("DLRM datagen, {} threads ÷ processes", self.threads);
        tell(&name, "PyArrow", "GiB/s", GIB, &pairs, Some(10.0));
        Ok(())
    }

    fn beside_fio(&self, name: &str, workload: (&str, u64), bar: f64) -> Result<()> {
        let loaded = self.load(workload)?;
        let bytes = loaded.workload.dataset.footprint().file_bytes
            * loaded.workload.dataset.num_files_train
            / self.threads as u64;
        let there = fio::available();
        let pairs = Pairs::measure(
            self.rounds,
            || self.ours(&loaded, WriteChoice::Auto),
            || if there { fio_write(&self.dir, self.threads, bytes) } else { Ok(Sample::NOTHING) },
        )?;
        let name = format!("{name} datagen, {} threads", self.threads);
        tell(&name, "fio write", "GiB/s", GIB, &pairs, Some(bar));
        Ok(())
    }

    fn uring_pwrite(&self, workload: (&str, u64)) -> Result<()> {
        let loaded = self.load(workload)?;
        let pairs = Pairs::measure(
            self.rounds,
            || self.ours(&loaded, WriteChoice::Auto),
            || self.ours(&loaded, WriteChoice::Pwrite),
        )?;
        tell("FLUX datagen, io_uring ÷ pwrite thread", "pwrite", "GiB/s", GIB, &pairs, None);
        Ok(())
    }
}

/// fio writes `bytes` per thread to new files, and removes them.
fn fio_write(dir: &Path, threads: usize, bytes: u64) -> Result<Sample> {
    let size = bytes.next_multiple_of(FIO_BLOCK_BYTES);
    let job = format!(
        "[write]\nioengine=io_uring\nfixedbufs=1\ndirect=1\nthread=1\nrw=write\nbs={FIO_BLOCK_BYTES}\n\
         iodepth={FIO_DEPTH}\nsize={size}\nnumjobs={threads}\nend_fsync=1\nrefill_buffers=0\nunlink=1\n\
         directory={}\n",
        dir.display()
    );
    let path = dir.join("write.fio");
    std::fs::write(&path, job)?;
    let output = Command::new("fio").arg("--output-format=json").arg(&path).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let words = String::from_utf8_lossy(&output.stderr);
    // fio may put notes before the document.
    let start = text.find('{').with_context(|| format!("fio: {words}"))?;
    let document: Value = serde_json::from_str(&text[start..]).context("fio's JSON")?;
    let mut sample = Sample { work: 0.0, seconds: 0.0, cpu_seconds: 0.0 };
    for job in document["jobs"].as_array().context("fio's JSON has jobs")? {
        ensure!(job["error"].as_i64() == Some(0), "fio: error {}: {words}", job["error"]);
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        let seconds = number(&job["write"]["runtime"]) / 1e3;
        sample.work += number(&job["write"]["io_bytes"]);
        sample.seconds = sample.seconds.max(seconds);
        sample.cpu_seconds += (number(&job["usr_cpu"]) + number(&job["sys_cpu"])) / 100.0 * seconds;
    }
    Ok(sample)
}

/// Processes that write a table with PyArrow.
struct PyArrow {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl PyArrow {
    /// `None`, and a line that says so, where `RINGQUET_PYTHON` names no Python with PyArrow.
    #[expect(clippy::print_stdout, reason = "a bench prints what it leaves out")]
    fn start(
        dir: &Path,
        dataset: &ringquet_workload::Dataset,
        processes: usize,
        rows: u64,
    ) -> Result<Option<PyArrow>> {
        let Some(python) = std::env::var_os("RINGQUET_PYTHON") else {
            println!(
                "PyArrow is left out: RINGQUET_PYTHON is not set ('cargo xtask bench datagen' sets it)"
            );
            return Ok(None);
        };
        let columns: Vec<Value> = dataset
            .parquet
            .file_columns()
            .map(|c| json!({ "name": c.name, "dtype": c.dtype.to_string(), "size": c.size }))
            .collect();
        let spec = dir.join("columns.json");
        std::fs::write(&spec, serde_json::to_vec(&columns)?)?;
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/datagen_peer.py");
        let row_group_size = dataset.parquet.row_group_size;
        let mut child = Command::new(python)
            .arg("-B")
            .arg(program)
            .args([&spec, dir])
            .args([processes as u64, 1, rows, row_group_size].map(|number| number.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting Python")?;
        let commands = child.stdin.take().context("stdin is piped")?;
        let answers = BufReader::new(child.stdout.take().context("stdout is piped")?);
        let mut peer = PyArrow { child, commands, answers };
        let answer = peer.answer()?;
        ensure!(answer.starts_with("ready"), "PyArrow: {answer}");
        Ok(Some(peer))
    }

    fn answer(&mut self) -> Result<String> {
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(!answer.is_empty(), "the Python process ended, see its messages above");
        Ok(answer.trim().to_owned())
    }

    /// One file per process.
    fn pass(&mut self) -> Result<Sample> {
        writeln!(self.commands, "pass")?;
        let answer = self.answer()?;
        let mut numbers = answer.split_whitespace().map(str::parse::<f64>);
        let mut next = || numbers.next().context("two numbers")?.context("a number");
        let (seconds, work) = (next()?, next()?);
        Ok(Sample { work, seconds, cpu_seconds: f64::NAN })
    }
}

impl Drop for PyArrow {
    fn drop(&mut self) {
        // Its workers end with it; how is of no interest to the bench.
        drop(writeln!(self.commands, "end"));
        drop(self.child.wait());
    }
}
