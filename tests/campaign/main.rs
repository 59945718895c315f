//! Whole scans, streams, data generations, verifications and training runs over a simulated kernel, against a model: what
//! each of them gives without faults.
//!
//! ```text
//! seed ─▶ faults and options ─▶ one scenario ─▶ right result, or an error that names a file with a fault
//!                                              0 wrong bytes, 0 leaked slots, 0 hangs
//! ```
//! `cargo xtask campaign --seeds N --from SEED`; a seed that fails is repeated with `--seeds 1 --from SEED`. With `--kills N` the
//! binary is killed while it writes data, and what it leaves behind is resumed.

#![expect(clippy::unwrap_used, reason = "a campaign that cannot go on ends with a panic")]
#![expect(clippy::print_stdout, reason = "it talks to the person who typed the command")]
#![expect(clippy::exit, reason = "a hang is ended by its watchdog")]

mod faults;
mod kills;
mod model;
mod scenario;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ringquet::engine::panics;
use ringquet_io::sim::Fault;

use crate::model::Model;
use crate::scenario::{Outcome, Totals};

/// A seed that takes longer than this hangs: the slowest take a second.
const HANG: Duration = Duration::from_secs(60);

struct Args {
    seeds: u64,
    from: u64,
    kills: u64,
    jobs: usize,
    ringquet: Option<PathBuf>,
}

fn args() -> Result<Args, String> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut args = Args { seeds: 0, from: 0, kills: 0, jobs, ringquet: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|error| format!("{word} {value}: {error}"));
        match word.as_str() {
            "--seeds" => args.seeds = number()?,
            "--from" => args.from = number()?,
            "--kills" => args.kills = number()?,
            "--jobs" => args.jobs = usize::try_from(number()?.clamp(1, 256)).unwrap(),
            "--ringquet" => args.ringquet = Some(PathBuf::from(value)),
            _ => {
                return Err(format!(
                    "{word}: expected --seeds, --from, --kills, --jobs or --ringquet"
                ));
            }
        }
    }
    Ok(args)
}

fn main() -> ExitCode {
    let args = match args() {
        Ok(args) => args,
        Err(text) => {
            println!("campaign: {text}");
            return ExitCode::from(2);
        }
    };
    panics::record_places();
    let model = Model::new();
    let mut sound = true;
    if args.seeds > 0 {
        sound &= seeds(&args, &model);
    }
    if args.kills > 0 {
        sound &= kills::run(args.kills, args.from, args.ringquet.as_deref(), &model);
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays the seeds; whether all of them were sound.
fn seeds(args: &Args, model: &Model) -> bool {
    let begun = Instant::now();
    let next = AtomicU64::new(args.from);
    let end = args.from + args.seeds;
    let totals = Mutex::new(Totals::default());
    // What each worker is at, for the watchdog.
    let now: Vec<Mutex<Option<(u64, Instant)>>> =
        (0..args.jobs).map(|_| Mutex::default()).collect();
    std::thread::scope(|scope| {
        let workers: Vec<_> = now
            .iter()
            .map(|now| {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= end {
                            return;
                        }
                        *now.lock().unwrap() = Some((seed, Instant::now()));
                        let outcome = panics::caught(|| scenario::play(seed, model))
                            .unwrap_or_else(|panic| Outcome::panicked(seed, &panic));
                        *now.lock().unwrap() = None;
                        if let Some(wrong) = &outcome.wrong {
                            println!("seed {seed}: {}: {wrong}", outcome.scenario);
                        }
                        totals.lock().unwrap().add(&outcome);
                    }
                })
            })
            .collect();
        while !workers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(20));
            for now in &now {
                let at = *now.lock().unwrap();
                if let Some((seed, begun)) = at.filter(|(_, begun)| begun.elapsed() > HANG) {
                    println!("seed {seed}: hangs since {:?}; 1 hang", begun.elapsed());
                    std::process::exit(1);
                }
            }
        }
    });
    let totals = totals.into_inner().unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    let kinds: Vec<String> = Fault::ALL
        .iter()
        .zip(&totals.faults)
        .map(|(fault, count)| format!("{fault:?} {count}"))
        .collect();
    println!(
        "{} seeds from {} in {seconds:.1} s ({:.1} s per 1,000): {}",
        args.seeds,
        args.from,
        1000.0 * seconds / args.seeds as f64,
        totals
            .scenarios
            .iter()
            .map(|(name, n)| format!("{n} {name}"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    println!("{} requests completed; faults: {}", totals.completions, kinds.join(", "));
    println!(
        "{} ended well, {} with a named error; {} wrong results, {} wrong errors, {} leaked slots, {} panics, 0 hangs; {} arenas kept for silent devices and dead rings",
        totals.sound,
        totals.errors,
        totals.wrong_results,
        totals.wrong_errors,
        totals.leaks,
        totals.panics,
        totals.kept
    );
    totals.wrong_results + totals.wrong_errors + totals.leaks + totals.panics == 0
}
