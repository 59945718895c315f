//! What `ringquet.dlio` read in a run of DLIO: `N_ringquet.json` of its ranks.

use ringquet_result::Fields;
use serde_json::Value;

use crate::entry;
use crate::model::Better::{Lower, Neither};
use crate::model::{MetricValue, Remark, ResultEntry, Unit};

/// What a rank of DLIO does with its time.
const CAUSES: [(&str, &str); 5] = [
    ("dlio_seconds", "in DLIO: computing, barrier"),
    ("batch_wait_seconds", "waiting for rows"),
    ("touch_seconds", "touching the data"),
    ("array_seconds", "making arrays"),
    ("open_seconds", "opening files"),
];

/// Adds what the loader of each rank measured; nothing where another loader read.
pub(crate) fn add(entry: &mut ResultEntry, readers: &[Value]) {
    let readers: Vec<Fields<'_>> = readers.iter().map(Fields).collect();
    let Some(first) = readers.first() else { return };
    entry.name.push_str(", read by ringquet");
    entry.settings.push((
        "data loader".to_owned(),
        first.text("loader").unwrap_or("ringquet.dlio").to_owned(),
    ));
    let phases: Vec<Fields<'_>> = readers.iter().copied().flat_map(entry::phases).collect();
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
    entry.draw(entry::causes(
        &readers,
        "Time of the data loader",
        "ranks",
        &CAUSES,
        "DLIO's clock runs from the first part to the last one; opening is part of the first batch, which AU leaves out.",
    ));
    entry.draw(entry::devices(&entry::over_phases(&phases)));
}
