//! Rules on one run.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use ringquet_workload::{Dtype, MEMORY_FACTOR, STEPS_MIN};
use serde_json::Value;

use crate::Unit;
use crate::check::parameters::{self, Eligibility};
use crate::check::published::{self, Division};
use crate::check::run_folder::{RANKS_MAX, RankOutput, RunFolder};
use crate::check::{RuleCheck, RunCheck, Verdict};
use ringquet_result::Fields;
use ringquet_result::metrics;

/// Reader threads of a rank, and files of a data set: constants of the rules.
const READ_THREADS_MAX: f64 = 32.0;
const FILES_MAX: f64 = 131_072.0;
/// Batches that may be held ahead.
const PREFETCH_MAX: f64 = 2.0;

/// AU of the summary may differ by this many percent points from that of the ranks: it is rounded
/// nowhere, but summed in another order.
const AU_DIFFERENCE: f64 = 0.01;

/// Bytes of a value whose type the `datasize` rule does not name.
const OTHER_TYPE_BYTES: u64 = 4;

/// Names of the files that the official tool adds to DLIO's.
const OFFICIAL: [&str; 2] = ["training_run.stdout.log", "training_run.stderr.log"];

/// All rules on one run.
pub(crate) fn check(run: &RunFolder) -> RunCheck {
    let (standing, allowed) = allowed_parameters(run);
    let mut findings = vec![place(run), files(run), official_files(run)];
    findings.extend([complete(run), au(run), au_of_ranks(run)]);
    findings.extend([data_size_memory(run), data_size_steps(run), record_length(run)]);
    findings.extend([
        accelerators_per_host(run),
        allowed,
        limits(run),
        workload(run),
        division(run),
        apart(run),
    ]);
    RunCheck { folder: run.folder.clone(), standing, findings }
}

fn model(run: &RunFolder) -> Option<&str> {
    run.setting().ok()?.text("model.name")
}

fn place(run: &RunFolder) -> RuleCheck {
    const ASKS: &str = "lies in training/MODEL/run/YYYYMMDD_HHMMSS, MODEL being the workload's";
    let rule = "place";
    let Some(place) = &run.place else {
        let value =
            format!("{}; 'ringquet run' with `results_tree` makes the tree", run.folder.display());
        return RuleCheck::judged(rule, false, ASKS, value);
    };
    let Some(time) = place.time else {
        return RuleCheck::judged(
            rule,
            false,
            ASKS,
            format!("'{}' is not a date and time", place.name),
        );
    };
    if let Some(model) = model(run)
        && model != place.model
    {
        let value = format!("below '{}', but the workload's model is '{model}'", place.model);
        return RuleCheck::judged(rule, false, ASKS, value);
    }
    // The folder is named before the run begins; a second is what its name leaves out.
    if let Some(start) = run.stamp("start")
        && time > start
    {
        let value = format!("'{}' is later than the run's start, {start}", place.name);
        return RuleCheck::judged(rule, false, ASKS, value);
    }
    RuleCheck::judged(rule, true, ASKS, format!("training/{}/run/{}", place.model, place.name))
}

fn files(run: &RunFolder) -> RuleCheck {
    const ASKS: &str = "summary.json, N_output.json and N_per_epoch_stats.json of every rank and no other, dlio.log, and dlio_config/ with config.yaml, hydra.yaml, overrides.yaml alone";
    let rule = "files";
    if let Err(reason) = &run.summary {
        return RuleCheck::judged(rule, false, ASKS, reason.clone());
    }
    let ranks = run.count("num_accelerators").unwrap_or(0);
    if !(1..=RANKS_MAX).contains(&ranks) {
        let value =
            format!("summary.json has {ranks} accelerators; 1 to {RANKS_MAX} are supported");
        return RuleCheck::judged(rule, false, ASKS, value);
    }
    let of_ranks =
        |kind: &str| (0..ranks).map(|rank| format!("{rank}_{kind}.json")).collect::<Vec<_>>();
    let mut wanted: BTreeSet<String> =
        of_ranks("output").into_iter().chain(of_ranks("per_epoch_stats")).collect();
    let surplus = |name: &&String| {
        let is_of_rank = name.ends_with("_output.json") || name.ends_with("_per_epoch_stats.json");
        is_of_rank && name.starts_with(|c: char| c.is_ascii_digit()) && !wanted.contains(*name)
    };
    let mut wrong: Vec<String> =
        run.names.iter().filter(surplus).map(|name| format!("{name} belongs to no rank")).collect();
    wanted.extend(["summary.json", "dlio.log", "dlio_config"].map(str::to_owned));
    wrong.extend(wanted.difference(&run.names).map(|name| format!("{name} is missing")));
    let config = ["config.yaml", "hydra.yaml", "overrides.yaml"].map(str::to_owned).into();
    if run.names.contains("dlio_config") && run.config_names != config {
        let names: Vec<&str> = run.config_names.iter().map(|name| &**name).collect();
        wrong.push(format!("dlio_config/ holds {}", names.join(", ")));
    }
    wrong.extend(
        run.ranks
            .iter()
            .filter_map(|rank| rank.as_ref().err())
            .filter(|r| !r.ends_with("is missing"))
            .cloned(),
    );
    let value = if wrong.is_empty() {
        format!("{} files of {ranks} ranks and the run", wanted.len() + 2)
    } else {
        some_of(&wrong)
    };
    RuleCheck::judged(rule, wrong.is_empty(), ASKS, value)
}

fn official_files(run: &RunFolder) -> RuleCheck {
    const ASKS: &str = "training_run.stdout.log, training_run.stderr.log and training_TIME_metadata.json, by the official tool";
    let rule = "official_files";
    let is_metadata =
        |name: &&String| name.starts_with("training_") && name.ends_with("_metadata.json");
    let mut missing: Vec<String> = OFFICIAL
        .iter()
        .filter(|name| !run.names.contains(**name))
        .map(|name| (*name).to_owned())
        .collect();
    if !run.names.iter().any(|name| is_metadata(&name)) {
        missing.push("training_TIME_metadata.json".to_owned());
    }
    if run.is_rehearsal() {
        let value = "run by ringquet (ringquet.json): preparation and what-if; a CLOSED submission runs the official code";
        return RuleCheck::new(rule, Verdict::Note, ASKS, value);
    }
    if run.is_read_by_ringquet() {
        let value = "read by ringquet.dlio (N_ringquet.json): research and what-if; a CLOSED submission reads with the official code";
        return RuleCheck::new(rule, Verdict::Note, ASKS, value);
    }
    let value = if missing.is_empty() {
        "all there".to_owned()
    } else {
        format!("missing: {}", missing.join(", "))
    };
    RuleCheck::judged(rule, missing.is_empty(), ASKS, value)
}

fn complete(run: &RunFolder) -> RuleCheck {
    const ASKS: &str = "every rank did every epoch of the workload";
    let rule = "complete";
    if let Some(ringquet) = &run.ringquet
        && Fields(ringquet).number("complete") != Some(1.0)
    {
        return RuleCheck::judged(rule, false, ASKS, "ringquet.json says that the run was stopped");
    }
    let told = run.count("epochs");
    let wanted = run.setting().ok().and_then(|config| config.count("train.epochs")).or(told);
    let Some(wanted) = wanted else {
        return RuleCheck::unknown(rule, ASKS, "summary.json has no epochs");
    };
    let Some(ranks) = readable(run) else {
        return RuleCheck::unknown(rule, ASKS, "not every N_output.json can be read");
    };
    let least = ranks.iter().map(|rank| rank.au_percent.len() as u64).min().unwrap_or(0);
    let value = format!("{least} of {wanted} epochs by all of {} ranks", ranks.len());
    RuleCheck::judged(rule, least >= wanted && wanted > 0, ASKS, value)
}

fn readable(run: &RunFolder) -> Option<Vec<&RankOutput>> {
    let all: Option<Vec<&RankOutput>> = run.ranks.iter().map(|rank| rank.as_ref().ok()).collect();
    all.filter(|ranks| !ranks.is_empty())
}

fn au(run: &RunFolder) -> RuleCheck {
    let rule = "au";
    let published = model(run).map(published::of_model).unwrap_or_default();
    let asked = published.first().map(|workload| workload.au_percent);
    let own = run.setting().ok().and_then(|config| config.number("metric.au")).map(|au| 100.0 * au);
    let asks = match (asked, own) {
        (Some(bar), _) => format!("mean AU is at least {bar:.0} %, the target of the model"),
        (None, Some(bar)) => format!("mean AU is at least {bar:.0} %, metric.au of the workload"),
        (None, None) => "mean AU meets its target".to_owned(),
    };
    let Some(au) = run.number("metric.train_au_mean_percentage") else {
        return RuleCheck::unknown(
            rule,
            asks,
            "summary.json has no metric.train_au_mean_percentage",
        );
    };
    let summary = run.summary.as_ref().ok();
    let told = summary.and_then(|s| Fields(s).text("metric.train_au_meet_expectation"));
    let bar = asked.or(own);
    // The official checker trusts the summary; a lowered metric.au must not pass here either.
    let meets = told == Some("success") && bar.is_none_or(|bar| au >= bar);
    let mut value = format!("{au:.2} %, summary.json: {}", told.unwrap_or("nothing"));
    if let (Some(asked), Some(own)) = (asked, own)
        && own < asked
    {
        value.push_str(&format!(", metric.au was lowered to {own:.0} %"));
    }
    RuleCheck::judged(rule, meets, asks, value)
}

fn au_of_ranks(run: &RunFolder) -> RuleCheck {
    const ASKS: &str = "AU of the summary is the mean of what the ranks recorded";
    let rule = "au_of_ranks";
    let Some(ranks) = readable(run) else {
        return RuleCheck::unknown(rule, ASKS, "not every N_output.json can be read");
    };
    let told = run.summary.as_ref().map(|s| Fields(s).numbers("metric.train_au_percentage"));
    let told = told.unwrap_or_default();
    let of_epoch = |epoch: usize| {
        let all: Option<Vec<f64>> =
            ranks.iter().map(|rank| rank.au_percent.get(epoch).copied()).collect();
        all.map(|all| metrics::mean(&all))
    };
    let found: Option<Vec<f64>> = (0..told.len()).map(of_epoch).collect();
    let Some(found) = found.filter(|found| !found.is_empty()) else {
        return RuleCheck::judged(
            rule,
            false,
            ASKS,
            format!("{} epochs in the summary, fewer in some rank", told.len()),
        );
    };
    let apart = found.iter().zip(&told).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let mean = run.number("metric.train_au_mean_percentage").unwrap_or(f64::NAN);
    let apart = apart.max((metrics::mean(&told) - mean).abs());
    let value =
        format!("differs by at most {apart:.4} percentage points over {} epochs", told.len());
    // A missing mean is not a number and not within anything.
    RuleCheck::judged(rule, apart <= AU_DIFFERENCE && !mean.is_nan(), ASKS, value)
}

/// Nominal bytes of one sample, and where that is from.
fn sample_bytes(run: &RunFolder) -> Result<(f64, &'static str), String> {
    if let Ok(config) = run.setting() {
        if let Some(bytes) =
            config.number("dataset.record_length_bytes").filter(|bytes| *bytes > 0.0)
        {
            return Ok((bytes, "record_length_bytes"));
        }
        let column = |column: Fields<'_>| {
            let dtype = column.text("dtype").unwrap_or("float32").parse();
            let width = dtype.map_or(OTHER_TYPE_BYTES, Dtype::datasize_bytes);
            width as f64 * column.number("size").unwrap_or(1.0)
        };
        let sum: f64 = config.list("dataset.parquet.columns").map(column).sum();
        if sum > 0.0 {
            return Ok((sum, "the columns, by the rule's widths"));
        }
    }
    // What DLIO itself worked out: data of all ranks of a host by the samples of the data set.
    let all = samples(run).zip(run.number("data_size_per_host_GB")).zip(run.number("num_hosts"));
    match all {
        Some(((samples, gib), hosts)) if samples > 0.0 && gib > 0.0 => Ok((
            gib * hosts * (1_u64 << 30) as f64 / samples,
            "data_size_per_host_GB of summary.json",
        )),
        _ => Err("neither the configuration nor summary.json has the size of a sample".to_owned()),
    }
}

fn samples(run: &RunFolder) -> Option<f64> {
    Some(run.number("num_files_train")? * run.number("num_samples_per_file")?)
}

fn data_size_memory(run: &RunFolder) -> RuleCheck {
    let rule = "data_size_memory";
    let asks = format!("the data set is at least {MEMORY_FACTOR} times the memory of all hosts");
    let memory =
        run.summary.as_ref().map(|s| Fields(s).numbers("host_memory_GB")).unwrap_or_default();
    let largest = memory.iter().copied().fold(0.0, f64::max);
    let total = run.number("num_hosts").map(|hosts| hosts * largest * (1_u64 << 30) as f64);
    let (samples, total) = match (samples(run), total) {
        (Some(samples), Some(total)) if total > 0.0 => (samples, total),
        _ => {
            return RuleCheck::unknown(
                rule,
                asks,
                "summary.json lacks files, samples, hosts or memory",
            );
        }
    };
    let (bytes, source) = match sample_bytes(run) {
        Ok(found) => found,
        Err(missing) => return RuleCheck::unknown(rule, asks, missing),
    };
    let data = samples * bytes;
    let show = |bytes| Unit::Bytes.show(bytes);
    let value = format!(
        "{:.2} times: {} of data ({source}), {} of memory",
        data / total,
        show(data),
        show(total)
    );
    RuleCheck::judged(rule, data >= MEMORY_FACTOR as f64 * total, asks, value)
}

fn data_size_steps(run: &RunFolder) -> RuleCheck {
    let rule = "data_size_steps";
    let asks = format!(
        "the data set has samples for {STEPS_MIN} steps of every accelerator, and for all steps that were done"
    );
    let batch = match run.setting() {
        Ok(config) => config
            .number("reader.batch_size")
            .or(config.number("data_reader.batch_size"))
            .unwrap_or(1.0),
        Err(missing) => return RuleCheck::unknown(rule, asks, missing),
    };
    let (Some(samples), Some(accelerators)) = (samples(run), run.number("num_accelerators")) else {
        return RuleCheck::unknown(rule, asks, "summary.json lacks files, samples or accelerators");
    };
    let done = run.ranks.iter().flatten().map(|rank| rank.steps).max().unwrap_or(0);
    let needed = STEPS_MIN.max(done) as f64 * batch * accelerators;
    let value = format!(
        "{:.0} steps: {samples:.0} samples for {accelerators:.0} × {batch:.0} a step; {done} were run",
        samples / (batch * accelerators)
    );
    RuleCheck::judged(rule, samples >= needed, asks, value)
}

fn record_length(run: &RunFolder) -> RuleCheck {
    const ASKS: &str =
        "dataset.record_length_bytes is set: the official checker computes with nothing else";
    let rule = "record_length";
    match run.setting() {
        Err(missing) => RuleCheck::unknown(rule, ASKS, missing),
        Ok(config) => match config.number("dataset.record_length_bytes") {
            Some(bytes) => RuleCheck::judged(rule, bytes > 0.0, ASKS, format!("{bytes:.0} bytes")),
            None => RuleCheck::judged(rule, false, ASKS, "not set"),
        },
    }
}

fn accelerators_per_host(run: &RunFolder) -> RuleCheck {
    const ASKS: &str = "every host has the same number of accelerators";
    let rule = "accelerators_per_host";
    let (Some(accelerators), Some(hosts)) = (run.count("num_accelerators"), run.count("num_hosts"))
    else {
        return RuleCheck::unknown(rule, ASKS, "summary.json lacks accelerators or hosts");
    };
    let mut by_host: BTreeMap<&str, u64> = BTreeMap::new();
    for rank in run.ranks.iter().flatten() {
        if let Some(host) = &rank.hostname {
            *by_host.entry(host).or_default() += 1;
        }
    }
    let told: u64 = by_host.values().sum();
    if told != accelerators {
        // Without every rank's name only the division is left.
        let value = format!("{accelerators} on {hosts}; {told} ranks have a host");
        let divides = hosts > 0 && accelerators.is_multiple_of(hosts);
        return match divides {
            true => RuleCheck::unknown(rule, ASKS, value),
            false => RuleCheck::judged(rule, false, ASKS, value),
        };
    }
    let counts: BTreeSet<u64> = by_host.values().copied().collect();
    let shown: Vec<String> =
        by_host.iter().map(|(host, count)| format!("{host}: {count}")).collect();
    let kept = counts.len() == 1 && by_host.len() as u64 == hosts;
    RuleCheck::judged(rule, kept, ASKS, format!("{}; {hosts} in summary.json", some_of(&shown)))
}

fn allowed_parameters(run: &RunFolder) -> (Option<Eligibility>, RuleCheck) {
    const ASKS: &str = "only parameters that CLOSED or OPEN submissions may set were set";
    let rule = "parameters";
    let overrides = match &run.overrides {
        Ok(overrides) => overrides,
        Err(missing) => return (None, RuleCheck::unknown(rule, ASKS, missing.clone())),
    };
    let model = model(run).unwrap_or_default();
    let keys: BTreeSet<&str> =
        overrides.iter().filter_map(|text| parameters::key_of(text)).collect();
    let judged: Vec<(&str, Eligibility)> =
        keys.into_iter().filter_map(|key| Some((key, parameters::standing(key, model)?))).collect();
    let worst = judged.iter().map(|(_, standing)| *standing).max().unwrap_or(Eligibility::Closed);
    let of_worst: Vec<String> = judged
        .iter()
        .filter(|(_, standing)| *standing == worst)
        .map(|(key, _)| (*key).to_owned())
        .collect();
    let value = match of_worst.len() {
        0 => format!("{}: nothing was set", worst.as_str()),
        _ => format!("{} by {}", worst.as_str(), some_of(&of_worst)),
    };
    (Some(worst), RuleCheck::judged(rule, worst < Eligibility::Invalid, ASKS, value))
}

fn limits(run: &RunFolder) -> RuleCheck {
    let rule = "limits";
    let asks = format!(
        "reader.read_threads ≤ {READ_THREADS_MAX:.0}, reader.prefetch_size ≤ {PREFETCH_MAX:.0}, dataset.num_files_train ≤ {FILES_MAX:.0}"
    );
    let config = match run.setting() {
        Ok(config) => config,
        Err(missing) => return RuleCheck::unknown(rule, asks, missing),
    };
    let mut shown = Vec::new();
    let mut kept = true;
    for (key, max) in [
        ("reader.read_threads", READ_THREADS_MAX),
        ("reader.prefetch_size", PREFETCH_MAX),
        ("dataset.num_files_train", FILES_MAX),
    ] {
        if let Some(value) = config.number(key) {
            kept &= value <= max;
            let name = key.rsplit('.').next().unwrap_or(key);
            shown.push(format!("{name} {value:.0}"));
        }
    }
    let value = if shown.is_empty() { "defaults".to_owned() } else { shown.join(", ") };
    RuleCheck::judged(rule, kept, asks, value)
}

/// Batch size, seconds a step, samples a file, epochs.
type WorkloadNumbers = (u64, f64, u64, u64);

fn workload(run: &RunFolder) -> RuleCheck {
    let rule = "workload";
    let config = match run.setting() {
        Ok(config) => config,
        Err(missing) => return RuleCheck::unknown(rule, "a published workload of v3.0", missing),
    };
    let name = config.text("model.name").unwrap_or("default");
    let published = published::of_model(name);
    if published.is_empty() {
        let asks = "a model of v3.0: unet3d, retinanet, dlrm or flux";
        return RuleCheck::judged(rule, false, asks, format!("'{name}'"));
    }
    let time =
        config.number("train.computation_time").or(config.number("train.computation_time.mean"));
    let found = (
        config.count("reader.batch_size").unwrap_or(1),
        time.unwrap_or(0.0),
        config.count("dataset.num_samples_per_file").unwrap_or(1),
        config.count("train.epochs").unwrap_or(1),
    );
    let show = |(batch, time, samples, epochs): WorkloadNumbers| {
        format!("batch {batch}, {time} s a step, {samples} samples a file, {epochs} epochs")
    };
    let numbers: Vec<(&str, WorkloadNumbers)> = published
        .iter()
        .map(|w| (w.accelerator, (w.batch_size, w.computation_time, w.samples_per_file, w.epochs)))
        .collect();
    let equal = |other: &WorkloadNumbers| {
        (found.0, found.2, found.3) == (other.0, other.2, other.3)
            && (found.1 - other.1).abs() < 1e-12
    };
    let same = numbers.iter().find(|(_, other)| equal(other));
    let asks: Vec<String> =
        numbers.iter().map(|(name, other)| format!("{name}: {}", show(*other))).collect();
    let value = match same {
        Some((accelerator, _)) => format!("{name} of {accelerator}"),
        None => show(found),
    };
    RuleCheck::judged(
        rule,
        same.is_some(),
        format!("{name} as published: {}", asks.join("; ")),
        value,
    )
}

fn division(run: &RunFolder) -> RuleCheck {
    const ASKS: &str = "where v3.0 takes results of the model";
    let rule = "division";
    let published = model(run).map(published::of_model).unwrap_or_default();
    let value = match published.first().map(|workload| workload.division) {
        Some(Division::ClosedAndOpen) => "CLOSED and OPEN",
        Some(Division::WhatIf) => "what-if only: no CLOSED or OPEN submission has this model",
        None => "nowhere: the model is not among its workloads, or the results do not name it",
    };
    RuleCheck::new(rule, Verdict::Note, ASKS, value)
}

fn apart(run: &RunFolder) -> RuleCheck {
    const ASKS: &str = "data and results lie on different file systems";
    let rule = "file_systems";
    let config = match run.setting() {
        Ok(config) => config,
        Err(missing) => return RuleCheck::unknown(rule, ASKS, missing),
    };
    let Some(data) = config.text("dataset.data_folder") else {
        return RuleCheck::unknown(rule, ASKS, "the configuration names no dataset.data_folder");
    };
    let root = config.text("storage.storage_root").unwrap_or("./");
    let data = Path::new(root).join(data);
    let device = |path: &Path| std::fs::metadata(path).ok().map(|found| found.dev());
    match (device(&data), device(&run.folder)) {
        (Some(a), Some(b)) => {
            let value = if a == b { "both on one" } else { "on two" };
            RuleCheck::judged(rule, a != b, ASKS, format!("{value}: data in {}", data.display()))
        }
        _ => RuleCheck::unknown(rule, ASKS, format!("{} is not on this machine", data.display())),
    }
}

/// The first few, and how many more.
pub(crate) fn some_of(all: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown = all[..all.len().min(SHOWN)].join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What has to be the same in all runs of a model.
pub(crate) fn setup(run: &RunFolder) -> BTreeMap<String, String> {
    let mut setup = BTreeMap::new();
    for key in [
        "num_accelerators",
        "num_hosts",
        "num_files_train",
        "num_files_eval",
        "num_samples_per_file",
        "epochs",
    ] {
        if let Some(value) = run.number(key) {
            setup.insert(key.to_owned(), value.to_string());
        }
    }
    if let Ok(config) = &run.config {
        flatten(config, "", &mut setup);
    }
    setup
}

fn flatten(value: &Value, path: &str, setup: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                flatten(
                    value,
                    &format!("{path}{}{key}", if path.is_empty() { "" } else { "." }),
                    setup,
                );
            }
        }
        other => {
            setup.insert(path.to_owned(), other.to_string());
        }
    }
}
