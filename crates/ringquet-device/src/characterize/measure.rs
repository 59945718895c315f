//! One point: threads that keep their queues full, rounds that are cut off a clock, until the rates are steady.
//!
//! ```text
//!            ramp │ round 1 │ round 2 │ … │ round n │ drain
//!  reader 0  ─────┼─────────┼─────────┼───┼─────────┼──╮
//!  reader 1  ─────┼─────────┼─────────┼───┼─────────┼─╮│      first done, last done
//!                 ▲ counters are copied by each thread at each cut; the window is the last five rounds
//! ```

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ringquet::StopFlag;
use ringquet::engine::panics;
use ringquet::report::DeviceBytes;
use ringquet_io::WAIT_MAX;
use ringquet_io::device::{DeviceMeter, SysRoot};
use ringquet_io::throughput::GIB;
use ringquet_io::usage::Usage;
use ringquet_io::{
    DriverFacts, IoCounters, IoError, IoOptions, Latency, PageKind, ReadQueue, cpus,
};
use ringquet_result::Warning;
use serde::Serialize;

use super::error::CharacterizeError;
use super::places::Places;
use super::steady::{self, WINDOW_ROUNDS};
use super::sweep::{Access, SweepPoint};

/// How often the clock looks whether it should stop.
const LOOK: Duration = Duration::from_millis(50);

/// How long threads sleep while others still make their queues: far below a round.
const PAUSE: Duration = Duration::from_micros(200);

/// How long a point continues past its rounds while nothing arrives: devices do stall for seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all points have in common.
#[derive(Debug, Clone)]
pub struct SweepSetup {
    /// Files or devices, with their lengths in bytes.
    pub files: Vec<(PathBuf, u64)>,
    /// CPU of each thread; `None` leaves it free.
    pub cpus: Vec<Option<usize>>,
    /// Driver, O_DIRECT and the rest; block size, depth, arena and polling are the point's.
    pub io: IoOptions,
    /// Devices whose counters are read.
    pub devices: Vec<(u32, u32)>,
    /// Where they are read.
    pub sys: SysRoot,
    /// Length of a round.
    pub round: Duration,
    /// Rounds after which a point is taken as it is.
    pub rounds_max: usize,
}

/// What a point got, over its window.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PointReport {
    /// Sequential or random.
    pub access: Access,
    /// Bytes of one read.
    pub block_bytes: u32,
    /// Reads in flight per thread, at most.
    pub queue_depth: u32,
    /// Reader threads.
    pub threads: usize,
    /// The device was polled.
    pub iopoll: bool,
    /// Buffers were registered with the ring: the actual state, not the requested one.
    pub registered_buffers: bool,
    /// The rates of the window were steady.
    pub steady: bool,
    /// (largest − smallest rate of the window) / mean.
    pub window_range: f64,
    /// |rise of the line through the window| / mean.
    pub window_slope: f64,
    /// Bytes per second of each round after the ramp: raw samples.
    pub round_bytes_per_second: Vec<f64>,
    /// Length of the window in seconds: mean of the threads', which cut it a little later than the clock.
    pub seconds: f64,
    /// Reads that completed in the window.
    pub reads: u64,
    /// Bytes that they brought.
    pub read_bytes: u64,
    /// Sum of the threads' rates.
    pub read_bytes_per_second: f64,
    /// The same in reads.
    pub reads_per_second: f64,
    /// From submission to reap of each read of the window. The read was complete at most `reap_delay_ns` before its reap.
    pub latency_ns: Latency,
    /// How long the completion of each read can have waited for its reap at most.
    pub reap_delay_ns: Latency,
    /// Mean reads in flight per thread, ramp and drain included.
    pub mean_depth: f64,
    /// CPU seconds of the process in the window.
    pub cpu_seconds: f64,
    /// The same per GiB read.
    pub cpu_seconds_per_gib: f64,
    /// Bytes that the devices read in the window, for any process; `None` if they have no counter.
    pub device_read_bytes: Option<u64>,
    /// Per device.
    pub devices: Option<Vec<DeviceBytes>>,
    /// From the start until the first thread had drained its queue.
    pub first_done_seconds: f64,
    /// Until the last had.
    pub last_done_seconds: f64,
}

/// A point, and how its queues were made.
#[derive(Debug, Clone)]
pub struct PointMeasurement {
    /// What it got.
    pub report: PointReport,
    /// Of the first thread.
    pub facts: DriverFacts,
    /// Of the first thread's arena.
    pub pages: PageKind,
    /// Bytes read from start to end, not only in the window.
    pub read_bytes_in_all: u64,
    /// Warnings of the queues.
    pub warnings: Vec<Warning>,
}

/// Measures one point.
///
/// # Errors
/// [`CharacterizeError::Io`] if a queue cannot be made or a read fails, [`CharacterizeError::Stopped`],
/// [`CharacterizeError::Thread`].
pub fn measure(
    bench: &SweepSetup,
    point: &SweepPoint,
    stop: &StopFlag,
) -> Result<PointMeasurement, CharacterizeError> {
    let shared = PointState {
        ready: AtomicUsize::new(0),
        begun: AtomicBool::new(false),
        round: AtomicU64::new(0),
        ended: AtomicBool::new(false),
        bytes: (0..point.threads).map(|_| Counter::default()).collect(),
    };
    std::thread::scope(|scope| {
        let mut threads = Vec::with_capacity(point.threads);
        for thread in 0..point.threads {
            let shared = &shared;
            let body = move || {
                let begun = AtomicBool::new(false);
                let read = || read_until_ended(bench, point, thread, shared, &begun);
                let end = panics::caught(read);
                if end.is_err() {
                    // The clock waits for all to be ready, and then for the end of all.
                    shared.ended.store(true, Ordering::Release);
                    if !begun.load(Ordering::Relaxed) {
                        shared.ready.fetch_add(1, Ordering::Release);
                    }
                }
                end
            };
            let name = format!("ringquet-{thread}");
            let started = std::thread::Builder::new().name(name).spawn_scoped(scope, body);
            threads.push(started);
        }
        let started = threads.iter().filter(|thread| thread.is_ok()).count();
        if started < point.threads {
            shared.ended.store(true, Ordering::Release);
        }
        while shared.ready.load(Ordering::Acquire) < started {
            std::thread::sleep(PAUSE);
        }
        let begun = Instant::now();
        shared.begun.store(true, Ordering::Release);
        let clock = RoundClock::run(bench, &shared, begun, stop);
        shared.ended.store(true, Ordering::Release);
        let mut ends = Vec::with_capacity(point.threads);
        for thread in threads {
            let thread = thread.map_err(|error| {
                CharacterizeError::Thread(format!("cannot start a reader thread: {error}"))
            })?;
            let end = thread.join().unwrap_or_else(|_| Err("unknown".to_owned()));
            let end = end.map_err(|panic| {
                CharacterizeError::Thread(format!(
                    "a reader thread panicked: {panic}; this is a bug in ringquet, please report it"
                ))
            })?;
            ends.push(end?);
        }
        if stop.is_stopped() {
            return Err(CharacterizeError::Stopped);
        }
        Ok(summed_up(point, &clock, ends, begun))
    })
}

/// State shared by the threads and the clock.
struct PointState {
    /// Threads that have their queue, or an error.
    ready: AtomicUsize,
    /// All of them are ready.
    begun: AtomicBool,
    /// The round that has begun; 0 is the ramp.
    round: AtomicU64,
    ended: AtomicBool,
    bytes: Vec<Counter>,
}

/// On a cache line of its own: each is written by one thread, often.
#[derive(Default)]
#[repr(align(128))]
struct Counter(AtomicU64);

impl PointState {
    fn read_bytes(&self) -> u64 {
        self.bytes.iter().map(|counter| counter.0.load(Ordering::Relaxed)).sum()
    }
}

/// A cut between two rounds, as the clock saw it.
struct RoundCut {
    at: Instant,
    read_bytes: u64,
    usage: Usage,
    devices: Option<Vec<(String, u64)>>,
    device_read_bytes: Option<u64>,
}

struct RoundClock {
    /// Bytes per second of each round.
    rates: Vec<f64>,
    /// The cuts at the beginning of the window and at its end.
    window: VecDeque<RoundCut>,
    /// Number of the last round that was cut off.
    rounds: u64,
}

impl RoundClock {
    /// Cuts rounds until the rates are steady, there were enough, or something ended.
    fn run(bench: &SweepSetup, shared: &PointState, begun: Instant, stop: &StopFlag) -> RoundClock {
        let meter = DeviceMeter::begin(bench.sys.clone(), bench.devices.iter().copied());
        let mut clock = RoundClock { rates: Vec::new(), window: VecDeque::new(), rounds: 0 };
        let mut next = begun + bench.round;
        loop {
            while let Some(left) = next.checked_duration_since(Instant::now()) {
                if stop.is_stopped() || shared.ended.load(Ordering::Acquire) {
                    return clock;
                }
                std::thread::sleep(left.min(LOOK));
            }
            let cut = RoundCut {
                at: Instant::now(),
                read_bytes: shared.read_bytes(),
                usage: Usage::now(),
                devices: meter.per_device(),
                device_read_bytes: meter.read_bytes(),
            };
            clock.rounds += 1;
            shared.round.store(clock.rounds, Ordering::Release);
            if let Some(before) = clock.window.back() {
                let seconds = (cut.at - before.at).as_secs_f64();
                clock.rates.push((cut.read_bytes - before.read_bytes) as f64 / seconds);
            }
            clock.window.push_back(cut);
            if clock.window.len() > WINDOW_ROUNDS + 1 {
                clock.window.pop_front();
            }
            let steady = steady::judge(&clock.rates).is_some_and(|rates| rates.is_steady());
            let enough = clock.rates.len() >= bench.rounds_max.max(WINDOW_ROUNDS);
            if steady || (enough && (clock.has_read() || begun.elapsed() > PATIENCE)) {
                return clock;
            }
            // From this cut on, not from when it was due: on a busy machine the clock itself may come late, and rounds
            // that are shorter than requested would depend on chance.
            next = clock.window.back().map_or(next, |cut| cut.at) + bench.round;
        }
    }
}

impl RoundClock {
    /// Did anything arrive in the window?
    fn has_read(&self) -> bool {
        let ends = self.window.front().zip(self.window.back());
        ends.is_some_and(|(from, to)| to.read_bytes > from.read_bytes)
    }
}

/// What one thread did up to a cut.
struct Snapshot {
    round: u64,
    at: Instant,
    counters: IoCounters,
}

struct ReaderEnd {
    snapshots: VecDeque<Snapshot>,
    facts: DriverFacts,
    pages: PageKind,
    counters: IoCounters,
    warnings: Vec<Warning>,
    done: Instant,
}

/// A reader thread: makes its queue, waits for the others, keeps the queue full until the clock ends it.
fn read_until_ended(
    bench: &SweepSetup,
    point: &SweepPoint,
    thread: usize,
    shared: &PointState,
    begun: &AtomicBool,
) -> Result<ReaderEnd, CharacterizeError> {
    if let Some(Some(cpu)) = bench.cpus.get(thread) {
        cpus::pin_current_thread(*cpu);
    }
    let mut warnings = Vec::new();
    let queue = open_queue(bench, point, &mut warnings);
    if queue.is_err() {
        shared.ended.store(true, Ordering::Release);
    }
    begun.store(true, Ordering::Relaxed);
    shared.ready.fetch_add(1, Ordering::Release);
    while !shared.begun.load(Ordering::Acquire) {
        std::thread::sleep(PAUSE);
    }
    let mut queue = queue?;
    let lens: Vec<u64> = bench.files.iter().map(|(_, len)| *len).collect();
    let mut places = Places::new(point, thread, &lens);
    let mut snapshots = VecDeque::with_capacity(WINDOW_ROUNDS + 2);
    let read = keep_full(&mut queue, point, &mut places, shared, thread, &mut snapshots);
    if let Err(error) = read {
        shared.ended.store(true, Ordering::Release);
        return Err(error.into());
    }
    Ok(ReaderEnd {
        snapshots,
        facts: queue.facts().clone(),
        pages: queue.arena().pages(),
        counters: queue.counters().clone(),
        warnings,
        done: Instant::now(),
    })
}

fn open_queue(
    bench: &SweepSetup,
    point: &SweepPoint,
    warnings: &mut Vec<Warning>,
) -> Result<ReadQueue, IoError> {
    let block = point.block_bytes as usize;
    let options = IoOptions {
        queue_depth: point.queue_depth,
        read_size_bytes: point.block_bytes,
        arena_bytes: (block * point.queue_depth as usize).next_multiple_of(2 << 20),
        iopoll: point.iopoll,
        registered_buffers: point.registered_buffers,
        open_files: u32::try_from(bench.files.len()).unwrap_or(u32::MAX).clamp(1, 1 << 15),
        ..bench.io.clone()
    };
    let mut queue = ReadQueue::new(&options, warnings)?;
    for (key, (path, _)) in bench.files.iter().enumerate() {
        queue.file(u32::try_from(key).unwrap_or(u32::MAX), path, None)?;
    }
    Ok(queue)
}

fn keep_full(
    queue: &mut ReadQueue,
    point: &SweepPoint,
    places: &mut Places,
    shared: &PointState,
    thread: usize,
    snapshots: &mut VecDeque<Snapshot>,
) -> Result<(), IoError> {
    let (block, depth) = (point.block_bytes as usize, point.queue_depth as usize);
    let mut round = 0;
    loop {
        // The end first: the last round is stored before it, so that a thread that sees the end also sees the round.
        let ended = shared.ended.load(Ordering::Acquire);
        let now = shared.round.load(Ordering::Acquire);
        if now != round {
            round = now;
            let counters = queue.counters().clone();
            snapshots.push_back(Snapshot { round, at: Instant::now(), counters });
            if snapshots.len() > WINDOW_ROUNDS + 1 {
                snapshots.pop_front();
            }
        }
        if ended {
            break;
        }
        while queue.outstanding() < depth
            && let Some(slot) = queue.acquire(block)
        {
            let (file, at) = places.next();
            let key = u32::try_from(file).expect("an index of the bench's files");
            queue.read(key, at..at + block as u64, slot, 0);
        }
        queue.pump()?;
        queue.wait(WAIT_MAX)?;
        while let Some(completed) = queue.next_completed() {
            completed.result?;
        }
        shared.bytes[thread].0.store(queue.counters().read_bytes, Ordering::Relaxed);
    }
    while queue.outstanding() > 0 {
        queue.wait(WAIT_MAX)?;
        while let Some(completed) = queue.next_completed() {
            completed.result?;
        }
    }
    Ok(())
}

/// Counters and rates of the window: each thread's between its own two snapshots.
fn summed_up(
    point: &SweepPoint,
    clock: &RoundClock,
    ends: Vec<ReaderEnd>,
    begun: Instant,
) -> PointMeasurement {
    let first_round = clock.rounds.saturating_sub(clock.window.len().saturating_sub(1) as u64);
    let mut window = IoCounters::default();
    let mut all = IoCounters::default();
    let (mut bytes_rate, mut reads_rate, mut seconds) = (0.0, 0.0, 0.0);
    for end in &ends {
        all.merge(&end.counters);
        // A thread that slept through a cut has no snapshot of it: the nearest before, or the oldest.
        let from = end.snapshots.iter().rev().find(|snapshot| snapshot.round <= first_round);
        let (Some(from), Some(to)) = (from.or(end.snapshots.front()), end.snapshots.back()) else {
            continue;
        };
        let thread_seconds = (to.at - from.at).as_secs_f64();
        seconds += thread_seconds / ends.len() as f64;
        let (bytes, reads) = (
            to.counters.read_bytes - from.counters.read_bytes,
            to.counters.reads - from.counters.reads,
        );
        if thread_seconds > 0.0 {
            bytes_rate += bytes as f64 / thread_seconds;
            reads_rate += reads as f64 / thread_seconds;
        }
        window.read_bytes += bytes;
        window.reads += reads;
        for (sum, to, from) in [
            (&mut window.latency_ns, &to.counters.latency_ns, &from.counters.latency_ns),
            (&mut window.reap_delay_ns, &to.counters.reap_delay_ns, &from.counters.reap_delay_ns),
        ] {
            sum.add(to).expect("all histograms have the same bounds");
            sum.subtract(from)
                .expect("an earlier copy of the same histogram has nowhere more counts");
        }
    }
    let steadiness = steady::judge(&clock.rates);
    let (mut cpu_seconds, mut cpu_per_gib) = (0.0, 0.0);
    let (mut device_read_bytes, mut devices) = (None, None);
    if let (Some(from), Some(to)) = (clock.window.front(), clock.window.back()) {
        cpu_seconds = to.usage.since(&from.usage).cpu_seconds();
        let bytes = to.read_bytes - from.read_bytes;
        if bytes > 0 {
            cpu_per_gib = cpu_seconds / (bytes as f64 / GIB);
        }
        let difference = |to: u64, from: u64| to.wrapping_sub(from);
        device_read_bytes =
            to.device_read_bytes.zip(from.device_read_bytes).map(|(to, from)| difference(to, from));
        devices = to.devices.as_ref().zip(from.devices.as_ref()).map(|(to, from)| {
            let pairs = to.iter().zip(from);
            pairs
                .map(|((name, to), (_, from))| DeviceBytes {
                    name: name.clone(),
                    read_bytes: difference(*to, *from),
                })
                .collect()
        });
    }
    let done = ends.iter().map(|end| (end.done - begun).as_secs_f64());
    let first = ends.first().expect("a point has at least one thread");
    let report = PointReport {
        access: point.access,
        block_bytes: point.block_bytes,
        queue_depth: point.queue_depth,
        threads: point.threads,
        iopoll: point.iopoll,
        registered_buffers: ends.iter().all(|end| end.facts.registered_buffers),
        steady: steadiness.is_some_and(|steadiness| steadiness.is_steady()),
        window_range: steadiness.map_or(0.0, |steadiness| steadiness.range),
        window_slope: steadiness.map_or(0.0, |steadiness| steadiness.slope),
        round_bytes_per_second: clock.rates.clone(),
        seconds,
        reads: window.reads,
        read_bytes: window.read_bytes,
        read_bytes_per_second: bytes_rate,
        reads_per_second: reads_rate,
        latency_ns: window.latency(),
        reap_delay_ns: window.reap_delay(),
        mean_depth: all.depth.mean(),
        cpu_seconds,
        cpu_seconds_per_gib: cpu_per_gib,
        device_read_bytes,
        devices,
        first_done_seconds: done.clone().fold(f64::INFINITY, f64::min),
        last_done_seconds: done.fold(0.0, f64::max),
    };
    let mut warnings: Vec<Warning> = Vec::new();
    for warning in ends.iter().flat_map(|end| &end.warnings) {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
    PointMeasurement {
        report,
        facts: first.facts.clone(),
        pages: first.pages,
        read_bytes_in_all: all.read_bytes,
        warnings,
    }
}
