//! One seed: what is done, and whether it came out as it must.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ringquet::engine::EngineOptions;
use ringquet::{Dataset, StopFlag};
use ringquet_datagen::{DatagenOptions, Existing, ProblemKind, Silent, TestStorage, VerifyOptions};
use ringquet_io::sim::{Fault, SimRandom, Tally};
use ringquet_train::{AcceleratorPriority, RunOptions};

use crate::faults::{self, Faults};
use crate::model::{self, Model};

/// What one seed came to.
pub(crate) struct Outcome {
    pub(crate) scenario: &'static str,
    /// What must not be.
    pub(crate) wrong: Option<Wrong>,
    /// It ended with an error that is as it must be.
    failed: bool,
    faults: [u64; Fault::ALL.len()],
    completions: u64,
    kept: u64,
}

/// What must not be.
#[derive(Debug)]
pub(crate) enum Wrong {
    Result(String),
    Error(String),
    Leak(String),
    Panic(String),
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, text) = match self {
            Wrong::Result(text) => ("wrong result", text),
            Wrong::Error(text) => ("wrong error", text),
            Wrong::Leak(text) => ("leak", text),
            Wrong::Panic(text) => ("panic", text),
        };
        write!(f, "{kind}: {text}")
    }
}

impl Outcome {
    pub(crate) fn panicked(_seed: u64, panic: &str) -> Outcome {
        let wrong = Some(Wrong::Panic(panic.to_owned()));
        let faults = [0; Fault::ALL.len()];
        Outcome { scenario: "panicked", wrong, failed: false, faults, completions: 0, kept: 0 }
    }
}

#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) scenarios: BTreeMap<&'static str, u64>,
    pub(crate) faults: [u64; Fault::ALL.len()],
    pub(crate) completions: u64,
    pub(crate) sound: u64,
    pub(crate) errors: u64,
    pub(crate) wrong_results: u64,
    pub(crate) wrong_errors: u64,
    pub(crate) leaks: u64,
    pub(crate) panics: u64,
    pub(crate) kept: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        *self.scenarios.entry(outcome.scenario).or_default() += 1;
        self.completions += outcome.completions;
        self.kept += outcome.kept;
        for (sum, count) in self.faults.iter_mut().zip(outcome.faults) {
            *sum += count;
        }
        match &outcome.wrong {
            Some(Wrong::Result(_)) => self.wrong_results += 1,
            Some(Wrong::Error(_)) => self.wrong_errors += 1,
            Some(Wrong::Leak(_)) => self.leaks += 1,
            Some(Wrong::Panic(_)) => self.panics += 1,
            None if outcome.failed => self.errors += 1,
            None => self.sound += 1,
        }
    }
}

/// A data generation makes some ten writes where a scan makes hundreds of reads: each of them fails so many times as often.
const WRITES_FAIL: u16 = 8;

/// `Ok(true)`: everything came out right; `Ok(false)`: it failed as it must.
type Ending = Result<bool, Wrong>;

pub(crate) fn play(seed: u64, model: &Model) -> Outcome {
    let mut random = SimRandom::new(seed ^ 0x5EED_CA3A_1617_0000);
    let mut faults = faults::of(&mut random);
    let tally = faults.io.sim.tally.clone();
    let (scenario, ending) = match random.below(100) {
        0..50 => ("scans", scan(&faults, &mut random, model)),
        50..60 => ("streams", stream(&faults, &mut random, model)),
        60..75 => {
            faults.fail_more(WRITES_FAIL);
            ("datagens", datagen(seed, &faults, &mut random, model))
        }
        75..88 => ("verifies", verify(&faults, &mut random, model)),
        _ => ("runs", run(seed, &faults, &mut random, model)),
    };
    let kept = tally.arenas_in_use() as u64;
    let failed = matches!(ending, Ok(false));
    let wrong = match ending {
        Err(wrong) => Some(wrong),
        Ok(_) if kept > 0 && !faults.may_keep => {
            Some(Wrong::Leak(format!("{kept} arenas have slots that were not given back")))
        }
        Ok(_) if tally.count(Fault::Abandoned) > 0 => {
            Some(Wrong::Leak("a queue was dropped before its requests had ended".to_owned()))
        }
        Ok(_) if tally.count(Fault::Misaligned) > 0 => {
            Some(Wrong::Result("a request did not keep to the alignment".to_owned()))
        }
        Ok(_) => None,
    };
    let mut counts = [0; Fault::ALL.len()];
    for (count, fault) in counts.iter_mut().zip(Fault::ALL) {
        *count = tally.count(fault);
    }
    Outcome {
        scenario,
        wrong,
        failed,
        faults: counts,
        completions: tally.completions(),
        kept: if faults.may_keep { kept } else { 0 },
    }
}

fn engine(faults: &Faults, random: &mut SimRandom) -> EngineOptions {
    let threads = 1 + random.below(3) as usize;
    EngineOptions {
        io: faults.io.clone(),
        threads: Some(threads),
        memory_budget_bytes: Some((8 << 20) * threads as u64),
        batch_rows: random.chance(64).then(|| 1 + random.below(300) as usize),
        ..EngineOptions::default()
    }
}

/// Is an error as it must be? It names a file that a fault was injected into, or the ring that died.
fn judge(error: &str, faults: &Faults) -> Ending {
    let tally = &faults.io.sim.tally;
    if !faults.may_fail {
        return Err(Wrong::Error(format!("nothing was to fail: {error}")));
    }
    let names = |path: &std::path::PathBuf| error.contains(&*path.display().to_string());
    let is_ring = tally.count(Fault::DeadRing) > 0 && error.contains("entering the kernel failed");
    // Taking a file out of the table may be refused as well: the one that was to come in its place is named.
    let is_table = tally.count(Fault::FileTable) > 0 && error.contains("io_uring_register refuses");
    let is_silent = tally.count(Fault::Silence) > 0 && error.contains("no answer for");
    if is_ring || is_silent || is_table || named_files(tally).iter().any(names) {
        return Ok(false);
    }
    Err(Wrong::Error(format!("no fault was injected into what it names: {error}")))
}

/// Files with faults, under their final names: a file that is being written has another.
fn named_files(tally: &Tally) -> Vec<std::path::PathBuf> {
    let final_name = |path: std::path::PathBuf| {
        let name = path.file_name()?.to_str()?;
        let name = name.strip_suffix(" (deleted)").unwrap_or(name);
        match name.strip_prefix('.').and_then(|name| name.split_once(".partial-")) {
            Some((name, _)) => Some(path.with_file_name(name)),
            None => Some(path),
        }
    };
    tally.files().into_iter().filter_map(final_name).collect()
}

fn scan(faults: &Faults, random: &mut SimRandom, model: &Model) -> Ending {
    let set = &model.sets[random.below(4) as usize];
    let dataset = match Dataset::open_files(set.paths.clone(), engine(faults, random)) {
        Ok(dataset) => dataset,
        Err(error) => return judge(&error.to_string(), faults),
    };
    if random.chance(30) {
        return match dataset.scan().read_raw() {
            Ok(report) if report.failures.is_empty() => Ok(true),
            Ok(report) => judge(&report.failures[0].error, faults),
            Err(error) => judge(&error.to_string(), faults),
        };
    }
    let (digests, report) = match dataset.scan().digest_files(false) {
        Ok(found) => found,
        Err(error) => return judge(&error.to_string(), faults),
    };
    for failure in &report.failures {
        judge(&failure.error, faults)?;
    }
    // A part of the files may not have been opened: they are failures, too.
    let mut right = 0;
    for (entry, digest) in dataset.files().iter().zip(digests) {
        let path = entry.path.display().to_string();
        if report.failures.iter().any(|failure| failure.error.contains(&path)) {
            continue;
        }
        let index = set.paths.iter().position(|path| *path == entry.path).unwrap();
        if digest != set.digests[index] {
            return Err(Wrong::Result(format!(
                "{path}: another digest, and no error ({})",
                set.name
            )));
        }
        right += 1;
    }
    if report.failures.is_empty() && (right != set.paths.len() || report.rows != set.rows) {
        return Err(Wrong::Result(format!(
            "{right} files and {} rows without an error",
            report.rows
        )));
    }
    Ok(report.failures.is_empty())
}

fn stream(faults: &Faults, random: &mut SimRandom, model: &Model) -> Ending {
    let set = &model.sets[random.below(4) as usize];
    let dataset = match Dataset::open_files(set.paths.clone(), engine(faults, random)) {
        Ok(dataset) => Arc::new(dataset),
        Err(error) => return judge(&error.to_string(), faults),
    };
    let enough = random.chance(80).then(|| random.below(30));
    let (mut rows, mut batches) = (0, 0);
    for batch in dataset.scan().placed_batches().unwrap() {
        match batch {
            Ok(batch) => rows += batch.columns.num_rows() as u64,
            Err(error) => return judge(&error.to_string(), faults),
        }
        batches += 1;
        if enough.is_some_and(|enough| batches > enough) {
            return Ok(true);
        }
    }
    if rows == set.rows {
        return Ok(true);
    }
    Err(Wrong::Result(format!("{rows} of {} rows, and no error ({})", set.rows, set.name)))
}

fn storage(faults: &Faults) -> Option<TestStorage> {
    Some(TestStorage { io: faults.io.clone(), memory_budget_bytes: 24 << 20 })
}

/// What lies under a final name is what was to be written.
fn whole(dir: &Path, model: &Model) -> Result<usize, Wrong> {
    let found = model::files_of(dir);
    for (path, bytes) in &found {
        if model.files.get(path) != Some(bytes) {
            return Err(Wrong::Result(format!("{} is not what was to be written", path.display())));
        }
    }
    Ok(found.len())
}

fn datagen(seed: u64, faults: &Faults, random: &mut SimRandom, model: &Model) -> Ending {
    let dir = model.dir.path().join(format!("datagen-{seed}"));
    let ending = datagen_in(&dir, faults, random, model);
    std::fs::remove_dir_all(&dir).ok();
    ending
}

fn datagen_in(dir: &Path, faults: &Faults, random: &mut SimRandom, model: &Model) -> Ending {
    let loaded = model::workload(dir);
    let stop = AtomicBool::new(false);
    let options = DatagenOptions {
        threads: 1 + random.below(2) as usize,
        direct: faults.io.direct,
        storage: storage(faults),
        ..DatagenOptions::default()
    };
    let first = ringquet_datagen::generate(&loaded, &options, &Silent, &stop);
    let files = whole(dir, model)?;
    let ending = match first {
        Ok(report) if report.digest != model.digest || files != model.files.len() => {
            return Err(Wrong::Result(format!("digest {}, {files} files", report.digest)));
        }
        Ok(_) => true,
        Err(error) => judge(&error.to_string(), faults)?,
    };
    let left = std::fs::read_dir(dir.join("train")).into_iter().flatten();
    let left = left.map(|entry| entry.unwrap().file_name());
    if let Some(name) = left.into_iter().find(|name| name.as_encoded_bytes().starts_with(b".")) {
        return Err(Wrong::Result(format!("{} was left behind", name.display())));
    }
    // On a sound machine the rest is made, and what is there is kept.
    let calm = TestStorage { io: model::calm().io, memory_budget_bytes: 16 << 20 };
    let again = DatagenOptions {
        existing: Existing::Resume,
        threads: 1,
        storage: Some(calm),
        ..DatagenOptions::default()
    };
    match ringquet_datagen::generate(&loaded, &again, &Silent, &stop) {
        Ok(report) if report.digest != model.digest => {
            return Err(Wrong::Result(format!("resumed: digest {}", report.digest)));
        }
        Ok(_) => {}
        Err(error) => return Err(Wrong::Error(format!("resumed: {error}"))),
    }
    match whole(dir, model)? {
        files if files == model.files.len() => Ok(ending),
        files => Err(Wrong::Result(format!("resumed: {files} files"))),
    }
}

fn verify(faults: &Faults, random: &mut SimRandom, model: &Model) -> Ending {
    let damaged = random.chance(100);
    let dir = if damaged { &model.damaged } else { &model.generated };
    let options = VerifyOptions {
        threads: 1 + random.below(2) as usize,
        skip_bytes: random.chance(128),
        storage: storage(faults),
    };
    let report = match ringquet_datagen::verify(dir, &options, &Silent, &AtomicBool::new(false)) {
        Ok(report) => report,
        Err(error) => return judge(&error.to_string(), faults),
    };
    if damaged && !report.problems.iter().any(|problem| problem.file.contains("img_1_")) {
        return Err(Wrong::Result("a damaged file passed".to_owned()));
    }
    for problem in &report.problems {
        if damaged && problem.file.contains("img_1_") {
            continue;
        }
        let text = format!("{} {}", dir.join(&problem.file).display(), problem.text);
        if problem.kind != ProblemKind::Unreadable {
            return Err(Wrong::Result(format!("a sound file is {:?}: {text}", problem.kind)));
        }
        judge(&text, faults)?;
    }
    if report.problems.is_empty() && report.digest.as_ref() != Some(&model.digest) {
        return Err(Wrong::Result(format!("digest {:?}", report.digest)));
    }
    Ok(report.problems.is_empty())
}

fn run(seed: u64, faults: &Faults, random: &mut SimRandom, model: &Model) -> Ending {
    let loaded = model::workload(&model.generated);
    let results = model.dir.path().join(format!("results-{seed}"));
    let mut options = RunOptions::new(2, results.clone());
    options.engine = engine(faults, random);
    options.priority = AcceleratorPriority::Normal;
    let run = ringquet_train::run(&loaded, &options, &|_| {}, &StopFlag::new());
    std::fs::remove_dir_all(&results).ok();
    match run {
        Ok(run) if !run.complete => Err(Wrong::Result("not complete, and no error".to_owned())),
        Ok(run) => {
            let rows = run.epochs[0].train.rows;
            if (rows, run.checksum) == (model.train_rows, model.checksum) {
                return Ok(true);
            }
            Err(Wrong::Result(format!("{rows} rows, checksum {}", run.checksum)))
        }
        Err(error) => judge(&error.to_string(), faults),
    }
}
