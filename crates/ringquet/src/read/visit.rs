//! Reading row groups once: a visitor on each reader thread, raw, or as a digest.

use std::sync::{Mutex, PoisonError};

use ringquet_decode::{ContentDigest, RowGroupDigest};

use crate::error::Error;
use crate::open::dataset::Dataset;
use crate::plan::RowGroupId;
use crate::read::lane::{Batch, Delivery, Demand, Gate, Lane, StopFlag, Work};
use crate::read::play::read_lanes;
use crate::read::reader::DecodeMode;
use crate::read::row_group_queue::RowGroupQueue;
use crate::report::ScanReport;

/// Reads and decodes row groups. `make_visitor` is called once per reader thread; the visitor it returns gets that thread's
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

/// Reads the selected bytes of row groups and decodes nothing.
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
