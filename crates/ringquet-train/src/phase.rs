//! One phase: an epoch of training or an evaluation, from the reader threads' start to their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use ringquet::engine::{DecodeMode, Gate, Lane, panics};
use ringquet::report::ScanReport;
use ringquet::{Dataset, StopFlag};
use ringquet_workload::Distribution;

use crate::accelerator::{Accelerator, Live, RankRun};
use crate::barrier::{StartLine, StepBarrier};
use crate::deal;
use crate::ensemble::Others;
use crate::error::RunError;
use crate::lane::{Aftermath, RankLane};
use crate::priority::AcceleratorPriority;
use crate::queue::{NoBatch, RankQueue};
use crate::touch::Touched;
use crate::{Phase, RunProgress};

/// How often progress is reported and a stop is looked for: half of the time in which a run should end that was interrupted.
const TICK: Duration = Duration::from_millis(50);

/// Reader threads that have not set up their rings after this long never will.
const SETUP_MAX: Duration = Duration::from_secs(120);

/// All that one phase needs.
pub(crate) struct PhasePlan<'a> {
    pub(crate) phase: Phase,
    pub(crate) epoch: u32,
    pub(crate) epochs: u32,
    pub(crate) dataset: &'a Arc<Dataset>,
    /// Files of each rank of this process in reading order, as indices into the data set.
    pub(crate) lists: &'a [Vec<u32>],
    /// Number of the first of them.
    pub(crate) first_rank: u32,
    /// The processes that play the other ranks.
    pub(crate) others: Others,
    /// Seed of `sample_shuffle`.
    pub(crate) sample_shuffle: Option<u32>,
    pub(crate) decode: DecodeMode,
    pub(crate) steps: u64,
    pub(crate) batch_size: u64,
    pub(crate) prefetch: u32,
    pub(crate) compute: Distribution,
    pub(crate) preprocess: Distribution,
    pub(crate) priority: AcceleratorPriority,
    pub(crate) seed: u32,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct PhaseRun {
    pub(crate) ranks: Vec<RankRun>,
    pub(crate) engine: ScanReport,
    /// Raw bytes that reader threads touched.
    pub(crate) raw: Touched,
    /// Stopped from outside before its last step.
    pub(crate) stopped: bool,
}

impl PhasePlan<'_> {
    /// Plays the phase.
    ///
    /// # Errors
    /// [`RunError::Engine`] for data that cannot be read, [`RunError::Thread`], [`RunError::Short`].
    pub(crate) fn play(
        &self,
        progress: &(dyn Fn(RunProgress) + Sync),
        stop: &StopFlag,
    ) -> Result<PhaseRun, RunError> {
        let ranks = self.lists.len();
        let threads = u32::try_from(self.dataset.resolved().threads).unwrap_or(u32::MAX);
        let files = self.dataset.files();
        let row_groups = |file: u32| {
            let groups = files[file as usize].footer.num_row_groups();
            u32::try_from(groups).expect("a footer has fewer than 2^31 row groups")
        };
        let shares = deal::deal(self.lists, row_groups, threads, self.sample_shuffle);
        let start = Arc::new(StartLine::new(shares.len() + ranks));
        let aftermath = Arc::new(Aftermath::default());
        let gates: Vec<Gate> = shares.iter().map(|_| Gate::new()).collect();
        let mut streams = vec![0; ranks];
        let mut gates_of_ranks: Vec<Vec<Gate>> = vec![Vec::new(); ranks];
        for (share, gate) in shares.iter().zip(&gates) {
            for stream in share {
                streams[stream.rank as usize] += 1;
                gates_of_ranks[stream.rank as usize].push(gate.clone());
            }
        }
        let raw = self.decode == DecodeMode::Raw;
        let queue =
            |streams| Arc::new(RankQueue::new(self.batch_size, self.prefetch, streams, raw));
        let queues: Vec<Arc<RankQueue>> = streams.into_iter().map(queue).collect();
        let lanes = shares.into_iter().enumerate().zip(&gates).map(|((thread, share), gate)| {
            let lane = |share: deal::RankShare| {
                let queue = Arc::clone(&queues[share.rank as usize]);
                let (start, aftermath) = (Arc::clone(&start), Arc::clone(&aftermath));
                let lane = RankLane::new(thread, start, queue, share.row_groups, aftermath);
                Box::new(lane) as Box<dyn Lane>
            };
            (share.into_iter().map(lane).collect(), gate.clone())
        });
        // A flag of its own: the phase sets it at its end, and never sets the caller's.
        let engine_stop = StopFlag::new();
        let playing =
            ringquet::engine::play(self.dataset, lanes.collect(), self.decode, &engine_stop);

        let stage = RunningPhase {
            plan: self,
            start: &start,
            readers: gates.len(),
            queues: &queues,
            gates: &gates,
            barrier: StepBarrier::new(ranks, self.others),
            halted: AtomicBool::new(false),
            live: (0..ranks).map(|_| Live::default()).collect(),
            engine_stop: &engine_stop,
        };
        let played = stage.play(gates_of_ranks, progress, stop);
        if !matches!(&played, Ok(played) if played.complete) {
            stage.halt();
        }
        let complete = matches!(&played, Ok(played) if played.complete);
        // In an evaluation no accelerator waits for others, and its end needs no message.
        let broken_by_any = self.phase == Phase::Train && stage.barrier.end(complete);
        let engine = playing.join();
        if let Some(error) = aftermath.take_failure() {
            return Err(error.into());
        }
        let engine = engine?;
        let played = played?;
        // Broken by another process only: that is a stop, too.
        let stopped_elsewhere = broken_by_any && self.others.processes() > 1;
        if !played.began && !played.stopped && !stopped_elsewhere {
            return Err(RunError::NotReady { seconds: SETUP_MAX.as_secs() });
        }
        if !played.complete && !played.stopped && !stopped_elsewhere {
            return Err(self.short(&played.ranks));
        }
        let stopped = !played.complete;
        let raw = aftermath.raw();
        Ok(PhaseRun { ranks: played.ranks, engine, raw, stopped })
    }
}

impl PhasePlan<'_> {
    /// Steps are missing and no error was reported.
    fn short(&self, ranks: &[RankRun]) -> RunError {
        let rows_left = |run: &RankRun| match run.cut {
            Some(NoBatch::Exhausted { rows }) => Some(rows),
            _ => None,
        };
        let mut cut = (self.first_rank..).zip(ranks).filter(|(_, run)| run.cut.is_some());
        let first = cut.clone().find(|(_, run)| rows_left(run).is_some()).or_else(|| cut.next());
        let (rank, steps, rows) = first.map_or((0, 0, 0), |(rank, run)| {
            (rank, run.times.len() as u64, rows_left(run).unwrap_or(0))
        });
        RunError::Short { epoch: self.epoch, rank, steps, expected: self.steps, rows }
    }
}

/// The accelerators of a phase and everything that holds them together.
struct RunningPhase<'a> {
    plan: &'a PhasePlan<'a>,
    start: &'a StartLine,
    /// Parties of the start line up to here are reader threads.
    readers: usize,
    queues: &'a [Arc<RankQueue>],
    gates: &'a [Gate],
    barrier: StepBarrier,
    halted: AtomicBool,
    live: Vec<Live>,
    engine_stop: &'a StopFlag,
}

/// Notifies the watcher that an accelerator has ended, however it ends.
struct EndNotice {
    complete: bool,
    done: mpsc::Sender<bool>,
}

impl EndNotice {
    fn ended(&mut self, complete: bool) {
        self.complete = complete;
    }
}

impl Drop for EndNotice {
    fn drop(&mut self) {
        // The watcher may have given up already.
        let _ = self.done.send(self.complete);
    }
}

struct PlayedPhase {
    /// Everyone was ready in time.
    began: bool,
    ranks: Vec<RankRun>,
    /// Every rank did every step.
    complete: bool,
    stopped: bool,
}

impl RunningPhase<'_> {
    fn play(
        &self,
        gates: Vec<Vec<Gate>>,
        progress: &(dyn Fn(RunProgress) + Sync),
        stop: &StopFlag,
    ) -> Result<PlayedPhase, RunError> {
        std::thread::scope(|scope| {
            let (done, dones) = mpsc::channel();
            let mut handles = Vec::with_capacity(self.queues.len());
            let mut failed = None;
            for (rank, gates) in (0_u32..).zip(gates) {
                let accelerator = self.accelerator(rank, gates);
                let mut done = EndNotice { complete: false, done: done.clone() };
                let party = self.readers + rank as usize;
                let body = move || {
                    let run = panics::caught(|| {
                        self.start.arrive_and_wait(party);
                        accelerator.run()
                    });
                    done.ended(run.as_ref().is_ok_and(|run| run.cut.is_none()));
                    run
                };
                let name = format!("accelerator {rank}");
                match std::thread::Builder::new().name(name).spawn_scoped(scope, body) {
                    Ok(handle) => handles.push(handle),
                    Err(source) => {
                        failed = Some(RunError::Thread { rank, source });
                        break;
                    }
                }
            }
            drop(done);
            let (began, stopped) = if failed.is_some() {
                self.barrier.begin(false);
                self.halt();
                (false, false)
            } else {
                self.watch(&dones, progress, stop)
            };
            let mut ranks = Vec::with_capacity(handles.len());
            for handle in handles {
                match handle.join().unwrap_or_else(|_| Err("unknown".to_owned())) {
                    Ok(run) => ranks.push(run),
                    Err(panic) => drop(failed.get_or_insert(RunError::Panicked { panic })),
                }
            }
            if let Some(error) = failed {
                return Err(error);
            }
            let complete = ranks.iter().all(|run| run.cut.is_none());
            Ok(PlayedPhase { began, ranks, complete, stopped: stopped && !complete })
        })
    }

    fn accelerator(&self, rank: u32, gates: Vec<Gate>) -> Accelerator<'_> {
        let plan = self.plan;
        // Any fixed mixture will do: what is drawn follows from seed, epoch, phase and rank.
        let of_all = u64::from(plan.first_rank + rank);
        let seed = u64::from(plan.seed) << 32 ^ u64::from(plan.epoch) << 1 ^ of_all << 44;
        let seed = seed ^ u64::from(plan.phase == Phase::Eval);
        Accelerator {
            queue: Arc::clone(&self.queues[rank as usize]),
            gates,
            barrier: (plan.phase == Phase::Train).then_some(&self.barrier),
            steps: plan.steps,
            compute: plan.compute,
            preprocess: plan.preprocess,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            priority: plan.priority,
            halted: &self.halted,
            live: &self.live[rank as usize],
        }
    }

    /// Starts everyone and waits until all accelerators are done; whether they began, and whether they were stopped.
    fn watch(
        &self,
        dones: &mpsc::Receiver<bool>,
        progress: &(dyn Fn(RunProgress) + Sync),
        stop: &StopFlag,
    ) -> (bool, bool) {
        let set_up = Instant::now();
        let mut ready = self.start.all_there(TICK);
        while !ready && !stop.is_stopped() && set_up.elapsed() <= SETUP_MAX {
            ready = self.start.all_there(TICK);
        }
        if !self.barrier.begin(ready) {
            self.halt();
            // Another process may not have been ready; that one says so.
            return (ready, stop.is_stopped());
        }
        let begun = Instant::now();
        self.start.open();
        let mut next_tick = begun + TICK;
        loop {
            match dones.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
                // One that cannot go on: the others would wait for it at the barrier.
                Ok(false) => self.halt(),
                Ok(true) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    next_tick += TICK;
                    progress(self.progress(begun));
                    if stop.is_stopped() {
                        self.halt();
                    }
                }
            }
        }
        progress(self.progress(begun));
        (true, stop.is_stopped())
    }

    /// Ends everything as soon as possible, in any state.
    fn halt(&self) {
        let RunningPhase { halted, engine_stop, barrier, queues, gates, start, .. } = self;
        let_go(halted, engine_stop, barrier, queues, gates, start);
    }

    fn progress(&self, begun: Instant) -> RunProgress {
        let seconds = begun.elapsed().as_secs_f64();
        let sum = |of: fn(&Live) -> u64| self.live.iter().map(of).sum::<u64>();
        let steps = sum(|live| live.steps.load(Ordering::Relaxed));
        let compute_ns = sum(|live| live.compute_ns.load(Ordering::Relaxed));
        let elapsed_ns = sum(|live| live.elapsed_ns.load(Ordering::Relaxed));
        let bytes = sum(|live| live.bytes.load(Ordering::Relaxed));
        let per_second = |amount: f64| if seconds > 0.0 { amount / seconds } else { 0.0 };
        RunProgress {
            phase: self.plan.phase,
            epoch: self.plan.epoch,
            epochs: self.plan.epochs,
            step: steps / self.live.len().max(1) as u64,
            steps: self.plan.steps,
            seconds,
            au_percent: 100.0 * compute_ns as f64 / (elapsed_ns.max(1)) as f64,
            samples_per_second: per_second((steps * self.plan.batch_size) as f64),
            decoded_bytes_per_second: per_second(bytes as f64),
        }
    }
}

/// Lets go of every thread of a phase, wherever it waits. What ends a thread is set before what wakes it.
pub(crate) fn let_go(
    halted: &AtomicBool,
    engine_stop: &StopFlag,
    barrier: &StepBarrier,
    queues: &[Arc<RankQueue>],
    gates: &[Gate],
    start: &StartLine,
) {
    halted.store(true, Ordering::Relaxed);
    engine_stop.stop();
    barrier.break_up();
    queues.iter().for_each(|queue| queue.halt());
    gates.iter().for_each(Gate::open);
    start.open();
}
