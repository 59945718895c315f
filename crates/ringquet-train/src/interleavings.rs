//! Properties of rank queue, barrier, start line and a whole phase under every order of their threads.
//! `cargo xtask interleave`.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of models are small"
)]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use ringquet::engine::{Delivery, Demand, Gate, Lane as _};
use ringquet::{Batch, Error, RowGroupId, StopFlag};
use ringquet_interleave::sync::mpsc;
use ringquet_interleave::thread::{spawn, yield_now};
use ringquet_interleave::{every_schedule, many_schedules};
use ringquet_workload::Distribution;

use crate::accelerator::{Accelerator, Live, RankRun};
use crate::barrier::{Broken, StartLine, StepBarrier};
use crate::ensemble::Others;
use crate::lane::{Aftermath, RankLane};
use crate::phase::let_go;
use crate::priority::AcceleratorPriority;
use crate::queue::tests::values;
use crate::queue::{NoBatch, QueueDemand, RankQueue, Rows};
use crate::sync::Mutex;

/// Of no importance: a wait of a model ends when it is woken, or never.
const LIMIT: Duration = Duration::from_millis(100);

// ── the queue of a rank ──

fn columns(values: std::ops::Range<i64>) -> Rows {
    let column: ArrayRef = Arc::new(values.collect::<Int64Array>());
    let batch = RecordBatch::try_from_iter([("x", column)]).expect("one column");
    Rows::Columns { batch, first_row: 0 }
}

/// A reader thread that fills one queue: it checks the demand, delivers, and waits at the gate while the queue is full.
fn fill(queue: &RankQueue, gate: &Gate, pieces: &[std::ops::Range<i64>], rows_max: u64) {
    let mut pieces = pieces.iter().cloned();
    loop {
        match queue.demand() {
            QueueDemand::Nothing => return,
            QueueDemand::Full => gate.wait_in_model(LIMIT),
            QueueDemand::Hungry(_) => {
                let Some(piece) = pieces.next() else { break };
                queue.push(columns(piece));
                assert!(queue.rows() <= rows_max, "{} rows lie in the queue", queue.rows());
            }
        }
    }
    queue.stream_done();
}

/// Threads whose values begin at 0, 100, 200, …; `pieces` are the rows that each delivers at once.
fn all_rows_arrive(
    threads: i64,
    pieces: &'static [i64],
    batch_rows: u64,
    prefetch: u32,
    batches: usize,
) {
    let queue = Arc::new(RankQueue::new(batch_rows, prefetch, threads as usize, false));
    let gates: Vec<Gate> = (0..threads).map(|_| Gate::new()).collect();
    let of_thread = pieces.iter().sum::<i64>();
    // One delivery per thread more than the bound: what each had begun when the queue became full.
    let largest = *pieces.iter().max().expect("some pieces") as u64;
    let rows_max = batch_rows * u64::from(prefetch.max(1)) + largest * threads as u64;
    let producers: Vec<_> = (0..threads)
        .zip(&gates)
        .map(|(thread, gate)| {
            let (queue, gate) = (Arc::clone(&queue), gate.clone());
            spawn(move || {
                let mut at = thread * 100;
                let pieces: Vec<_> = pieces
                    .iter()
                    .map(|rows| {
                        at += rows;
                        at - rows..at
                    })
                    .collect();
                fill(&queue, &gate, &pieces, rows_max);
            })
        })
        .collect();
    let (mut taken, mut batch, mut ended) = (Vec::new(), Vec::new(), None);
    for _ in 0..batches {
        match queue.take(&mut batch) {
            Ok(wake) => {
                if wake {
                    gates.iter().for_each(Gate::open);
                }
                let values = values(&batch);
                assert_eq!(values.len() as u64, batch_rows);
                taken.extend(values);
                batch.clear();
            }
            Err(why) => {
                ended = Some(why);
                break;
            }
        }
    }
    queue.close();
    gates.iter().for_each(Gate::open);
    for producer in producers {
        producer.join().expect("a thread ends when its queue is closed");
    }
    let all = of_thread * threads;
    if taken.len() < batches * batch_rows as usize {
        let rows = all as u64 % batch_rows;
        assert_eq!(ended, Some(NoBatch::Exhausted { rows }));
        assert_eq!(taken.len() as u64, all as u64 - rows);
    }
    for thread in 0..threads {
        let of_thread: Vec<i64> =
            taken.iter().copied().filter(|value| value / 100 == thread).collect();
        let expected: Vec<i64> = (thread * 100..).take(of_thread.len()).collect();
        assert_eq!(of_thread, expected, "rows of thread {thread}, in its order");
    }
}

#[test]
fn rows_of_several_threads_arrive_once_and_in_order() {
    many_schedules(|| all_rows_arrive(1, &[2, 2], 2, 1, 99));
    // To the end; with a remainder; an accelerator that has enough before.
    many_schedules(|| all_rows_arrive(2, &[2, 1, 3], 2, 1, 99));
    many_schedules(|| all_rows_arrive(2, &[3, 4], 4, 2, 99));
    many_schedules(|| all_rows_arrive(3, &[2, 2], 3, 0, 99));
    many_schedules(|| all_rows_arrive(2, &[3, 3, 3, 3], 2, 1, 3));
}

/// The last row of a batch wakes the accelerator that waits for it; while it waits it is served first.
#[test]
fn whoever_waits_is_heard_first_and_woken_by_the_last_row() {
    many_schedules(|| {
        let queue = Arc::new(RankQueue::new(2, 1, 1, false));
        let taker = {
            let queue = Arc::clone(&queue);
            spawn(move || queue.take(&mut Vec::new()))
        };
        while queue.demand() != QueueDemand::Hungry(3000) {
            yield_now();
        }
        queue.push(Rows::Raw(1));
        assert_eq!(queue.demand(), QueueDemand::Hungry(2500), "it waits for one row more");
        queue.push(Rows::Raw(1));
        assert_eq!(taker.join().expect("no panic"), Ok(false));
    });
}

#[test]
fn a_failure_a_halt_and_an_end_end_the_wait() {
    for (act, expected) in [
        (RankQueue::fail as fn(&RankQueue), NoBatch::Failed),
        (RankQueue::halt, NoBatch::Halted),
        (RankQueue::stream_done, NoBatch::Exhausted { rows: 1 }),
    ] {
        every_schedule(move || {
            let queue = Arc::new(RankQueue::new(2, 1, 1, false));
            queue.push(Rows::Raw(1));
            let taker = {
                let queue = Arc::clone(&queue);
                spawn(move || queue.take(&mut Vec::new()))
            };
            act(&queue);
            assert_eq!(taker.join().expect("no panic"), Err(expected));
        });
    }
}

// ── the barrier ──

/// All do `steps` steps; none is a step ahead of another.
fn in_step(parties: usize, steps: usize) {
    let barrier = Arc::new(StepBarrier::new(parties, Others::default()));
    let arrivals = Arc::new(Mutex::new(0));
    let threads: Vec<_> = (0..parties)
        .map(|_| {
            let (barrier, arrivals) = (Arc::clone(&barrier), Arc::clone(&arrivals));
            spawn(move || {
                for step in 1..=steps {
                    *arrivals.lock().expect("no thread panics") += 1;
                    barrier.wait().expect("no thread breaks it");
                    let seen = *arrivals.lock().expect("no thread panics");
                    assert!(seen >= parties * step, "{seen} arrivals after step {step}");
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("the barrier lets go of all");
    }
}

#[test]
fn the_barrier_releases_all_and_nobody_is_a_step_ahead() {
    every_schedule(|| in_step(2, 1));
    many_schedules(|| in_step(2, 3));
    many_schedules(|| in_step(4, 2));
}

/// `waiting` parties of one more: the last never comes.
fn broken_while_they_wait(waiting: usize) {
    let barrier = Arc::new(StepBarrier::new(waiting + 1, Others::default()));
    let threads: Vec<_> = (0..waiting)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            spawn(move || barrier.wait())
        })
        .collect();
    barrier.break_up();
    for thread in threads {
        assert_eq!(thread.join().expect("no panic"), Err(Broken));
    }
    assert_eq!(barrier.wait(), Err(Broken));
}

#[test]
fn breaking_it_lets_go_of_those_who_wait_and_of_those_who_come() {
    every_schedule(|| broken_while_they_wait(1));
    many_schedules(|| broken_while_they_wait(3));
}

// ── a phase ──

const ROWS: u64 = 3;

/// How a phase goes.
#[derive(Debug, Clone, Copy)]
struct Phase {
    threads: usize,
    ranks: usize,
    /// Of each thread for each rank, [`ROWS`] rows each.
    row_groups: u32,
    batch_rows: u64,
    steps: u64,
    event: Event,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// All goes well.
    None,
    /// The first row group of thread 0 cannot be read.
    Failure,
    /// Thread 0 ends before it has a ring, or panics.
    ThreadEnds,
    /// The run is stopped before it begins.
    StopBefore,
    /// And at any time later.
    Stop,
}

/// A reader thread as `reader.rs` runs it; nothing is read. The lane that needs rows most gets a row group; where all are
/// full the thread waits at its gate.
fn read(lanes: Vec<RankLane>, gate: &Gate, stop: &StopFlag, mut fails: bool) {
    struct State {
        lane: RankLane,
        row_group: Option<RowGroupId>,
        exhausted: bool,
        finished: bool,
    }
    let state = |lane| State { lane, row_group: None, exhausted: false, finished: false };
    let mut lanes: Vec<State> = lanes.into_iter().map(state).collect();
    'steps: while !stop.is_stopped() {
        for state in &mut lanes {
            if state.row_group.is_none() && !state.exhausted {
                state.row_group = state.lane.next_row_group();
                state.exhausted = state.row_group.is_none();
            }
        }
        let mut best: Option<(u32, usize)> = None;
        for (at, state) in lanes.iter_mut().enumerate() {
            if state.finished {
                continue;
            }
            if state.row_group.is_none() && state.exhausted {
                state.lane.finish();
                state.finished = true;
                continue 'steps;
            }
            match state.lane.demand() {
                Demand::Closed => {
                    (state.row_group, state.exhausted, state.finished) = (None, true, true);
                    continue 'steps;
                }
                Demand::Hungry(need) if best.is_none_or(|(most, _)| need > most) => {
                    best = Some((need, at));
                }
                Demand::Full | Demand::Hungry(_) => {}
            }
        }
        if let Some((_, at)) = best {
            let state = &mut lanes[at];
            let row_group = state.row_group.take().expect("a lane without one is finished");
            if std::mem::take(&mut fails) {
                let error = Error::Panicked("cannot be read".to_owned());
                state.lane.deliver(Delivery::Failed { row_group, error });
            } else {
                state.lane.deliver(Delivery::RowGroupDone { row_group, rows: ROWS });
            }
        } else if lanes.iter().all(|state| state.finished) {
            return;
        } else {
            gate.wait_in_model(LIMIT);
        }
    }
}

/// All threads of a phase, as `phase.rs` starts them. Gives what the accelerators did. That all threads end is what each
/// join here requires.
fn play(phase: Phase) -> Vec<RankRun> {
    let Phase { threads, ranks, event, .. } = phase;
    let start = Arc::new(StartLine::new(threads + ranks));
    let aftermath = Arc::new(Aftermath::default());
    let gates: Vec<Gate> = (0..threads).map(|_| Gate::new()).collect();
    let queue = |_| Arc::new(RankQueue::new(phase.batch_rows, 1, threads, true));
    let queues: Vec<Arc<RankQueue>> = (0..ranks).map(queue).collect();
    let engine_stop = StopFlag::new();
    let readers: Vec<_> = (0..threads)
        .map(|thread| {
            let lane = |queue: &Arc<RankQueue>| {
                let row_groups = (0..phase.row_groups).map(|row_group| (0, row_group)).collect();
                let (start, aftermath) = (Arc::clone(&start), Arc::clone(&aftermath));
                RankLane::new(thread, start, Arc::clone(queue), row_groups, aftermath)
            };
            let lanes: Vec<RankLane> = queues.iter().map(lane).collect();
            let (gate, stop) = (gates[thread].clone(), engine_stop.clone());
            spawn(move || {
                if thread > 0 || event != Event::ThreadEnds {
                    read(lanes, &gate, &stop, thread == 0 && event == Event::Failure);
                }
            })
        })
        .collect();
    let barrier = Arc::new(StepBarrier::new(ranks, Others::default()));
    let halted = Arc::new(AtomicBool::new(false));
    let (done, dones) = mpsc::channel();
    let accelerators: Vec<_> = (0..ranks)
        .map(|rank| {
            let (queue, gates) = (Arc::clone(&queues[rank]), gates.clone());
            let (start, barrier) = (Arc::clone(&start), Arc::clone(&barrier));
            let (halted, done) = (Arc::clone(&halted), done.clone());
            spawn(move || {
                start.arrive_and_wait(threads + rank);
                let none = Distribution::Constant { mean: 0.0 };
                let run = Accelerator {
                    queue,
                    gates,
                    barrier: Some(&barrier),
                    steps: phase.steps,
                    compute: none,
                    preprocess: none,
                    rng: Xoshiro256PlusPlus::seed_from_u64(1),
                    priority: AcceleratorPriority::Normal,
                    halted: &halted,
                    live: &Live::default(),
                }
                .run();
                done.send(run.cut.is_none()).expect("the watcher waits for all");
                run
            })
        })
        .collect();
    drop(done);

    let let_go = || let_go(&halted, &engine_stop, &barrier, &queues, &gates, &start);
    let ready = event != Event::StopBefore && start.all_there(LIMIT);
    if barrier.begin(ready) {
        start.open();
        if event == Event::Stop {
            let_go();
        }
    } else {
        let_go();
    }
    while let Ok(complete) = dones.recv() {
        if !complete {
            let_go();
        }
    }
    let runs = accelerators.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    for reader in readers {
        reader.join().expect("no panic");
    }
    assert_eq!(aftermath.take_failure().is_some(), event == Event::Failure);
    runs
}

const SMALL: Phase =
    Phase { threads: 1, ranks: 1, row_groups: 2, batch_rows: 2, steps: 3, event: Event::None };

fn plays_to_its_end(phase: Phase) {
    many_schedules(move || {
        for run in play(phase) {
            assert_eq!(run.cut, None);
            assert_eq!(run.rows, phase.steps * phase.batch_rows);
        }
    });
}

#[test]
fn a_phase_plays_to_its_end() {
    plays_to_its_end(SMALL);
    plays_to_its_end(Phase { threads: 2, ranks: 2, row_groups: 1, ..SMALL });
    plays_to_its_end(Phase { threads: 1, ranks: 3, steps: 2, ..SMALL });
    // Reader threads wait at a full queue when the last step has been done.
    plays_to_its_end(Phase { threads: 2, ranks: 2, row_groups: 6, steps: 1, ..SMALL });
}

/// The other ranks, and the reader threads, do not wait for what will not come.
#[test]
fn whatever_ends_one_thread_of_a_phase_ends_all() {
    for event in [Event::Failure, Event::ThreadEnds, Event::StopBefore] {
        for (threads, ranks) in [(1, 1), (2, 2)] {
            many_schedules(move || {
                // More steps than there are rows for.
                let runs = play(Phase { threads, ranks, event, steps: 99, ..SMALL });
                assert!(runs.iter().all(|run| run.cut.is_some()));
            });
        }
    }
}

#[test]
fn a_stop_at_any_time_ends_all_threads() {
    for (threads, ranks) in [(1, 2), (2, 1), (2, 2)] {
        many_schedules(move || {
            play(Phase { threads, ranks, row_groups: 3, event: Event::Stop, ..SMALL });
        });
    }
}

/// Decoded batches through a lane, instead of row groups that count when they were read.
#[test]
fn a_lane_delivers_decoded_rows_once_and_in_order() {
    many_schedules(|| {
        let start = Arc::new(StartLine::new(1));
        let queue = Arc::new(RankQueue::new(2, 1, 1, false));
        let aftermath = Arc::new(Aftermath::default());
        let row_groups = vec![(0, 0), (0, 1)];
        let mut lane =
            RankLane::new(0, Arc::clone(&start), Arc::clone(&queue), row_groups, aftermath);
        let gate = Gate::new();
        let reader = {
            let gate = gate.clone();
            spawn(move || {
                let mut value = 0;
                while let Some(id) = lane.next_row_group() {
                    for first_row in [0, 1] {
                        while lane.demand() == Demand::Full {
                            gate.wait_in_model(LIMIT);
                        }
                        let Rows::Columns { batch: columns, .. } = columns(value..value + 1) else {
                            unreachable!("columns are columns")
                        };
                        let RowGroupId { file, row_group } = id;
                        lane.deliver(Delivery::Batch(Batch {
                            file,
                            row_group,
                            first_row,
                            columns,
                        }));
                        value += 1;
                    }
                }
                lane.finish();
            })
        };
        assert!(start.all_there(LIMIT));
        start.open();
        let mut taken = Vec::new();
        let mut batch = Vec::new();
        while let Ok(wake) = queue.take(&mut batch) {
            if wake {
                gate.open();
            }
            taken.extend(values(&batch));
            batch.clear();
        }
        assert_eq!(taken, [0, 1, 2, 3]);
        reader.join().expect("the reader thread ends");
    });
}
