//! Rules on all runs of one model in one tree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::civil::DateTime;

use crate::Unit;
use crate::check::one_run::{setup, some_of};
use crate::check::run_folder::{RunFolder, TreePlace, folder_time};
use crate::check::{ModelCheck, RuleCheck};

/// Runs that count; the text of v3.0 requires one more before them, to warm up.
const RUNS_MIN: usize = 5;

/// Phases that a model's folder may hold.
const PHASES: [&str; 3] = ["datasize", "datagen", "run"];

/// The rules, model by model. Runs outside a tree belong to none; that is reported for each.
pub(crate) fn check(runs: &[RunFolder]) -> Vec<ModelCheck> {
    let mut models: BTreeMap<&Path, Vec<(&TreePlace, &RunFolder)>> = BTreeMap::new();
    for run in runs {
        if let Some(place) = &run.place {
            models.entry(&place.runs).or_default().push((place, run));
        }
    }
    let of_model = |(runs, all): (&Path, Vec<(&TreePlace, &RunFolder)>)| ModelCheck {
        folder: runs.to_owned(),
        model: all[0].0.model.clone(),
        findings: vec![tree(runs, &all), number(&all), gaps(&all), same_setup(&all)],
    };
    models.into_iter().map(of_model).collect()
}

fn tree(runs: &Path, all: &[(&TreePlace, &RunFolder)]) -> RuleCheck {
    const ASKS: &str =
        "MODEL/ holds datasize, datagen and run alone, and run/ one folder of results per run";
    let list = |folder: &Path| -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    let known: BTreeSet<&str> = all.iter().map(|(place, _)| &*place.name).collect();
    let mut wrong = Vec::new();
    for name in list(runs) {
        // What other tools keep beside the runs of v3.0.
        if known.contains(&*name) || name == "results.json" {
            continue;
        }
        wrong.push(match folder_time(&name) {
            Some(_) => format!("run/{name} has no summary.json"),
            None => format!("run/{name} is not a run"),
        });
    }
    for name in runs.parent().map(list).unwrap_or_default() {
        if !PHASES.contains(&&*name) {
            wrong.push(format!("{name} does not belong there"));
        }
    }
    let value = if wrong.is_empty() { format!("{} runs", all.len()) } else { some_of(&wrong) };
    RuleCheck::judged("tree", wrong.is_empty(), ASKS, value)
}

fn number(all: &[(&TreePlace, &RunFolder)]) -> RuleCheck {
    let asks =
        format!("at least {RUNS_MIN} runs (v3.0's text: {}, the first a warm-up)", RUNS_MIN + 1);
    let value = format!("{}", all.len());
    RuleCheck::judged("runs", all.len() >= RUNS_MIN, asks, value)
}

/// One run as a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
struct RunSpan {
    start: DateTime,
    end: DateTime,
}

impl RunSpan {
    fn seconds(self) -> f64 {
        seconds_between(self.start, self.end)
    }
}

fn seconds_between(from: DateTime, to: DateTime) -> f64 {
    to.duration_since(from).as_secs_f64()
}

fn gaps(all: &[(&TreePlace, &RunFolder)]) -> RuleCheck {
    const ASKS: &str = "runs follow each other, with gaps shorter than one run";
    let rule = "gaps";
    let stretch = |(_, run): &(&TreePlace, &RunFolder)| {
        Some(RunSpan { start: run.stamp("start")?, end: run.stamp("end")? })
    };
    let stretches: Option<Vec<RunSpan>> = all.iter().map(stretch).collect();
    let Some(mut stretches) = stretches else {
        return RuleCheck::unknown(rule, ASKS, "a summary.json has no start or end");
    };
    if stretches.len() < 2 {
        return RuleCheck::unknown(rule, ASKS, "one run has no gaps");
    }
    stretches.sort_by_key(|stretch| stretch.start);
    let (kept, value) = judge(&stretches);
    RuleCheck::judged(rule, kept, ASKS, value)
}

/// Whether stretches in their order follow each other, and a sentence on how.
fn judge(stretches: &[RunSpan]) -> (bool, String) {
    let shortest = stretches.iter().map(|stretch| stretch.seconds()).fold(f64::INFINITY, f64::min);
    let gaps: Vec<f64> =
        stretches.windows(2).map(|pair| seconds_between(pair[0].end, pair[1].start)).collect();
    let longest = gaps.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let overlap = gaps.iter().copied().fold(f64::INFINITY, f64::min);
    let show = |seconds| Unit::Seconds.show(seconds);
    if overlap < 0.0 {
        return (false, format!("two runs overlap by {}", show(-overlap)));
    }
    let value = format!("longest gap {}, shortest run {}", show(longest), show(shortest));
    (longest < shortest, value)
}

/// Where results go and what the tool itself sets may differ between runs.
const MAY_DIFFER: [&str; 2] = ["output.folder", "dataset.listing_validation_interval"];

fn same_setup(all: &[(&TreePlace, &RunFolder)]) -> RuleCheck {
    const ASKS: &str = "all runs have the same accelerators, hosts, data set and workload";
    let setups: Vec<BTreeMap<String, String>> = all.iter().map(|(_, run)| setup(run)).collect();
    let keys: BTreeSet<&String> = setups.iter().flat_map(BTreeMap::keys).collect();
    let differs = |key: &&&String| {
        !MAY_DIFFER.contains(&key.as_str())
            && setups.iter().any(|setup| setup.get(**key) != setups[0].get(**key))
    };
    let differing: Vec<String> = keys.iter().filter(differs).map(|key| (**key).clone()).collect();
    let value = if differing.is_empty() {
        format!("{} settings are equal", keys.len())
    } else {
        format!("different: {}", some_of(&differing))
    };
    RuleCheck::judged("same_setup", differing.is_empty(), ASKS, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(all: &[(&str, &str)]) -> Vec<RunSpan> {
        let time = |text: &str| format!("2026-11-22T{text}").parse().unwrap();
        all.iter().map(|(start, end)| RunSpan { start: time(start), end: time(end) }).collect()
    }

    #[test]
    fn gaps_shorter_than_the_shortest_run() {
        let runs = stretches(&[("10:00:00", "10:10:00"), ("10:05:00.5", "10:20:00")]);
        assert_eq!(judge(&runs), (false, "two runs overlap by 300 s".to_owned()));
        let runs = stretches(&[
            ("10:00:00", "10:10:00"),
            ("10:12:00", "10:15:00"),
            ("10:17:59", "10:30:00"),
        ]);
        assert_eq!(judge(&runs), (true, "longest gap 179 s, shortest run 180 s".to_owned()));
        let runs = stretches(&[
            ("10:00:00", "10:10:00"),
            ("10:12:00", "10:15:00"),
            ("10:18:00", "10:30:00"),
        ]);
        assert!(!judge(&runs).0);
    }
}
