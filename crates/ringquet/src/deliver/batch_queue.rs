//! Items on their way from reader threads to one consumer.
//!
//! ```text
//!  reader thread 0 ── push ──▶ ┌─────────────────┐
//!  reader thread 1 ── push ──▶ │ … items, bytes  │ ── take ──▶ consumer
//!          ▲                   └─────────────────┘                │
//!          └──────────────────── gates open ◀─────────────────────┘
//! ```
//! The bound: once `bytes_max` bytes lie here the queue is full, and reader threads wait at their gates. What each
//! had begun to decode still comes in, so there can be one item per thread more.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::task::Waker;
#[cfg(feature = "async")]
use std::task::{Context, Poll};
use std::time::Duration;

use crate::deliver::waited::Waited;
use crate::read::lane::{Gate, StopFlag};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// A queue with one producer per gate, and one consumer.
pub(crate) struct BatchQueue<T> {
    state: Mutex<State<T>>,
    /// An item came, or a producer ended.
    ready: Condvar,
    bytes_max: u64,
    gates: Vec<Gate>,
    /// Ends the producers.
    stop: StopFlag,
}

struct State<T> {
    items: VecDeque<(u64, T)>,
    bytes: u64,
    producers: usize,
    /// Of the task that waits for an item or for the end, where the consumer is one.
    waker: Option<Waker>,
}

impl<T> State<T> {
    /// The next item, if there is one.
    fn pop(&mut self) -> Option<T> {
        let (bytes, item) = self.items.pop_front()?;
        self.bytes -= bytes;
        Some(item)
    }
}

impl<T> BatchQueue<T> {
    /// For as many producers as `gates`, each of which waits at its own and ends when `stop` is set.
    pub(crate) fn new(bytes_max: u64, gates: Vec<Gate>, stop: StopFlag) -> BatchQueue<T> {
        let state = State { items: VecDeque::new(), bytes: 0, producers: gates.len(), waker: None };
        BatchQueue { state: Mutex::new(state), ready: Condvar::new(), bytes_max, gates, stop }
    }

    /// Where the producers wait while the queue is full.
    pub(crate) fn gates(&self) -> &[Gate] {
        &self.gates
    }

    /// What ends the producers.
    pub(crate) fn stop(&self) -> &StopFlag {
        &self.stop
    }

    /// Whether a producer has to wait at its gate.
    pub(crate) fn is_full(&self) -> bool {
        self.state().bytes >= self.bytes_max
    }

    /// Adds an item of `bytes` bytes.
    pub(crate) fn push(&self, item: T, bytes: u64) {
        let mut state = self.state();
        state.bytes += bytes;
        state.items.push_back((bytes, item));
        self.wake(state);
    }

    /// One producer more than there are gates: the queue does not end before it has.
    pub(crate) fn add_producer(&self) {
        self.state().producers += 1;
    }

    /// A producer will push nothing more.
    pub(crate) fn producer_ended(&self) {
        let mut state = self.state();
        state.producers -= 1;
        self.wake(state);
    }

    /// Wakes the consumer, be it a thread or a task: not under the lock, for a task may poll at once.
    fn wake(&self, mut state: MutexGuard<'_, State<T>>) {
        let waker = state.waker.take();
        drop(state);
        self.ready.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next item, for which this waits; `None` when there will be none.
    pub(crate) fn take(&self) -> Option<T> {
        let mut state = self.state();
        let item = loop {
            if let Some(item) = state.pop() {
                break Some(item);
            }
            if state.producers == 0 {
                break None;
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        drop(state);
        self.gates.iter().for_each(Gate::open);
        item
    }

    /// As [`BatchQueue::take`], for which this waits `limit` at most.
    pub(crate) fn take_within(&self, limit: Duration) -> Waited<T> {
        let is_empty = |state: &mut State<T>| state.items.is_empty() && state.producers > 0;
        let (mut state, _) = self
            .ready
            .wait_timeout_while(self.state(), limit, is_empty)
            .unwrap_or_else(PoisonError::into_inner);
        let item = state.pop();
        if item.is_none() && state.producers > 0 {
            return Waited::NotYet;
        }
        drop(state);
        self.gates.iter().for_each(Gate::open);
        item.map_or(Waited::End, Waited::Item)
    }

    /// As [`BatchQueue::take`], without waiting: where there is nothing yet, the task of `context` is woken when there is.
    #[cfg(feature = "async")]
    pub(crate) fn poll_take(&self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.state();
        let item = state.pop();
        if item.is_none() && state.producers > 0 {
            state.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        drop(state);
        self.gates.iter().for_each(Gate::open);
        Poll::Ready(item)
    }

    /// The consumer is finished: ends the producers that are left.
    pub(crate) fn end_producers(&self) {
        if self.state().producers > 0 {
            self.stop.stop();
            self.gates.iter().for_each(Gate::open);
        }
    }

    /// Bytes of the items that lie here.
    #[cfg(all(test, feature = "interleave"))]
    pub(crate) fn bytes(&self) -> u64 {
        self.state().bytes
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
