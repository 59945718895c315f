//! Reading row groups once: a visitor on each reader thread, raw, or as a digest.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use ringquet_decode::{ContentDigest, RowGroupDigest};
use ringquet_io::device::DeviceMeter;
use ringquet_io::path_text::path_text;
use ringquet_io::usage::Usage;

use crate::dataset::Dataset;
use crate::error::Error;
use crate::lane::{Batch, Delivery, Demand, Gate, Lane, StopFlag, Work};
use crate::plan::RowGroupId;
use crate::reader::{DecodeMode, Reader, ReaderReport};
use crate::report::{Failure, ScanReport};
use crate::sync::atomic::{AtomicBool, AtomicUsize};
use crate::threads;

/// Reads and decodes row groups. `make_visitor` is called once per reader thread; the visitor it gives sees that thread's
/// batches, on that thread.
pub(crate) fn visit<V>(
    dataset: &Dataset,
    row_groups: Vec<RowGroupId>,
    stop: &StopFlag,
    make_visitor: impl Fn(usize) -> V + Sync,
) -> Result<ScanReport, Error>
where
    V: FnMut(Batch) + Send,
{
    let row_groups = RowGroupQueue::of(dataset, row_groups);
    let lane = |thread| VisitLane { row_groups: &row_groups, visit: make_visitor(thread) };
    read(dataset, lane, DecodeMode::Arrow, stop, &row_groups)
}

/// Reads the wanted bytes of row groups and decodes nothing.
pub(crate) fn raw(
    dataset: &Dataset,
    row_groups: Vec<RowGroupId>,
    stop: &StopFlag,
) -> Result<ScanReport, Error> {
    let row_groups = RowGroupQueue::of(dataset, row_groups);
    let lane = |_| VisitLane { row_groups: &row_groups, visit: |_| {} };
    read(dataset, lane, DecodeMode::Raw, stop, &row_groups)
}

/// Reads and decodes row groups into a digest of each file. With `by_place` it depends on the index of the file.
pub(crate) fn digest(
    dataset: &Dataset,
    row_groups: Vec<RowGroupId>,
    stop: &StopFlag,
    by_place: bool,
) -> Result<(Vec<ContentDigest>, ScanReport), Error> {
    let sums: Vec<Mutex<ContentDigest>> =
        dataset.files().iter().map(|_| Mutex::default()).collect();
    let row_groups = RowGroupQueue::of(dataset, row_groups);
    let begin = |id: RowGroupId| {
        let schema = dataset.files()[id.file as usize].footer.projected_schema();
        let place = if by_place { u64::from(id.file) } else { 0 };
        RowGroupDigest::new(place, u64::from(id.row_group), schema)
    };
    let add = |id: RowGroupId, digest: RowGroupDigest| {
        let mut sum = sums[id.file as usize].lock().unwrap_or_else(PoisonError::into_inner);
        *sum += digest.finish();
    };
    let lane = |_| DigestLane { row_groups: &row_groups, current: None, begin, add };
    let report = read(dataset, lane, DecodeMode::Arrow, stop, &row_groups)?;
    let sums = sums.into_iter().map(|sum| sum.into_inner().unwrap_or_else(PoisonError::into_inner));
    Ok((sums.collect(), report))
}

/// Row groups that any thread may take next, and the files that are not to be read any further.
pub(crate) struct RowGroupQueue {
    row_groups: Vec<RowGroupId>,
    next: AtomicUsize,
    failed: Vec<AtomicBool>,
    failures: Mutex<Vec<(u32, String)>>,
}

impl RowGroupQueue {
    pub(crate) fn of(dataset: &Dataset, row_groups: Vec<RowGroupId>) -> RowGroupQueue {
        RowGroupQueue::of_files(dataset.files().len(), row_groups)
    }

    pub(crate) fn of_files(files: usize, row_groups: Vec<RowGroupId>) -> RowGroupQueue {
        RowGroupQueue {
            row_groups,
            next: AtomicUsize::new(0),
            failed: (0..files).map(|_| AtomicBool::new(false)).collect(),
            failures: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn take(&self) -> Option<RowGroupId> {
        loop {
            let id = *self.row_groups.get(self.next.fetch_add(1, Ordering::Relaxed))?;
            if !self.failed[id.file as usize].load(Ordering::Relaxed) {
                return Some(id);
            }
        }
    }

    /// One error per file: the first. Is this one it?
    pub(crate) fn fail(&self, id: RowGroupId, error: &Error) -> bool {
        let is_first = !self.failed[id.file as usize].swap(true, Ordering::Relaxed);
        if is_first {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.push((id.file, error.to_string()));
        }
        is_first
    }

    /// The files that failed, in the order of `dataset`.
    pub(crate) fn take_failures(&self, dataset: &Dataset) -> impl Iterator<Item = Failure> {
        let mut failures =
            std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner));
        failures.sort_by_key(|&(file, _)| file);
        failures.into_iter().map(|(file, error)| Failure {
            path: path_text(&dataset.files()[file as usize].path),
            error,
        })
    }
}

/// Gives batches to a closure.
struct VisitLane<'a, V> {
    row_groups: &'a RowGroupQueue,
    visit: V,
}

impl<V: FnMut(Batch) + Send> Lane for VisitLane<'_, V> {
    fn next_row_group(&mut self) -> Option<RowGroupId> {
        self.row_groups.take()
    }

    fn demand(&mut self) -> Demand {
        Demand::Hungry(1)
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Batch(batch) => (self.visit)(batch),
            Delivery::Raw { .. } | Delivery::RowGroupDone { .. } => {}
            Delivery::Failed { row_group: id, error } => {
                self.row_groups.fail(id, &error);
            }
        }
    }
}

/// Adds batches to the digest of their row group.
struct DigestLane<'a, B, A> {
    row_groups: &'a RowGroupQueue,
    current: Option<RowGroupDigest>,
    begin: B,
    add: A,
}

impl<B, A> Lane for DigestLane<'_, B, A>
where
    B: Fn(RowGroupId) -> RowGroupDigest + Send,
    A: Fn(RowGroupId, RowGroupDigest) + Send,
{
    fn next_row_group(&mut self) -> Option<RowGroupId> {
        self.row_groups.take()
    }

    fn demand(&mut self) -> Demand {
        Demand::Hungry(1)
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Batch(batch) => {
                let id = RowGroupId { file: batch.file, row_group: batch.row_group };
                let begin = &self.begin;
                self.current.get_or_insert_with(|| begin(id)).update(&batch.columns);
            }
            Delivery::Raw { .. } => {}
            Delivery::RowGroupDone { row_group: id, .. } => {
                let digest = self.current.take().unwrap_or_else(|| (self.begin)(id));
                (self.add)(id, digest);
            }
            Delivery::Failed { row_group: id, error } => {
                self.current = None;
                self.row_groups.fail(id, &error);
            }
        }
    }

    fn work(&self, _delivery: &Delivery) -> Work {
        Work::Digest
    }
}

/// Runs one reader per thread of `dataset`, each with one lane, until all are finished.
fn read<'a, L: Lane + 'a>(
    dataset: &'a Dataset,
    lane: impl Fn(usize) -> L,
    mode: DecodeMode,
    stop: &StopFlag,
    row_groups: &RowGroupQueue,
) -> Result<ScanReport, Error> {
    let lanes = (0..dataset.resolved().threads)
        .map(|thread| (vec![Box::new(lane(thread)) as Box<dyn Lane + 'a>], Gate::new()));
    let mut report = read_lanes(dataset, lanes.collect(), mode, stop)?;
    report.failures.extend(row_groups.take_failures(dataset));
    Ok(report)
}

/// Runs one reader per entry of `lanes` until all are finished. Lanes keep their failures themselves.
pub(crate) fn read_lanes<'a>(
    dataset: &'a Dataset,
    lanes: Vec<(Vec<Box<dyn Lane + 'a>>, Gate)>,
    mode: DecodeMode,
    stop: &StopFlag,
) -> Result<ScanReport, Error> {
    // Set when a thread cannot go on, so that the others do not read for nothing. The caller's flag is the caller's.
    let stop = stop.child();
    let meter = DeviceMeter::begin(dataset.options().sys_root.clone(), dataset.devices());
    let before = Usage::now();
    let begun = Instant::now();
    let cpus = &dataset.resolved().cpus;
    let cpus: Vec<_> = (0..lanes.len()).map(|thread| cpus[thread % cpus.len()]).collect();
    let lanes: Vec<_> = lanes.into_iter().map(|lanes| Mutex::new(Some(lanes))).collect();
    let ends = threads::run(
        &cpus,
        || stop.stop(),
        |thread| {
            let (lanes, gate) = lanes[thread]
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
                .expect("each thread takes its own lanes, once");
            let result =
                Reader::new(dataset, thread, lanes, gate, mode, stop.clone()).and_then(Reader::run);
            if result.is_err() {
                stop.stop();
            }
            (result, begun.elapsed())
        },
    )?;
    let mut readers: Vec<ReaderReport> = Vec::with_capacity(ends.len());
    let mut done = Vec::with_capacity(ends.len());
    for (result, elapsed) in ends {
        readers.push(result?);
        done.push(elapsed);
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(ScanReport::new(
        dataset,
        mode,
        readers,
        &done,
        seconds,
        &meter,
        &Usage::now().since(&before),
    ))
}
