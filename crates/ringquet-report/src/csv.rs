//! A report as one table of plain numbers, for other tools (RFC 4180, a line feed after each line).
//!
//! ```text
//! result,name,table,series,x,value,unit
//! A,scan of /data,metric,,rows_per_second,1465713.19,1/s
//! A,scan of /data,latency,reads,p50,13754367,ns
//! ```
//! `metric` lines have the key of the number as x, and so have those of a table, with its row as series; the others are the
//! points of a chart. Charts over
//! several results have their labels in the series.

use std::fmt::Write as _;

use crate::model::{Detail, Report};

/// The report as CSV.
pub(crate) fn render(report: &Report) -> String {
    let mut text = "result,name,table,series,x,value,unit\n".to_owned();
    let mut line = |cells: [&str; 7]| {
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        // Writing to a String does not fail.
        let _ = writeln!(text, "{}", cells.join(","));
    };
    for entry in &report.entries {
        for metric in &entry.metrics {
            let (value, unit) = (metric.value.to_string(), metric.unit.name());
            line([&entry.label, &entry.name, "metric", "", &metric.key, &value, unit]);
        }
        for Detail { table, series, key, value, unit } in &entry.details {
            let value = value.to_string();
            line([&entry.label, &entry.name, table, series, key, &value, unit.name()]);
        }
    }
    let (all, name) = match &report.entries[..] {
        [only] => (&*only.label, &*only.name),
        _ => ("", ""),
    };
    for chart in &report.charts {
        for series in &chart.series {
            for (x, y) in &series.points {
                let x = match chart.categories.is_empty() {
                    true => x.to_string(),
                    false => chart.position(*x),
                };
                line([all, name, chart.id, &series.name, &x, &y.to_string(), chart.y.unit.name()]);
            }
        }
    }
    text
}

/// A cell, in quotes where it needs them.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_need_quotes() {
        assert_eq!(quoted("a b"), "a b");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"x\"\n"), "\"say \"\"x\"\"\n\"");
    }
}
