//! A report as one HTML file: nothing is loaded, nothing runs, it reads in light, dark and on paper.
//!
//! Markup is made by [`maud`]: its types keep text and markup apart. A `String` is text and is escaped where it is put in;
//! markup is [`Markup`], which only `html!` makes, and [`PreEscaped`] stands here once, around our own style sheet.

use std::borrow::Cow;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::compare::{self, MetricChange, Trend};
use crate::model::{Chart, Drawn, MetricValue, Remark, Report, ResultEntry, Series, TextTable};
use crate::svg;

const STYLE: &str = include_str!("html/style.css");

/// Numbers of a result that stand large at the top of the page.
const HEADS: usize = 6;

/// Points of a chart up to which its numbers are in the page, too.
const POINTS_MAX: usize = 64;

/// The report as HTML.
pub(crate) fn render(report: &Report) -> String {
    let names: Vec<&str> = report.entries.iter().map(|entry| &*entry.name).collect();
    let page = html! {
        (DOCTYPE) "\n"
        html lang="en" {
            head {
                "\n" meta charset="utf-8";
                "\n" meta name="viewport" content="width=device-width, initial-scale=1";
                "\n" title { (names.join(" · ")) }
                "\n" style { "\n" (PreEscaped(STYLE)) }
                "\n"
            }
            "\n"
            body { "\n" main { (body(report)) } "\n" }
            "\n"
        }
        "\n"
    };
    without_controls(&page.into_string())
}

/// HTML forbids control characters, escaped or not. Separators of lines and the characters that turn the direction of text
/// would change what stands beside them. Each becomes a blank, wherever in the page it is.
fn without_controls(page: &str) -> String {
    let is_control = |c: char| match c {
        '\n' => false,
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    };
    page.chars().map(|c| if is_control(c) { ' ' } else { c }).collect()
}

fn body(report: &Report) -> Markup {
    let entries = &report.entries;
    html! {
        "\n" h1 { "ringquet report" }
        "\n" p.quiet { (subtitle(entries.len())) }
        "\n" div.cards { @for entry in entries { (card(entry)) } }
        (warnings(report))
        @if !report.charts.is_empty() {
            "\n" h2 { "Charts" }
            "\n" div.charts { @for chart in &report.charts { (figure(chart)) } }
        }
        @for entry in entries {
            @for found in &entry.tables {
                "\n" h2 { (mark(report, entry)) (found.title) }
                (table(found))
            }
        }
        (numbers(entries))
        (pairs("Environment", entries, |entry| &entry.environment))
        (pairs("Settings", entries, |entry| &entry.settings))
        (commands(report))
        "\n" footer {
            "Made by ringquet " (env!("CARGO_PKG_VERSION")) ". Bytes are counted in powers of 1024."
        }
        "\n"
    }
}

fn subtitle(results: usize) -> String {
    match results {
        1 => "One result: what it reached, where the time went, and how to do it again.".to_owned(),
        n => format!("{n} results side by side; changes are against A."),
    }
}

/// The letter of a result, where there are several.
fn mark(report: &Report, entry: &ResultEntry) -> Markup {
    html! { @if report.entries.len() > 1 { span.label { (entry.label) } } }
}

fn card(entry: &ResultEntry) -> Markup {
    html! {
        "\n" section.card {
            h3 { span.label { (entry.label) } (entry.name) }
            "\n" p.quiet.small { code { (entry.source) } }
            "\n" div.heads {
                @for MetricValue { label, value, unit, .. } in entry.metrics.iter().take(HEADS) {
                    "\n" div { b { (unit.show(*value)) } span { (label) } }
                }
            }
        }
    }
}

/// Each warning once, with the letters of all results that have it.
fn warnings(report: &Report) -> Markup {
    let mut all: Vec<(&Remark, Vec<&ResultEntry>)> = Vec::new();
    for entry in &report.entries {
        for warning in &entry.warnings {
            match all.iter_mut().find(|(known, _)| *known == warning) {
                Some((_, entries)) => entries.push(entry),
                None => all.push((warning, vec![entry])),
            }
        }
    }
    html! {
        @if !all.is_empty() {
            "\n" h2 { "Warnings" }
            "\n" ul.warnings {
                @for (warning, entries) in all {
                    "\n" li {
                        @for entry in entries { (mark(report, entry)) }
                        code { (warning.code) } " " (warning.message)
                    }
                }
            }
        }
    }
}

/// Parts of a stack below this share of it are not seen; in the legend they would only be one more colour to look up.
const PART_MIN: f64 = 1e-4;

/// A chart without what is too small to be seen; its numbers are in the table still.
fn seen(chart: &Chart) -> Cow<'_, Chart> {
    let sum = |series: &Series| series.points.iter().map(|point| point.1).sum::<f64>();
    let least = PART_MIN * chart.series.iter().map(sum).sum::<f64>();
    let is_seen = |series: &Series| sum(series) > least;
    if chart.drawn != Drawn::Stacked || chart.series.iter().all(is_seen) {
        return Cow::Borrowed(chart);
    }
    let mut seen = chart.clone();
    seen.series.retain(is_seen);
    Cow::Owned(seen)
}

fn figure(chart: &Chart) -> Markup {
    let seen = seen(chart);
    let points: usize = chart.series.iter().map(|series| series.points.len()).sum();
    html! {
        "\n" figure {
            h3 { (chart.title) }
            @if chart.y.label != chart.title { "\n" p.quiet.small { (chart.y.label) } }
            @match svg::draw(&seen) {
                Some(picture) => (picture),
                None => p { "This chart cannot be drawn; its numbers are below." },
            }
            (legend(&seen))
            "\n" figcaption { (chart.note) }
            @if points <= POINTS_MAX {
                "\n" details { summary { "Numbers" } (table(&points_table(chart))) }
            }
        }
    }
}

fn legend(chart: &Chart) -> Markup {
    html! {
        @if chart.series.len() > 1 || chart.level.is_some() {
            "\n" ul.legend {
                @for (at, series) in chart.series.iter().enumerate() {
                    li { i style={ "background:" (svg::Paint::of_series(at)) } {} (series.name) }
                }
                @if let Some(level) = &chart.level { li { i.dash {} (level.name) } }
            }
        }
    }
}

fn points_table(chart: &Chart) -> TextTable {
    let mut xs: Vec<f64> = Vec::new();
    for (x, _) in chart.series.iter().flat_map(|series| &series.points) {
        if !xs.contains(x) {
            xs.push(*x);
        }
    }
    xs.sort_by(f64::total_cmp);
    let mut columns = vec![chart.x.label.clone()];
    columns.extend(chart.series.iter().map(|series| series.name.clone()));
    let row = |x: &f64| {
        let at = |point: &&(f64, f64)| point.0 == *x;
        let values = chart.series.iter().map(|series| {
            let y = series.points.iter().find(at).map(|point| point.1);
            y.map_or("–".to_owned(), |y| chart.y.unit.show(y))
        });
        std::iter::once(chart.position(*x)).chain(values).collect()
    };
    let rows = xs.iter().map(row).collect();
    let mut table = TextTable { title: String::new(), columns, rows, picked: None };
    if chart.drawn == Drawn::Stacked && chart.categories == [""] {
        // The one stack has no name: its parts read better below each other.
        let [only] = &table.rows[..] else { return table };
        let parts = table.columns.iter().zip(only).skip(1);
        table.rows = parts.map(|(part, value)| vec![part.clone(), value.clone()]).collect();
        table.columns = vec!["part".to_owned(), chart.y.label.clone()];
    }
    table
}

fn table(table: &TextTable) -> Markup {
    html! {
        "\n" div.scroll {
            table {
                thead { tr { @for column in &table.columns { th scope="col" { (column) } } } }
                tbody {
                    @for (at, row) in table.rows.iter().enumerate() {
                        "\n" tr.picked[table.picked == Some(at)] {
                            @if let Some((first, others)) = row.split_first() {
                                th scope="row" { (first) }
                                @for cell in others { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// All numbers; of several results with the change against the first.
fn numbers(entries: &[ResultEntry]) -> Markup {
    html! {
        "\n" h2 { "Numbers" }
        "\n" div.scroll {
            table {
                thead {
                    tr {
                        th {}
                        @for (at, entry) in entries.iter().enumerate() {
                            th scope="col" { (entry.label) }
                            @if at > 0 { th scope="col" { "change" } }
                        }
                    }
                }
                tbody {
                    @for row in compare::rows(entries) {
                        "\n" tr { th scope="row" { (row.metric.label) } (values(&row.values)) }
                    }
                }
            }
        }
        @if entries.len() > 1 {
            "\n" p.quiet.small { "✓ better, ✗ worse than A by more than 1 %." }
        }
    }
}

/// The cells of a number: its value in each result, each but the first with its change.
fn values(values: &[Option<&MetricValue>]) -> Markup {
    let first = values.first().copied().flatten();
    html! {
        @for (at, value) in values.iter().enumerate() {
            @match value {
                Some(metric) => td { (metric.unit.show(metric.value)) },
                None => td { "–" },
            }
            @if at > 0 {
                @match first.zip(*value).and_then(|(a, b)| compare::change(a, b)) {
                    Some(MetricChange { text, trend }) => {
                        @let (class, sign) = match trend {
                            Trend::Better => ("better", " ✓"),
                            Trend::Worse => ("worse", " ✗"),
                            Trend::Neither => ("quiet", ""),
                        };
                        td class=(class) { (text) (sign) }
                    }
                    None => td {},
                }
            }
        }
    }
}

/// Words in two columns, or one column per result.
fn pairs(
    title: &str,
    entries: &[ResultEntry],
    of: fn(&ResultEntry) -> &[(String, String)],
) -> Markup {
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in entries.iter().flat_map(of) {
        if !keys.contains(&&**key) {
            keys.push(key);
        }
    }
    let value = |entry, key| {
        let found = of(entry).iter().find(|(known, _)| known == key);
        found.map_or("–", |(_, value)| value)
    };
    html! {
        @if !keys.is_empty() {
            "\n" h2 { (title) }
            "\n" div.scroll {
                table.words {
                    @if entries.len() > 1 {
                        thead {
                            tr { th {} @for entry in entries { th scope="col" { (entry.label) } } }
                        }
                    }
                    tbody {
                        @for key in keys {
                            "\n" tr {
                                th scope="row" { (key) }
                                @for entry in entries { td { (value(entry, key)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn commands(report: &Report) -> Markup {
    let known = |entry: &&ResultEntry| entry.command.is_some();
    html! {
        @if report.entries.iter().any(|entry| known(&entry)) {
            "\n" h2 { "How to reproduce" }
            @for entry in report.entries.iter().filter(known) {
                @if report.entries.len() > 1 { "\n" p { (mark(report, entry)) (entry.name) } }
                @if let Some(command) = &entry.command { "\n" pre { (command) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_is_text() {
        let text = "<script>'&\"\u{1b}\u{2028}\u{202e}";
        let entries = vec![ResultEntry { name: text.to_owned(), ..ResultEntry::default() }];
        let page = render(&Report { entries, charts: Vec::new() });
        assert!(page.contains("<title>&lt;script&gt;'&amp;&quot;   </title>"), "{page}");
        assert!(
            page.contains("<h3><span class=\"label\"></span>&lt;script&gt;'&amp;&quot;   </h3>")
        );
    }
}
