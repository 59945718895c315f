//! A report as one HTML file: nothing is loaded, nothing runs, it reads in light, dark and on paper.

use std::fmt::{self, Write as _};

use crate::compare::{self, Verdict};
use crate::model::{Chart, Drawn, Entry, Metric, Report, Table};
use crate::svg;

const STYLE: &str = include_str!("html/style.css");

/// Numbers of a result that stand large at the top of the page.
const HEADS: usize = 6;

/// Points of a chart up to which its numbers are in the page, too.
const POINTS_MAX: usize = 64;

/// Text as it stands between tags and in attributes. Control characters, which HTML forbids, become
/// blanks.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() && c != '\n' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A page as it grows. Everything that came from a file goes through [`escaped`].
struct Page(String);

impl Page {
    fn put(&mut self, text: fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a String takes what it is given");
        self.0.push('\n');
    }
}

/// The report as HTML.
pub(crate) fn render(report: &Report) -> String {
    let mut page = Page(String::new());
    let names: Vec<String> = report.entries.iter().map(|entry| escaped(&entry.name)).collect();
    let title = names.join(" · ");
    page.put(format_args!("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"));
    page.put(format_args!(
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    ));
    page.put(format_args!(
        "<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>"
    ));
    page.put(format_args!("<h1>ringquet report</h1>"));
    page.put(format_args!("<p class=\"quiet\">{}</p>", subtitle(report)));
    page.put(format_args!("<div class=\"cards\">"));
    for entry in &report.entries {
        card(&mut page, entry);
    }
    page.put(format_args!("</div>"));
    warnings(&mut page, report);
    if !report.charts.is_empty() {
        page.put(format_args!("<h2>Charts</h2>\n<div class=\"charts\">"));
        for chart in &report.charts {
            figure(&mut page, chart);
        }
        page.put(format_args!("</div>"));
    }
    for entry in &report.entries {
        for found in &entry.tables {
            page.put(format_args!("<h2>{}{}</h2>", mark(report, entry), escaped(&found.title)));
            table(&mut page, found);
        }
    }
    numbers(&mut page, &report.entries);
    pairs(&mut page, "Environment", &report.entries, |entry| &entry.environment);
    pairs(&mut page, "Settings", &report.entries, |entry| &entry.settings);
    commands(&mut page, report);
    page.put(format_args!(
        "<footer>Made by ringquet {}. Bytes are counted in powers of 1024.</footer>\n</main>\n</body>\n</html>",
        env!("CARGO_PKG_VERSION")
    ));
    page.0
}

fn subtitle(report: &Report) -> String {
    match report.entries.len() {
        1 => "One result: what it reached, where the time went, and how to do it again.".to_owned(),
        n => format!("{n} results side by side; changes are against A."),
    }
}

fn mark(report: &Report, entry: &Entry) -> String {
    match report.entries.len() {
        1 => String::new(),
        _ => format!("<span class=\"label\">{}</span>", escaped(&entry.label)),
    }
}

fn card(page: &mut Page, entry: &Entry) {
    page.put(format_args!(
        "<section class=\"card\"><h3><span class=\"label\">{}</span>{}</h3>",
        escaped(&entry.label),
        escaped(&entry.name)
    ));
    page.put(format_args!(
        "<p class=\"quiet small\"><code>{}</code></p>\n<div class=\"heads\">",
        escaped(&entry.source)
    ));
    for Metric { label, value, unit, .. } in entry.metrics.iter().take(HEADS) {
        let value = escaped(&unit.show(*value));
        page.put(format_args!("<div><b>{value}</b><span>{}</span></div>", escaped(label)));
    }
    page.put(format_args!("</div></section>"));
}

fn warnings(page: &mut Page, report: &Report) {
    if report.entries.iter().all(|entry| entry.warnings.is_empty()) {
        return;
    }
    page.put(format_args!("<h2>Warnings</h2>\n<ul class=\"warnings\">"));
    for entry in &report.entries {
        for warning in &entry.warnings {
            page.put(format_args!(
                "<li>{}<code>{}</code> {}</li>",
                mark(report, entry),
                escaped(&warning.code),
                escaped(&warning.message)
            ));
        }
    }
    page.put(format_args!("</ul>"));
}

fn figure(page: &mut Page, chart: &Chart) {
    page.put(format_args!("<figure><h3>{}</h3>", escaped(&chart.title)));
    if chart.y.label != chart.title {
        page.put(format_args!("<p class=\"quiet small\">{}</p>", escaped(&chart.y.label)));
    }
    match svg::draw(chart) {
        Some(picture) => page.put(format_args!("{picture}")),
        None => page.put(format_args!("<p>This chart cannot be drawn; its numbers are below.</p>")),
    }
    legend(page, chart);
    page.put(format_args!("<figcaption>{}</figcaption>", escaped(&chart.note)));
    let points: usize = chart.series.iter().map(|series| series.points.len()).sum();
    if points <= POINTS_MAX {
        page.put(format_args!("<details><summary>Numbers</summary>"));
        table(page, &points_table(chart));
        page.put(format_args!("</details>"));
    }
    page.put(format_args!("</figure>"));
}

fn legend(page: &mut Page, chart: &Chart) {
    if chart.series.len() < 2 && chart.level.is_none() {
        return;
    }
    page.put(format_args!("<ul class=\"legend\">"));
    for (at, series) in chart.series.iter().enumerate() {
        let (variable, name) = (svg::variable(at), escaped(&series.name));
        page.put(format_args!("<li><i style=\"background:var({variable})\"></i>{name}</li>"));
    }
    if let Some(level) = &chart.level {
        page.put(format_args!("<li><i class=\"dash\"></i>{}</li>", escaped(&level.name)));
    }
    page.put(format_args!("</ul>"));
}

fn points_table(chart: &Chart) -> Table {
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
    let mut table = Table { title: String::new(), columns, rows, picked: None };
    if chart.drawn == Drawn::Stacked && chart.categories == [""] {
        // The one stack has no name: its parts read better below each other.
        let [only] = &table.rows[..] else { return table };
        let parts = table.columns.iter().zip(only).skip(1);
        table.rows = parts.map(|(part, value)| vec![part.clone(), value.clone()]).collect();
        table.columns = vec!["part".to_owned(), chart.y.label.clone()];
    }
    table
}

fn table(page: &mut Page, table: &Table) {
    page.put(format_args!("<div class=\"scroll\"><table><thead><tr>"));
    for column in &table.columns {
        page.put(format_args!("<th scope=\"col\">{}</th>", escaped(column)));
    }
    page.put(format_args!("</tr></thead><tbody>"));
    for (at, row) in table.rows.iter().enumerate() {
        let class = if table.picked == Some(at) { " class=\"picked\"" } else { "" };
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            let (open, close) =
                if at == 0 { ("<th scope=\"row\">", "</th>") } else { ("<td>", "</td>") };
            line.extend([open, &escaped(cell), close]);
        }
        page.put(format_args!("<tr{class}>{line}</tr>"));
    }
    page.put(format_args!("</tbody></table></div>"));
}

/// All numbers; of several results with the change against the first.
fn numbers(page: &mut Page, entries: &[Entry]) {
    page.put(format_args!("<h2>Numbers</h2>\n<div class=\"scroll\"><table><thead><tr><th></th>"));
    for (at, entry) in entries.iter().enumerate() {
        page.put(format_args!("<th scope=\"col\">{}</th>", escaped(&entry.label)));
        if at > 0 {
            page.put(format_args!("<th scope=\"col\">change</th>"));
        }
    }
    page.put(format_args!("</tr></thead><tbody>"));
    for row in compare::rows(entries) {
        let mut line = format!("<th scope=\"row\">{}</th>", escaped(&row.metric.label));
        let first = row.values.first().copied().flatten();
        for (at, value) in row.values.iter().enumerate() {
            let shown = value.map_or("–".to_owned(), |metric| metric.unit.show(metric.value));
            line.push_str(&format!("<td>{}</td>", escaped(&shown)));
            if at > 0 {
                let change = first.zip(*value).and_then(|(a, b)| compare::change(a, b));
                line.push_str(&match change {
                    None => "<td></td>".to_owned(),
                    Some(change) => {
                        let (class, sign) = match change.verdict {
                            Verdict::Better => ("better", " ✓"),
                            Verdict::Worse => ("worse", " ✗"),
                            Verdict::Neither => ("quiet", ""),
                        };
                        format!("<td class=\"{class}\">{}{sign}</td>", change.text)
                    }
                });
            }
        }
        page.put(format_args!("<tr>{line}</tr>"));
    }
    page.put(format_args!("</tbody></table></div>"));
    if entries.len() > 1 {
        page.put(format_args!(
            "<p class=\"quiet small\">✓ better, ✗ worse than A by more than 1 %.</p>"
        ));
    }
}

/// Words in two columns, or one column per result.
fn pairs(page: &mut Page, title: &str, entries: &[Entry], of: fn(&Entry) -> &[(String, String)]) {
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in entries.iter().flat_map(of) {
        if !keys.contains(&&**key) {
            keys.push(key);
        }
    }
    if keys.is_empty() {
        return;
    }
    page.put(format_args!("<h2>{title}</h2>\n<div class=\"scroll\"><table class=\"words\">"));
    if entries.len() > 1 {
        let heads: String = entries
            .iter()
            .map(|e| format!("<th scope=\"col\">{}</th>", escaped(&e.label)))
            .collect();
        page.put(format_args!("<thead><tr><th></th>{heads}</tr></thead>"));
    }
    page.put(format_args!("<tbody>"));
    for key in keys {
        let cells: String = entries
            .iter()
            .map(|entry| {
                let found = of(entry).iter().find(|(known, _)| known == key);
                format!("<td>{}</td>", found.map_or("–".to_owned(), |(_, value)| escaped(value)))
            })
            .collect();
        page.put(format_args!("<tr><th scope=\"row\">{}</th>{cells}</tr>", escaped(key)));
    }
    page.put(format_args!("</tbody></table></div>"));
}

fn commands(page: &mut Page, report: &Report) {
    if report.entries.iter().all(|entry| entry.command.is_none()) {
        return;
    }
    page.put(format_args!("<h2>How to reproduce</h2>"));
    for entry in &report.entries {
        if let Some(command) = &entry.command {
            if report.entries.len() > 1 {
                page.put(format_args!("<p>{}{}</p>", mark(report, entry), escaped(&entry.name)));
            }
            page.put(format_args!("<pre>{}</pre>", escaped(command)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_is_text() {
        assert_eq!(escaped("<script>'&\"\u{1b}"), "&lt;script&gt;&#39;&amp;&quot; ");
    }
}
