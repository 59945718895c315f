//! From the lanes of reader threads to one consumer: a queue, and the row groups that are delivered through it.
//!
//! | channel | which thread reads a row group | order |
//! |---|---|---|
//! | mixed | whichever asks next | as they are decoded |
//! | ordered | each thread every t-th of t threads | that of the row groups |

use std::collections::VecDeque;
use std::sync::Arc;
#[cfg(feature = "async")]
use std::task::{Context, Poll};
use std::time::Duration;

use ringquet_decode::BatchGrid;

use crate::deliver::batch_queue::BatchQueue;
use crate::deliver::ordered_queue::{OrderedBounds, OrderedQueue};
use crate::deliver::waited::Waited;
use crate::error::Error;
use crate::open::dataset::Dataset;
use crate::plan::RowGroupId;
use crate::read::lane::{Batch, Delivery, Demand, Gate, Lane, StopFlag};
use crate::read::ordered_row_groups::OrderedRowGroups;
use crate::read::row_group_queue::RowGroupQueue;
use crate::report::{Failure, decoded_bytes};

/// Where a consumer would cut the batches of an ordered scan.
#[derive(Debug)]
pub(crate) struct BatchGrids {
    /// Of each row group in the order: rows to the first cut.
    pub(crate) first: Vec<u64>,
    /// Rows between cuts.
    pub(crate) step: usize,
}

type Item = Result<Batch, Error>;

/// Either channel, for the consumer.
pub(super) enum Channel {
    Mixed(MixedChannel),
    Ordered(OrderedChannel),
}

/// Calls the queue of either channel.
macro_rules! queue {
    ($channel:expr, $queue:ident => $call:expr) => {
        match $channel {
            Channel::Mixed(MixedChannel { queue: $queue, .. }) => $call,
            Channel::Ordered(OrderedChannel { queue: $queue, .. }) => $call,
        }
    };
}

impl Channel {
    /// One lane per gate, with the gate.
    pub(super) fn lanes(&self) -> Vec<(Vec<Box<dyn Lane>>, Gate)> {
        let lane = |thread: usize| -> Box<dyn Lane> {
            match self {
                Channel::Mixed(channel) => Box::new(channel.lane()),
                Channel::Ordered(channel) => Box::new(channel.lane(thread)),
            }
        };
        let gates = queue!(self, queue => queue.gates());
        (0..).zip(gates).map(|(thread, gate)| (vec![lane(thread)], gate.clone())).collect()
    }

    /// One producer more than there are lanes, which ends when the function given back is called.
    pub(super) fn add_producer(&self) -> Box<dyn FnOnce() + Send> {
        queue!(self, queue => {
            queue.add_producer();
            let queue = Arc::clone(queue);
            Box::new(move || queue.producer_ended())
        })
    }

    /// What ends the producers.
    pub(super) fn producers_stop(&self) -> &StopFlag {
        queue!(self, queue => queue.stop())
    }

    pub(super) fn end_producers(&self) {
        queue!(self, queue => queue.end_producers());
    }

    pub(super) fn take(&self) -> Option<Item> {
        match self {
            Channel::Mixed(channel) => channel.queue.take(),
            Channel::Ordered(channel) => loop {
                let item = channel.queue.take()?;
                if let Some(item) = channel.kept(item) {
                    return Some(item);
                }
            },
        }
    }

    pub(super) fn take_within(&self, limit: Duration) -> Waited<Item> {
        match self {
            Channel::Mixed(channel) => channel.queue.take_within(limit),
            Channel::Ordered(channel) => loop {
                match channel.queue.take_within(limit).map(|item| channel.kept(item)) {
                    Waited::Item(Some(item)) => return Waited::Item(item),
                    Waited::Item(None) => {}
                    Waited::End => return Waited::End,
                    Waited::NotYet => return Waited::NotYet,
                }
            },
        }
    }

    #[cfg(feature = "async")]
    pub(super) fn poll_take(&self, context: &mut Context<'_>) -> Poll<Option<Item>> {
        match self {
            Channel::Mixed(channel) => channel.queue.poll_take(context),
            Channel::Ordered(channel) => loop {
                let Some(item) = std::task::ready!(channel.queue.poll_take(context)) else {
                    return Poll::Ready(None);
                };
                if let Some(item) = channel.kept(item) {
                    return Poll::Ready(Some(item));
                }
            },
        }
    }

    /// The files that could not be read to their end, in the order of `dataset`.
    pub(super) fn take_failures(&self, dataset: &Dataset) -> Vec<Failure> {
        match self {
            Channel::Mixed(channel) => channel.row_groups.take_failures(dataset).collect(),
            Channel::Ordered(channel) => channel.row_groups.take_failures(dataset),
        }
    }
}

/// As they are decoded.
pub(super) struct MixedChannel {
    row_groups: Arc<RowGroupQueue>,
    queue: Arc<BatchQueue<Item>>,
}

impl MixedChannel {
    pub(super) fn new(
        dataset: &Dataset,
        row_groups: Vec<RowGroupId>,
        gates: Vec<Gate>,
        stop: &StopFlag,
    ) -> MixedChannel {
        let bytes_max = dataset.resolved().shares.queue_bytes * gates.len() as u64;
        let queue = Arc::new(BatchQueue::new(bytes_max, gates, stop.child()));
        MixedChannel { row_groups: Arc::new(RowGroupQueue::of(dataset, row_groups)), queue }
    }

    fn lane(&self) -> MixedLane {
        let (row_groups, queue) = (Arc::clone(&self.row_groups), Arc::clone(&self.queue));
        MixedLane { row_groups, queue }
    }
}

struct MixedLane {
    row_groups: Arc<RowGroupQueue>,
    queue: Arc<BatchQueue<Item>>,
}

impl Lane for MixedLane {
    fn next_row_group(&mut self) -> Option<RowGroupId> {
        self.row_groups.take()
    }

    fn demand(&mut self) -> Demand {
        if self.queue.is_full() { Demand::Full } else { Demand::Hungry(1) }
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Batch(batch) => {
                let bytes = decoded_bytes(&batch.columns);
                self.queue.push(Ok(batch), bytes);
            }
            Delivery::Failed { row_group: id, error } => {
                if self.row_groups.fail(id, &error) {
                    self.queue.push(Err(error), 0);
                }
            }
            Delivery::RowGroupDone { .. } | Delivery::Raw { .. } => {}
        }
    }
}

impl Drop for MixedLane {
    /// However its thread ends, the consumer learns that this producer is gone.
    fn drop(&mut self) {
        self.queue.producer_ended();
    }
}

/// In the order of the row groups.
pub(super) struct OrderedChannel {
    row_groups: Arc<OrderedRowGroups>,
    grids: Option<Arc<BatchGrids>>,
    /// Items with the number of their row group.
    queue: Arc<OrderedQueue<(usize, Item)>>,
}

impl OrderedChannel {
    pub(super) fn new(
        dataset: &Dataset,
        row_groups: Vec<RowGroupId>,
        grids: Option<Arc<BatchGrids>>,
        gates: Vec<Gate>,
        stop: &StopFlag,
    ) -> OrderedChannel {
        let shares = &dataset.resolved().shares;
        let bounds = OrderedBounds { bytes: shares.queue_bytes, ahead_bytes: shares.ahead_bytes };
        let row_groups = Arc::new(OrderedRowGroups::of(dataset, row_groups));
        let queue = OrderedQueue::new(row_groups.len(), bounds, gates, stop.child());
        OrderedChannel { row_groups, grids, queue: Arc::new(queue) }
    }

    /// What follows in a file after its first error would be there or not as the threads happened to run: it is left out.
    fn kept(&self, (number, item): (usize, Item)) -> Option<Item> {
        (!self.row_groups.comes_after_failure(number)).then_some(item)
    }

    fn lane(&self, thread: usize) -> OrderedLane {
        OrderedLane {
            numbers: self.queue.numbers(thread),
            begun: VecDeque::new(),
            row_groups: Arc::clone(&self.row_groups),
            grids: self.grids.clone(),
            queue: Arc::clone(&self.queue),
        }
    }
}

struct OrderedLane {
    /// Of the row groups that it has still to begin.
    numbers: std::iter::StepBy<std::ops::Range<usize>>,
    /// Of those that it has begun; the first is being decoded.
    begun: VecDeque<usize>,
    row_groups: Arc<OrderedRowGroups>,
    grids: Option<Arc<BatchGrids>>,
    queue: Arc<OrderedQueue<(usize, Item)>>,
}

impl OrderedLane {
    fn current(&self) -> usize {
        *self.begun.front().expect("what is delivered was begun")
    }

    fn row_group_ended(&mut self) {
        let number = self.begun.pop_front().expect("what ends was begun");
        self.queue.row_group_ended(number);
    }
}

impl Lane for OrderedLane {
    fn next_row_group(&mut self) -> Option<RowGroupId> {
        for number in self.numbers.by_ref() {
            if let Some(id) = self.row_groups.wanted(number) {
                self.begun.push_back(number);
                return Some(id);
            }
            self.queue.row_group_ended(number);
        }
        None
    }

    fn batch_grid(&mut self) -> Option<BatchGrid> {
        let (number, grids) = (*self.begun.back()?, self.grids.as_ref()?);
        Some(BatchGrid { first: *grids.first.get(number)?, step: grids.step })
    }

    fn demand(&mut self) -> Demand {
        let is_full = self.begun.front().is_some_and(|&number| self.queue.is_full(number));
        if is_full { Demand::Full } else { Demand::Hungry(1) }
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Batch(batch) => {
                let (number, bytes) = (self.current(), decoded_bytes(&batch.columns));
                self.queue.push(number, (number, Ok(batch)), bytes);
            }
            Delivery::Failed { error, .. } => {
                let number = self.current();
                self.row_groups.fail(number, &error);
                self.queue.push(number, (number, Err(error)), 0);
                self.row_group_ended();
            }
            Delivery::RowGroupDone { .. } => self.row_group_ended(),
            Delivery::Raw { .. } => {}
        }
    }
}

impl Drop for OrderedLane {
    /// However its thread ends, the consumer learns that this producer is gone.
    fn drop(&mut self) {
        self.queue.producer_ended();
    }
}
