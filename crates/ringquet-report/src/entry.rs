//! From a document to a [`ResultEntry`]: what all kinds of results have in common.

use std::collections::BTreeMap;

use crate::model::{Axis, Better, Chart, Drawn, MetricValue, Remark, ResultEntry, Series, Unit};
use ringquet_result::Fields;

/// Points of a time line that are drawn; more lie closer together than pixels.
const POINTS_MAX: usize = 400;

/// One number that a kind of result may have.
pub(crate) struct KnownMetric {
    pub(crate) key: &'static str,
    pub(crate) label: &'static str,
    pub(crate) unit: Unit,
    pub(crate) better: Better,
}

/// A row of a table of known numbers.
pub(crate) const fn known(
    key: &'static str,
    label: &'static str,
    unit: Unit,
    better: Better,
) -> KnownMetric {
    KnownMetric { key, label, unit, better }
}

impl ResultEntry {
    /// What every document of ringquet states about itself.
    pub(crate) fn of_document(document: Fields<'_>) -> ResultEntry {
        let mut entry = ResultEntry {
            kind: document.text("command").unwrap_or("result").to_owned(),
            ..ResultEntry::default()
        };
        entry.environment = environment(document);
        entry.warnings = document.list("warnings").filter_map(remark).collect();
        entry
    }

    /// Takes those of `all` that the document has.
    pub(crate) fn measure(&mut self, document: Fields<'_>, all: &[KnownMetric]) {
        for known in all {
            if let Some(value) = document.number(known.key) {
                self.metrics.push(MetricValue {
                    key: known.key.to_owned(),
                    label: known.label.to_owned(),
                    value,
                    unit: known.unit,
                    better: known.better,
                });
            }
        }
    }

    /// Adds a chart unless there is nothing to draw.
    pub(crate) fn draw(&mut self, chart: Chart) {
        if !chart.is_empty() {
            self.charts.push(chart);
        }
    }

    /// Adds what the document has of `keys`, with a label each.
    pub(crate) fn set(&mut self, document: Fields<'_>, keys: &[(&str, &str)]) {
        for (key, label) in keys {
            if let Some(shown) = document.shown(key) {
                self.settings.push(((*label).to_owned(), shown));
            }
        }
    }
}

fn remark(warning: Fields<'_>) -> Option<Remark> {
    let text = |key| warning.text(key).map(str::to_owned);
    Some(Remark { code: text("code")?, message: text("message")? })
}

fn environment(document: Fields<'_>) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut line = |label: &str, shown: Option<String>| {
        if let Some(shown) = shown {
            lines.push((label.to_owned(), shown));
        }
    };
    let environment = |key: &str| document.shown(&format!("environment.{key}"));
    let version = environment("ringquet_version").map(|version| {
        let profile = environment("build_profile").unwrap_or_default();
        format!("{version} ({profile} build)")
    });
    line("ringquet", version);
    line("host", environment("hostname"));
    line("kernel", environment("kernel"));
    line("processor", environment("cpu_model"));
    line("CPUs", environment("cpus"));
    let memory = document.number("environment.memory_bytes");
    line("memory", memory.map(|bytes| Unit::Bytes.show(bytes)));
    line("measured", document.number("environment.unix_seconds").and_then(utc_time));
    lines
}

/// Seconds since 1970 as UTC, so that a report is the same wherever it is made.
fn utc_time(unix_seconds: f64) -> Option<String> {
    if !(0.0..1e11).contains(&unix_seconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked above")]
    let stamp = jiff::Timestamp::from_second(unix_seconds as i64).ok()?;
    Some(stamp.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// How the reads were carried: the same keys for scans and runs.
pub(crate) const DRIVER: [(&str, &str); 10] = [
    ("driver.name", "driver"),
    ("driver.direct", "direct I/O"),
    ("driver.registered_buffers", "registered buffers"),
    ("driver.registered_files", "registered files"),
    ("driver.huge_pages", "pages of the arena"),
    ("driver.threads", "reader threads"),
    ("driver.cpus", "on CPUs"),
    ("driver.queue_depth", "queue depth"),
    ("driver.read_size_bytes", "read size in bytes"),
    ("driver.coalesce_gap_bytes", "coalesce gap in bytes"),
];

/// Latency percentiles as a line over their names.
pub(crate) fn latency(document: Fields<'_>, path: &str) -> Chart {
    const NAMES: [(&str, &str); 4] =
        [("p50", "p50"), ("p99", "p99"), ("p99_9", "p99.9"), ("max", "max")];
    let value = |(index, (key, _)): (usize, &(&str, &str))| {
        Some((index as f64, document.number(&format!("{path}.{key}"))?))
    };
    Chart {
        id: "latency",
        title: "Latency of reads".to_owned(),
        drawn: Drawn::Lines,
        x: Axis::linear("percentile", Unit::Count),
        categories: NAMES.iter().map(|(_, name)| (*name).to_owned()).collect(),
        y: Axis::log("latency", Unit::Nanoseconds),
        series: vec![Series {
            name: "reads".to_owned(),
            points: NAMES.iter().enumerate().filter_map(value).collect(),
        }],
        level: None,
        note: "From submission to reap of each read; with a deep queue most of it is waiting for the device.".to_owned(),
    }
}

/// Reads in flight over time, from the list at `path`.
pub(crate) fn depth(document: Fields<'_>, path: &str, when: &str) -> Chart {
    let points = |key: &str| {
        let point = |cell: Fields<'_>| Some((cell.number("seconds")?, cell.number(key)?));
        thinned(&document.list(path).filter_map(point).collect::<Vec<_>>())
    };
    let series = [("mean", "mean"), ("max", "most")]
        .map(|(key, name)| Series { name: name.to_owned(), points: points(key) });
    Chart {
        id: "depth",
        title: format!("Reads in flight{when}"),
        drawn: Drawn::Lines,
        x: Axis::linear("time", Unit::Seconds),
        categories: Vec::new(),
        y: Axis::linear("reads in flight per ring", Unit::Count),
        series: series.into(),
        level: document
            .number("driver.queue_depth")
            .map(|at| crate::model::Level { at, name: "queue depth".to_owned() }),
        note: "A queue that is not full waits for plans, memory or consumers, not for the device."
            .to_owned(),
    }
}

/// Bytes of each device, given as names and bytes.
pub(crate) fn devices(all: &[(String, f64)]) -> Chart {
    let mean = all.iter().map(|(_, bytes)| bytes).sum::<f64>() / all.len().max(1) as f64;
    let most = all.iter().map(|(_, bytes)| *bytes).fold(0.0, f64::max);
    let note = if all.len() < 2 || mean <= 0.0 {
        "One device: there is nothing to balance.".to_owned()
    } else {
        format!("The busiest device read {:.2} times the mean.", most / mean)
    };
    Chart {
        id: "devices",
        title: "Device balance".to_owned(),
        drawn: Drawn::Bars,
        x: Axis::linear("device", Unit::Count),
        categories: all.iter().map(|(name, _)| name.clone()).collect(),
        y: Axis::linear("read", Unit::Bytes),
        series: vec![Series {
            name: "read".to_owned(),
            points: all.iter().enumerate().map(|(at, (_, bytes))| (at as f64, *bytes)).collect(),
        }],
        level: None,
        note,
    }
}

/// Names and bytes at `path`.
pub(crate) fn device_bytes(document: Fields<'_>, path: &str) -> Vec<(String, f64)> {
    let device =
        |device: Fields<'_>| Some((device.text("name")?.to_owned(), device.number("read_bytes")?));
    document.list(path).filter_map(device).collect()
}

/// Training and evaluation of each epoch.
pub(crate) fn phases(document: Fields<'_>) -> Vec<Fields<'_>> {
    let mut phases = Vec::new();
    for epoch in document.list("epochs") {
        phases.extend(["train", "eval"].into_iter().filter_map(|phase| epoch.at(phase)));
    }
    phases
}

/// Names and bytes of the devices, over all of `phases`.
pub(crate) fn over_phases(phases: &[Fields<'_>]) -> Vec<(String, f64)> {
    let mut sums = BTreeMap::new();
    for phase in phases {
        for (name, bytes) in device_bytes(*phase, "engine.devices") {
            *sums.entry(name).or_insert(0.0) += bytes;
        }
    }
    sums.into_iter().collect()
}

/// Where the time of training went in each epoch, summed over `documents`: `time_by_cause`, by its keys and what they are called.
pub(crate) fn causes(
    documents: &[Fields<'_>],
    title: &str,
    summed_over: &str,
    causes: &[(&str, &str)],
    note: &str,
) -> Chart {
    let epochs: Vec<Vec<Fields<'_>>> =
        documents.iter().map(|document| document.list("epochs").collect()).collect();
    let count = epochs.iter().map(Vec::len).max().unwrap_or(0);
    let seconds = |epoch: usize, key: &str| {
        let of_document = |epochs: &Vec<Fields<'_>>| {
            epochs.get(epoch)?.number(&format!("train.time_by_cause.{key}"))
        };
        epochs.iter().filter_map(of_document).sum::<f64>()
    };
    let series = |(key, name): &(&str, &str)| Series {
        name: (*name).to_owned(),
        points: (0..count).map(|epoch| (epoch as f64, seconds(epoch, key))).collect(),
    };
    let all: Vec<Series> = causes.iter().map(series).collect();
    // A cause that took no time is only one more colour to look up.
    let total: f64 = all.iter().flat_map(|series| &series.points).map(|point| point.1).sum();
    let shows =
        |series: &Series| series.points.iter().map(|point| point.1).sum::<f64>() > 1e-4 * total;
    Chart {
        id: "causes",
        title: title.to_owned(),
        drawn: Drawn::Stacked,
        x: Axis::linear("epoch", Unit::Count),
        categories: (1..=count).map(|epoch| epoch.to_string()).collect(),
        y: Axis::linear(&format!("seconds, summed over {summed_over}"), Unit::Seconds),
        series: all.into_iter().filter(shows).collect(),
        level: None,
        note: note.to_owned(),
    }
}

/// At most [`POINTS_MAX`] points: the mean of each stretch.
pub(crate) fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let stretch = points.len().div_ceil(POINTS_MAX).max(1);
    let mean = |points: &[(f64, f64)]| {
        let count = points.len() as f64;
        let sum = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (sum.0 / count, sum.1 / count)
    };
    points.chunks(stretch).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_thinned_to_their_means() {
        let points: Vec<(f64, f64)> = (0..1000).map(|at| (f64::from(at), 2.0)).collect();
        let thin = thinned(&points);
        assert_eq!(thin.len(), 334);
        assert_eq!(thin[0], (1.0, 2.0));
        assert_eq!(thinned(&points[..7]).len(), 7);
        assert!(thinned(&[]).is_empty());
    }

    #[test]
    fn imbalance_is_told() {
        let all = [("a".to_owned(), 10.0), ("b".to_owned(), 30.0)];
        assert_eq!(devices(&all).note, "The busiest device read 1.50 times the mean.");
    }
}
