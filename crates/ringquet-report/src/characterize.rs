//! A device: its curves, the knees, and which stage binds.

use std::collections::BTreeMap;

use crate::entry::{self, KnownMetric, known};
use crate::model::Better::{Higher, Lower, Neither};
use crate::model::{Axis, Chart, Detail, Drawn, Level, ResultEntry, Series, TextTable, Unit};
use ringquet_result::Fields;

const METRICS: [KnownMetric; 13] = [
    known(
        "recommended.read_bytes_per_second",
        "read per second, recommended",
        Unit::BytesPerSecond,
        Higher,
    ),
    known("roofline.roof_bytes_per_second", "roof, stored bytes", Unit::BytesPerSecond, Higher),
    known("parquet.rows_per_second", "rows per second, decoded", Unit::PerSecond, Higher),
    known("parquet.raw_bytes_per_second", "Parquet, raw", Unit::BytesPerSecond, Higher),
    known("parquet.decoded_bytes_per_second", "Parquet, decoded", Unit::BytesPerSecond, Higher),
    known(
        "parquet.decoded_bytes_per_second_per_core",
        "decoded per core",
        Unit::BytesPerSecond,
        Higher,
    ),
    known("roofline.cores_for_device", "cores to keep up with the device", Unit::Ratio, Lower),
    known(
        "memory_copy.all_cores_bytes_per_second",
        "memory copied by all cores",
        Unit::BytesPerSecond,
        Higher,
    ),
    known("recommended.queue_depth", "queue depth, recommended", Unit::Count, Neither),
    known("recommended.read_size_bytes", "read size, recommended", Unit::Bytes, Neither),
    known("recommended.threads", "threads, recommended", Unit::Count, Neither),
    known("array.imbalance", "imbalance of devices", Unit::Ratio, Lower),
    known("seconds", "time", Unit::Seconds, Neither),
];

/// The entry of a document of `ringquet characterize`.
pub(crate) fn entry(document: Fields<'_>) -> ResultEntry {
    let mut entry = ResultEntry::of_document(document);
    let paths = document.shown("options.paths").unwrap_or_default();
    entry.name = format!("characterisation of {paths}");
    entry.measure(document, &METRICS);
    entry.set(document, &[("preset", "preset"), ("recommended.arguments", "recommended")]);
    for (at, why) in document.list("recommended.why").filter_map(|why| why.0.as_str()).enumerate() {
        entry.settings.push((format!("because ({})", at + 1), why.to_owned()));
    }
    for target in document.list("targets") {
        let shown = |key: &str| target.shown(key).unwrap_or_else(|| "?".to_owned());
        let size = target.number("len_bytes").map_or("?".to_owned(), |b| Unit::Bytes.show(b));
        let text = format!("{}, {size} on {}", shown("kind"), shown("file_system"));
        entry.settings.push((shown("path"), text));
    }
    entry.set(document, &entry::DRIVER);
    entry.settings.extend(readers(document));
    entry.settings.extend(document.list("refused").map(|refused| {
        let reason = refused.shown("reason").unwrap_or_default();
        (format!("refused: {}", name(&refused.at("point").unwrap_or(refused))), reason)
    }));
    let points: Vec<Fields<'_>> = document.list("points").collect();
    for (id, access) in [("sweep_sequential", "sequential"), ("sweep_random", "random")] {
        entry.draw(curves(id, access, &points));
    }
    entry.draw(reads(&points));
    entry.draw(tail(&points));
    entry.draw(roofline(document));
    entry.draw(parquet_line(document));
    entry.draw(entry::devices(&entry::device_bytes(document, "array.members")));
    entry.tables.extend(knees(document));
    // Those at the knees with other settings stand behind.
    let extras = document.list("extras");
    let all: Vec<Fields<'_>> = points.into_iter().chain(extras).collect();
    entry.details = all.iter().flat_map(details).collect();
    entry.tables.push(all_points(&all));
    entry
}

/// CPU and NUMA node of each reader thread.
fn readers(document: Fields<'_>) -> Option<(String, String)> {
    let of = |reader: Fields<'_>| {
        let node = reader.count("numa_node").map(|node| format!(" (node {node})"));
        let cpu = reader.count("cpu").map_or("any CPU".to_owned(), |cpu| format!("CPU {cpu}"));
        format!("{cpu}{}", node.unwrap_or_default())
    };
    let readers: Vec<String> = document.list("readers").map(of).collect();
    (!readers.is_empty()).then(|| ("reader threads".to_owned(), readers.join(", ")))
}

/// `random 4 KiB, iopoll`: what a point reads, and what it differs in from the others of the sweep.
fn name(point: &Fields<'_>) -> String {
    let block = point.number("block_bytes").map_or("?".to_owned(), |b| Unit::Bytes.show(b));
    let mut name = format!("{} {block}", point.text("access").unwrap_or("?"));
    if point.number("iopoll") == Some(1.0) {
        name.push_str(", iopoll");
    }
    if point.number("registered_buffers") == Some(0.0) {
        name.push_str(", unregistered");
    }
    name
}

/// All numbers of a point.
fn details(point: &Fields<'_>) -> Vec<Detail> {
    const NUMBERS: [(&str, Unit); 17] = [
        ("read_bytes_per_second", Unit::BytesPerSecond),
        ("reads_per_second", Unit::PerSecond),
        ("latency_ns.p50", Unit::Nanoseconds),
        ("latency_ns.p99", Unit::Nanoseconds),
        ("latency_ns.p99_9", Unit::Nanoseconds),
        ("latency_ns.max", Unit::Nanoseconds),
        ("reap_delay_ns.p50", Unit::Nanoseconds),
        ("reap_delay_ns.p99", Unit::Nanoseconds),
        ("cpu_seconds_per_gib", Unit::Ratio),
        ("read_bytes", Unit::Bytes),
        ("device_read_bytes", Unit::Bytes),
        ("seconds", Unit::Seconds),
        ("mean_depth", Unit::Ratio),
        ("steady", Unit::Count),
        ("window_range", Unit::Ratio),
        ("first_done_seconds", Unit::Seconds),
        ("last_done_seconds", Unit::Seconds),
    ];
    let count = |key: &str| point.count(key).unwrap_or(0);
    let series =
        format!("{}, depth {}, threads {}", name(point), count("queue_depth"), count("threads"));
    let detail = |(key, unit): &(&'static str, Unit)| {
        Some(Detail {
            table: "points",
            series: series.clone(),
            key,
            value: point.number(key)?,
            unit: *unit,
        })
    };
    NUMBERS.iter().filter_map(detail).collect()
}

/// One line per block size: `value` of the point with the highest rate for each number of reads in flight.
fn by_block(points: &[Fields<'_>], access: &str, value: &str) -> Vec<Series> {
    let mut blocks: BTreeMap<u64, BTreeMap<u64, (f64, f64)>> = BTreeMap::new();
    for point in points.iter().filter(|point| point.text("access") == Some(access)) {
        let place =
            (point.count("block_bytes"), point.count("queue_depth"), point.count("threads"));
        let found = (point.number("read_bytes_per_second"), point.number(value));
        if let ((Some(block), Some(depth), Some(threads)), (Some(rate), Some(value))) =
            (place, found)
        {
            let in_flight = depth.saturating_mul(threads);
            let best = blocks.entry(block).or_default().entry(in_flight).or_insert((rate, value));
            if rate > best.0 {
                *best = (rate, value);
            }
        }
    }
    let series = |(block, line): (u64, BTreeMap<u64, (f64, f64)>)| Series {
        name: Unit::Bytes.show(block as f64),
        points: line.into_iter().map(|(in_flight, (_, y))| (in_flight as f64, y)).collect(),
    };
    blocks.into_iter().map(series).collect()
}

fn curves(id: &'static str, access: &str, points: &[Fields<'_>]) -> Chart {
    Chart {
        id,
        title: format!("Throughput, {access}"),
        drawn: Drawn::Lines,
        x: Axis::log("reads in flight, all threads", Unit::Count),
        categories: Vec::new(),
        y: Axis::linear("throughput by size of a read", Unit::BytesPerSecond),
        series: by_block(points, access, "read_bytes_per_second"),
        level: None,
        note: "Where a line turns flat is its knee: more reads in flight only wait longer."
            .to_owned(),
    }
}

fn reads(points: &[Fields<'_>]) -> Chart {
    Chart {
        id: "sweep_iops",
        title: "Random reads per second".to_owned(),
        drawn: Drawn::Lines,
        x: Axis::log("reads in flight, all threads", Unit::Count),
        categories: Vec::new(),
        y: Axis::linear("IOPS by size of a read", Unit::PerSecond),
        series: by_block(points, "random", "reads_per_second"),
        level: None,
        note: "Small reads are bound by the number, large ones by the bytes.".to_owned(),
    }
}

fn tail(points: &[Fields<'_>]) -> Chart {
    Chart {
        id: "sweep_p99",
        title: "p99 latency of random reads".to_owned(),
        drawn: Drawn::Lines,
        x: Axis::log("reads in flight, all threads", Unit::Count),
        categories: Vec::new(),
        y: Axis::log("p99 by size of a read", Unit::Nanoseconds),
        series: by_block(points, "random", "latency_ns.p99"),
        level: None,
        note: "Beyond the knee latency grows in step with the reads in flight.".to_owned(),
    }
}

fn roofline(document: Fields<'_>) -> Chart {
    const STAGES: [(&str, &str); 3] = [
        ("device", "device_bytes_per_second"),
        ("decode", "decode_bytes_per_second"),
        ("memory", "memory_bytes_per_second"),
    ];
    let point = |(at, (_, key)): (usize, &(&str, &str))| {
        Some((at as f64, document.number(&format!("roofline.{key}"))?))
    };
    let bound = document.text("roofline.bound_by").unwrap_or("?");
    Chart {
        id: "roofline",
        title: "Roofline".to_owned(),
        drawn: Drawn::Bars,
        x: Axis::linear("stage", Unit::Count),
        categories: STAGES.iter().map(|(name, _)| (*name).to_owned()).collect(),
        y: Axis::linear("stored bytes that the stage alone lets through", Unit::BytesPerSecond),
        series: vec![Series {
            name: "lets through".to_owned(),
            points: STAGES.iter().enumerate().filter_map(point).collect(),
        }],
        level: document
            .number("parquet.read_bytes_per_second")
            .map(|at| Level { at, name: "measured, decoding".to_owned() }),
        note: format!("The lowest binds: {bound}."),
    }
}

fn parquet_line(document: Fields<'_>) -> Chart {
    const RATES: [(&str, &str); 4] = [
        ("raw", "raw_bytes_per_second"),
        ("stored", "read_bytes_per_second"),
        ("decompressed", "decompressed_bytes_per_second"),
        ("decoded", "decoded_bytes_per_second"),
    ];
    let point = |(at, (_, key)): (usize, &(&str, &str))| {
        Some((at as f64, document.number(&format!("parquet.{key}"))?))
    };
    Chart {
        id: "parquet",
        title: "The Parquet line".to_owned(),
        drawn: Drawn::Bars,
        x: Axis::linear("bytes counted", Unit::Count),
        categories: RATES.iter().map(|(name, _)| (*name).to_owned()).collect(),
        y: Axis::linear("throughput of the data set", Unit::BytesPerSecond),
        series: vec![Series {
            name: "throughput".to_owned(),
            points: RATES.iter().enumerate().filter_map(point).collect(),
        }],
        level: None,
        note: "Raw: read, nothing decoded. The other three are of one reading that decodes."
            .to_owned(),
    }
}

fn knees(document: Fields<'_>) -> Option<TextTable> {
    let row = |knee: Fields<'_>| {
        let load = |which: &str| {
            let number = |key: &str| knee.number(&format!("{which}.{key}"));
            Some(vec![
                format!("{:.0} × {:.0}", number("threads")?, number("queue_depth")?),
                Unit::BytesPerSecond.show(number("read_bytes_per_second")?),
            ])
        };
        let mut row = vec![format!(
            "{} {}",
            knee.text("access").unwrap_or("?"),
            Unit::Bytes.show(knee.number("block_bytes")?)
        )];
        row.extend(load("knee")?);
        row.extend(load("peak")?);
        Some(row)
    };
    let rows: Vec<Vec<String>> = document.list("knees").filter_map(row).collect();
    let columns = ["reads", "knee, threads × depth", "gets", "peak, threads × depth", "gets"];
    (!rows.is_empty()).then(|| TextTable {
        title: "Knees".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
        picked: None,
    })
}

fn all_points(points: &[Fields<'_>]) -> TextTable {
    const COLUMNS: [(&str, &str, Unit); 10] = [
        ("depth", "queue_depth", Unit::Count),
        ("threads", "threads", Unit::Count),
        ("throughput", "read_bytes_per_second", Unit::BytesPerSecond),
        ("IOPS", "reads_per_second", Unit::PerSecond),
        ("p50", "latency_ns.p50", Unit::Nanoseconds),
        ("p99", "latency_ns.p99", Unit::Nanoseconds),
        ("p99.9", "latency_ns.p99_9", Unit::Nanoseconds),
        ("max", "latency_ns.max", Unit::Nanoseconds),
        ("device", "device_read_bytes", Unit::Bytes),
        ("CPU s/GiB", "cpu_seconds_per_gib", Unit::Ratio),
    ];
    let row = |point: &Fields<'_>| {
        let steady = if point.number("steady") == Some(0.0) { " (not steady)" } else { "" };
        let numbers = COLUMNS.iter().map(|(_, key, unit)| {
            point.number(key).map_or("–".to_owned(), |value| unit.show(value))
        });
        std::iter::once(format!("{}{steady}", name(point))).chain(numbers).collect()
    };
    TextTable {
        title: "All points".to_owned(),
        columns: std::iter::once("reads".to_owned())
            .chain(COLUMNS.iter().map(|(title, _, _)| (*title).to_owned()))
            .collect(),
        rows: points.iter().map(row).collect(),
        picked: None,
    }
}
