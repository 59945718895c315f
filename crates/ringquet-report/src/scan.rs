//! A scan: how fast, and what its threads did meanwhile.

use crate::entry::{self, KnownMetric, known};
use crate::model::Better::{Higher, Lower, Neither};
use crate::model::{Axis, Chart, Drawn, ResultEntry, Series, Unit};
use ringquet_result::Fields;

const METRICS: [KnownMetric; 25] = [
    known("seconds", "time", Unit::Seconds, Lower),
    known("open_seconds", "time to open", Unit::Seconds, Lower),
    known("rows", "rows", Unit::Count, Neither),
    known("rows_per_second", "rows per second", Unit::PerSecond, Higher),
    known("decoded_bytes", "decoded", Unit::Bytes, Neither),
    known("decoded_bytes_per_second", "decoded per second", Unit::BytesPerSecond, Higher),
    known(
        "decoded_bytes_per_second_with_open",
        "decoded per second, with opening",
        Unit::BytesPerSecond,
        Higher,
    ),
    known("wanted_bytes", "wanted", Unit::Bytes, Neither),
    known("read_bytes", "read", Unit::Bytes, Neither),
    known("read_bytes_per_second", "read per second", Unit::BytesPerSecond, Higher),
    known(
        "read_bytes_per_second_with_open",
        "read per second, with opening",
        Unit::BytesPerSecond,
        Higher,
    ),
    known("device_read_bytes", "read by the device", Unit::Bytes, Neither),
    known("read_amplification", "read amplification", Unit::Ratio, Lower),
    known("reads", "reads", Unit::Count, Neither),
    known("mean_depth", "mean reads in flight per ring", Unit::Count, Neither),
    known("latency_ns.p50", "latency p50", Unit::Nanoseconds, Lower),
    known("latency_ns.p99", "latency p99", Unit::Nanoseconds, Lower),
    known("latency_ns.p99_9", "latency p99.9", Unit::Nanoseconds, Lower),
    known("latency_ns.max", "latency max", Unit::Nanoseconds, Lower),
    known("reap_delay_ns.p50", "reap delay p50", Unit::Nanoseconds, Lower),
    known("reap_delay_ns.p99", "reap delay p99", Unit::Nanoseconds, Lower),
    known("cpu_seconds", "CPU time", Unit::Seconds, Lower),
    known("cpu_seconds_per_gib", "CPU time per GiB read", Unit::Seconds, Lower),
    known("decoder.fast_column_chunks", "column chunks decoded fast", Unit::Count, Neither),
    known("decoder.fallback_column_chunks", "column chunks by fallback", Unit::Count, Lower),
];

/// The entry of a scan's document.
pub(crate) fn entry(document: Fields<'_>) -> ResultEntry {
    let mut entry = ResultEntry::of_document(document);
    let paths = document.shown("options.paths").unwrap_or_default();
    let raw = document.number("options.raw") == Some(1.0);
    entry.name = format!("{} of {paths}", if raw { "raw scan" } else { "scan" });
    entry.measure(document, &METRICS);
    if raw {
        // Nothing was decoded: not zero, but not measured.
        let decodes = |key: &str| key.starts_with("rows") || key.starts_with("deco");
        entry.metrics.retain(|metric| !decodes(&metric.key));
    }
    entry.set(document, &[("options.columns", "columns"), ("options.decoder", "decoder")]);
    entry.set(document, &entry::DRIVER);
    entry.draw(entry::latency(document, "latency_ns"));
    entry.draw(thread_time(document));
    entry.draw(entry::depth(document, "depth", ""));
    let devices = entry::device_bytes(document, "devices");
    entry.draw(entry::devices(&devices));
    entry
}

/// What the seconds of the reader threads went into.
pub(crate) fn thread_time(document: Fields<'_>) -> Chart {
    let threads = document.number("driver.threads").unwrap_or(1.0);
    let parts = [
        ("submit_seconds", "submitting and reaping"),
        ("decode_seconds", "decoding"),
        ("deliver_seconds", "handing over"),
        ("digest_seconds", "hashing"),
        ("touch_seconds", "touching"),
        ("check_seconds", "checking files"),
        ("read_wait_seconds", "waiting for reads"),
        ("consumer_wait_seconds", "waiting for consumers"),
    ];
    let mut series: Vec<Series> = parts
        .iter()
        .filter_map(|(key, name)| {
            let seconds = document.number(key)?;
            Some(Series { name: (*name).to_owned(), points: vec![(0.0, seconds)] })
        })
        .collect();
    let told: f64 = series.iter().flat_map(|series| &series.points).map(|point| point.1).sum();
    if let Some(seconds) = document.number("seconds")
        && !series.is_empty()
    {
        let rest = (seconds * threads - told).max(0.0);
        // A document of before they were counted has submitting in the rest.
        let name = match document.number("submit_seconds") {
            Some(_) => "planning, starting",
            None => "planning, submitting, starting",
        };
        series.push(Series { name: name.to_owned(), points: vec![(0.0, rest)] });
    }
    Chart {
        id: "thread_time",
        title: "Time of the reader threads".to_owned(),
        drawn: Drawn::Stacked,
        x: Axis::linear("result", Unit::Count),
        categories: vec![String::new()],
        y: Axis::linear("seconds, summed over threads", Unit::Seconds),
        series,
        level: None,
        note: "The largest part is the stage that binds: decoding the CPU, waiting for reads the device.".to_owned(),
    }
}
