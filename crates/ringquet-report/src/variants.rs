//! A comparison of file layouts: `ringquet layout`.

use crate::entry::{self, KnownMetric, known};
use crate::model::Better::{Higher, Lower, Neither};
use crate::model::{Axis, Chart, Drawn, ResultEntry, Series, TextTable, Unit};
use ringquet_result::Fields;

const METRICS: [KnownMetric; 6] = [
    known(
        "picked.rows_per_second_per_core",
        "rows per second and core, picked",
        Unit::PerSecond,
        Higher,
    ),
    known("picked.bytes_per_row", "bytes per row, picked", Unit::Bytes, Lower),
    known("picked.raw_bytes_per_second", "read per second, picked", Unit::BytesPerSecond, Higher),
    known("rows", "rows per variant", Unit::Count, Neither),
    known("repeats", "measured how often", Unit::Count, Neither),
    known("seconds", "time", Unit::Seconds, Lower),
];

/// The entry of a document of `ringquet layout`.
pub(crate) fn entry(document: Fields<'_>) -> ResultEntry {
    let mut entry = ResultEntry::of_document(document);
    entry.name = format!("layouts of {}", document.text("model").unwrap_or("a workload"));
    entry.measure(document, &METRICS);
    entry.set(
        document,
        &[("options.workload_file", "workload"), ("options.overrides", "overrides")],
    );
    entry.set(document, &entry::DRIVER);
    let variants: Vec<Fields<'_>> = document.list("variants").collect();
    entry.tables.push(table(document, &variants));
    entry.draw(bars(
        "layout_rate",
        "Rows per second and core",
        &variants,
        "rows_per_second_per_core",
        Unit::PerSecond,
    ));
    entry.draw(bars(
        "layout_size",
        "Bytes per row on disk",
        &variants,
        "bytes_per_row",
        Unit::Bytes,
    ));
    entry
}

fn table(document: Fields<'_>, variants: &[Fields<'_>]) -> TextTable {
    let columns: [(&str, &str, Unit); 6] = [
        ("on disk", "file_bytes", Unit::Bytes),
        ("per row", "bytes_per_row", Unit::Bytes),
        ("read, raw", "raw_bytes_per_second", Unit::BytesPerSecond),
        ("rows, raw", "raw_rows_per_second", Unit::PerSecond),
        ("rows, decoded", "rows_per_second", Unit::PerSecond),
        ("rows per core", "rows_per_second_per_core", Unit::PerSecond),
    ];
    let row = |(at, variant): (usize, &Fields<'_>)| {
        let show = |(_, key, unit): &(&str, &str, Unit)| {
            variant.number(key).map_or("–".to_owned(), |value| unit.show(value))
        };
        std::iter::once(format!("{}  {}", at + 1, variant.text("name").unwrap_or("?")))
            .chain(columns.iter().map(show))
            .collect()
    };
    let picked = document.text("picked.name");
    TextTable {
        title: "Layouts".to_owned(),
        columns: std::iter::once("layout".to_owned())
            .chain(columns.iter().map(|(title, _, _)| (*title).to_owned()))
            .collect(),
        rows: variants.iter().enumerate().map(row).collect(),
        picked: variants
            .iter()
            .position(|variant| picked.is_some() && variant.text("name") == picked),
    }
}

fn bars(id: &'static str, title: &str, variants: &[Fields<'_>], key: &str, unit: Unit) -> Chart {
    let point = |(at, variant): (usize, &Fields<'_>)| Some((at as f64, variant.number(key)?));
    Chart {
        id,
        title: title.to_owned(),
        drawn: Drawn::Bars,
        x: Axis::linear("layout", Unit::Count),
        // The names are too long to stand below bars.
        categories: (1..=variants.len()).map(|number| number.to_string()).collect(),
        y: Axis::linear(title, unit),
        series: vec![Series {
            name: title.to_owned(),
            points: variants.iter().enumerate().filter_map(point).collect(),
        }],
        level: None,
        note: "Numbered as in the table of layouts.".to_owned(),
    }
}
