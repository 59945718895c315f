//! Isolates decoding: the file is in memory, warm, one core; nothing is read from a device. The peers decode the same
//! bytes in the same run: arrow-rs (the `parquet` crate's record batch reader) and PyArrow with one thread. memcpy copies as many bytes as are decoded.
//!
//! A pass is what one scan of the file costs: parse the footer, decode every row group to Arrow batches, drop them.
//! Our buffers come from a pool that is kept between passes, as a reader thread keeps it, and the schema is that of the
//! pass before, as the files of a data set share theirs. A sample is as many passes as take [`SAMPLE_SECONDS`], so that each
//! contender finds the caches as it left them itself. The bytes of the file lie on transparent huge pages, as those of a reader
//! thread's arena do, for all contenders alike.
//!
//! `cargo xtask bench decode [CASE…]`, or `cargo bench -p ringquet-benches --bench decode` without PyArrow.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use bytes::Bytes;
use memmap2::{Advice, MmapMut};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::WriterProperties;
use ringquet_benches::pairs::{Pairs, Sample, Spread, tell};
use ringquet_benches::pyarrow::PyArrow;
use ringquet_benches::{Scale, chosen, data};
use ringquet_decode::{
    BufferPool, ChunkSource, DecodeOptions, FileSchema, Footer, Projection, RowGroupDecoder, Step,
    TAIL_LEN, footer_len,
};
use ringquet_io::throughput::GIB;

/// Seconds that a sample takes at least; under `cargo test` it is one pass.
const SAMPLE_SECONDS: f64 = 0.2;

/// Decoded bytes of a batch, about: what a reader thread delivers, and what the copies that we compare with reuse.
const BATCH_BYTES: usize = 4 << 20;

/// Rows of the flat cases.
const FLAT_ROWS: usize = 4 << 20;

fn main() -> Result<()> {
    ringquet_io::cpus::pin_current_thread(ringquet_io::cpus::allowed().pop().context("a CPU")?);
    let scale = Scale::of_this_process();
    let mut bench = Bench { scale, rounds: scale.pick(1, 7), pyarrow: None };
    if scale == Scale::Full {
        bench.pyarrow = PyArrow::start()?;
    }
    bench.memory();

    let flux_rows = scale.pick("dataset.num_samples_per_file=2", "dataset.num_samples_per_file=64");
    let flux = data::data_set(
        scale.pick("flux-decode-smoke", "flux-decode"),
        "flux_b200.yaml",
        &["dataset.num_files_train=1", flux_rows],
    )?;
    bench.case("flux", &data::first_file(&flux)?, None, [Some(15.0), Some(15.0)])?;

    let columns = data::dlrm_read_columns()?;
    let dlrm_rows =
        scale.pick("dataset.num_samples_per_file=6144", "dataset.num_samples_per_file=61440");
    let dlrm = data::data_set(
        scale.pick("dlrm-decode-smoke", "dlrm-decode"),
        "dlrm_b200.yaml",
        &["dataset.num_files_train=1", dlrm_rows],
    )?;
    bench.case("dlrm", &data::first_file(&dlrm)?, Some(&columns), [Some(6.0), Some(20.0)])?;
    let repeating = data::data_set_repeating(
        scale.pick("dlrm-repeat-smoke", "dlrm-repeat"),
        "dlrm_b200.yaml",
        &["dataset.num_files_train=1", dlrm_rows],
        0.5,
    )?;
    bench.case(
        "dlrm_repeating",
        &data::first_file(&repeating)?,
        Some(&columns),
        [Some(3.0), None],
    )?;

    let legacy_rows =
        scale.pick("dataset.num_samples_per_file=16", "dataset.num_samples_per_file=4096");
    let legacy = data::data_set(
        scale.pick("legacy-decode-smoke", "legacy-decode"),
        "parquet_legacy.yaml",
        &[
            "dataset.num_files_train=1",
            legacy_rows,
            "dataset.num_subfolders_train=0",
            "dataset.parquet.legacy=seed",
            "dataset.compression=snappy",
            "dataset.record_length_bytes=4096",
        ],
    )?;
    bench.case("legacy_snappy", &data::first_file(&legacy)?, None, [Some(3.0), Some(3.0)])?;

    let rows = scale.pick(5000, FLAT_ROWS);
    for (name, flat, bar) in flat_cases(rows) {
        let path = data::root().join(format!("{name}-{rows}.parquet"));
        if !path.exists() {
            flat.write(&path)?;
        }
        bench.case(&name, &path, None, [Some(bar), None])?;
    }
    bench.footer()?;
    bench.bit_unpack()?;
    Ok(())
}

struct Bench {
    scale: Scale,
    rounds: usize,
    pyarrow: Option<PyArrow>,
}

impl Bench {
    /// One file against both peers; `bars` are for arrow-rs and PyArrow.
    fn case(
        &mut self,
        name: &str,
        path: &Path,
        columns: Option<&[String]>,
        bars: [Option<f64>; 2],
    ) -> Result<()> {
        if !chosen(name) {
            return Ok(());
        }
        let bytes = on_huge_pages(&std::fs::read(path)?)?;
        let pool = BufferPool::new();
        let projection = columns.map_or(Projection::All, |names| Projection::Names(names.to_vec()));
        // The files of a data set share the schema of the first one that was opened, and so do passes here.
        let (thrift, file_len) = footer_bytes(&bytes)?;
        let schema = Arc::clone(Footer::parse(thrift, file_len, &projection)?.schema());
        let (arrow_bytes, _) = ours(&bytes, &projection, &schema, &pool)?;
        let ours_sample = || {
            let begun = Instant::now();
            let (decoded, counters) = ours(&bytes, &projection, &schema, &pool)?;
            ensure!(
                counters.fallback_column_chunks == 0,
                "{name}: {} column chunks fell back",
                counters.fallback_column_chunks
            );
            Ok::<_, anyhow::Error>(Sample::since(decoded, begun))
        };
        // As its users run it, with its default batch size; and with batches of the size of ours, which spares it
        // most of its page faults.
        for (peer, batches) in
            [("arrow-rs", Batches::Default), ("arrow-rs, batches as ours", Batches::AsOurs)]
        {
            let arrow_rs = || {
                let begun = Instant::now();
                let rows = arrow_rs(&bytes, columns, batches)?;
                ensure!(rows > 0 || self.scale == Scale::Smoke, "no rows");
                Ok(Sample::since(arrow_bytes, begun))
            };
            let pairs =
                Pairs::measure(self.rounds, || self.long(ours_sample), || self.long(arrow_rs))?;
            let bar = bars[0].filter(|_| batches == Batches::Default);
            tell(&format!("{name} ÷ {peer}"), "arrow-rs", "GiB/s", GIB, &pairs, bar);
        }
        // The floor: each decoded byte copied once, from memory that is new to memory that is used again, as a batch's is.
        let source = vec![1_u8; usize::try_from(arrow_bytes)?];
        let mut target = vec![0_u8; BATCH_BYTES.min(source.len())];
        let mut memcpy = || {
            let begun = Instant::now();
            for part in source.chunks(BATCH_BYTES) {
                target[..part.len()].copy_from_slice(part);
                std::hint::black_box(&mut target);
            }
            Ok(Sample::since(arrow_bytes, begun))
        };
        let pairs =
            Pairs::measure(self.rounds, || self.long(ours_sample), || self.long(&mut memcpy))?;
        tell(&format!("{name} ÷ memcpy"), "memcpy", "GiB/s", GIB, &pairs, None);
        if let Some(mut pyarrow) = self.pyarrow.take() {
            pyarrow.open(path, columns)?;
            let mut peer = || {
                let seconds = pyarrow.pass()?;
                Ok(Sample { work: arrow_bytes as f64, seconds, cpu_seconds: seconds })
            };
            let pairs =
                Pairs::measure(self.rounds, || self.long(ours_sample), || self.long(&mut peer))?;
            self.pyarrow = Some(pyarrow);
            tell(&format!("{name} ÷ PyArrow"), "PyArrow", "GiB/s", GIB, &pairs, bars[1]);
        }
        Ok(())
    }

    /// As many passes as make a sample.
    fn long(&self, mut pass: impl FnMut() -> Result<Sample>) -> Result<Sample> {
        let mut sum = pass()?;
        while self.scale == Scale::Full && sum.seconds < SAMPLE_SECONDS {
            let more = pass()?;
            sum.work += more.work;
            sum.seconds += more.seconds;
            sum.cpu_seconds += more.cpu_seconds;
        }
        Ok(sum)
    }

    /// What copying memory gives here: nothing that copies each value once can be faster.
    #[expect(clippy::print_stdout, reason = "a bench prints its results")]
    fn memory(&self) {
        let len = self.scale.pick(1 << 20, 256 << 20);
        let source = vec![1u8; len];
        let mut target = vec![0u8; len];
        let rates: Vec<f64> = (0..self.scale.pick(1, 9))
            .map(|_| {
                let begun = Instant::now();
                target.copy_from_slice(&source);
                std::hint::black_box(&mut target);
                len as f64 / begun.elapsed().as_secs_f64()
            })
            .collect();
        // As decoding does it: the source is new, the target is reused and stays in the cache.
        let reused: Vec<f64> = (0..self.scale.pick(1, 9))
            .map(|_| {
                let begun = Instant::now();
                for part in source.chunks(BATCH_BYTES) {
                    target[..part.len()].copy_from_slice(part);
                    std::hint::black_box(&mut target);
                }
                len as f64 / begun.elapsed().as_secs_f64()
            })
            .collect();
        println!(
            "memcpy of {} MiB: {:.1} GiB/s to fresh lines, {:.1} GiB/s to a reused buffer of {} MiB",
            len >> 20,
            Spread::of(rates).median / GIB,
            Spread::of(reused).median / GIB,
            BATCH_BYTES >> 20
        );
    }

    /// Bit-unpacking. The `parquet` crate's bit reader is not public, so the two are compared by pages of
    /// DELTA_BINARY_PACKED integers whose differences have one width, which is unpacking and adding up; what our kernel
    /// does on its own, in the second-level cache, stands beside that.
    fn bit_unpack(&self) -> Result<()> {
        if !chosen("bit_unpack") {
            return Ok(());
        }
        let rows = self.scale.pick(1 << 12, 1 << 20);
        let passes = self.scale.pick(1, 16);
        for width in 1..=32_u32 {
            let flat = differences(rows, width);
            let mut writer =
                ArrowWriter::try_new(Vec::new(), flat.batch.schema(), Some(flat.properties))?;
            writer.write(&flat.batch)?;
            let file = Bytes::from(writer.into_inner()?);
            let pool = BufferPool::new();
            let (thrift, file_len) = footer_bytes(&file)?;
            let schema = Arc::clone(Footer::parse(thrift, file_len, &Projection::All)?.schema());
            let values = rows as u64;
            let page = || {
                let begun = Instant::now();
                ours(&file, &Projection::All, &schema, &pool)?;
                Ok::<_, anyhow::Error>(Sample::since(values, begun))
            };
            let peer = || {
                let begun = Instant::now();
                arrow_rs(&file, None, Batches::AsOurs)?;
                Ok(Sample::since(values, begun))
            };
            let pairs = Pairs::measure(self.rounds, || self.long(page), || self.long(peer))?;

            let block = 1 << 16;
            let packed: Vec<u8> =
                (0..block / 8 * width).map(|n| (n.wrapping_mul(0x9E37_79B9) >> 24) as u8).collect();
            let mut unpacked = vec![0_u32; block as usize];
            let rates: Vec<f64> = (0..self.rounds)
                .map(|_| {
                    let begun = Instant::now();
                    for _ in 0..passes {
                        ringquet_decode::unpack_bits(&packed, width, &mut unpacked);
                        std::hint::black_box(&mut unpacked);
                    }
                    f64::from(block * passes) / begun.elapsed().as_secs_f64()
                })
                .collect();
            let kernel = Spread::of(rates).median / 1e9;
            let name = format!("bit_unpack {width:>2}: kernel {kernel:.2} G/s; in pages");
            tell(&name, "arrow-rs", "G values/s", 1e9, &pairs, None);
        }
        Ok(())
    }

    /// A footer as large as a real DLRM file's, 40 of 200 columns wanted.
    #[expect(clippy::print_stdout, reason = "a bench prints its results")]
    fn footer(&self) -> Result<()> {
        if !chosen("footer") {
            return Ok(());
        }
        let groups = self.scale.pick(8, 768);
        let samples = format!("dataset.num_samples_per_file={}", groups * 16);
        let overrides =
            ["dataset.num_files_train=1", &samples, "dataset.parquet.row_group_size=16"];
        let dir = data::data_set(
            self.scale.pick("footer-smoke", "footer"),
            "dlrm_b200.yaml",
            &overrides,
        )?;
        let bytes = std::fs::read(data::first_file(&dir)?)?;
        let (thrift, file_len) = footer_bytes(&bytes)?;
        let projection = Projection::Names(data::dlrm_read_columns()?);
        let ours = || {
            let begun = Instant::now();
            let footer = Footer::parse(thrift, file_len, &projection)?;
            std::hint::black_box(&footer);
            Ok::<_, anyhow::Error>(Sample::since(thrift.len() as u64, begun))
        };
        let peer = || {
            let begun = Instant::now();
            let metadata = parquet::file::metadata::ParquetMetaDataReader::decode_metadata(thrift)?;
            std::hint::black_box(&metadata);
            Ok(Sample::since(thrift.len() as u64, begun))
        };
        let pairs = Pairs::measure(self.rounds, || self.long(ours), || self.long(peer))?;
        let name = format!("footer of {:.1} MB ÷ arrow-rs", thrift.len() as f64 / 1e6);
        tell(&name, "arrow-rs", "GiB/s", GIB, &pairs, Some(5.0));
        let footer = Footer::parse(thrift, file_len, &projection)?;
        println!("  in memory afterwards: {} bytes", footer.heap_bytes());
        Ok(())
    }
}

/// The bytes in memory for which huge pages were asked.
fn on_huge_pages(bytes: &[u8]) -> Result<Bytes> {
    let mut map = MmapMut::map_anon(bytes.len())?;
    // Where the kernel has none to give, base pages do as well.
    drop(map.advise(Advice::HugePage));
    map.copy_from_slice(bytes);
    Ok(Bytes::from_owner(map.make_read_only()?))
}

struct InMemory(Bytes);

impl ChunkSource for InMemory {
    fn bytes(&mut self, _leaf: usize, range: Range<u64>) -> Option<&[u8]> {
        self.0.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
    }
}

fn footer_bytes(bytes: &[u8]) -> Result<(&[u8], u64)> {
    let tail: &[u8; TAIL_LEN] = bytes.last_chunk().context("a tail")?;
    let len = footer_len(tail, bytes.len() as u64)? as usize;
    let end = bytes.len() - TAIL_LEN;
    Ok((&bytes[end - len..end], bytes.len() as u64))
}

/// One pass; the bytes of Arrow data that came out.
fn ours(
    bytes: &Bytes,
    projection: &Projection,
    schema: &Arc<FileSchema>,
    pool: &BufferPool,
) -> Result<(u64, ringquet_decode::DecodeCounters)> {
    let (thrift, file_len) = footer_bytes(bytes)?;
    let footer = Arc::new(Footer::parse_sharing(thrift, file_len, projection, Some(schema))?);
    let mut source = InMemory(bytes.clone());
    let mut decoded = 0;
    let mut counters = ringquet_decode::DecodeCounters::default();
    for row_group in 0..footer.num_row_groups() {
        let uncompressed: u64 =
            footer.column_chunks(row_group).map(|(_, chunk)| chunk.uncompressed_bytes).sum();
        let batch_rows = batch_rows(uncompressed, footer.row_group_rows(row_group))?;
        let options = DecodeOptions { batch_rows, ..DecodeOptions::default() };
        let mut decoder = RowGroupDecoder::new(&footer, row_group, &options, pool)?;
        loop {
            match decoder.next_batch(&mut source)? {
                Step::Batch(batch) => decoded += ringquet::report::decoded_bytes(&batch),
                Step::NeedsBytes { .. } => anyhow::bail!("all bytes are in memory"),
                Step::Finished => break,
            }
        }
        counters += decoder.counters();
    }
    Ok((decoded, counters))
}

/// Rows per batch as the engine picks them: about 4 MiB, at most 64 Ki rows.
fn batch_rows(bytes: u64, rows: u64) -> Result<usize> {
    Ok(usize::try_from((4 << 20) / (bytes / rows.max(1)).max(1))?.clamp(1, 64 << 10))
}

/// Rows per batch of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Batches {
    /// What its builder has.
    Default,
    /// About 4 MiB each.
    AsOurs,
}

fn arrow_rs(bytes: &Bytes, columns: Option<&[String]>, batches: Batches) -> Result<usize> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes.clone())?;
    let mask = match columns {
        None => ProjectionMask::all(),
        Some(names) => {
            ProjectionMask::columns(builder.parquet_schema(), names.iter().map(String::as_str))
        }
    };
    let builder = match batches {
        Batches::Default => builder,
        Batches::AsOurs => {
            let metadata = Arc::clone(builder.metadata());
            let group = metadata.row_groups().first().context("a row group")?;
            let wanted = (0..group.num_columns()).filter(|&leaf| mask.leaf_included(leaf));
            let bytes: i64 = wanted.map(|leaf| group.column(leaf).uncompressed_size()).sum();
            builder.with_batch_size(batch_rows(
                u64::try_from(bytes)?,
                u64::try_from(group.num_rows())?,
            )?)
        }
    };
    let mut total = 0;
    for batch in builder.with_projection(mask).build()? {
        total += batch?.num_rows();
    }
    Ok(total)
}

struct Flat {
    batch: RecordBatch,
    properties: WriterProperties,
}

impl Flat {
    fn write(&self, path: &Path) -> Result<()> {
        std::fs::create_dir_all(data::root())?;
        let file = std::fs::File::create(path)?;
        let mut writer =
            ArrowWriter::try_new(file, self.batch.schema(), Some(self.properties.clone()))?;
        writer.write(&self.batch)?;
        writer.close()?;
        Ok(())
    }
}

/// Integers, each larger than the one before by a number of `width` bits.
fn differences(rows: usize, width: u32) -> Flat {
    let mut value = 0_i32;
    let numbers = (0..rows as u64).map(|n| {
        let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - width);
        #[expect(clippy::cast_possible_truncation, reason = "32 bits or fewer")]
        let difference = mixed as u32;
        value = value.wrapping_add(difference.cast_signed());
        value
    });
    let column: ArrayRef = Arc::new(Int32Array::from_iter_values(numbers));
    let batch =
        RecordBatch::try_from_iter_with_nullable([("c", column, false)]).expect("one column");
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::DELTA_BINARY_PACKED)
        .build();
    Flat { batch, properties }
}

/// One column each, written by arrow-rs.
fn flat_cases(rows: usize) -> Vec<(String, Flat, f64)> {
    let plain = || {
        WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_compression(Compression::UNCOMPRESSED)
            .build()
    };
    let dictionary =
        || WriterProperties::builder().set_compression(Compression::UNCOMPRESSED).build();
    let one = |column: ArrayRef, nullable: bool| {
        RecordBatch::try_from_iter_with_nullable([("c", column, nullable)]).expect("one column")
    };
    let mixed = |n: usize| (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let floats: ArrayRef =
        Arc::new(Float32Array::from_iter_values((0..rows).map(|n| mixed(n) as f32)));
    let halves: ArrayRef =
        Arc::new(Int64Array::from_iter((0..rows).map(|n| {
            (mixed(n) % 2 == 0).then_some(i64::try_from(mixed(n) % 1000).expect("small"))
        })));
    let words: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..rows).map(|n| format!("word {}", mixed(n) % 1000)),
    ));
    let encoded = |encoding| {
        WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_encoding(encoding)
            .set_compression(Compression::UNCOMPRESSED)
            .build()
    };
    let times: ArrayRef = Arc::new(Int64Array::from_iter_values(
        (0..rows).map(|n| i64::try_from(n as u64 * 1000 + mixed(n) % 1000).expect("small")),
    ));
    let bools: ArrayRef = Arc::new(BooleanArray::from_iter(
        (0..rows).map(|n| (mixed(n) % 2 == 0).then_some(mixed(n) % 3 == 0)),
    ));
    let split = Arc::clone(&floats);
    vec![
        (
            "plain_f32_required".into(),
            Flat { batch: one(Arc::clone(&floats), false), properties: plain() },
            1.5,
        ),
        ("plain_f32_optional".into(), Flat { batch: one(floats, true), properties: plain() }, 1.5),
        (
            "half_null_i64_dictionary".into(),
            Flat { batch: one(halves, true), properties: dictionary() },
            2.0,
        ),
        (
            "strings_dictionary".into(),
            Flat { batch: one(Arc::clone(&words), false), properties: dictionary() },
            1.5,
        ),
        (
            "strings_plain".into(),
            Flat { batch: one(Arc::clone(&words), false), properties: plain() },
            1.5,
        ),
        // Not asked for in figures: no slower than the peer.
        (
            "delta_i64".into(),
            Flat { batch: one(times, false), properties: encoded(Encoding::DELTA_BINARY_PACKED) },
            1.0,
        ),
        (
            "byte_stream_split_f32".into(),
            Flat { batch: one(split, false), properties: encoded(Encoding::BYTE_STREAM_SPLIT) },
            1.0,
        ),
        (
            "delta_length_strings".into(),
            Flat {
                batch: one(Arc::clone(&words), false),
                properties: encoded(Encoding::DELTA_LENGTH_BYTE_ARRAY),
            },
            1.0,
        ),
        (
            "delta_strings".into(),
            Flat { batch: one(words, false), properties: encoded(Encoding::DELTA_BYTE_ARRAY) },
            1.0,
        ),
        ("half_null_bools".into(), Flat { batch: one(bools, true), properties: plain() }, 1.0),
    ]
}
