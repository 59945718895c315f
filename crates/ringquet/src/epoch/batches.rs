//! The batches of a pass, as they are read.

use std::ops::Range;
use std::time::{Duration, Instant};

use arrow_array::{RecordBatch, RecordBatchReader as _};
use arrow_schema::{ArrowError, SchemaRef};

use crate::deliver::batches::Batches;
use crate::deliver::waited::Waited;
use crate::epoch::batch_builder::BatchBuilder;
use crate::epoch::options::Shuffle;
use crate::epoch::row_order::Epoch;
use crate::epoch::window::Window;
use crate::error::Error;
use crate::report::ScanReport;
use crate::scan::Scan;

/// The batches of an [`Epoch`], in its order: each of `batch_rows` rows, the last of the rest. From [`Scan::epoch`]. Dropping it
/// ends the reader threads.
///
/// An error of a file ends the pass: what would follow is not what the order says.
pub struct EpochBatches {
    source: Option<Batches>,
    epoch: Epoch,
    /// The place in the sequence of the next row that comes from the reader threads.
    coming: u64,
    /// Rows of the sequence that are still to be given.
    left: Range<u64>,
    /// Rows of the next batch, as far as it is put together.
    builder: BatchBuilder,
    decoded: Decoded,
    /// What came instead of more rows. It is given once those before it are.
    failed: Option<Error>,
    report: Option<Result<ScanReport, Error>>,
}

/// Decoded rows that are in no batch yet.
enum Decoded {
    /// They go into batches as they come.
    InOrder(Option<RecordBatch>),
    /// They are collected into windows first.
    Shuffled { current: Option<Current>, next: Window, next_number: usize },
}

/// The window that rows are taken from.
struct Current {
    window: Window,
    order: Vec<u32>,
    rows: Range<u64>,
}

impl Scan {
    /// The batches of a pass over the data set, from the row on with which it was left: after `rows_done` rows of this worker,
    /// 0 at the start. Row groups before it are not read. The scan's own row groups are not looked at.
    ///
    /// # Errors
    /// As [`Scan::batches`], and [`Error::Options`] where a pass cannot be left after so many rows.
    pub fn epoch(self, epoch: &Epoch, rows_done: u64) -> Result<EpochBatches, Error> {
        let left = epoch.rows_after(rows_done)?;
        let row_groups = epoch.row_groups_of(&left);
        let first = row_groups.start;
        let ids = epoch.row_groups()[row_groups.clone()].iter().copied();
        let scan = self.ordered(true);
        let scan = match epoch.options().shuffle {
            Shuffle::None | Shuffle::RowGroups => {
                let to_batch = row_groups.map(|at| epoch.rows_to_batch(at)).collect();
                scan.in_batches_of(epoch.options().batch_rows, to_batch)
            }
            // They are put together one by one.
            Shuffle::Rows { .. } => scan,
        };
        let source = scan.row_groups(ids).batches()?;
        let builder = BatchBuilder::new(source.schema());
        let decoded = match epoch.options().shuffle {
            Shuffle::None | Shuffle::RowGroups => Decoded::InOrder(None),
            Shuffle::Rows { .. } => {
                let next_number = first / epoch.window_len();
                Decoded::Shuffled { current: None, next: Window::default(), next_number }
            }
        };
        let coming = if left.is_empty() { left.start } else { epoch.start_of(first) };
        Ok(EpochBatches {
            source: Some(source),
            epoch: epoch.clone(),
            coming,
            left,
            builder,
            decoded,
            failed: None,
            report: None,
        })
    }
}

impl EpochBatches {
    /// That of every batch.
    pub fn schema(&self) -> SchemaRef {
        self.builder.schema()
    }

    /// The pass.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Rows that are still to be given.
    pub fn rows_left(&self) -> u64 {
        self.left.end - self.left.start
    }

    /// As [`Iterator::next`], for a caller that has something else to do now and then: waits `limit` at most.
    pub fn next_within(&mut self, limit: Duration) -> Waited<Result<RecordBatch, Error>> {
        let until = Instant::now() + limit;
        let waited = self.next_until(|| Some(until.saturating_duration_since(Instant::now())));
        self.noted(waited)
    }

    /// Ends reading without waiting for it: the reader threads end by themselves, within 100 ms. Dropping waits for them.
    pub fn abandon(mut self) {
        if let Some(source) = self.source.take() {
            source.abandon();
        }
    }

    /// Ends reading and gives the report of what was done; `None` the second time.
    pub fn finish(&mut self) -> Option<Result<ScanReport, Error>> {
        self.end_source();
        self.report.take()
    }

    fn end_source(&mut self) {
        if let Some(mut source) = self.source.take() {
            self.report = source.finish();
        }
    }

    /// After the last batch, or an error, nothing more is read.
    fn noted(
        &mut self,
        waited: Waited<Result<RecordBatch, Error>>,
    ) -> Waited<Result<RecordBatch, Error>> {
        if matches!(waited, Waited::Item(Err(_))) {
            self.left.start = self.left.end;
        }
        if self.left.is_empty() {
            self.end_source();
        }
        waited
    }

    /// `limit` says how much longer to wait for the reader threads; `None` without end.
    fn next_until(
        &mut self,
        limit: impl Fn() -> Option<Duration>,
    ) -> Waited<Result<RecordBatch, Error>> {
        if self.left.is_empty() {
            return Waited::End;
        }
        let rows = (self.epoch.options().batch_rows as u64).min(self.rows_left());
        let rows = usize::try_from(rows).expect("a batch has at most `batch_rows` rows");
        loop {
            match self.assemble(rows) {
                Ok(None) => {}
                Ok(Some(batch)) => {
                    self.left.start += rows as u64;
                    self.look_ahead();
                    return Waited::Item(Ok(batch));
                }
                Err(source) => return Waited::Item(Err(Error::Arrow { source })),
            }
            if let Some(error) = self.failed.take() {
                return Waited::Item(Err(error));
            }
            let Some(source) = &mut self.source else { return Waited::End };
            let waited = match limit() {
                Some(limit) => source.next_within(limit),
                None => source.next_batch().map_or(Waited::End, Waited::Item),
            };
            match waited {
                Waited::Item(item) => self.arrived(item),
                Waited::NotYet => return Waited::NotYet,
                Waited::End => unreachable!("all rows of the row groups come, or an error does"),
            }
        }
    }

    /// Takes what the reader threads have ready into the next window, while batches are made of the current one.
    fn look_ahead(&mut self) {
        while let Decoded::Shuffled { next, next_number, .. } = &self.decoded
            && self.failed.is_none()
            && *next_number < self.epoch.num_windows()
            && !is_whole(&self.epoch, next, *next_number)
            && let Some(source) = &mut self.source
            && let Waited::Item(item) = source.next_within(Duration::ZERO)
        {
            self.arrived(item);
        }
    }

    /// Decoded rows, in the order of the sequence, or an error.
    fn arrived(&mut self, item: Result<RecordBatch, Error>) {
        let batch = match item {
            Ok(batch) => batch,
            Err(error) => {
                self.failed = Some(error);
                return;
            }
        };
        let rows = self.coming..self.coming + batch.num_rows() as u64;
        self.coming = rows.end;
        match &mut self.decoded {
            Decoded::InOrder(part) => {
                // Rows before those that are left, of the first row group, and those that other ranks have of the last.
                let wanted = rows.start.max(self.left.start)..rows.end.min(self.left.end);
                *part = (!wanted.is_empty()).then(|| {
                    let offset = in_memory(wanted.start - rows.start);
                    batch.slice(offset, in_memory(wanted.end - wanted.start))
                });
            }
            Decoded::Shuffled { next, .. } => next.push(batch),
        }
    }

    /// A batch of `rows` rows, if they have come.
    fn assemble(&mut self, rows: usize) -> Result<Option<RecordBatch>, ArrowError> {
        while self.builder.rows() < rows {
            let missing = rows - self.builder.rows();
            let place = self.left.start + self.builder.rows() as u64;
            let part = match &mut self.decoded {
                Decoded::InOrder(decoded) => first_rows(decoded, missing),
                Decoded::Shuffled { current, next, next_number } => {
                    let has_come = current.as_ref().is_some_and(|it| it.rows.contains(&place));
                    if !has_come && is_whole(&self.epoch, next, *next_number) {
                        *current = Some(Current {
                            window: std::mem::take(next),
                            order: self.epoch.order_of_window(*next_number),
                            rows: self.epoch.window_rows(*next_number),
                        });
                        *next_number += 1;
                        continue;
                    }
                    let current = current.as_ref().filter(|_| has_come);
                    current.map(|current| current.gather(place, missing)).transpose()?
                }
            };
            let Some(part) = part else { return Ok(None) };
            self.builder.push(part);
        }
        self.builder.take().map(Some)
    }
}

impl Current {
    /// At most `most` rows from a place of the sequence on, which lies in this window.
    fn gather(&self, place: u64, most: usize) -> Result<RecordBatch, ArrowError> {
        let from = in_memory(place - self.rows.start);
        let to = from.saturating_add(most).min(self.order.len());
        self.window.gather(&self.order[from..to])
    }
}

/// Takes at most `most` rows off the front of a batch.
fn first_rows(batch: &mut Option<RecordBatch>, most: usize) -> Option<RecordBatch> {
    let all = batch.take()?;
    if all.num_rows() <= most {
        return Some(all);
    }
    *batch = Some(all.slice(most, all.num_rows() - most));
    Some(all.slice(0, most))
}

/// Whether all rows of a window have come.
fn is_whole(epoch: &Epoch, window: &Window, number: usize) -> bool {
    let rows = epoch.window_rows(number);
    u64::from(window.rows()) == rows.end - rows.start
}

/// Of rows that lie in one batch or window.
fn in_memory(rows: u64) -> usize {
    usize::try_from(rows).expect("decoded rows are in memory")
}

impl Iterator for EpochBatches {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Result<RecordBatch, Error>> {
        let waited = self.next_until(|| None);
        match self.noted(waited) {
            Waited::Item(item) => Some(item),
            Waited::End => None,
            Waited::NotYet => unreachable!("it waits without a limit"),
        }
    }
}

impl std::fmt::Debug for EpochBatches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let EpochBatches { epoch, left, .. } = self;
        f.debug_struct("EpochBatches").field("epoch", epoch).field("left", left).finish()
    }
}
