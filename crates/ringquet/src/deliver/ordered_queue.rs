//! Items of several reader threads, put back in order for one consumer.
//!
//! Row groups have the numbers 0, 1, 2, …; thread t reads those of which t is the rest on division by the threads. The
//! consumer gets all items of row group 0, then all of row group 1, and so on.
//!
//! ```text
//!  thread 0   0 ▒▒▒▒▒▒░░         2                       ▒ taken   ░ lies here
//!  thread 1      1 ░░░░░░░░░        3
//!  thread 2         2' ░░░░░
//!             └ head: the consumer takes its items
//! ```
//! The bound is one of each thread, so that no thread can take the room that the head needs. Of the row group at the head, and of
//! those a round of threads or more behind it, a thread has `bytes` bytes here; of those between, which the other
//! threads decode meanwhile, `ahead_bytes`. What a thread had begun to decode still comes in.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::task::Waker;
#[cfg(feature = "async")]
use std::task::{Context, Poll};
use std::time::Duration;

use crate::deliver::waited::Waited;
use crate::read::lane::{Gate, StopFlag};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// What each producer may have in the queue, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OrderedBounds {
    /// Of the row group that the consumer takes from, and of those that are not its turn for long.
    pub(crate) bytes: u64,
    /// Of a row group that follows within a round of the threads.
    pub(crate) ahead_bytes: u64,
}

/// A queue with one producer per gate, and one consumer.
pub(crate) struct OrderedQueue<T> {
    state: Mutex<State<T>>,
    /// An item of the head came, the head ended, or a producer did.
    ready: Condvar,
    bounds: OrderedBounds,
    row_groups: usize,
    gates: Vec<Gate>,
    /// Ends the producers.
    stop: StopFlag,
}

struct State<T> {
    /// The row groups from the head on, as far as anything came of them.
    places: VecDeque<Place<T>>,
    /// Number of the row group that the consumer takes from.
    head: usize,
    /// Bytes in the queue, of each producer.
    bytes: Vec<u64>,
    producers: usize,
    /// Of the task that waits for an item or for the end, where the consumer is one.
    waker: Option<Waker>,
}

/// What came of one row group.
struct Place<T> {
    items: VecDeque<(u64, T)>,
    is_done: bool,
}

impl<T> Default for Place<T> {
    fn default() -> Self {
        Place { items: VecDeque::new(), is_done: false }
    }
}

impl<T> State<T> {
    fn place(&mut self, row_group: usize) -> &mut Place<T> {
        let at = row_group - self.head;
        if at >= self.places.len() {
            self.places.resize_with(at + 1, Place::default);
        }
        &mut self.places[at]
    }

    /// The next item in order, if it is there. Goes on to the next row group where one is done.
    fn pop(&mut self) -> Option<T> {
        loop {
            let place = self.places.front_mut()?;
            if let Some((bytes, item)) = place.items.pop_front() {
                let producer = self.head % self.bytes.len();
                self.bytes[producer] -= bytes;
                return Some(item);
            }
            if !place.is_done {
                return None;
            }
            self.places.pop_front();
            self.head += 1;
        }
    }
}

impl<T> OrderedQueue<T> {
    /// For as many producers as `gates`, which deliver `row_groups` row groups and end when `stop` is set.
    pub(crate) fn new(
        row_groups: usize,
        bounds: OrderedBounds,
        gates: Vec<Gate>,
        stop: StopFlag,
    ) -> OrderedQueue<T> {
        let producers = gates.len();
        let (places, bytes) = (VecDeque::new(), vec![0; producers]);
        let state = State { places, head: 0, bytes, producers, waker: None };
        let (state, ready) = (Mutex::new(state), Condvar::new());
        OrderedQueue { state, ready, bounds, row_groups, gates, stop }
    }

    /// Where the producers wait.
    pub(crate) fn gates(&self) -> &[Gate] {
        &self.gates
    }

    /// What ends the producers.
    pub(crate) fn stop(&self) -> &StopFlag {
        &self.stop
    }

    /// The row groups of a producer: their numbers.
    pub(crate) fn numbers(&self, producer: usize) -> std::iter::StepBy<std::ops::Range<usize>> {
        (producer..self.row_groups).step_by(self.gates.len())
    }

    /// Whether the producer has to wait before it decodes more of this row group of its own.
    pub(crate) fn is_full(&self, row_group: usize) -> bool {
        let state = self.state();
        let producers = self.gates.len();
        let is_next = row_group > state.head && row_group < state.head + producers;
        let most = if is_next { self.bounds.ahead_bytes } else { self.bounds.bytes };
        state.bytes[row_group % producers] >= most
    }

    /// Adds an item of `bytes` bytes.
    pub(crate) fn push(&self, row_group: usize, item: T, bytes: u64) {
        let mut state = self.state();
        state.bytes[row_group % self.gates.len()] += bytes;
        state.place(row_group).items.push_back((bytes, item));
        self.wake(row_group, state);
    }

    /// Nothing more comes of a row group.
    pub(crate) fn row_group_ended(&self, row_group: usize) {
        let mut state = self.state();
        state.place(row_group).is_done = true;
        self.wake(row_group, state);
    }

    /// A producer will push nothing more.
    pub(crate) fn producer_ended(&self) {
        let mut state = self.state();
        state.producers -= 1;
        let head = state.head;
        self.wake(head, state);
    }

    /// One producer more than there are gates: the queue does not end before it has.
    pub(crate) fn add_producer(&self) {
        self.state().producers += 1;
    }

    /// Wakes the consumer, be it a thread or a task, if this is the row group that it waits for.
    fn wake(&self, row_group: usize, mut state: MutexGuard<'_, State<T>>) {
        if row_group != state.head {
            return;
        }
        let waker = state.waker.take();
        // Not under the lock, for a task may poll at once.
        drop(state);
        self.ready.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next item in order, for which this waits; `None` when there will be none.
    pub(crate) fn take(&self) -> Option<T> {
        let mut state = self.state();
        loop {
            match self.next(state) {
                (_, Waited::Item(item)) => return Some(item),
                (_, Waited::End) => return None,
                (waiting, Waited::NotYet) => {
                    state = self.ready.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// As [`OrderedQueue::take`], for which this waits `limit` at most.
    pub(crate) fn take_within(&self, limit: Duration) -> Waited<T> {
        let (state, waited) = self.next(self.state());
        if !matches!(waited, Waited::NotYet) {
            return waited;
        }
        let (state, _) =
            self.ready.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner);
        self.next(state).1
    }

    /// As [`OrderedQueue::take`], without waiting: where there is nothing yet, the task of `context` is woken when there is.
    #[cfg(feature = "async")]
    pub(crate) fn poll_take(&self, context: &mut Context<'_>) -> Poll<Option<T>> {
        match self.next(self.state()) {
            (_, Waited::Item(item)) => Poll::Ready(Some(item)),
            (_, Waited::End) => Poll::Ready(None),
            (mut state, Waited::NotYet) => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// What there is for the consumer now, and the lock to wait with.
    fn next<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<T>>,
    ) -> (MutexGuard<'a, State<T>>, Waited<T>) {
        let head = state.head;
        let item = state.pop();
        let producer = state.head % self.gates.len();
        let (has_moved, has_ended) = (state.head != head, state.producers == 0);
        if has_moved {
            // Other row groups are within a round of the head now.
            self.gates.iter().for_each(Gate::open);
        } else if item.is_some() {
            self.gates[producer].open();
        }
        let waited = match item {
            Some(item) => Waited::Item(item),
            None if has_ended => Waited::End,
            None => Waited::NotYet,
        };
        (state, waited)
    }

    /// The consumer is finished: ends the producers that are left.
    pub(crate) fn end_producers(&self) {
        if self.state().producers > 0 {
            self.stop.stop();
            self.gates.iter().for_each(Gate::open);
        }
    }

    /// Bytes of the items of a producer that lie here.
    #[cfg(all(test, feature = "interleave"))]
    pub(crate) fn bytes(&self, producer: usize) -> u64 {
        self.state().bytes[producer]
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
