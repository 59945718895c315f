//! What holds of gate, batch queue and row group queue in whatever order their threads run. `cargo xtask interleave`.

use std::sync::Arc;
use std::time::Duration;

use ringquet_interleave::thread::{JoinHandle, spawn};
use ringquet_interleave::{every_schedule, many_schedules};

use crate::deliver::batch_queue::BatchQueue;
use crate::deliver::ordered_queue::{OrderedBounds, OrderedQueue};
use crate::error::Error;
use crate::plan::RowGroupId;
use crate::read::lane::{Gate, StopFlag};
use crate::read::row_group_queue::RowGroupQueue;
#[cfg(feature = "async")]
use crate::sync::Condvar;
use crate::sync::Mutex;

/// Of no importance: a wait of a model ends when it is woken, or never.
const LIMIT: Duration = Duration::from_millis(100);

/// An item of a producer: its number and the number of the producer.
type Item = (usize, u32);

/// A reader thread with one lane, as `reader.rs` runs it: checks the demand, delivers, waits at the gate while the lane is
/// full. Gives how many items it delivered until it was stopped or had `items`.
fn produce(queue: &BatchQueue<Item>, producer: usize, items: u32, bytes_max: u64) -> u32 {
    let mut delivered = 0;
    while !queue.stop().is_stopped() && delivered < items {
        if queue.is_full() {
            queue.gates()[producer].wait(LIMIT);
            continue;
        }
        queue.push((producer, delivered), 1);
        delivered += 1;
        assert!(queue.bytes() <= bytes_max, "{} bytes lie in the queue", queue.bytes());
    }
    queue.producer_ended();
    delivered
}

fn start(
    producers: usize,
    items: u32,
    bytes_max: u64,
) -> (Arc<BatchQueue<Item>>, Vec<JoinHandle<u32>>) {
    let gates = (0..producers).map(|_| Gate::new()).collect();
    let queue = Arc::new(BatchQueue::new(bytes_max, gates, StopFlag::new()));
    let thread = |producer| {
        let queue = Arc::clone(&queue);
        // One item per producer more than the bound: what each had begun when the queue became full.
        spawn(move || produce(&queue, producer, items, bytes_max + producers as u64))
    };
    let threads = (0..producers).map(thread).collect();
    (queue, threads)
}

/// Every item arrives once, those of one producer in its order, and the end is seen.
fn all_arrive(producers: usize, items: u32, bytes_max: u64) {
    let (queue, threads) = start(producers, items, bytes_max);
    let mut next = vec![0; producers];
    while let Some((producer, item)) = queue.take() {
        assert_eq!(item, next[producer], "of producer {producer}");
        next[producer] += 1;
    }
    assert_eq!(next, vec![items; producers]);
    for thread in threads {
        assert_eq!(thread.join().expect("no assertion of a producer failed"), items);
    }
    assert_eq!(queue.bytes(), 0);
}

/// The consumer makes room first and opens the gate then. Whenever that is, a thread that saw no room looks again.
#[test]
fn no_wake_up_at_the_gate_is_lost() {
    every_schedule(|| {
        let (gate, full) = (Gate::new(), Arc::new(Mutex::new(true)));
        let reader = {
            let (gate, full) = (gate.clone(), Arc::clone(&full));
            spawn(move || {
                while *full.lock().expect("no thread panics") {
                    gate.wait(LIMIT);
                }
            })
        };
        *full.lock().expect("no thread panics") = false;
        gate.open();
        reader.join().expect("the reader thread ends");
    });
}

/// Several consumers open one gate, as several accelerators do: the thread notices what each of them did.
#[test]
fn no_wake_up_of_several_consumers_is_lost() {
    many_schedules(|| {
        let (gate, taken) = (Gate::new(), Arc::new(Mutex::new(0)));
        let consumers = [(); 2].map(|()| {
            let (gate, taken) = (gate.clone(), Arc::clone(&taken));
            spawn(move || {
                *taken.lock().expect("no thread panics") += 1;
                gate.open();
            })
        });
        while *taken.lock().expect("no thread panics") < 2 {
            gate.wait(LIMIT);
        }
        for consumer in consumers {
            consumer.join().expect("it only opens");
        }
    });
}

#[test]
fn every_batch_arrives_once_and_in_order_in_every_schedule() {
    every_schedule(|| all_arrive(1, 1, 1));
}

#[test]
fn every_batch_of_several_threads_arrives_once_and_in_order() {
    for (producers, items, bytes_max) in [(2, 3, 1), (3, 2, 2), (2, 4, 3)] {
        many_schedules(move || all_arrive(producers, items, bytes_max));
    }
}

/// Its producers have no end of their own.
#[test]
fn a_consumer_that_goes_away_ends_the_producers() {
    for (producers, taken) in [(1, 0), (1, 1), (2, 0), (2, 3)] {
        many_schedules(move || {
            let (queue, threads) = start(producers, u32::MAX, 1);
            for _ in 0..taken {
                assert!(queue.take().is_some(), "there is no end of items");
            }
            queue.end_producers();
            for thread in threads {
                thread.join().expect("a producer ends when the consumer is gone");
            }
        });
    }
}

/// A reader thread that fails drops its lane: the consumer gets what the others have, and then the end.
#[test]
fn a_producer_that_ends_early_ends_the_consumer() {
    every_schedule(|| {
        let queue = Arc::new(BatchQueue::<Item>::new(1, vec![Gate::new()], StopFlag::new()));
        let producer = {
            let queue = Arc::clone(&queue);
            spawn(move || queue.producer_ended())
        };
        assert_eq!(queue.take(), None);
        producer.join().expect("it only ends");
    });
}

/// What wakes a task that waits for batches.
#[cfg(feature = "async")]
struct Bell {
    rung: Mutex<bool>,
    ringing: Condvar,
}

#[cfg(feature = "async")]
impl Bell {
    /// Sleeps until it is rung.
    fn wait(&self) {
        let mut rung = self.rung.lock().expect("no thread panics");
        while !*rung {
            rung = self.ringing.wait(rung).expect("no thread panics");
        }
        *rung = false;
    }
}

#[cfg(feature = "async")]
impl std::task::Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock().expect("no thread panics") = true;
        self.ringing.notify_one();
    }
}

/// A task sleeps only after the answer that there is nothing, and is woken whenever that changes.
#[cfg(feature = "async")]
#[test]
fn a_task_is_woken_for_every_batch_and_for_the_end() {
    use std::task::{Context, Poll, Waker};

    for (producers, items) in [(1, 2), (2, 2)] {
        many_schedules(move || {
            let (queue, threads) = start(producers, items, 1);
            let bell = Arc::new(Bell { rung: Mutex::new(false), ringing: Condvar::new() });
            let waker = Waker::from(Arc::clone(&bell));
            let mut taken = 0;
            loop {
                match queue.poll_take(&mut Context::from_waker(&waker)) {
                    Poll::Ready(Some(_)) => taken += 1,
                    Poll::Ready(None) => break,
                    Poll::Pending => bell.wait(),
                }
            }
            assert_eq!(taken, producers * items as usize);
            for thread in threads {
                assert_eq!(thread.join().expect("no assertion of a producer failed"), items);
            }
        });
    }
}

/// An item of an ordered queue: its row group, and its place in it.
type Placed = (usize, u32);

/// A reader thread with one lane whose order counts. Ends when it has delivered `items` of each of its row groups, or when it is
/// stopped.
fn produce_in_order(queue: &OrderedQueue<Placed>, producer: usize, items: u32, bytes_max: u64) {
    for number in queue.numbers(producer) {
        let mut delivered = 0;
        while !queue.stop().is_stopped() && delivered < items {
            if queue.is_full(number) {
                queue.gates()[producer].wait(LIMIT);
                continue;
            }
            queue.push(number, (number, delivered), 1);
            delivered += 1;
            let bytes = queue.bytes(producer);
            assert!(bytes <= bytes_max, "{bytes} bytes of producer {producer} lie in the queue");
        }
        queue.row_group_ended(number);
    }
    queue.producer_ended();
}

fn start_in_order(
    producers: usize,
    row_groups: usize,
    items: u32,
    bounds: OrderedBounds,
) -> (Arc<OrderedQueue<Placed>>, Vec<JoinHandle<()>>) {
    let gates = (0..producers).map(|_| Gate::new()).collect();
    let queue = Arc::new(OrderedQueue::new(row_groups, bounds, gates, StopFlag::new()));
    let thread = |producer| {
        let queue = Arc::clone(&queue);
        // One more than the bound: a row group that comes to the head may lie there whole.
        spawn(move || produce_in_order(&queue, producer, items, bounds.ahead_bytes + 1))
    };
    let threads = (0..producers).map(thread).collect();
    (queue, threads)
}

/// Every item arrives once, in the order of row groups, and the end is seen.
fn all_arrive_in_order(producers: usize, row_groups: usize, items: u32, bounds: OrderedBounds) {
    let (queue, threads) = start_in_order(producers, row_groups, items, bounds);
    for number in 0..row_groups {
        for item in 0..items {
            assert_eq!(queue.take(), Some((number, item)));
        }
    }
    assert_eq!(queue.take(), None);
    for thread in threads {
        thread.join().expect("no assertion of a producer failed");
    }
    assert!((0..producers).all(|producer| queue.bytes(producer) == 0));
}

#[test]
fn a_row_group_in_order_arrives_in_every_schedule() {
    every_schedule(|| all_arrive_in_order(1, 1, 1, OrderedBounds { bytes: 1, ahead_bytes: 1 }));
}

#[test]
fn row_groups_of_several_threads_come_in_order() {
    for (producers, row_groups, items) in [(2, 2, 2), (2, 5, 1), (3, 4, 2), (3, 2, 3), (2, 3, 0)] {
        for (bytes, ahead_bytes) in [(1, 1), (1, 2)] {
            let bounds = OrderedBounds { bytes, ahead_bytes };
            many_schedules(move || all_arrive_in_order(producers, row_groups, items, bounds));
        }
    }
}

#[test]
fn a_consumer_of_row_groups_in_order_that_goes_away_ends_the_producers() {
    for taken in 0..3 {
        many_schedules(move || {
            let bounds = OrderedBounds { bytes: 1, ahead_bytes: 2 };
            let (queue, threads) = start_in_order(2, 3, 2, bounds);
            for _ in 0..taken {
                assert!(queue.take().is_some(), "there are six");
            }
            queue.end_producers();
            for thread in threads {
                thread.join().expect("a producer ends when the consumer is gone");
            }
        });
    }
}

fn all_row_groups(files: u32, row_groups: u32) -> Vec<RowGroupId> {
    let of_file = move |file| (0..row_groups).map(move |row_group| RowGroupId { file, row_group });
    (0..files).flat_map(of_file).collect()
}

#[test]
fn every_row_group_is_taken_once() {
    every_schedule(|| {
        let queue = Arc::new(RowGroupQueue::of_files(2, all_row_groups(2, 2)));
        let take_all = |queue: Arc<RowGroupQueue>| {
            move || std::iter::from_fn(|| queue.take()).collect::<Vec<RowGroupId>>()
        };
        let other = spawn(take_all(Arc::clone(&queue)));
        let mut taken = take_all(queue)();
        taken.extend(other.join().expect("it only takes"));
        taken.sort_by_key(|id| (id.file, id.row_group));
        assert_eq!(taken, all_row_groups(2, 2));
    });
}

/// Two threads have a row group each of a file that cannot be read.
#[test]
fn a_bad_file_is_one_error_and_is_read_no_further() {
    every_schedule(|| {
        let queue = Arc::new(RowGroupQueue::of_files(1, all_row_groups(1, 4)));
        let read = |queue: Arc<RowGroupQueue>| {
            move || {
                let (mut taken, mut errors) = (0, 0);
                while let Some(id) = queue.take() {
                    taken += 1;
                    let error = Error::Panicked("cannot be read".to_owned());
                    errors += u32::from(queue.fail(id, &error));
                }
                (taken, errors)
            }
        };
        let other = spawn(read(Arc::clone(&queue)));
        let (here, there) = (read(queue)(), other.join().expect("it only fails files"));
        let taken = here.0 + there.0;
        assert!((1..=2).contains(&taken), "{taken} row groups of a bad file");
        assert_eq!(here.1 + there.1, 1, "errors of one file");
    });
}
