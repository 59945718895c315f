//! A search for the most accelerators: `ringquet run --find-max-accelerators`.

use crate::entry::{self, KnownMetric, known};
use crate::model::Better::{Higher, Neither};
use crate::model::{Axis, Chart, Drawn, Level, ResultEntry, Series, TextTable, Unit};
use ringquet_result::Fields;

const METRICS: [KnownMetric; 2] = [
    known("au_percent_bar", "AU target", Unit::Percent, Neither),
    known(
        "capacity.rows_per_busy_second",
        "rows per busy second of a thread",
        Unit::PerSecond,
        Higher,
    ),
];

/// Whether a document of `run` is of a search.
pub(crate) fn is_search(document: Fields<'_>) -> bool {
    document.at("points").is_some()
}

/// The entry of a search's document.
pub(crate) fn entry(document: Fields<'_>) -> ResultEntry {
    let mut entry = ResultEntry::of_document(document);
    let model = document.text("model").unwrap_or("a workload");
    entry.name = format!("search of {model} for the most accelerators");
    // Not the accelerators of a run: another key, so that the two are not compared.
    if let Some(value) = document.number("accelerators") {
        entry.metrics.push(crate::model::MetricValue {
            key: "accelerators_max".to_owned(),
            label: "most accelerators at the target".to_owned(),
            value,
            unit: Unit::Count,
            better: Higher,
        });
    }
    entry.measure(document, &METRICS);
    entry.set(
        document,
        &[
            ("options.workload", "workload"),
            ("options.overrides", "overrides"),
            ("decode", "delivers"),
            ("bound", "bound by"),
            ("bound_at", "seen at accelerators"),
            ("ceiling.accelerators", "most that could be tried"),
            ("ceiling.by", "because of"),
        ],
    );
    let bar = document.number("au_percent_bar");
    let line = |key: &str| {
        let point = |point: Fields<'_>| Some((point.number("accelerators")?, point.number(key)?));
        document.list("points").filter_map(point).collect::<Vec<(f64, f64)>>()
    };
    let au = Series { name: "AU".to_owned(), points: line("au_percent") };
    entry.draw(accelerators(vec![au], bar));
    entry.draw(Chart {
        id: "search_samples",
        title: "Samples per second against accelerators".to_owned(),
        drawn: Drawn::Lines,
        x: Axis::linear("accelerators", Unit::Count),
        categories: Vec::new(),
        y: Axis::linear("samples per second", Unit::PerSecond),
        series: vec![Series { name: "samples".to_owned(), points: line("samples_per_second") }],
        level: None,
        note: "Where it turns flat, more accelerators get no more samples.".to_owned(),
    });
    entry.tables.extend(predictions(document));
    entry.set(document, &entry::DRIVER);
    entry
}

/// AU against the number of accelerators.
pub(crate) fn accelerators(series: Vec<Series>, bar: Option<f64>) -> Chart {
    Chart {
        id: "accelerators",
        title: "AU against accelerators".to_owned(),
        drawn: Drawn::Lines,
        x: Axis::linear("accelerators", Unit::Count),
        categories: Vec::new(),
        y: Axis::linear("AU", Unit::Percent),
        series,
        level: bar.map(|at| Level { at, name: format!("target of {at:.0} %") }),
        note: "The storage feeds as many accelerators as meet the target.".to_owned(),
    }
}

fn predictions(document: Fields<'_>) -> Option<TextTable> {
    let row = |prediction: Fields<'_>| {
        let times = |key: &str| Some(format!("{} ×", prediction.number(key)?));
        let known = prediction.number("bandwidth_is_known") == Some(1.0);
        let bandwidth = Unit::BytesPerSecond.show(prediction.number("read_bytes_per_second")?);
        Some(vec![
            times("cores_factor")?,
            times("bandwidth_factor")?,
            Unit::Count.show(prediction.number("accelerators")?),
            prediction.text("bound").unwrap_or("?").to_owned(),
            if known { bandwidth } else { format!("{bandwidth}, more than was measured here") },
        ])
    };
    let rows: Vec<Vec<String>> = document.list("predictions").filter_map(row).collect();
    let columns = ["cores", "bandwidth", "accelerators", "then bound by", "reads with"];
    (!rows.is_empty()).then(|| TextTable {
        title: "With more of something".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
        picked: None,
    })
}
