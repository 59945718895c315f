//! What holds of the buffer pool in whatever order a decoder takes memory and consumers drop arrays. `cargo xtask interleave`.

use std::sync::Arc;

use ringquet_interleave::thread::spawn;
use ringquet_interleave::{every_schedule, many_schedules};

use crate::pool::{BufferPool, PoolBuffer, PoolLimits};
use crate::sync::Mutex;

/// A size of buffer that the pool hands out as it is.
const BYTES: usize = 1024;

/// The buffers that are held.
#[derive(Default)]
struct Held(Mutex<Vec<usize>>);

impl Held {
    fn add(&self, buffer: &PoolBuffer) -> usize {
        let address = buffer.bytes().as_ptr() as usize;
        let mut held = self.0.lock().expect("no thread panics");
        assert!(!held.contains(&address), "memory at {address} is handed out twice");
        held.push(address);
        address
    }

    /// Before the buffer is dropped: from then on another thread may have it.
    fn remove(&self, address: usize) {
        self.0.lock().expect("no thread panics").retain(|held| *held != address);
    }
}

/// A decoder fills buffers one after another; each goes as an array to a consumer thread and to a clone of it on another.
fn decoded_and_dropped(buffers: u8) {
    let pool = BufferPool::new();
    let held = Arc::new(Held::default());
    let mut consumers = Vec::new();
    for value in 0..buffers {
        let mut buffer = pool.take(BYTES);
        let address = held.add(&buffer);
        buffer.bytes_mut().fill(value);
        let array = buffer.freeze(BYTES);
        let left = Arc::new(Mutex::new(2));
        for array in [array.clone(), array] {
            let (held, left) = (Arc::clone(&held), Arc::clone(&left));
            consumers.push(spawn(move || {
                assert!(array.iter().all(|byte| *byte == value), "written while it is read");
                let mut left = left.lock().expect("no thread panics");
                *left -= 1;
                if *left == 0 {
                    held.remove(address);
                }
                // The last one gives the memory back; with the lock, so that `held` is reported before.
                drop(array);
            }));
        }
    }
    for consumer in consumers {
        consumer.join().expect("nothing writes to what is read");
    }
    let counters = pool.counters();
    assert_eq!(counters.allocated_buffers + counters.reused_buffers, u64::from(buffers));
    assert_eq!(pool.free_bytes() as u64, counters.allocated_bytes, "memory is lost");
}

#[test]
fn memory_that_consumers_give_back_is_neither_lost_nor_handed_out_twice() {
    every_schedule(|| decoded_and_dropped(1));
    many_schedules(|| decoded_and_dropped(4));
}

/// Decoders of several threads that share a pool.
#[test]
fn two_decoders_never_have_the_same_memory() {
    let model = |takes: usize| {
        let pool = BufferPool::new();
        let held = Arc::new(Held::default());
        let decoders = [(); 2].map(|()| {
            let (pool, held) = (pool.clone(), Arc::clone(&held));
            spawn(move || {
                for _ in 0..takes {
                    let buffer = pool.take(BYTES);
                    held.remove(held.add(&buffer));
                }
            })
        });
        for decoder in decoders {
            decoder.join().expect("no memory is handed out twice");
        }
        assert_eq!(pool.free_bytes() as u64, pool.counters().allocated_bytes, "memory is lost");
    };
    many_schedules(move || model(1));
    many_schedules(move || model(4));
}

#[test]
fn the_bound_on_free_memory_holds_whoever_gives_back_last() {
    every_schedule(|| {
        let pool =
            BufferPool::with_limits(PoolLimits { free_bytes_max: BYTES, ..PoolLimits::default() });
        let consumers = [(); 2].map(|()| {
            let array = pool.take(BYTES).freeze(BYTES);
            spawn(move || drop(array))
        });
        for consumer in consumers {
            consumer.join().expect("it only drops");
        }
        assert_eq!(pool.free_bytes(), BYTES);
    });
}
