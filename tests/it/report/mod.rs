//! Results at a glance: what is read, what is reported, and that text from files stays text.

use std::fs;
use std::path::{Path, PathBuf};

use ringquet_report::{ReportError, ReportFormat, read};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A scan's document, as `ringquet scan --json` prints it, with only what is looked at.
fn scan(rows_per_second: f64) -> Value {
    json!({
        "schema_version": 1, "command": "scan",
        "argv": ["ringquet", "scan", "/data", "--queue-depth", "8", "--json"],
        "environment": {"ringquet_version": "0.1.0", "build_profile": "release", "hostname": "h",
            "kernel": "Linux 6.18", "cpu_model": "C", "cpus": 2, "memory_bytes": 1_u64 << 34, "unix_seconds": 1_795_358_806},
        "options": {"paths": ["/data"], "raw": false, "io": {"queue_depth": 8}},
        "warnings": [{"code": "page_cache", "message": "warm"}],
        "seconds": 2.0, "rows": 1000, "rows_per_second": rows_per_second, "read_bytes": 4096,
        "latency_ns": {"p50": 1000, "p99": 20_000, "p99_9": 30_000, "max": 40_000},
        "depth": [{"seconds": 0.0, "mean": 7.5, "max": 8}, {"seconds": 0.02, "mean": 8.0, "max": 8}],
        "decode_seconds": 1.5, "read_wait_seconds": 0.5, "consumer_wait_seconds": 0.0,
        "devices": [{"name": "nvme0n1", "read_bytes": 3000}, {"name": "nvme1n1", "read_bytes": 1000}],
        "driver": {"name": "uring", "threads": 2, "queue_depth": 8},
    })
}

fn file(dir: &Path, name: &str, document: &Value) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, document.to_string()).unwrap();
    path
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("it/report/golden").join(name)
}

#[test]
fn a_scan_is_told_with_its_numbers_and_charts() {
    let dir = TempDir::new().unwrap();
    let report = read(&[file(dir.path(), "a.json", &scan(500.0))]).unwrap();
    let ids: Vec<&str> = report.charts.iter().map(|chart| chart.id).collect();
    assert_eq!(ids, ["latency", "thread_time", "depth", "devices"]);
    let entry = &report.entries[0];
    assert_eq!(entry.name, "scan of /data");
    assert_eq!(entry.command.as_deref(), Some("ringquet scan /data --queue-depth 8 --json"));
    assert!(entry.environment.contains(&("memory".to_owned(), "16.0 GiB".to_owned())));
    let told = report.charts.iter().find(|chart| chart.id == "devices").map(|chart| &*chart.note);
    assert_eq!(told, Some("The busiest device read 1.50 times the mean."));
    let stack = report.charts.iter().find(|chart| chart.id == "thread_time").unwrap();
    let rest = stack.series.last().unwrap();
    assert_eq!(rest.points, [(0.0, 2.0)], "2 threads × 2 s less 1.5 s and 0.5 s");
}

#[test]
fn two_scans_are_compared_in_per_cent() {
    let dir = TempDir::new().unwrap();
    let paths =
        [file(dir.path(), "a.json", &scan(500.0)), file(dir.path(), "b.json", &scan(600.0))];
    let report = read(&paths).unwrap();
    assert_eq!(report.charts.len(), 4, "charts of one kind are one");
    let html = report.render(ReportFormat::Html);
    assert!(html.contains("<td class=\"better\">+20.0 % ✓</td>"), "{html}");
    let markdown = report.render(ReportFormat::Markdown);
    let line = markdown.lines().find(|line| line.starts_with("| rows per second")).unwrap();
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    assert_eq!(cells, ["", "rows per second", "500 /s", "600 /s", "+20.0 %", ""]);
}

#[test]
fn the_page_is_one_file_that_loads_and_runs_nothing() {
    let dir = TempDir::new().unwrap();
    let html = read(&[file(dir.path(), "a.json", &scan(1.0))]).unwrap().render(ReportFormat::Html);
    for forbidden in ["<script", "<link", "@import", "url(", " src=", "<iframe", "onload"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    // The name space of SVG is a name, not something that is loaded.
    let named = html.replace("http://www.w3.org/2000/svg", "");
    assert!(!named.contains("http://") && !named.contains("https://"));
    assert!(html.contains("prefers-color-scheme: dark") && html.contains("@media print"));
    assert_eq!(html.matches("<svg").count(), 4);
    let colours = html.split("<svg").skip(1).filter(|svg| {
        let svg = svg.split("</svg>").next().unwrap();
        svg.contains("=\"#")
    });
    assert_eq!(colours.count(), 0, "all colours of charts are the page's variables");
}

#[test]
fn text_from_files_stays_text() {
    let dir = TempDir::new().unwrap();
    let evil = "<script>alert('x')</script>&\"|`";
    let mut document = scan(1.0);
    document["options"]["paths"] = json!([evil]);
    document["environment"]["hostname"] = json!(evil);
    document["warnings"] = json!([{"code": evil, "message": evil}]);
    document["devices"][0]["name"] = json!(evil);
    document["driver"]["name"] = json!(evil);
    let report = read(&[file(dir.path(), "<b>.json", &document)]).unwrap();
    let html = report.render(ReportFormat::Html);
    assert!(!html.contains("<script") && !html.contains("<b>.json"), "{html}");
    let markdown = report.render(ReportFormat::Markdown);
    // Code blocks and code spans show markup as it is; elsewhere it is escaped.
    let outside: String = markdown.split("```").step_by(2).collect();
    assert!(!outside.lines().any(|l| l.contains("<script") && !l.contains('`')), "{outside}");
    let csv = report.render(ReportFormat::Csv);
    let row = csv.lines().nth(1).unwrap();
    assert!(row.contains("\"\"|`"), "quotes are doubled: {row}");
}

/// The page that the guides link to is what the report makes today of the documents beside it.
#[test]
fn the_example_is_what_the_report_makes_of_its_documents() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("docs");
    let names = ["flux-8.json", "flux-24.json", "device.json"];
    let paths = names.map(|name| docs.join("example-report").join(name));
    let mut report = read(&paths).unwrap();
    // It was made in that folder.
    for (entry, name) in report.entries.iter_mut().zip(names) {
        entry.source = name.to_owned();
    }
    let kept = fs::read_to_string(docs.join("example-report.html")).unwrap();
    assert!(
        report.render(ReportFormat::Html) == kept,
        "docs/example-report.html is not what its documents give: 'cargo xtask example' writes it"
    );
    for path in ["/home/", "/root", "/tmp"] {
        assert!(!kept.contains(path), "a path of the machine that it was measured on: {path}");
    }
}

#[test]
fn csv_has_one_number_a_line() {
    let dir = TempDir::new().unwrap();
    let csv = read(&[file(dir.path(), "a.json", &scan(500.5))]).unwrap().render(ReportFormat::Csv);
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("result,name,table,series,x,value,unit"));
    // Names with commas are in quotes; all others can be counted.
    let mut plain = lines.filter(|line| !line.contains('"'));
    assert!(plain.all(|line| line.split(',').count() == 7), "{csv}");
    assert!(
        csv.contains("\nA,scan of /data,thread_time,\"planning, submitting, starting\",,2,s\n")
    );
    assert!(csv.contains("\nA,scan of /data,metric,,rows_per_second,500.5,1/s\n"), "{csv}");
    assert!(csv.contains("\nA,scan of /data,latency,reads,p99.9,30000,ns\n"), "{csv}");
}

#[test]
fn a_folder_of_dlio_is_a_result_with_steps() {
    let report = read(&[golden("dlio")]).unwrap();
    let entry = &report.entries[0];
    assert_eq!((entry.kind.as_str(), entry.name.as_str()), ("dlio", "run of DLIO, 2 accelerators"));
    let au = entry.metrics.iter().find(|metric| metric.key == "train.au_percent_mean").unwrap();
    assert_eq!(au.value, 75.0);
    let steps = report.charts.iter().find(|chart| chart.id == "steps").unwrap();
    let of = |name: &str| {
        let series = steps.series.iter().find(|series| series.name == name).unwrap();
        series.points.iter().map(|point| point.1).collect::<Vec<f64>>()
    };
    assert_eq!(of("load, longest"), [0.5, 0.25, 0.25]);
    assert_eq!(of("compute"), [0.5, 0.5, 0.5]);
}

/// A folder of DLIO with what the data loader of ringquet wrote beside it.
#[test]
fn a_folder_of_dlio_tells_what_ringquet_read() {
    let dir = TempDir::new().unwrap();
    for entry in fs::read_dir(golden("dlio")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let phase = |rows: u64| {
        json!({"steps": 3, "touched_bytes": 80, "time_by_cause": {"open_seconds": 0.5,
            "batch_wait_seconds": 0.25, "touch_seconds": 0.0, "array_seconds": 0.0, "dlio_seconds": 2.0},
            "engine": {"rows": rows, "read_bytes": 100, "decoded_bytes": 80, "cpu_seconds": 0.5,
                "driver": {"name": "uring", "direct": true, "threads": 2},
                "devices": [{"name": "nvme0n1", "read_bytes": 64}]}})
    };
    let reader = |rank: u32| {
        json!({"schema_version": 1, "command": "dlio", "loader": "ringquet.dlio.RingquetDataLoader",
            "rank": rank, "ranks": 2, "epochs": [{"epoch": 1, "train": phase(10), "eval": phase(4)},
                {"epoch": 2, "train": phase(10)}]})
    };
    for rank in 0..2 {
        file(dir.path(), &format!("{rank}_ringquet.json"), &reader(rank));
    }
    let report = read(&[dir.path().to_owned()]).unwrap();
    let entry = &report.entries[0];
    assert_eq!(entry.name, "run of DLIO, 2 accelerators, read by ringquet");
    let metric = |key: &str| entry.metrics.iter().find(|metric| metric.key == key).unwrap().value;
    assert_eq!(
        (metric("rows"), metric("read_bytes"), metric("touched_bytes")),
        (48.0, 600.0, 480.0)
    );
    assert!(
        entry.settings.contains(&("driver".to_owned(), "uring".to_owned())),
        "{:?}",
        entry.settings
    );
    assert!(entry.warnings.iter().all(|warning| warning.code != "ranks"), "{:?}", entry.warnings);
    let causes = report.charts.iter().find(|chart| chart.id == "causes").unwrap();
    assert_eq!(causes.series[0].points, [(0.0, 4.0), (1.0, 4.0)], "in DLIO, both ranks");

    fs::remove_file(dir.path().join("1_ringquet.json")).unwrap();
    let report = read(&[dir.path().to_owned()]).unwrap();
    let warning =
        report.entries[0].warnings.iter().find(|warning| warning.code == "ranks").unwrap();
    assert!(warning.message.contains("1 of 2 ranks"), "{}", warning.message);

    fs::write(dir.path().join("0_ringquet.json"), "{\"schema_version\": 99}").unwrap();
    assert!(read(&[dir.path().to_owned()]).unwrap_err().to_string().contains("schema_version 99"));
}

#[test]
fn runs_that_differ_in_accelerators_make_a_curve() {
    let dir = TempDir::new().unwrap();
    let run = |accelerators: u32, au: f64| {
        json!({"schema_version": 1, "command": "run", "model": "flux", "accelerators": accelerators,
            "au_percent_bar": 90.0, "train": {"au_percent_mean": au, "au_percent": [au]}})
    };
    let paths =
        [file(dir.path(), "4.json", &run(4, 85.0)), file(dir.path(), "2.json", &run(2, 98.0))];
    let report = read(&paths).unwrap();
    let curve = report.charts.iter().find(|chart| chart.id == "accelerators").unwrap();
    assert_eq!(curve.series[0].points, [(2.0, 98.0), (4.0, 85.0)]);
    assert_eq!(curve.level.as_ref().map(|level| level.at), Some(90.0));
    let one = read(&paths[..1]).unwrap();
    assert!(one.charts.iter().all(|chart| chart.id != "accelerators"), "one point is no curve");
}

#[test]
fn a_search_has_its_curve_and_predictions() {
    let point = |accelerators: u32, au: f64| json!({"accelerators": accelerators, "au_percent": au, "samples_per_second": 7.0});
    let document = json!({"schema_version": 1, "command": "run", "model": "flux", "accelerators": 2,
        "au_percent_bar": 90.0, "points": [point(1, 99.0), point(2, 95.0), point(3, 60.0)], "bound": "device",
        "argv": ["ringquet", "run", "w.yaml", "--results-dir", "/r", "--find-max-accelerators"],
        "predictions": [{"cores_factor": 2.0, "bandwidth_factor": 1.0, "accelerators": 2, "bound": "device",
            "read_bytes_per_second": 1024.0, "bandwidth_is_known": true}]});
    let dir = TempDir::new().unwrap();
    file(dir.path(), "ringquet-search.json", &document);
    let report = read(&[dir.path().to_owned()]).unwrap();
    let curve = report.charts.iter().find(|chart| chart.id == "accelerators").unwrap();
    assert_eq!(curve.series[0].points, [(1.0, 99.0), (2.0, 95.0), (3.0, 60.0)]);
    let entry = &report.entries[0];
    assert_eq!(entry.metrics[0].value, 2.0);
    assert_eq!(entry.tables[0].rows[0], ["2 ×", "1 ×", "2", "device", "1.00 KiB/s"]);
    let expect = "ringquet run w.yaml --results-dir /r --find-max-accelerators";
    assert_eq!(entry.command.as_deref(), Some(expect));
}

#[test]
fn a_characterisation_has_curves_knees_and_a_roofline() {
    let point = |block: u64, depth: u64, rate: f64| {
        json!({"access": "random", "block_bytes": block, "queue_depth": depth, "threads": 2,
            "read_bytes_per_second": rate, "reads_per_second": rate / block as f64,
            "latency_ns": {"p50": 1, "p99": 2, "p99_9": 3, "max": 4}, "steady": true})
    };
    let knee = json!({"threads": 2, "queue_depth": 4, "read_bytes_per_second": 9.0});
    let mut polled = point(4096, 4, 7.0);
    polled["iopoll"] = json!(true);
    let document = json!({"schema_version": 1, "command": "characterize",
        "argv": ["ringquet", "characterize", "/mnt", "--preset", "quick"], "options": {"paths": ["/mnt"], "preset": "quick", "threads": null, "extras": true},
        "points": [point(4096, 1, 5.0), point(4096, 4, 9.0), point(524_288, 1, 50.0)],
        "extras": [polled], "readers": [{"thread": 0, "cpu": 3, "numa_node": 1}],
        "refused": [{"point": {"access": "random", "block_bytes": 4096, "iopoll": true}, "reason": "no poll queues"}],
        "knees": [{"access": "random", "block_bytes": 4096, "knee": knee, "peak": knee}],
        "parquet": {"read_bytes_per_second": 4.0},
        "roofline": {"device_bytes_per_second": 9.0, "decode_bytes_per_second": 5.0,
            "memory_bytes_per_second": 40.0, "bound_by": "decode"}});
    let dir = TempDir::new().unwrap();
    let report = read(&[file(dir.path(), "c.json", &document)]).unwrap();
    let chart = |id: &str| report.charts.iter().find(|chart| chart.id == id).unwrap();
    let curves = chart("sweep_random");
    assert_eq!(curves.series[0].points, [(2.0, 5.0), (8.0, 9.0)], "threads × depth");
    assert_eq!(curves.series[1].name, "512 KiB");
    assert_eq!(chart("roofline").note, "The lowest binds: decode.");
    assert_eq!(chart("roofline").level.as_ref().map(|level| level.at), Some(4.0));
    let knees = report.entries[0].tables.iter().find(|table| table.title == "Knees").unwrap();
    assert_eq!(knees.rows[0], ["random 4.00 KiB", "2 × 4", "9.00 B/s", "2 × 4", "9.00 B/s"]);
    let command = report.entries[0].command.as_deref();
    assert_eq!(command, Some("ringquet characterize /mnt --preset quick"));
    let settings = &report.entries[0].settings;
    let setting = |key: &str| settings.iter().find(|(known, _)| known == key).map(|(_, v)| &**v);
    assert_eq!(setting("reader threads"), Some("CPU 3 (node 1)"));
    assert_eq!(setting("refused: random 4.00 KiB, iopoll"), Some("no poll queues"));
    let points = report.entries[0].tables.iter().find(|table| table.title == "All points").unwrap();
    assert_eq!(points.rows.last().unwrap()[0], "random 4.00 KiB, iopoll");
    let csv = report.render(ReportFormat::Csv);
    let line = "points,\"random 4.00 KiB, iopoll, depth 4, threads 2\",latency_ns.max,4,ns";
    assert!(csv.contains(line), "{csv}");
}

#[test]
fn what_is_no_result_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let check = |path: PathBuf, expect: &str| {
        let error = read(std::slice::from_ref(&path)).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
        assert!(error.contains(&path.display().to_string()), "{error}");
    };
    let named = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    check(dir.path().join("missing.json"), "cannot read");
    check(named("empty.json", ""), "not a JSON document");
    check(named("cut.json", "{\"schema_version\": 1, "), "not a JSON document");
    check(named("deep.json", &"[".repeat(100_000)), "not a JSON document");
    check(named("list.json", "[1]"), "no schema_version");
    check(
        named("newer.json", "{\"schema_version\": 7, \"command\": \"scan\"}"),
        "schema_version 7",
    );
    check(named("verb.json", "{\"schema_version\": 1, \"command\": \"cat\"}"), "'cat'");
    let failed = "{\"schema_version\": 1, \"command\": \"scan\", \"error\": {\"message\": \"no such file\"}}";
    check(named("failed.json", failed), "no such file");
    fs::create_dir(dir.path().join("folder")).unwrap();
    check(
        dir.path().join("folder"),
        "none of ringquet.json, ringquet-search.json and summary.json",
    );
    assert!(matches!(read(&[]), Err(ReportError::Nothing)));
    let many = vec![dir.path().to_owned(); 27];
    assert!(matches!(read(&many), Err(ReportError::TooMany { given: 27, .. })));
}

#[test]
fn a_document_of_odd_values_is_still_a_page() {
    let dir = TempDir::new().unwrap();
    let mut document = scan(1e300);
    document["latency_ns"] = json!({"p50": 0, "p99": -5, "p99_9": "x", "max": u64::MAX});
    document["depth"] = json!([{"seconds": 1e308, "mean": -1e308}, 7, null, {"seconds": "x"}]);
    document["decode_seconds"] = json!(-7.0);
    document["devices"] = json!([{"name": "a", "read_bytes": 0}]);
    document["driver"] = json!([]);
    document["warnings"] = json!("none");
    let empty = json!({"schema_version": 1, "command": "run"});
    let paths = [file(dir.path(), "odd.json", &document), file(dir.path(), "empty.json", &empty)];
    let report = read(&paths).unwrap();
    for format in [ReportFormat::Html, ReportFormat::Markdown, ReportFormat::Csv] {
        assert!(report.render(format).len() > 100);
    }
}
