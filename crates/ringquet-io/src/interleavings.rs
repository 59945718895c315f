//! What holds of the arena in whatever order threads take and free its slots. `cargo xtask interleave`.

use std::sync::Arc;

use ringquet_interleave::thread::spawn;
use ringquet_interleave::{every_schedule, many_schedules};

use crate::memory::arena::GRANULE_BYTES;
use crate::memory::{Arena, Slot};
use crate::options::HugePages;
use crate::sync::Mutex;

fn arena(granules: usize) -> Arc<Arena> {
    Arena::new(granules * GRANULE_BYTES, HugePages::Off, &mut Vec::new()).expect("a few pages")
}

/// The granules that some thread has a slot of.
#[derive(Default)]
struct Held(Mutex<Vec<(usize, usize)>>);

impl Held {
    fn add(&self, slot: &Slot) {
        let start = slot.address(0) as usize;
        let end = start + slot.len_bytes();
        let mut held = self.0.lock().expect("no thread panics");
        let other = held.iter().find(|other| start < other.1 && other.0 < end);
        assert_eq!(other, None, "a slot at {start}..{end} is handed out twice");
        held.push((start, end));
    }

    /// Before the slot is freed: from then on another thread may have it.
    fn remove(&self, slot: &Slot) {
        let start = slot.address(0) as usize;
        self.0.lock().expect("no thread panics").retain(|held| held.0 != start);
    }
}

fn assert_all_free(arena: &Arc<Arena>) {
    assert_eq!(arena.free_bytes(), arena.len_bytes(), "a slot is lost");
    assert!(arena.acquire(arena.len_bytes()).is_some(), "free runs that touch are joined");
}

/// A reader thread takes slots; their bytes go to a consumer, which drops them on its own thread.
fn consumed_elsewhere(granules: usize, lens: &'static [usize]) {
    let arena = arena(granules);
    let held = Arc::new(Held::default());
    let mut consumers = Vec::new();
    for len in lens {
        let Some(slot) = arena.acquire(len * GRANULE_BYTES) else { continue };
        held.add(&slot);
        let held = Arc::clone(&held);
        consumers.push(spawn(move || {
            held.remove(&slot);
            drop(slot.filled(0..1));
        }));
    }
    for consumer in consumers {
        consumer.join().expect("it only drops");
    }
    assert_all_free(&arena);
}

/// Two threads that take and free.
fn both_take(granules: usize, lens: [&'static [usize]; 2]) {
    let arena = arena(granules);
    let held = Arc::new(Held::default());
    let threads = lens.map(|lens| {
        let (arena, held) = (Arc::clone(&arena), Arc::clone(&held));
        spawn(move || {
            let mut slots = Vec::new();
            for len in lens {
                if let Some(slot) = arena.acquire(len * GRANULE_BYTES) {
                    held.add(&slot);
                    slots.push(slot);
                } else if let Some(slot) = slots.pop() {
                    held.remove(&slot);
                }
            }
            for slot in slots {
                held.remove(&slot);
            }
        })
    });
    for thread in threads {
        thread.join().expect("no slot is handed out twice");
    }
    assert_all_free(&arena);
}

#[test]
fn a_slot_that_a_consumer_frees_is_neither_lost_nor_handed_out_twice() {
    every_schedule(|| consumed_elsewhere(2, &[1, 2, 1]));
    many_schedules(|| consumed_elsewhere(4, &[1, 2, 3, 1, 4, 2]));
}

#[test]
fn slots_of_two_threads_are_disjoint_and_all_come_back() {
    every_schedule(|| both_take(2, [&[1], &[2]]));
    many_schedules(|| both_take(6, [&[1, 3, 2, 2], &[2, 1, 4, 1]]));
}

/// What was read stays in memory when its queue, and with it the arena's last other owner, is gone.
#[test]
fn bytes_outlive_the_arena_on_another_thread() {
    every_schedule(|| {
        let arena = arena(2);
        let filled = arena.acquire(1).expect("all is free").filled(0..1);
        let consumer = spawn(move || assert_eq!(&filled[..], &[0]));
        drop(arena);
        consumer.join().expect("the bytes are there");
    });
}
