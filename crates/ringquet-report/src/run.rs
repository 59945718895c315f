//! A run: AU, where the accelerators' time went, and the steps one by one.

use serde_json::Value;

use crate::entry::{self, KnownMetric, known};
use crate::model::Better::{Higher, Lower, Neither};
use crate::model::{Axis, Chart, Drawn, Level, MetricValue, ResultEntry, Series, Unit};
use crate::steps;
use ringquet_result::Fields;

const METRICS: [KnownMetric; 17] = [
    known("train.au_percent_mean", "AU", Unit::Percent, Higher),
    known("au_percent_bar", "AU target", Unit::Percent, Neither),
    known("accelerators", "accelerators", Unit::Count, Neither),
    known("train.samples_per_second_mean", "samples per second", Unit::PerSecond, Higher),
    known(
        "train.nominal_bytes_per_second_mean",
        "nominal bytes per second",
        Unit::BytesPerSecond,
        Higher,
    ),
    known("seconds", "time of the accelerators", Unit::Seconds, Lower),
    known("rows", "samples", Unit::Count, Neither),
    known("read_bytes_per_second", "read per second", Unit::BytesPerSecond, Neither),
    known("decoded_bytes_per_second", "decoded per second", Unit::BytesPerSecond, Neither),
    known("read_bytes", "read", Unit::Bytes, Neither),
    known("device_read_bytes", "read by the device", Unit::Bytes, Neither),
    known("latency_ns.p50", "latency p50", Unit::Nanoseconds, Lower),
    known("latency_ns.p99", "latency p99", Unit::Nanoseconds, Lower),
    known("latency_ns.max", "latency max", Unit::Nanoseconds, Lower),
    known("cpu_seconds", "CPU time", Unit::Seconds, Lower),
    known("cpu_seconds_per_gib", "CPU time per GiB", Unit::Seconds, Lower),
    known("decoder.fallback_column_chunks", "column chunks by fallback", Unit::Count, Lower),
];

/// What an accelerator does with its time.
const CAUSES: [(&str, &str); 6] = [
    ("compute_seconds", "computing"),
    ("batch_wait_seconds", "waiting for rows"),
    ("barrier_wait_seconds", "waiting at the barrier"),
    ("touch_seconds", "touching the data"),
    ("preprocess_seconds", "preprocessing"),
    ("oversleep_seconds", "oversleep"),
];

/// The entry of a run's document; `ranks` are its `N_output.json`, where they are at hand.
pub(crate) fn entry(document: Fields<'_>, ranks: &[Value]) -> ResultEntry {
    let mut entry = ResultEntry::of_document(document);
    let model = document.text("model").unwrap_or("a workload");
    let accelerators = document.count("accelerators").unwrap_or(0);
    let several = if accelerators == 1 { "" } else { "s" };
    entry.name = format!("run of {model}, {accelerators} accelerator{several}");
    entry.measure(document, &METRICS);
    if document.number("complete") == Some(0.0) {
        entry.warnings.push(crate::model::Remark {
            code: "incomplete".to_owned(),
            message: "the run was stopped; its numbers are those of the steps until then"
                .to_owned(),
        });
    }
    entry.set(
        document,
        &[
            ("options.workload", "workload"),
            ("options.overrides", "overrides"),
            ("decode", "delivers"),
            ("options.drop_caches", "page cache dropped"),
        ],
    );
    entry.set(document, &entry::DRIVER);
    let bar = document.number("au_percent_bar");
    entry.draw(au_over_epochs(&document.numbers("train.au_percent"), bar));
    entry.draw(entry::causes(
        &[document],
        "Time of the accelerators",
        "accelerators",
        &CAUSES,
        "All that is not computing lowers AU.",
    ));
    if let Some(chart) = steps::chart(ranks) {
        entry.draw(chart);
    }
    let epoch = document.list("epochs").next();
    if let Some(epoch) = epoch {
        entry.draw(entry::latency(epoch, "train.engine.latency_ns"));
        let mut depth = entry::depth(epoch, "train.engine.depth", ", epoch 1");
        depth.level = document
            .number("driver.queue_depth")
            .map(|at| Level { at, name: "queue depth".to_owned() });
        entry.draw(depth);
        if let Some(engine) = epoch.at("train.engine") {
            let mut chart = crate::scan::thread_time(engine);
            chart.title = "Time of the reader threads, epoch 1".to_owned();
            entry.draw(chart);
        }
    }
    entry.draw(entry::devices(&entry::over_phases(&entry::phases(document))));
    entry
}

/// The entry of a folder that only DLIO's own files are in.
pub(crate) fn of_dlio(summary: Fields<'_>, ranks: &[Value]) -> ResultEntry {
    const METRICS: [KnownMetric; 9] = [
        known("metric.train_au_mean_percentage", "AU", Unit::Percent, Higher),
        known("num_accelerators", "accelerators", Unit::Count, Neither),
        known("num_hosts", "hosts", Unit::Count, Neither),
        known(
            "metric.train_throughput_mean_samples_per_second",
            "samples per second",
            Unit::PerSecond,
            Higher,
        ),
        known("epochs", "epochs", Unit::Count, Neither),
        known("num_files_train", "training files", Unit::Count, Neither),
        known("num_samples_per_file", "samples per file", Unit::Count, Neither),
        known("metric.eval_au_mean_percentage", "AU of evaluation", Unit::Percent, Higher),
        known("data_size_per_host_GB", "nominal GiB per host", Unit::Count, Neither),
    ];
    // Equal things of both kinds of results have equal keys, so that they are compared.
    const EQUAL: [(&str, &str); 4] = [
        ("metric.train_au_mean_percentage", "train.au_percent_mean"),
        ("num_accelerators", "accelerators"),
        ("metric.train_throughput_mean_samples_per_second", "train.samples_per_second_mean"),
        ("metric.train_io_mean_MB_per_second", "train.nominal_bytes_per_second_mean"),
    ];
    let accelerators = summary.count("num_accelerators").unwrap_or(0);
    let mut entry = ResultEntry {
        kind: "dlio".to_owned(),
        name: format!("run of DLIO, {accelerators} accelerators"),
        ..ResultEntry::default()
    };
    entry.measure(summary, &METRICS);
    if let Some(mib) = summary.number("metric.train_io_mean_MB_per_second") {
        entry.metrics.push(MetricValue {
            key: "metric.train_io_mean_MB_per_second".to_owned(),
            label: "nominal bytes per second".to_owned(),
            value: mib * 1024.0 * 1024.0,
            unit: Unit::BytesPerSecond,
            better: Higher,
        });
    }
    for metric in &mut entry.metrics {
        if let Some((_, key)) = EQUAL.iter().find(|(theirs, _)| *theirs == metric.key) {
            metric.key = (*key).to_owned();
        }
    }
    let line = |label: &str, key: &str| Some((label.to_owned(), summary.shown(key)?));
    entry.environment = [
        line("host", "hostname"),
        line("processor", "host_cpuinfo.model name"),
        line("CPUs", "host_cpu_count"),
        line("memory in GiB", "host_memory_GB"),
        line("measured", "start"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if summary.numbers("potential_caching").iter().any(|cached| *cached != 0.0) {
        entry.warnings.push(crate::model::Remark {
            code: "potential_caching".to_owned(),
            message:
                "the data set is smaller than the host's memory: later epochs may come from it"
                    .to_owned(),
        });
    }
    entry.draw(au_over_epochs(&summary.numbers("metric.train_au_percentage"), None));
    if let Some(chart) = steps::chart(ranks) {
        entry.draw(chart);
    }
    entry
}

fn au_over_epochs(au_percent: &[f64], bar: Option<f64>) -> Chart {
    Chart {
        id: "au",
        title: "Accelerator utilization".to_owned(),
        drawn: Drawn::Bars,
        x: Axis::linear("epoch", Unit::Count),
        categories: (1..=au_percent.len()).map(|epoch| epoch.to_string()).collect(),
        y: Axis::linear("AU", Unit::Percent),
        series: vec![Series {
            name: "AU".to_owned(),
            points: au_percent.iter().enumerate().map(|(at, au)| (at as f64, *au)).collect(),
        }],
        level: bar.map(|at| Level { at, name: format!("bar of {at:.0} %") }),
        note: "Computation by time over the counted steps; mean over accelerators, per epoch."
            .to_owned(),
    }
}
