//! Batches for a consumer on another thread, each with its place: an iterator over a bounded queue.

use std::sync::Arc;
#[cfg(feature = "async")]
use std::task::{Context, Poll};
use std::time::Duration;

use crate::deliver::channel::{BatchGrids, Channel, MixedChannel, OrderedChannel};
use crate::deliver::waited::Waited;
use crate::error::Error;
use crate::open::dataset::Dataset;
use crate::plan::RowGroupId;
use crate::read::lane::{Batch, Gate, StopFlag};
use crate::read::play::{Playing, play_until};
use crate::read::reader::DecodeMode;
use crate::report::ScanReport;

/// The batches of a scan as they are decoded, each with its file, row group and first row; and one error for each file that
/// fails. From [`Scan::placed_batches`](crate::Scan::placed_batches). Dropping it ends the reader threads.
///
/// With one reader thread batches come in the order of files, row groups and rows; with several the row groups of
/// different threads mix, unless the scan is [`ordered`](crate::Scan::ordered).
///
/// A file that fails is one error among the batches; those of the other files go on coming. First come the errors of files
/// that were not opened ([`Dataset::failures`]). Batches of a file that were decoded before it failed have been delivered, and
/// with several threads some may come after its error, unless the scan is ordered. An error that ends reading as a whole is the
/// last item: [`Error::Stopped`] if the stop flag of the scan was set.
///
/// The queue between is bounded by the memory budget; a consumer that is slow slows reading down.
pub struct PlacedBatches {
    dataset: Dataset,
    channel: Channel,
    /// Of files that were not opened: they come first.
    unopened: std::vec::IntoIter<Error>,
    /// The caller's.
    stop: StopFlag,
    playing: Option<Playing>,
    /// Of a scan that came to its end by itself.
    report: Option<ScanReport>,
}

impl PlacedBatches {
    /// Starts the reader threads.
    pub(crate) fn start(
        dataset: &Dataset,
        row_groups: Vec<RowGroupId>,
        stop: &StopFlag,
        grids: Option<Arc<BatchGrids>>,
    ) -> PlacedBatches {
        let unopened = dataset.failures().iter().map(|file| Error::Unopened(file.error.clone()));
        let unopened: Vec<Error> = unopened.collect();
        let gates = (0..dataset.resolved().threads).map(|_| Gate::new()).collect();
        let channel = if dataset.options().is_ordered {
            Channel::Ordered(OrderedChannel::new(dataset, row_groups, grids, gates, stop))
        } else {
            Channel::Mixed(MixedChannel::new(dataset, row_groups, gates, stop))
        };
        // The end of the queue is the end of the reader threads: nothing is left to wait for then.
        let at_end = channel.add_producer();
        let lanes = channel.lanes();
        let mode = DecodeMode::Arrow;
        let playing = play_until(dataset, lanes, mode, channel.producers_stop(), at_end);
        PlacedBatches {
            dataset: dataset.clone(),
            channel,
            unopened: unopened.into_iter(),
            stop: stop.clone(),
            playing: Some(playing),
            report: None,
        }
    }

    /// What is read.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Ends reading, if it has not ended, and gives the report of what was done; `None` the second time, and where an error
    /// that ended reading as a whole was the last item.
    pub fn finish(&mut self) -> Option<Result<ScanReport, Error>> {
        self.join().or_else(|| self.report.take().map(Ok))
    }

    fn join(&mut self) -> Option<Result<ScanReport, Error>> {
        self.playing.take().map(|playing| {
            self.channel.end_producers();
            let mut report = playing.join()?;
            report.failures.extend(self.channel.take_failures(&self.dataset));
            Ok(report)
        })
    }

    /// As [`Iterator::next`], for a caller that has something else to do now and then: waits `limit` at most.
    pub fn next_within(&mut self, limit: Duration) -> Waited<Result<Batch, Error>> {
        if let Some(error) = self.unopened.next() {
            return Waited::Item(Err(error));
        }
        match self.channel.take_within(limit) {
            Waited::End => self.end().map_or(Waited::End, |error| Waited::Item(Err(error))),
            waited => waited,
        }
    }

    /// Ends reading without waiting for it: the reader threads end by themselves, within 100 ms. Dropping waits for them.
    pub fn abandon(mut self) {
        self.let_go();
    }

    /// After the last batch: the error that ended reading as a whole, once.
    fn end(&mut self) -> Option<Error> {
        match self.join()? {
            Ok(report) => {
                let is_stopped = report.stopped && self.stop.is_stopped();
                self.report = Some(report);
                is_stopped.then_some(Error::Stopped)
            }
            Err(error) => Some(error),
        }
    }

    /// As [`Iterator::next`], without waiting: where there is no batch yet, the task is woken when one comes.
    #[cfg(feature = "async")]
    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Batch, Error>>> {
        if let Some(error) = self.unopened.next() {
            return Poll::Ready(Some(Err(error)));
        }
        self.channel.poll_take(context).map(|item| item.or_else(|| self.end().map(Err)))
    }

    pub(crate) fn let_go(&mut self) {
        self.channel.end_producers();
        self.playing = None;
    }
}

impl Iterator for PlacedBatches {
    type Item = Result<Batch, Error>;

    fn next(&mut self) -> Option<Result<Batch, Error>> {
        if let Some(error) = self.unopened.next() {
            return Some(Err(error));
        }
        self.channel.take().or_else(|| self.end().map(Err))
    }
}

impl std::fmt::Debug for PlacedBatches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlacedBatches").field("ended", &self.playing.is_none()).finish()
    }
}

impl Drop for PlacedBatches {
    fn drop(&mut self) {
        // The result of a scan that is dropped is not needed.
        drop(self.finish());
    }
}
