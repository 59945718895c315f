//! What training code gets: rows per second as tensors of PyTorch, beside the engine itself, fio, and the loaders that people use.
//!
//! - `SHAPE/scan/T`: `ringquet.torch.BatchDataset` in the order of the files beside `ringquet scan` with T reader threads and batches
//!   of as many rows (`--batch-rows`, and for `flux` `--memory-budget 4GiB`). The line `short batches` has the scan without
//!   `--batch-rows`: its batches of 4 MiB stay in the CPU's cache and are dropped there, which no consumer of whole batches can have
//! - `SHAPE/row_groups/T`: the same, row groups shuffled
//! - `SHAPE/loaders`: beside the fastest of PyArrow's file reader alone and in a DataLoader with 2 workers, PyArrow's scanner with its
//!   threads, and the library `datasets`, reading as a stream (one file of them: it takes minutes for all); two CPUs for each
//! - `SHAPE/table`: `pyarrow.table(scan)` beside `pyarrow.parquet.read_table` with its threads
//! - `flux/fio`: cold with O_DIRECT, in bytes per second, beside fio on the same files
//! - `resume`: from a state after 10 million rows to the first batch, files opened anew
//!
//! Shapes: `flux` (long fixed-size lists, batches of 48 rows), `dlrm` (40 of 200 columns, batches of 12,288 rows as in the workload;
//! `dlrm_6144` has batches as long as the row groups), `emb` (an id and 768 floats, batches of 1,024 rows). Except for
//! `flux/fio` the files are in the page cache. `cargo xtask bench python [CASE…]`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use ringquet::{Dataset, Direct, Scan};
use ringquet_benches::loaders::Loaders;
use ringquet_benches::pairs::{Pairs, Sample, tell};
use ringquet_benches::{Scale, chosen, data, fio};
use serde_json::{Value, json};

/// CPUs that every contender has where they are compared with all their threads.
const CPUS: usize = 2;

#[expect(clippy::print_stdout, reason = "a bench prints its results")]
fn main() -> Result<()> {
    let scale = Scale::of_this_process();
    let Some(mut loaders) = Loaders::start()? else { return Ok(()) };
    for shape in shapes(scale)? {
        println!("{}", shape.describe()?);
        for threads in [1, CPUS] {
            shape.beside_scan(&mut loaders, scale, threads, None, 0.95)?;
            shape.beside_scan(&mut loaders, scale, threads, Some("row_groups"), 0.9)?;
        }
        shape.beside_loaders(&mut loaders, scale)?;
        shape.as_table(&mut loaders, scale)?;
        if shape.name == "flux" {
            shape.beside_fio(&mut loaders, scale)?;
        }
    }
    resume(&mut loaders, scale)
}

/// Files of one shape, and how they are read.
struct Shape {
    name: &'static str,
    paths: Vec<PathBuf>,
    columns: Option<Vec<String>>,
    batch_rows: usize,
    /// Memory budget, of ours and of the scan.
    memory: Option<&'static str>,
}

fn shapes(scale: Scale) -> Result<Vec<Shape>> {
    let flux = data::data_set(
        scale.pick("flux-smoke", "flux"),
        "flux_b200.yaml",
        scale.pick(
            &["dataset.num_files_train=2", "dataset.num_samples_per_file=4"],
            &["dataset.num_files_train=8", "dataset.num_samples_per_file=288"],
        ),
    )?;
    let dlrm = data::data_set(
        scale.pick("dlrm-smoke", "dlrm"),
        "dlrm_b200.yaml",
        scale.pick(
            &["dataset.num_files_train=2", "dataset.num_samples_per_file=12288"],
            &["dataset.num_files_train=16", "dataset.num_samples_per_file=393216"],
        ),
    )?;
    let embeddings = embeddings(scale)?;
    let columns = data::dlrm_read_columns()?;
    let files = |dir: &Path| ringquet::engine::find_files(&[dir.to_owned()]).files;
    let shape = |name, dir: &Path, columns, batch_rows| Shape {
        name,
        paths: files(dir),
        columns,
        batch_rows,
        memory: None,
    };
    let mut flux = shape("flux", &flux, None, scale.pick(1, 48));
    // Half of them, so that a pass takes a second or two; memory for batches of 48 rows in one piece.
    flux.paths.truncate(4);
    flux.memory = Some("4GiB");
    Ok(vec![
        flux,
        shape("dlrm", &dlrm, Some(columns.clone()), 12_288),
        shape("dlrm_6144", &dlrm, Some(columns), 6_144),
        shape("emb", &embeddings, None, 1_024),
    ])
}

/// An id and an embedding of 768 floats, as PyArrow's writer has them by default: snappy, dictionaries where they pay.
fn embeddings(scale: Scale) -> Result<PathBuf> {
    const WIDTH: i32 = 768;
    let dir = data::root().join(scale.pick("embeddings-smoke", "embeddings"));
    let (files, rows) = scale.pick((2, 2_000), (8, 50_000));
    let done = dir.join("done");
    if done.exists() {
        return Ok(dir);
    }
    std::fs::create_dir_all(&dir)?;
    let mut random = ringquet_io::random::SplitMix64::new(7);
    for file in 0..files {
        let path = dir.join(format!("part-{file}.parquet"));
        let ids = Int64Array::from_iter_values((file * rows..).take(usize::try_from(rows)?));
        let len = usize::try_from(rows * i64::from(WIDTH))?;
        let values = (0..len).map(|_| (random.bits() >> 40) as f32 / 16_777_216.0 - 0.5);
        let values: ArrayRef = Arc::new(Float32Array::from_iter_values(values));
        let item = Arc::new(Field::new("element", DataType::Float32, false));
        let lists = FixedSizeListArray::new(item, WIDTH, values, None);
        let batch = RecordBatch::try_from_iter([
            ("id", Arc::new(ids) as ArrayRef),
            ("emb", Arc::new(lists) as ArrayRef),
        ])?;
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(10_000))
            .set_compression(parquet::basic::Compression::SNAPPY)
            .build();
        let mut writer =
            ArrowWriter::try_new(File::create(path)?, batch.schema(), Some(properties))?;
        writer.write(&batch)?;
        writer.close()?;
    }
    File::create(done)?;
    Ok(dir)
}

impl Shape {
    fn describe(&self) -> Result<String> {
        let dataset = self.open(1, Direct::Off)?;
        Ok(format!(
            "\n{}: {} files, {} rows, {:.2} GB of column chunks",
            self.name,
            dataset.files().len(),
            dataset.num_rows(),
            dataset.wanted_bytes() as f64 / 1e9
        ))
    }

    /// Tells of pairs in rows per second; a row of FLUX has two MB.
    fn tell(&self, name: &str, peer: &str, pairs: &Pairs, bar: Option<f64>) {
        let (unit, per) = if self.name == "flux" { ("rows/s", 1.0) } else { ("M rows/s", 1e6) };
        tell(name, peer, unit, per, pairs, bar);
    }

    fn open(&self, threads: usize, direct: Direct) -> Result<Dataset> {
        let dataset = Dataset::open(&self.paths)?;
        let mut scan = dataset.scan().threads(threads).direct(direct);
        if let Some(columns) = &self.columns {
            scan = scan.columns(columns.clone());
        }
        if self.memory.is_some() {
            scan = scan.memory_budget_bytes(4 << 30);
        }
        Ok(scan.dataset()?.map_memory()?)
    }

    /// What every loader is told.
    fn arguments(&self, threads: usize, direct: &str) -> Value {
        json!({
            "paths": self.paths,
            "columns": self.columns,
            "batch_size": self.batch_rows,
            "threads": threads,
            "direct": direct,
            "memory": self.memory,
        })
    }

    fn beside_scan(
        &self,
        loaders: &mut Loaders,
        scale: Scale,
        threads: usize,
        shuffle: Option<&str>,
        bar: f64,
    ) -> Result<()> {
        let name = format!("{}/{}/{threads}", self.name, shuffle.unwrap_or("scan"));
        if !chosen(&name) {
            return Ok(());
        }
        let dataset = self.open(threads, Direct::Off)?;
        let scan = |scan: Scan| {
            let report = scan.visit(|_| drop)?;
            let (work, seconds) = (report.rows as f64, report.seconds);
            anyhow::Ok(Sample { work, seconds, cpu_seconds: report.cpu_seconds })
        };
        let mut arguments = self.arguments(threads, "off");
        arguments["shuffle"] = json!(shuffle);
        loaders.open(&name, "batch_dataset", &arguments)?;
        let pairs = Pairs::measure(
            scale.pick(1, 9),
            || loaders.pass(&name, 1.0),
            || scan(dataset.scan().batch_rows(self.batch_rows)),
        )?;
        self.tell(&name, "scan --batch-rows", &pairs, scale.bar(bar));
        let pairs = Pairs::measure(
            scale.pick(1, 5),
            || loaders.pass(&name, 1.0),
            || scan(self.open(threads, Direct::Off)?.scan()),
        )?;
        self.tell(&format!("{name}: short batches"), "scan", &pairs, None);
        loaders.close(&name)
    }

    fn beside_loaders(&self, loaders: &mut Loaders, scale: Scale) -> Result<()> {
        let name = format!("{}/loaders", self.name);
        if !chosen(&name) {
            return Ok(());
        }
        let arguments = self.arguments(CPUS, "off");
        loaders.open(&name, "batch_dataset", &arguments)?;
        let peers = [
            ("PyArrow, 0 workers", "arrow_loader", json!({"workers": 0})),
            ("PyArrow, 2 workers", "arrow_loader", json!({"workers": 2})),
            ("PyArrow scanner", "arrow_loader", json!({"workers": 0, "scanner": true})),
            ("datasets, stream", "hugging_face", json!({})),
        ];
        let mut best: Option<Pairs> = None;
        for (peer, loader, more) in peers {
            let mut arguments = arguments.clone();
            if loader == "hugging_face" {
                arguments["paths"] = json!(&self.paths[..1]);
            }
            for (key, value) in more.as_object().context("written above")? {
                arguments[key] = value.clone();
            }
            loaders.open(peer, loader, &arguments)?;
            let pairs = in_turn(loaders, scale.pick(1, 3), &name, peer)?;
            self.tell(&format!("{name}: {peer}"), peer, &pairs, None);
            loaders.close(peer)?;
            if best.as_ref().is_none_or(|best| pairs.rate_ratio().median < best.rate_ratio().median)
            {
                best = Some(pairs);
            }
        }
        let best = best.context("there are peers")?;
        self.tell(&name, "the best", &best, scale.bar(5.0));
        loaders.close(&name)
    }

    fn as_table(&self, loaders: &mut Loaders, scale: Scale) -> Result<()> {
        let name = format!("{}/table", self.name);
        if !chosen(&name) || self.name == "dlrm_6144" {
            return Ok(());
        }
        let arguments = self.arguments(CPUS, "off");
        loaders.open(&name, "table", &arguments)?;
        loaders.open("read_table", "read_table", &arguments)?;
        let pairs = in_turn(loaders, scale.pick(1, 5), &name, "read_table")?;
        self.tell(&name, "read_table", &pairs, scale.bar(2.0));
        loaders.close(&name)?;
        loaders.close("read_table")
    }

    /// From the device: bytes of the files per second.
    fn beside_fio(&self, loaders: &mut Loaders, scale: Scale) -> Result<()> {
        let name = format!("{}/fio", self.name);
        if !chosen(&name) || !fio::available() {
            return Ok(());
        }
        let dataset = self.open(CPUS, Direct::On)?;
        let bytes_per_row = dataset.wanted_bytes() as f64 / dataset.num_rows() as f64;
        loaders.open(&name, "batch_dataset", &self.arguments(CPUS, "on"))?;
        let settings = fio::Settings { queue_depth: 64, submit_batch: 16, huge_pages: false };
        let jobs: Vec<fio::Job> = (0..CPUS)
            .map(|cpu| {
                let files = self.paths.iter().skip(cpu).step_by(CPUS);
                let files: Vec<String> = files.map(|path| path.display().to_string()).collect();
                vec![
                    "rw=read".to_owned(),
                    "bs=512k".to_owned(),
                    "file_service_type=sequential".to_owned(),
                    format!("cpus_allowed={cpu}"),
                    format!("filename={}", files.join(":")),
                ]
            })
            .collect();
        let scratch = data::root();
        let pairs = Pairs::measure(
            scale.pick(1, 7),
            || loaders.pass(&name, bytes_per_row),
            || fio::run(&scratch, settings, &jobs),
        )?;
        tell(&name, "fio", "GB/s", 1e9, &pairs, scale.bar(0.9));
        loaders.close(&name)
    }
}

/// Two loaders of one process in turn.
fn in_turn(loaders: &mut Loaders, rounds: usize, ours: &str, peer: &str) -> Result<Pairs> {
    if rounds > 1 {
        loaders.pass(ours, 1.0)?;
        loaders.pass(peer, 1.0)?;
    }
    let pair = |_| Ok((loaders.pass(ours, 1.0)?, loaders.pass(peer, 1.0)?));
    Ok(Pairs { pairs: (0..rounds).map(pair).collect::<Result<_>>()? })
}

/// A narrow data set of more than 10 million rows, left after 10 million.
#[expect(clippy::print_stdout, reason = "a bench prints its results")]
fn resume(loaders: &mut Loaders, scale: Scale) -> Result<()> {
    let rows = scale.pick(20_000, 12_000_000);
    let dir = data::root().join(scale.pick("narrow-smoke", "narrow"));
    if !dir.join("done").exists() {
        std::fs::create_dir_all(&dir)?;
        for file in 0..12 {
            let of_file = rows / 12;
            let count = usize::try_from(of_file).expect("a positive number");
            let ids = || Int64Array::from_iter_values((file * of_file..).take(count));
            let batch = RecordBatch::try_from_iter([
                ("id", Arc::new(ids()) as ArrayRef),
                ("other", Arc::new(ids()) as ArrayRef),
            ])?;
            let properties =
                WriterProperties::builder().set_max_row_group_row_count(Some(100_000)).build();
            let file = File::create(dir.join(format!("part-{file:02}.parquet")))?;
            let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties))?;
            writer.write(&batch)?;
            writer.close()?;
        }
        File::create(dir.join("done"))?;
    }
    let paths = ringquet::engine::find_files(&[dir]).files;
    for shuffle in [None, Some("row_groups"), Some("rows")] {
        let name = format!("resume/{}", shuffle.unwrap_or("scan"));
        if !chosen(&name) {
            continue;
        }
        let arguments = json!({
            "paths": paths,
            "columns": ["id"],
            "batch_size": 1000,
            "threads": CPUS,
            "direct": "off",
            "shuffle": shuffle,
            "rows": rows / 12 * 10,
        });
        loaders.open(&name, "resume", &arguments)?;
        let seconds = (0..scale.pick(1, 9)).map(|_| Ok(loaders.pass(&name, 1.0)?.seconds));
        let seconds = seconds.collect::<Result<Vec<f64>>>()?;
        let spread = ringquet_benches::pairs::Spread::of(seconds);
        let verdict = match scale.bar(0.1) {
            Some(bar) if spread.median <= bar => format!("  bar ≤ {bar} s: met"),
            Some(bar) => format!("  bar ≤ {bar} s: MISSED"),
            None => String::new(),
        };
        println!("{name:<44} {spread} s to the first batch after {} rows{verdict}", rows / 12 * 10);
    }
    Ok(())
}
