//! What a scan did, in plain numbers with the unit in the name: the fields of every `--json` document.

use ringquet_result::{Warning, WarningCode};
use std::time::Duration;

use arrow_array::{Array, RecordBatch, cast::AsArray};
use arrow_schema::DataType;
use ringquet_io::DepthPoint;
use ringquet_io::device::DeviceMeter;
use ringquet_io::throughput::GIB;
use ringquet_io::usage::Usage;
use ringquet_io::{DirectChoice, DriverChoice, DriverName, IoCounters, Latency, PageKind};
use ringquet_result::path_text::path_text;
use serde::Serialize;

use crate::error::Unopened;
use crate::open::dataset::Dataset;
use crate::options::Picked;
use crate::read::reader::{DecodeMode, ReaderReport};

/// A device that read less than this share of what was served has a cache in front of it.
const CACHED_SHARE: f64 = 0.9;

/// What a scan did. Rates are over `seconds`, those `_with_open` over `open_seconds + seconds`.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ScanReport {
    /// From the start of the reader threads to the end of the last.
    pub seconds: f64,
    /// Before that: files found, footers read and parsed. The same for every scan of one open data set.
    pub open_seconds: f64,
    /// Rows decoded.
    pub rows: u64,
    /// Row batches delivered.
    pub batches: u64,
    /// Bytes of the selected column chunks, as stored.
    pub wanted_bytes: u64,
    /// Bytes of all reads.
    pub read_bytes: u64,
    /// Bytes that the devices read meanwhile, for any process; `None` if they have no counter.
    pub device_read_bytes: Option<u64>,
    /// Per device.
    pub devices: Option<Vec<DeviceBytes>>,
    /// Bytes of the delivered Arrow data: values, offsets, validity.
    pub decoded_bytes: u64,
    /// Rows per second.
    pub rows_per_second: f64,
    /// Decoded bytes per second.
    pub decoded_bytes_per_second: f64,
    /// Read bytes per second.
    pub read_bytes_per_second: f64,
    /// Rows per second, opening included.
    pub rows_per_second_with_open: f64,
    /// Decoded bytes per second, opening included.
    pub decoded_bytes_per_second_with_open: f64,
    /// Read bytes per second, opening included. `read_bytes` does not hold those of footers.
    pub read_bytes_per_second_with_open: f64,
    /// `read_bytes / wanted_bytes`; 1 if nothing was selected.
    pub read_amplification: f64,
    /// Reads that completed.
    pub reads: u64,
    /// Reads resubmitted for their rest.
    pub short_reads: u64,
    /// Reads resubmitted after EAGAIN, EINTR or EBUSY.
    pub retried_reads: u64,
    /// Reads that failed for good.
    pub failed_reads: u64,
    /// System calls that submitted or waited.
    pub enters: u64,
    /// From submission to reap of each read. The kernel does not report when a read completed: at most `reap_delay_ns` before.
    pub latency_ns: Latency,
    /// How long the completion of each read can have waited for its reap at most: since its reader thread last looked for
    /// completions. The system's time to wake a waiting thread is not in it.
    pub reap_delay_ns: Latency,
    /// Reads in flight over time, per ring.
    pub depth: Vec<DepthPoint>,
    /// Mean reads in flight per ring.
    pub mean_depth: f64,
    /// CPU seconds of the process: user and system.
    pub cpu_seconds: f64,
    /// CPU seconds per GiB read.
    pub cpu_seconds_per_gib: Option<f64>,
    /// All counters of the process.
    pub usage: Usage,
    /// Seconds that reader threads spent submitting reads and reaping completions, summed. Where reads go through the page
    /// cache, the kernel's copying is in it.
    pub submit_seconds: f64,
    /// Seconds that reader threads spent decoding, and nothing else, summed: decompression, levels, values.
    pub decode_seconds: f64,
    /// Seconds that reader threads spent handing over what they decoded, summed: in the visitor, or at the queue.
    pub deliver_seconds: f64,
    /// Seconds that reader threads spent hashing what they decoded, summed. 0 without a digest.
    pub digest_seconds: f64,
    /// Seconds that reader threads spent reading from all delivered bytes as an emulated consumer, summed. 0 where that is
    /// the consumer's own work, or not done.
    pub touch_seconds: f64,
    /// Seconds that reader threads spent checking that files have not changed, summed: once for each row group.
    pub check_seconds: f64,
    /// Seconds that reader threads waited for reads, summed.
    pub read_wait_seconds: f64,
    /// Seconds that reader threads waited for consumers, summed.
    pub consumer_wait_seconds: f64,
    /// Until the first reader thread was done.
    pub first_done_seconds: f64,
    /// Until the last was.
    pub last_done_seconds: f64,
    /// I/O driver of the reads, and its features.
    pub driver: DriverReport,
    /// Which decoder was used.
    pub decoder: DecoderReport,
    /// Files that could not be opened, by path; then those that could not be read to their end.
    pub failures: Vec<Failure>,
    /// Warnings.
    pub warnings: Vec<Warning>,
    /// The stop flag was seen before the end.
    pub stopped: bool,
}

/// I/O driver of the reads.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DriverReport {
    /// Which driver.
    pub name: DriverName,
    /// Every file was read around the page cache.
    pub direct: bool,
    /// The arena is registered with the ring.
    pub registered_buffers: bool,
    /// Files are registered with the ring.
    pub registered_files: bool,
    /// Pages of the arena.
    pub huge_pages: PageKind,
    /// What the kernel took.
    pub setup_flags: Vec<&'static str>,
    /// Reads in flight at most, per thread.
    pub queue_depth: u32,
    /// Longest read in bytes.
    pub read_size_bytes: u32,
    /// Reads per submission.
    pub submit_batch: u32,
    /// Gap read along, in bytes.
    pub coalesce_gap_bytes: u64,
    /// Arena per thread, in bytes.
    pub arena_bytes: usize,
    /// Reader threads.
    pub threads: usize,
    /// CPU of each; null if it is not pinned.
    pub cpus: Vec<Option<usize>>,
    /// What was picked for the user, and why.
    pub picked: Vec<Picked>,
}

/// Which decoder was used.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DecoderReport {
    /// Column chunks that our kernels decoded.
    pub fast_column_chunks: u64,
    /// Column chunks that the `parquet` crate decoded.
    pub fallback_column_chunks: u64,
    /// Pages.
    pub pages: u64,
    /// Bytes of the pages after decompression.
    pub decompressed_bytes: u64,
    /// Output buffers that came from the allocator.
    pub allocated_buffers: u64,
    /// Output buffers that had been used before.
    pub reused_buffers: u64,
}

/// Bytes that one device read.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeviceBytes {
    /// e.g. `nvme0n1p1`.
    pub name: String,
    /// Since the scan began.
    pub read_bytes: u64,
}

/// A file that could not be opened, or not read to its end.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Failure {
    /// The file.
    pub path: String,
    /// Why.
    pub error: String,
}

impl From<&Unopened> for Failure {
    fn from(unopened: &Unopened) -> Failure {
        let Unopened { path, error } = unopened;
        Failure { path: path_text(path), error: error.to_string() }
    }
}

impl ScanReport {
    pub(crate) fn new(
        dataset: &Dataset,
        mode: DecodeMode,
        readers: Vec<ReaderReport>,
        done: &[Duration],
        seconds: f64,
        meter: &DeviceMeter,
        usage: &Usage,
    ) -> ScanReport {
        let resolved = dataset.resolved();
        let mut counters = IoCounters::default();
        let mut warnings: Vec<Warning> = dataset.warnings().to_vec();
        for reader in &readers {
            counters.merge(&reader.counters);
            for warning in &reader.warnings {
                if !warnings.contains(warning) {
                    warnings.push(warning.clone());
                }
            }
        }
        let total = |of: fn(&ReaderReport) -> u64| readers.iter().map(of).sum::<u64>();
        let first = readers.first().expect("there is at least one reader thread");
        let over = |amount: u64, seconds: f64| {
            if seconds > 0.0 { amount as f64 / seconds } else { 0.0 }
        };
        let rate = |amount| over(amount, seconds);
        let open_seconds = dataset.opened().open_seconds;
        let rate_with_open = |amount| over(amount, open_seconds + seconds);
        let seconds_of = |ns: u64| ns as f64 / 1e9;
        let rows = total(|r| r.rows);
        let wanted_bytes = total(|r| r.wanted_bytes);
        let decoded_bytes = total(|r| r.decoded_bytes);
        let read_bytes = counters.read_bytes;
        let device_read_bytes = meter.read_bytes();
        let direct = dataset.files().iter().all(|file| file.direct) && !dataset.files().is_empty();
        if let Some(device) = device_read_bytes
            && read_bytes > 0
            && (device as f64) < CACHED_SHARE * read_bytes as f64
        {
            warnings.push(Warning::new(
                WarningCode::PageCache,
                format!("the device read {device} of {read_bytes} bytes: the rest came from a cache, so the throughput is not the device's"),
            ));
        }
        let mut picked = resolved.picked.clone();
        let asked = &dataset.options().io;
        if asked.driver == DriverChoice::Auto {
            let why = match first.facts.name {
                DriverName::Uring => "a ring could be made and a test read went through it",
                _ => "io_uring is refused here, see the warnings",
            };
            picked.push(Picked {
                option: "driver",
                value: first.facts.name.as_str().to_owned(),
                why: why.to_owned(),
            });
        }
        if asked.direct == DirectChoice::Auto {
            let why = if direct {
                "every file could be opened with O_DIRECT"
            } else {
                "some file system refuses O_DIRECT, see the warnings"
            };
            picked.push(Picked {
                option: "direct",
                value: direct.to_string(),
                why: why.to_owned(),
            });
        }
        let done = done.iter().map(Duration::as_secs_f64);
        ScanReport {
            seconds,
            open_seconds,
            rows,
            batches: total(|r| r.batches),
            wanted_bytes,
            read_bytes,
            device_read_bytes,
            devices: meter.per_device().map(|devices| {
                devices
                    .into_iter()
                    .map(|(name, read_bytes)| DeviceBytes { name, read_bytes })
                    .collect()
            }),
            decoded_bytes,
            rows_per_second: rate(rows),
            decoded_bytes_per_second: rate(decoded_bytes),
            read_bytes_per_second: rate(read_bytes),
            rows_per_second_with_open: rate_with_open(rows),
            decoded_bytes_per_second_with_open: rate_with_open(decoded_bytes),
            read_bytes_per_second_with_open: rate_with_open(read_bytes),
            read_amplification: if wanted_bytes == 0 {
                1.0
            } else {
                read_bytes as f64 / wanted_bytes as f64
            },
            reads: counters.reads,
            short_reads: counters.short_reads,
            retried_reads: counters.retries,
            failed_reads: counters.failed_reads,
            enters: counters.enters,
            latency_ns: counters.latency(),
            reap_delay_ns: counters.reap_delay(),
            depth: counters.depth.points(),
            mean_depth: counters.depth.mean(),
            cpu_seconds: usage.cpu_seconds(),
            cpu_seconds_per_gib: (read_bytes > 0)
                .then(|| usage.cpu_seconds() / (read_bytes as f64 / GIB)),
            usage: *usage,
            submit_seconds: seconds_of(total(|r| r.time.submit_ns)),
            decode_seconds: seconds_of(total(|r| r.time.decode_ns)),
            deliver_seconds: seconds_of(total(|r| r.time.deliver_ns)),
            digest_seconds: seconds_of(total(|r| r.time.digest_ns)),
            touch_seconds: seconds_of(total(|r| r.time.touch_ns)),
            check_seconds: seconds_of(total(|r| r.time.check_ns)),
            read_wait_seconds: seconds_of(counters.wait_ns),
            consumer_wait_seconds: seconds_of(total(|r| r.gate_ns)),
            first_done_seconds: done.clone().fold(f64::INFINITY, f64::min),
            last_done_seconds: done.fold(0.0, f64::max),
            driver: DriverReport {
                name: first.facts.name,
                direct: direct && first.facts.name != DriverName::Mmap,
                registered_buffers: readers.iter().all(|r| r.facts.registered_buffers),
                registered_files: readers.iter().all(|r| r.facts.registered_files),
                huge_pages: first.pages,
                setup_flags: first.facts.setup_flags.clone(),
                queue_depth: resolved.io.queue_depth,
                read_size_bytes: resolved.io.read_size_bytes,
                submit_batch: resolved.io.submit_batch,
                coalesce_gap_bytes: resolved.coalesce_gap_bytes,
                arena_bytes: resolved.io.arena_bytes,
                threads: readers.len(),
                cpus: resolved.cpus.clone(),
                picked,
            },
            decoder: DecoderReport {
                fast_column_chunks: total(|r| r.decode.fast_column_chunks),
                fallback_column_chunks: total(|r| r.decode.fallback_column_chunks),
                pages: total(|r| r.decode.pages),
                decompressed_bytes: total(|r| r.decode.decompressed_bytes),
                allocated_buffers: total(|r| r.pool.allocated_buffers),
                reused_buffers: total(|r| r.pool.reused_buffers),
            },
            failures: dataset.failures().iter().map(Failure::from).collect(),
            warnings,
            stopped: mode_stopped(mode, &readers),
        }
    }
}

fn mode_stopped(_mode: DecodeMode, readers: &[ReaderReport]) -> bool {
    readers.iter().any(|reader| reader.stopped)
}

/// Bytes of the values, offsets and validity of a batch, as far as its rows reach: what a consumer can touch.
pub fn decoded_bytes(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(|column| array_bytes(column.as_ref())).sum()
}

fn array_bytes(array: &dyn Array) -> u64 {
    let len = array.len() as u64;
    let validity = if array.nulls().is_some() { len.div_ceil(8) } else { 0 };
    let values = match array.data_type() {
        DataType::Null => 0,
        DataType::Boolean => len.div_ceil(8),
        DataType::FixedSizeBinary(width) => len * u64::try_from(*width).unwrap_or(0),
        DataType::FixedSizeList(_, size) => {
            let list = array.as_fixed_size_list();
            let size = usize::try_from(*size).unwrap_or(0);
            array_bytes(&list.values().slice(0, (array.len() * size).min(list.values().len())))
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let (first, last) = ends(list.value_offsets());
            4 * (len + 1) + array_bytes(&list.values().slice(first, last - first))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let (first, last) = ends(list.value_offsets());
            8 * (len + 1) + array_bytes(&list.values().slice(first, last - first))
        }
        DataType::Struct(_) => {
            array.as_struct().columns().iter().map(|child| array_bytes(child.as_ref())).sum()
        }
        other => match other.primitive_width() {
            Some(width) => len * width as u64,
            // Strings, binaries, maps, views: what their buffers hold of these rows.
            None => array.to_data().get_slice_memory_size().unwrap_or(0) as u64,
        },
    };
    values + validity
}

fn ends<T: Copy + TryInto<usize>>(offsets: &[T]) -> (usize, usize) {
    let at = |offset: Option<&T>| offset.and_then(|&o| o.try_into().ok()).unwrap_or(0);
    (at(offsets.first()), at(offsets.last()))
}
