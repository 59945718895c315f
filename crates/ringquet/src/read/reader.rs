//! The one loop of a reader thread.
//!
//! ```text
//! loop:  begin   row groups ahead, as memory allows      (plan → row_group)
//!        request extents in the order of need            (row_group → queue)
//!        pump    submit a batch, reap what is complete
//!        fill    completed extents                       (queue → row_group)
//!        decode  one step of the lane that needs it most (row_group → batch → lane)
//!        wait    only if nothing of this made progress
//! ```
//! Bytes never leave the core they arrived on; only finished batches cross threads, if the lane passes them on.

mod memory_shares;
mod work_time;

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Instant;

use ringquet_decode::{
    BatchGrid, BufferPool, DecodeCounters, DecodeOptions, PoolCounters, RowGroupDecoder, Step,
};
use ringquet_io::WAIT_MAX;
use ringquet_io::{Alignment, DriverFacts, IoCounters, IoError, PageKind, ReadQueue, Slot};
use ringquet_result::Warning;

use crate::error::Error;
use crate::open::dataset::Dataset;
use crate::open::file_entry::{FileEntry, wanted_chunks};
use crate::plan::{self, PlanBounds, RowGroupId, Share};
use crate::read::lane::{Batch, Delivery, Demand, Gate, Lane, StopFlag};
use crate::read::row_group::RowGroupBytes;
use work_time::{Watching, WorkTime, nanos};

/// What is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DecodeMode {
    /// Arrow batches.
    Arrow,
    /// The bytes of the column chunks, as they are.
    Raw,
}

/// Row groups that a lane has begun to read beyond the one being decoded. Met: no further ones are begun; memory
/// is bounded by the arena in any case, this bounds the bookkeeping.
const ROW_GROUPS_AHEAD_MAX: usize = 64;

/// What one reader thread did.
#[derive(Debug)]
pub(crate) struct ReaderReport {
    pub(crate) facts: DriverFacts,
    pub(crate) pages: PageKind,
    pub(crate) counters: IoCounters,
    pub(crate) decode: DecodeCounters,
    pub(crate) pool: PoolCounters,
    pub(crate) rows: u64,
    pub(crate) batches: u64,
    pub(crate) decoded_bytes: u64,
    pub(crate) wanted_bytes: u64,
    pub(crate) time: WorkTime,
    pub(crate) gate_ns: u64,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) stopped: bool,
}

/// One row group in progress.
struct ActiveRowGroup {
    bytes: RowGroupBytes,
    decoder: Option<RowGroupDecoder>,
    grid: Option<BatchGrid>,
    rows: u64,
    rows_done: u64,
    failed: Option<Error>,
    /// Distinguishes completions of this row group from those of others.
    serial: u32,
}

struct LaneState<'a> {
    lane: Box<dyn Lane + 'a>,
    row_groups: VecDeque<ActiveRowGroup>,
    exhausted: bool,
    finished: bool,
    closed: bool,
    /// The head's decoder waits for bytes that are not there: no use to try before one comes.
    starved: bool,
    /// How row groups are decoded, with what the rows of the last one took.
    decode_options: DecodeOptions,
}

/// A reader thread's whole state.
pub(crate) struct Reader<'a> {
    dataset: &'a Dataset,
    /// Number of this reader thread.
    thread: usize,
    mode: DecodeMode,
    /// What each lane has of the arena.
    share: Share,
    queue: ReadQueue,
    /// One slot of a span, for an extent that is needed at once while the arena is full.
    spare: Option<Slot>,
    /// The largest alignment of a file: that of the spare slot.
    alignment_max: Alignment,
    lanes: Vec<LaneState<'a>>,
    gate: Gate,
    stop: StopFlag,
    pool: BufferPool,
    /// What an earlier reading did with it.
    pool_before: PoolCounters,
    serial: u32,
    report: ReaderReport,
    /// Completions of extents read into the spare slot carry this serial's bit.
    spare_user: Option<(u32, u32)>,
    /// What made the queue unusable while a batch was decoded.
    broken: Option<IoError>,
}

/// What a decode step came to.
enum Progress {
    Made,
    None,
}

impl<'a> Reader<'a> {
    /// On the thread that will run it.
    pub(crate) fn new(
        dataset: &'a Dataset,
        thread: usize,
        lanes: Vec<Box<dyn Lane + 'a>>,
        gate: Gate,
        mode: DecodeMode,
        stop: StopFlag,
    ) -> Result<Reader<'a>, Error> {
        let mut warnings = Vec::new();
        let resolved = dataset.resolved();
        let queue = dataset.arenas().queue(thread, &resolved.io, &mut warnings)?;
        let alignments = dataset.files().iter().map(|file| file.alignment);
        let alignment_max = alignments.max().unwrap_or(Alignment::PAGE);
        let spare = spare_slot(&queue, &dataset.bounds(), alignment_max);
        let share = resolved.share(lanes.len());
        let pool = dataset.arenas().pool(thread, memory_shares::pool_limits(&resolved.shares));
        let report = ReaderReport {
            facts: queue.facts().clone(),
            pages: queue.arena().pages(),
            counters: IoCounters::default(),
            decode: DecodeCounters::default(),
            pool: PoolCounters::default(),
            rows: 0,
            batches: 0,
            decoded_bytes: 0,
            wanted_bytes: 0,
            time: WorkTime::default(),
            gate_ns: 0,
            warnings,
            stopped: false,
        };
        let decode_options = memory_shares::decode_options(dataset, lanes.len());
        let lanes = lanes.into_iter().map(|lane| LaneState {
            lane,
            row_groups: VecDeque::new(),
            exhausted: false,
            finished: false,
            closed: false,
            starved: false,
            decode_options: decode_options.clone(),
        });
        Ok(Reader {
            dataset,
            thread,
            mode,
            share,
            queue,
            spare,
            alignment_max,
            lanes: lanes.collect(),
            gate,
            stop,
            pool_before: pool.counters(),
            pool,
            serial: 0,
            report,
            spare_user: None,
            broken: None,
        })
    }

    /// Runs until every lane is finished or the stop flag is set.
    pub(crate) fn run(mut self) -> Result<ReaderReport, Error> {
        while !self.stop.is_stopped() {
            let mut progress = self.begin();
            progress |= self.request()?;
            let begun = Instant::now();
            self.queue.pump()?;
            self.report.time.submit_ns += nanos(begun.elapsed());
            progress |= self.fill();
            progress |= self.step();
            if let Some(error) = self.broken.take() {
                return Err(error.into());
            }
            if progress {
                continue;
            }
            if self.lanes.iter().all(|lane| lane.finished) {
                return Ok(self.into_report(false));
            }
            self.wait()?;
        }
        Ok(self.into_report(true))
    }

    fn into_report(mut self, stopped: bool) -> ReaderReport {
        self.report.counters = self.queue.counters().clone();
        self.report.pool = self.pool.counters().since(&self.pool_before);
        self.report.stopped = stopped;
        // Slots go home before the queue does, so that the arena is all free for the next reading.
        drop((self.lanes, self.spare));
        self.dataset.arenas().keep(self.thread, self.queue);
        self.dataset.arenas().keep_pool(self.thread, self.pool);
        self.report
    }

    /// Begins row groups while there is memory to read them into.
    fn begin(&mut self) -> bool {
        let mut progress = false;
        for at in 0..self.lanes.len() {
            while self.wants_row_group(at) {
                let lane = &mut self.lanes[at];
                progress = true;
                match lane.lane.next_row_group() {
                    None => lane.exhausted = true,
                    Some(id) => {
                        let grid = lane.lane.batch_grid();
                        let active = self.begin_row_group(id, grid);
                        self.lanes[at].row_groups.push_back(active);
                    }
                }
            }
        }
        progress
    }

    fn wants_row_group(&self, at: usize) -> bool {
        let lane = &self.lanes[at];
        if lane.exhausted || lane.closed || lane.row_groups.len() > ROW_GROUPS_AHEAD_MAX {
            return false;
        }
        // The last row group begun must be requested to its end, and the lane must have room.
        let requested =
            lane.row_groups.back().is_none_or(|row_group| row_group.bytes.next_planned().is_none());
        requested && lane.held_bytes() < self.share.bytes
    }

    fn begin_row_group(&mut self, id: RowGroupId, grid: Option<BatchGrid>) -> ActiveRowGroup {
        let file = &self.dataset.files()[id.file as usize];
        let row_group = id.row_group as usize;
        let chunks = wanted_chunks(file, row_group);
        let wanted: u64 = chunks.iter().map(|chunk| chunk.range.end - chunk.range.start).sum();
        self.report.wanted_bytes += wanted;
        let plan = plan::row_group(&chunks, file.shape(), &self.share);
        let (extents, order) = plan.into_parts();
        self.serial = self.serial.wrapping_add(1);
        ActiveRowGroup {
            bytes: RowGroupBytes::new(id, chunks, extents, order, &self.pool),
            decoder: None,
            grid,
            rows: file.footer.row_group_rows(row_group),
            rows_done: 0,
            failed: None,
            serial: self.serial,
        }
    }

    /// Requests extents in the order of need, lane by lane, as far as slots are free.
    fn request(&mut self) -> Result<bool, Error> {
        let mut progress = false;
        for lane in 0..self.lanes.len() {
            'row_groups: for at in 0..self.lanes[lane].row_groups.len() {
                loop {
                    let held = self.lanes[lane].held_bytes();
                    let row_group = &self.lanes[lane].row_groups[at];
                    if row_group.failed.is_some() {
                        break;
                    }
                    let Some((index, range)) = row_group.bytes.next_planned() else { break };
                    let len = range.end - range.start;
                    // A lane keeps to its share, so that none starves another; one extent it may always have. The
                    // lanes behind it have shares of their own.
                    if held > 0 && held + len > self.share.bytes {
                        break 'row_groups;
                    }
                    let file = row_group.bytes.id.file;
                    if !self.queue.can_open(file) {
                        break 'row_groups;
                    }
                    let Some(slot) = self.slot_for(file, &range) else { break };
                    progress = true;
                    self.request_extent(lane, at, index, range, slot);
                }
                if self.lanes[lane].row_groups[at].bytes.next_planned().is_some() {
                    break;
                }
            }
        }
        Ok(progress)
    }

    /// Has an extent read into `slot`. Where its file cannot be opened the row group fails, and the slot is free again: false.
    fn request_extent(
        &mut self,
        lane: usize,
        at: usize,
        index: u32,
        range: Range<u64>,
        slot: Slot,
    ) -> bool {
        let row_group = &mut self.lanes[lane].row_groups[at];
        let file = row_group.bytes.id.file;
        let entry = &self.dataset.files()[file as usize];
        match self.queue.file(file, &entry.path, Some(&entry.identity)) {
            Ok(_) => {
                row_group.bytes.set_requested(index);
                let tag = u64::from(row_group.serial) << 32 | u64::from(index);
                self.queue.read(file, range, slot, tag);
                true
            }
            Err(error) => {
                row_group.failed.get_or_insert(error.into());
                false
            }
        }
    }

    /// A slot for a range of a file, or `None` while the arena has none.
    fn slot_for(&self, file: u32, range: &Range<u64>) -> Option<Slot> {
        let alignment = self.dataset.files()[file as usize].alignment;
        self.queue.acquire_aligned(range.end - range.start, alignment)
    }

    /// Puts completed extents where they belong.
    fn fill(&mut self) -> bool {
        let mut progress = false;
        while let Some(completed) = self.queue.next_completed() {
            progress = true;
            let serial = u32::try_from(completed.tag >> 32).expect("32 bits");
            let index = u32::try_from(completed.tag & 0xFFFF_FFFF).expect("32 bits");
            let spared = self.spare_user == Some((serial, index));
            let found = self.lanes.iter_mut().find_map(|lane| {
                let LaneState { row_groups, starved, .. } = lane;
                let row_group =
                    row_groups.iter_mut().find(|row_group| row_group.serial == serial)?;
                *starved = false;
                Some(row_group)
            });
            // A closed lane's row groups are gone; their bytes go with `completed`.
            match (found, completed.result) {
                (Some(row_group), Ok(filled)) if spared => {
                    row_group.bytes.set_copied(index, &filled)
                }
                (Some(row_group), Ok(filled)) => row_group.bytes.set_filled(index, filled),
                (Some(row_group), Err(error)) => {
                    row_group.bytes.set_failed(index);
                    row_group.failed.get_or_insert(error.into());
                }
                (None, _) => {}
            }
            if spared {
                self.spare_user = None;
                // Another lane may wait for the spare slot.
                self.lanes.iter_mut().for_each(|lane| lane.starved = false);
                self.spare = spare_slot(&self.queue, &self.share.bounds, self.alignment_max);
            }
        }
        progress
    }

    /// One step of work for the lane that needs it most.
    fn step(&mut self) -> bool {
        let mut best: Option<(u32, usize)> = None;
        for at in 0..self.lanes.len() {
            let lane = &mut self.lanes[at];
            if lane.finished {
                continue;
            }
            if lane.row_groups.is_empty() && lane.exhausted {
                lane.lane.finish();
                lane.finished = true;
                return true;
            }
            if lane.starved || lane.row_groups.is_empty() {
                continue;
            }
            match lane.lane.demand() {
                Demand::Closed => {
                    self.close(at);
                    return true;
                }
                Demand::Full => {}
                Demand::Hungry(need) if best.is_none_or(|(most, _)| need > most) => {
                    best = Some((need, at))
                }
                Demand::Hungry(_) => {}
            }
        }
        let Some((_, at)) = best else { return false };
        let progress = match self.mode {
            DecodeMode::Raw => self.step_raw(at),
            DecodeMode::Arrow => self.decode(at),
        };
        matches!(progress, Progress::Made)
    }

    fn close(&mut self, at: usize) {
        let lane = &mut self.lanes[at];
        lane.closed = true;
        lane.exhausted = true;
        lane.finished = true;
        lane.row_groups.clear();
    }

    fn step_raw(&mut self, at: usize) -> Progress {
        let lane = &mut self.lanes[at];
        let head = lane.row_groups.front_mut().expect("step looked");
        let mut delivered = false;
        for index in 0..head.bytes.len_extents() {
            if let Some(bytes) = head.bytes.take_filled(index) {
                delivered = true;
                let delivery = Delivery::Raw { row_group: head.bytes.id, bytes };
                self.report.time.deliver(lane.lane.as_mut(), delivery);
            }
        }
        if head.failed.is_some() || head.bytes.all_came() {
            head.rows_done = head.rows;
            return self.end_row_group(at);
        }
        if !delivered {
            lane.starved = true;
            return Progress::None;
        }
        Progress::Made
    }

    fn decode(&mut self, at: usize) -> Progress {
        let dataset = self.dataset;
        let lane = &mut self.lanes[at];
        let head = lane.row_groups.front_mut().expect("step looked");
        if head.failed.is_some() {
            return self.end_row_group(at);
        }
        let id = head.bytes.id;
        let file = &dataset.files()[id.file as usize];
        let decode_error = |source| Error::Decode { path: file.path.clone(), source };
        let begun = Instant::now();
        let decoder = match &mut head.decoder {
            Some(decoder) => decoder,
            None => {
                let options = &mut lane.decode_options;
                options.batch_grid = head.grid;
                let row_group = id.row_group as usize;
                match RowGroupDecoder::new(&file.footer, row_group, options, &self.pool) {
                    Ok(decoder) => head.decoder.insert(decoder),
                    Err(source) => {
                        head.failed = Some(decode_error(source));
                        return self.end_row_group(at);
                    }
                }
            }
        };
        let mut source = Watching::new(&mut head.bytes, &mut self.queue);
        let step = decoder.next_batch(&mut source);
        let (pumped, broken) = source.end();
        self.broken = broken;
        decoder.for_each_consumed(|leaf, offset| head.bytes.release_consumed(leaf, offset));
        self.report.time.decode_ns += nanos(begun.elapsed().saturating_sub(pumped));
        self.report.time.submit_ns += nanos(pumped);
        match step {
            Ok(Step::Batch(columns)) => {
                let first_row = head.rows_done;
                let rows = columns.num_rows() as u64;
                head.rows_done += rows;
                self.report.rows += rows;
                self.report.batches += 1;
                self.report.decoded_bytes += crate::report::decoded_bytes(&columns);
                let (file, row_group) = (id.file, id.row_group);
                let batch = Delivery::Batch(Batch { file, row_group, first_row, columns });
                self.report.time.deliver(lane.lane.as_mut(), batch);
                Progress::Made
            }
            Ok(Step::NeedsBytes { leaf, range }) => {
                lane.starved = true;
                if head.bytes.hasten(leaf, &range) {
                    self.use_spare(at);
                }
                Progress::None
            }
            Ok(Step::Finished) => self.end_row_group(at),
            Err(source) => {
                head.failed = Some(decode_error(source));
                self.end_row_group(at)
            }
        }
    }

    /// The head of a lane waits for an extent that no slot was free for: it gets the spare one, if the arena has
    /// no other and nothing is coming that could free one.
    fn use_spare(&mut self, at: usize) {
        let head = self.lanes[at].row_groups.front().expect("it was just decoded");
        let Some((index, range)) = head.bytes.next_planned() else { return };
        if !self.queue.can_open(head.bytes.id.file) {
            return;
        }
        let (file, serial) = (head.bytes.id.file, head.serial);
        if let Some(slot) = self.slot_for(file, &range) {
            self.request_extent(at, 0, index, range, slot);
        } else if let Some(slot) = self.spare.take() {
            if self.request_extent(at, 0, index, range, slot) {
                self.spare_user = Some((serial, index));
            } else {
                // No completion will bring it back.
                self.spare = spare_slot(&self.queue, &self.share.bounds, self.alignment_max);
            }
        }
    }

    /// The head of a lane is done or has failed.
    fn end_row_group(&mut self, at: usize) -> Progress {
        let lane = &mut self.lanes[at];
        let head = lane.row_groups.front_mut().expect("it was just worked on");
        // Its reads still land in slots that the queue owns; the row group waits for them so that an error of one
        // of them is not lost.
        if head.bytes.requested() > 0 && head.failed.is_none() {
            lane.starved = true;
            return Progress::None;
        }
        let mut head = lane.row_groups.pop_front().expect("it was just worked on");
        let id = head.bytes.id;
        let file = &self.dataset.files()[id.file as usize];
        if let Some(decoder) = &head.decoder {
            self.report.decode += decoder.counters();
            lane.decode_options.row_bytes = decoder.row_bytes();
        }
        if head.failed.is_none() {
            let begun = Instant::now();
            head.failed = self.changed(id, file);
            self.report.time.check_ns += nanos(begun.elapsed());
        }
        let delivery = match head.failed {
            None => Delivery::RowGroupDone { row_group: id, rows: head.rows },
            Some(error) => Delivery::Failed { row_group: id, error },
        };
        self.report.time.deliver(self.lanes[at].lane.as_mut(), delivery);
        Progress::Made
    }

    /// Was the file written to while the row group was read? Then its bytes are of no known state.
    fn changed(&self, id: RowGroupId, file: &FileEntry) -> Option<Error> {
        self.queue.check_unchanged(id.file, &file.path, &file.identity).err().map(Error::from)
    }

    /// Nothing to do but wait: for bytes if a lane lacks them, else for a consumer.
    fn wait(&mut self) -> Result<(), Error> {
        if self
            .lanes
            .iter()
            .any(|lane| !lane.finished && (lane.starved || lane.row_groups.is_empty()))
            && self.queue.outstanding() > 0
        {
            let (begun, waited_ns) = (Instant::now(), self.queue.counters().wait_ns);
            self.queue.wait(WAIT_MAX)?;
            let waited_ns = self.queue.counters().wait_ns - waited_ns;
            self.report.time.submit_ns += nanos(begun.elapsed()).saturating_sub(waited_ns);
        } else {
            let begun = Instant::now();
            self.gate.wait(WAIT_MAX);
            self.report.gate_ns += nanos(begun.elapsed());
            // With nothing in the kernel a starved lane has to be tried again.
            if self.queue.outstanding() == 0 {
                self.lanes.iter_mut().for_each(|lane| lane.starved = false);
            }
        }
        Ok(())
    }
}

impl LaneState<'_> {
    fn held_bytes(&self) -> u64 {
        self.row_groups.iter().map(|row_group| row_group.bytes.held_bytes()).sum()
    }
}

/// A slot for the longest extent of any file.
fn spare_slot(queue: &ReadQueue, bounds: &PlanBounds, alignment_max: Alignment) -> Option<Slot> {
    let bytes = bounds.coalesce_span_bytes.max(alignment_max.bytes());
    queue.acquire_aligned(bytes, alignment_max)
}
