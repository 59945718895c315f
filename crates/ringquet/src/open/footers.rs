//! Footers of many files at once. All are in flight together, tail first; a footer that is longer than the guess
//! takes one more read. Parsing happens on the reader threads, while other footers are in the kernel.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ringquet_decode::{
    DecodeError, FileSchema, Footer, ParseOptions, Place, Projection, TAIL_LEN, footer_len,
};
use ringquet_io::device::{DeviceMeter, SysRoot};
use ringquet_io::{
    Alignment, Completed, DataFile, HugePages, Identity, IoCounters, IoError, IoOptions, ReadQueue,
    Slot, WAIT_MAX,
};
use ringquet_result::Warning;

use crate::error::{Error, Unopened};
use crate::open::file_entry::FileEntry;
use crate::open::{foreign, kept_arenas::KeptArenas};
use crate::options::Resolved;
use crate::plan::count;
use crate::threads;

/// Bytes read from the end of a file at first: most footers of files with up to some hundred column chunks are
/// shorter, and a read of this length costs hardly more than one of 4 KiB.
pub const TAIL_GUESS_BYTES: u64 = 64 << 10;

/// Files whose footers one thread reads with little memory: the tails of all of them take half a mebibyte.
const FEW_FILES: usize = 8;

/// Memory for the footers of a few files. A longer footer is read in parts.
const SMALL_ARENA_BYTES: usize = 4 << 20;

/// Shortest Parquet file: magic, footer length, magic.
const FILE_LEN_MIN: u64 = 12;

/// What reading the footers took.
#[derive(Debug, Clone, serde::Serialize)]
pub struct OpenReport {
    /// Files opened.
    pub files: usize,
    /// From the call that opens the data set to its end: files found, memory of the reader threads mapped and registered,
    /// footers read and parsed.
    pub open_seconds: f64,
    /// Of these, from the first open to the last footer parsed.
    pub seconds: f64,
    /// Bytes of all footers.
    pub footer_bytes: u64,
    /// Bytes that the parsed footers hold in memory, schemas aside.
    pub footer_heap_bytes: u64,
    /// Bytes read, with what alignment and guess added.
    pub read_bytes: u64,
    /// Reads.
    pub reads: u64,
    /// Bytes that the devices read; `None` where unknown.
    pub device_read_bytes: Option<u64>,
    /// Time spent parsing, summed over threads, in seconds.
    pub parse_seconds: f64,
}

/// Device numbers of the files, one look at each directory's worth of files: enough to choose CPUs by. A file that cannot be
/// looked at has none.
pub(crate) fn devices(paths: &[PathBuf]) -> Vec<(u32, u32)> {
    let mut parents: Vec<&Path> = Vec::new();
    let mut devices = Vec::new();
    for path in paths {
        let parent = path.parent().unwrap_or(Path::new("."));
        if parents.last() == Some(&parent) {
            continue;
        }
        if let Ok(stat) = rustix::fs::stat(path) {
            parents.push(parent);
            devices.push((rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev)));
        }
    }
    devices.sort_unstable();
    devices.dedup();
    devices
}

/// Reads and parses the footers of `paths`: the files that have one, and those that have not, both in their order.
///
/// # Errors
/// What ends the work as a whole: no driver, no memory, a ring that the kernel refuses.
pub(crate) fn read_all(
    paths: Vec<PathBuf>,
    projection: &Projection,
    resolved: &Resolved,
    sys_root: &SysRoot,
    arenas: &KeptArenas,
    warnings: &mut Vec<Warning>,
) -> Result<(Vec<FileEntry>, Vec<Unopened>, OpenReport), Error> {
    let begun = Instant::now();
    let meter = DeviceMeter::begin(sys_root.clone(), devices(&paths));
    let is_few = paths.len() <= FEW_FILES;
    let io = if is_few { small(&resolved.io) } else { resolved.io.clone() };
    let shared = Shared {
        paths: &paths,
        projection,
        resolved,
        part_bytes: resolved.coalesce_span_bytes.min(io.arena_bytes as u64 / 8),
        io,
        next: AtomicUsize::new(0),
        failed: AtomicBool::new(false),
        schema: Mutex::new(None),
    };
    // A few files do not pay for a ring on every core.
    let count = resolved.threads.min(paths.len().div_ceil(FEW_FILES)).max(1);
    let end_others = || shared.failed.store(true, Ordering::Relaxed);
    let outcomes = threads::run(&resolved.cpus[..count], end_others, |thread| {
        let mut warnings = Vec::new();
        let mut done = Done::default();
        let queue = if is_few {
            ReadQueue::new(&shared.io, &mut warnings)
        } else {
            arenas.queue(thread, &shared.io, &mut warnings)
        };
        let result = queue.map_err(Error::from).and_then(|mut queue| {
            let result = shared.work(&mut queue, &mut done);
            done.counters = queue.counters().clone();
            if !is_few {
                arenas.keep(thread, queue);
            }
            result
        });
        if result.is_err() {
            shared.failed.store(true, Ordering::Relaxed);
        }
        result.map(|()| (done, warnings))
    })?;

    let mut opened: Vec<Option<Result<FileEntry, Error>>> = paths.iter().map(|_| None).collect();
    let mut counters = IoCounters::default();
    let mut report = OpenReport {
        files: 0,
        open_seconds: 0.0,
        seconds: 0.0,
        footer_bytes: 0,
        footer_heap_bytes: 0,
        read_bytes: 0,
        reads: 0,
        device_read_bytes: None,
        parse_seconds: 0.0,
    };
    for outcome in outcomes {
        let (done, more) = outcome?;
        counters.merge(&done.counters);
        report.footer_bytes += done.footer_bytes;
        report.parse_seconds += done.parse_seconds;
        for (index, file) in done.files {
            opened[index] = Some(file);
        }
        for warning in more {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    let mut files = Vec::with_capacity(paths.len());
    let mut failures = Vec::new();
    for (path, file) in paths.into_iter().zip(opened) {
        match file.expect("every file was parsed or failed, unless a thread ended above") {
            Ok(entry) => {
                report.footer_heap_bytes += entry.footer.heap_bytes() as u64;
                files.push(entry);
            }
            Err(error) => failures.push(Unopened { path, error: Arc::new(error) }),
        }
    }
    report.files = files.len();
    report.seconds = begun.elapsed().as_secs_f64();
    report.read_bytes = counters.read_bytes;
    report.reads = counters.reads;
    report.device_read_bytes = meter.read_bytes();
    Ok((files, failures, report))
}

/// Options of a queue for the footers of a few files: the memory that a scan has would take longer to map and to register than
/// these are read.
fn small(io: &IoOptions) -> IoOptions {
    IoOptions {
        arena_bytes: io.arena_bytes.min(SMALL_ARENA_BYTES),
        registered_buffers: false,
        huge_pages: HugePages::Off,
        ..io.clone()
    }
}

struct Shared<'a> {
    paths: &'a [PathBuf],
    projection: &'a Projection,
    resolved: &'a Resolved,
    /// Options of the queues that read footers.
    io: IoOptions,
    /// The longest part of a footer that does not fit into one slot.
    part_bytes: u64,
    next: AtomicUsize,
    failed: AtomicBool,
    /// The schema seen first: most data sets have one.
    schema: Mutex<Option<Arc<FileSchema>>>,
}

#[derive(Default)]
struct Done {
    files: Vec<(usize, Result<FileEntry, Error>)>,
    counters: IoCounters,
    footer_bytes: u64,
    parse_seconds: f64,
}

/// A footer that is longer than the guess, while its bytes come in parts.
struct Long {
    /// File offset of the footer's first byte.
    start: u64,
    bytes: Vec<u8>,
    /// File ranges that are read; the first byte may lie before `start`, for the sake of alignment.
    parts: Vec<Range<u64>>,
    parts_begun: usize,
    parts_done: usize,
}

/// One thread's share of the work.
struct Opening<'a> {
    shared: &'a Shared<'a>,
    queue: &'a mut ReadQueue,
    done: &'a mut Done,
    /// What the files that were begun are: each of them may be closed and opened again between two reads.
    begun: HashMap<usize, (Identity, Alignment)>,
    /// Footers longer than the guess whose bytes fit into one slot, until there is one: file and byte range.
    longer: VecDeque<(usize, Range<u64>)>,
    /// Footers that do not fit.
    long: BTreeMap<usize, Long>,
    long_bytes: u64,
    /// A file that was taken and had no place or slot yet.
    waiting: Option<usize>,
    reads: usize,
    /// Reads of them that are of tails.
    tails: usize,
    /// Reads of them that are of whole footers.
    whole: usize,
}

impl Shared<'_> {
    /// Takes files and reads their footers until there are no more. A file that fails is done.
    fn work(&self, queue: &mut ReadQueue, done: &mut Done) -> Result<(), Error> {
        let mut opening = Opening {
            shared: self,
            queue,
            done,
            begun: HashMap::new(),
            longer: VecDeque::new(),
            long: BTreeMap::new(),
            long_bytes: 0,
            waiting: None,
            reads: 0,
            tails: 0,
            whole: 0,
        };
        while !self.failed.load(Ordering::Relaxed) {
            // Parts of long footers first: they are nearer to being done, and hold memory.
            opening.begin_parts();
            opening.begin_longer();
            opening.begin_tails();
            if opening.reads == 0 {
                return Ok(());
            }
            opening.queue.wait(WAIT_MAX)?;
            while let Some(completed) = opening.queue.next_completed() {
                opening.complete(completed);
            }
        }
        Ok(())
    }

    fn take(&self) -> Option<usize> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        (index < self.paths.len()).then_some(index)
    }
}

/// Part number of a footer that was read once more, whole, into one slot.
const WHOLE: usize = u32::MAX as usize;

/// Which read a completion is of: part 0 is the tail, part n the n-th of a long footer.
fn tag(index: usize, part: usize) -> u64 {
    u64::from(count(index)) << 32 | u64::from(count(part))
}

impl Opening<'_> {
    fn path(&self, index: usize) -> PathBuf {
        self.shared.paths[index].clone()
    }

    /// The file, open; the same as it was when it was opened first.
    fn file(&mut self, index: usize) -> Result<Arc<DataFile>, Error> {
        let expected = self.begun.get(&index).map(|(identity, _)| identity);
        let file = self.queue.file(count(index), &self.shared.paths[index], expected)?;
        self.begun.entry(index).or_insert_with(|| (file.identity(), file.alignment()));
        Ok(file)
    }

    /// Room for a range whose start is aligned, whatever the alignment of its end: whole blocks of the device. `None` while
    /// the arena has none.
    fn slot_for(&self, index: usize, range: &Range<u64>) -> Option<Slot> {
        let (_, alignment) = *self.begun.get(&index).expect("a file is begun before it is read");
        self.queue.acquire_aligned(range.end - range.start, alignment)
    }

    /// The one result of a file.
    fn finish(&mut self, index: usize, result: Result<FileEntry, Error>) {
        self.begun.remove(&index);
        if let Some(long) = self.long.remove(&index) {
            self.long_bytes -= long.bytes.len() as u64;
        }
        self.done.files.push((index, result));
    }

    fn begin_parts(&mut self) {
        let begun: Vec<usize> = self.long.keys().copied().collect();
        for index in begun {
            while let Some(part) = self.long.get(&index).and_then(Long::next_part) {
                let Some(slot) = self.slot_for(index, &part) else {
                    return;
                };
                if !self.queue.can_open(count(index)) {
                    return;
                }
                if let Err(error) = self.file(index) {
                    self.finish(index, Err(error));
                    break;
                }
                let long = self.long.get_mut(&index).expect("it had a part left");
                long.parts_begun += 1;
                self.queue.read(count(index), part, slot, tag(index, long.parts_begun));
                self.reads += 1;
            }
        }
    }

    /// Reads whole footers, each into one slot: it is parsed where it lies, and nothing is copied. Only as many as keep the
    /// queue full: further ones would gain nothing, and drive what was just read out of the CPU's cache.
    fn begin_longer(&mut self) {
        let queue_depth = self.shared.io.queue_depth as usize;
        while let Some((index, range)) = self.longer.front().cloned() {
            if self.queue.outstanding() >= queue_depth || !self.queue.can_open(count(index)) {
                return;
            }
            let Some(slot) = self.slot_for(index, &range) else { return };
            self.longer.pop_front();
            if let Err(error) = self.file(index) {
                self.finish(index, Err(error));
                continue;
            }
            self.queue.read(count(index), range, slot, tag(index, WHOLE));
            self.reads += 1;
            self.whole += 1;
        }
    }

    fn begin_tails(&mut self) {
        // Bytes of long footers are bounded by the output budget: no batches are decoded yet. Footers that wait for memory
        // come before tails, which would only cut the arena into pieces; and no more tails than the device is given at once.
        let resolved = self.shared.resolved;
        while self.long_bytes < resolved.shares.queue_bytes
            && self.longer.is_empty()
            && self.tails < self.shared.io.queue_depth as usize
            && self.tails + self.whole + self.long.len() < resolved.footers_in_flight
        {
            let Some(index) = self.waiting.take().or_else(|| self.shared.take()) else { return };
            if !self.queue.can_open(count(index)) {
                self.waiting = Some(index);
                return;
            }
            let file = match self.file(index) {
                Ok(file) => file,
                Err(error) => {
                    self.finish(index, Err(error));
                    continue;
                }
            };
            let len = file.len_bytes();
            if len < FILE_LEN_MIN {
                let path = self.path(index);
                let hint = foreign::hint(&path);
                self.finish(index, Err(Error::TooShort { path, len, hint }));
                continue;
            }
            let range = file.alignment().down(len.saturating_sub(TAIL_GUESS_BYTES))..len;
            let Some(slot) = self.slot_for(index, &range) else {
                self.waiting = Some(index);
                return;
            };
            self.queue.read(count(index), range, slot, tag(index, 0));
            self.reads += 1;
            self.tails += 1;
        }
    }

    fn complete(&mut self, completed: Completed) {
        self.reads -= 1;
        let index = usize::try_from(completed.tag >> 32).expect("an index of paths");
        let part = usize::try_from(completed.tag & 0xFFFF_FFFF).expect("a number of parts");
        match part {
            0 => self.tails -= 1,
            WHOLE => self.whole -= 1,
            // Another part of this footer has failed: the file is done.
            _ if !self.long.contains_key(&index) => return,
            _ => {}
        }
        let result = completed.result.map_err(Error::from).and_then(|bytes| match part {
            0 => self.complete_tail(index, &bytes),
            WHOLE => self.parse_end(index, &bytes).map(Some),
            _ => self.complete_part(index, part, &bytes),
        });
        if let Some(result) = result.transpose() {
            self.finish(index, result);
        }
    }

    /// The file, or `None` if more bytes of its footer are to come.
    fn complete_part(
        &mut self,
        index: usize,
        part: usize,
        bytes: &[u8],
    ) -> Result<Option<FileEntry>, Error> {
        let long = self.long.get_mut(&index).expect("the caller looked");
        let range = &long.parts[part - 1];
        let skip = usize::try_from(long.start.saturating_sub(range.start))
            .expect("less than an alignment");
        let at =
            usize::try_from((range.start + skip as u64) - long.start).expect("inside the footer");
        let len = (bytes.len() - skip).min(long.bytes.len() - at);
        long.bytes[at..at + len].copy_from_slice(&bytes[skip..skip + len]);
        long.parts_done += 1;
        if long.parts_done < long.parts.len() {
            return Ok(None);
        }
        let long = self.long.remove(&index).expect("just found");
        self.long_bytes -= long.bytes.len() as u64;
        self.parse_later(index, &long.bytes).map(Some)
    }

    /// The file, or `None` if its footer is longer than what was read.
    fn complete_tail(&mut self, index: usize, tail: &[u8]) -> Result<Option<FileEntry>, Error> {
        let file = self.file(index)?;
        let file_len = file.len_bytes();
        let magic: &[u8; TAIL_LEN] = tail.last_chunk().expect("a tail holds at least 12 bytes");
        let footer_bytes = footer_len(magic, file_len);
        let footer_bytes =
            u64::from(footer_bytes.map_err(|source| decode_error(&self.path(index), source))?);
        let footer_end = file_len - TAIL_LEN as u64;
        let bound_bytes = self.shared.resolved.footer_bytes_max;
        if footer_bytes > bound_bytes {
            let source = DecodeError::OverLimit {
                at: Box::new(Place {
                    offset: Some(footer_end - footer_bytes),
                    length: Some(footer_bytes),
                    ..Place::default()
                }),
                what: "footer",
                wanted_bytes: footer_bytes,
                bound_bytes,
                option: "footer_bytes_max",
            };
            return Err(decode_error(&self.path(index), source));
        }
        self.done.footer_bytes += footer_bytes;
        let start =
            footer_end.checked_sub(footer_bytes).expect("footer_len checked it against the file");
        let tail_start = file_len - tail.len() as u64;
        if start >= tail_start {
            let at = usize::try_from(start - tail_start).expect("inside the tail");
            return self.parse(index, &tail[at..tail.len() - TAIL_LEN]).map(Some);
        }
        let whole = file.alignment().down(start)..file_len;
        if whole.end - whole.start <= self.shared.io.arena_bytes as u64 / 4 {
            self.longer.push_back((index, whole));
            return Ok(None);
        }
        // In parts of a span on the heap, the tail's bytes kept. The file is at least this long.
        let mut bytes =
            vec![0; usize::try_from(footer_bytes).expect("a footer is shorter than 4 GiB")];
        let kept = tail.len() - TAIL_LEN;
        let at = bytes.len() - kept;
        bytes[at..].copy_from_slice(&tail[..kept]);
        let parts = parts(start..tail_start, file.alignment(), self.shared.part_bytes);
        self.long_bytes += bytes.len() as u64;
        self.long.insert(index, Long { start, bytes, parts, parts_begun: 0, parts_done: 0 });
        Ok(None)
    }

    /// Parses the footer in the last bytes of a file, which hold all of it: they were read a second time.
    fn parse_end(&mut self, index: usize, end: &[u8]) -> Result<FileEntry, Error> {
        let magic: &[u8; TAIL_LEN] =
            end.last_chunk().expect("the end of a file holds at least 12 bytes");
        let file_len = self.file(index)?.len_bytes();
        let footer_bytes = footer_len(magic, file_len)
            .map_err(|source| decode_error(&self.path(index), source))?;
        let thrift_end = end.len() - TAIL_LEN;
        // The length was another when the tail was read first: the file is being written to.
        let Some(at) = thrift_end.checked_sub(footer_bytes as usize) else {
            let what = format!("its footer grew to {footer_bytes} bytes");
            return Err(IoError::Changed { path: self.path(index), what }.into());
        };
        self.parse_later(index, &end[at..thrift_end])
    }

    /// [`Self::parse`] of bytes that took more than one read: they have to be of one state of the file.
    fn parse_later(&mut self, index: usize, thrift: &[u8]) -> Result<FileEntry, Error> {
        let file = self.file(index)?;
        file.check_unchanged(&file.identity())?;
        self.parse(index, thrift)
    }

    fn parse(&mut self, index: usize, thrift: &[u8]) -> Result<FileEntry, Error> {
        let path = self.path(index);
        let file = self.file(index)?;
        let schema = self.shared.schema.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let begun = Instant::now();
        let options = ParseOptions {
            projection: self.shared.projection,
            shared: schema.as_ref(),
            int96: self.shared.resolved.int96,
        };
        let footer = Footer::parse_with(thrift, file.len_bytes(), &options)
            .map_err(|source| decode_error(&path, source))?;
        self.done.parse_seconds += begun.elapsed().as_secs_f64();
        if schema.is_none() {
            *self.shared.schema.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Arc::clone(footer.schema()));
        }
        Ok(FileEntry {
            path,
            footer: Arc::new(footer),
            identity: file.identity(),
            alignment: file.alignment(),
            direct: file.is_direct(),
            drops_cache: file.drops_cache(),
        })
    }
}

impl Long {
    /// The part to read next.
    fn next_part(&self) -> Option<Range<u64>> {
        self.parts.get(self.parts_begun).cloned()
    }
}

fn decode_error(path: &Path, source: DecodeError) -> Error {
    let path = path.to_owned();
    match source {
        DecodeError::NotParquet { .. } => {
            let hint = foreign::hint(&path);
            Error::NotParquet { path, source, hint }
        }
        source => Error::Decode { path, source },
    }
}

/// A range as parts of at most `span` bytes, or of one block where that is longer. The first begins at or before the start
/// of the range, and each begins at a block.
fn parts(range: Range<u64>, alignment: Alignment, span: u64) -> Vec<Range<u64>> {
    let first = alignment.down(range.start);
    let step = alignment.down(span).max(alignment.bytes());
    (0..(range.end - first).div_ceil(step))
        .map(|n| first + n * step..(first + (n + 1) * step).min(range.end))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_begin_at_blocks_of_any_size() {
        let check = |alignment: u32, span: u64| {
            let alignment = Alignment::new(alignment).unwrap();
            let range = 100_001..1_000_000;
            let parts = parts(range.clone(), alignment, span);
            assert_eq!(parts[0].start, alignment.down(range.start));
            assert_eq!(parts.last().unwrap().end, range.end);
            assert!(parts.iter().all(|part| alignment.divides(part.start)), "{parts:?}");
            assert!(parts.windows(2).all(|two| two[0].end == two[1].start), "{parts:?}");
            let longest = parts.iter().map(|part| part.end - part.start).max().unwrap();
            assert!(longest <= span.max(alignment.bytes()), "{longest}");
        };
        for alignment in [1, 512, 4096, 16 << 10, 64 << 10, 1 << 20] {
            for span in [4096, 12_288, 20_480, 64 << 10, 1 << 20, 8 << 20] {
                check(alignment, span);
            }
        }
    }
}
