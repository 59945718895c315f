//! What `ringquet.dlio` read in a run of DLIO: `N_ringquet.json` of its ranks.

use std::collections::BTreeMap;

use ringquet_result::Fields;
use serde_json::Value;

use crate::entry;
use crate::model::Better::{Lower, Neither};
use crate::model::{Axis, Chart, Drawn, MetricValue, Remark, ResultEntry, Series, Unit};

/// Adds what the loader of each rank measured; nothing where another loader read.
pub(crate) fn add(entry: &mut ResultEntry, readers: &[Value]) {
    let Some(first) = readers.first().map(Fields) else { return };
    entry.name.push_str(", read by ringquet");
    entry.settings.push((
        "data loader".to_owned(),
        first.text("loader").unwrap_or("ringquet.dlio").to_owned(),
    ));
    let phases: Vec<Fields<'_>> = readers.iter().map(Fields).flat_map(phases).collect();
    if let Some(engine) = phases.iter().find_map(|phase| phase.at("engine")) {
        entry.set(engine, &entry::DRIVER);
    }
    let sum = |key: &str| phases.iter().filter_map(|phase| phase.number(key)).sum::<f64>();
    let metrics = [
        ("rows", "samples that were read", "engine.rows", Unit::Count, Neither),
        ("read_bytes", "read", "engine.read_bytes", Unit::Bytes, Neither),
        ("decoded_bytes", "decoded", "engine.decoded_bytes", Unit::Bytes, Neither),
        ("touched_bytes", "touched", "touched_bytes", Unit::Bytes, Neither),
        (
            "cpu_seconds",
            "CPU time of the reader threads",
            "engine.cpu_seconds",
            Unit::Seconds,
            Lower,
        ),
    ];
    for (key, label, path, unit, better) in metrics {
        let (key, label) = (key.to_owned(), label.to_owned());
        entry.metrics.push(MetricValue { key, label, value: sum(path), unit, better });
    }
    let ranks = first.count("ranks").unwrap_or(0);
    if ranks > readers.len() as u64 {
        let message = format!("what was read is that of {} of {ranks} ranks", readers.len());
        entry.warnings.push(Remark { code: "ranks".to_owned(), message });
    }
    entry.draw(causes(readers));
    entry.draw(entry::devices(&device_bytes(&phases)));
}

/// Training and evaluation of each epoch of a rank.
fn phases(reader: Fields<'_>) -> Vec<Fields<'_>> {
    let mut phases = Vec::new();
    for epoch in reader.list("epochs") {
        phases.extend(["train", "eval"].into_iter().filter_map(|phase| epoch.at(phase)));
    }
    phases
}

/// Where the time of each epoch of training went, summed over the ranks.
fn causes(readers: &[Value]) -> Chart {
    const CAUSES: [(&str, &str); 5] = [
        ("dlio_seconds", "in DLIO: computing, barrier"),
        ("batch_wait_seconds", "waiting for rows"),
        ("touch_seconds", "touching the data"),
        ("array_seconds", "making arrays"),
        ("open_seconds", "opening files"),
    ];
    let epochs = readers.iter().map(|reader| Fields(reader).list("epochs").count()).max();
    let seconds = |epoch: usize, cause: &str| {
        let of_rank = |reader: &Value| {
            let epoch = Fields(reader).list("epochs").nth(epoch)?;
            epoch.number(&format!("train.time_by_cause.{cause}"))
        };
        readers.iter().filter_map(of_rank).sum::<f64>()
    };
    let epochs = epochs.unwrap_or(0);
    let series = |(key, name): &(&str, &str)| Series {
        name: (*name).to_owned(),
        points: (0..epochs).map(|epoch| (epoch as f64, seconds(epoch, key))).collect(),
    };
    Chart {
        id: "causes",
        title: "Time of the data loader".to_owned(),
        drawn: Drawn::Stacked,
        x: Axis::linear("epoch", Unit::Count),
        categories: (1..=epochs).map(|epoch| epoch.to_string()).collect(),
        y: Axis::linear("seconds, summed over ranks", Unit::Seconds),
        series: CAUSES.iter().map(series).collect(),
        level: None,
        note: "DLIO's clock runs from the first part to the last one; opening is part of the first batch, which AU leaves out.".to_owned(),
    }
}

/// Bytes of each device over all phases.
fn device_bytes(phases: &[Fields<'_>]) -> Vec<(String, f64)> {
    let mut sums = BTreeMap::new();
    for phase in phases {
        for (name, bytes) in entry::device_bytes(*phase, "engine.devices") {
            *sums.entry(name).or_insert(0.0) += bytes;
        }
    }
    sums.into_iter().collect()
}
