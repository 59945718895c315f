//! A report as Markdown: tables that also read well as plain text.

use std::fmt::Write as _;

use crate::compare;
use crate::model::{Chart, Remark, Report, ResultEntry, TextTable};

/// Points of a chart that become a table; a longer one is reported by its least, mean and most.
const POINTS_MAX: usize = 24;

/// The report as Markdown.
pub(crate) fn render(report: &Report) -> String {
    let mut text = "# ringquet report\n".to_owned();
    text.push_str("\n## Results\n\n");
    for entry in &report.entries {
        push(
            &mut text,
            &format!("- **{}** {}, from {}", entry.label, plain(&entry.name), code(&entry.source)),
        );
    }
    text.push_str("\n## Numbers\n\n");
    numbers(&mut text, &report.entries);
    for chart in &report.charts {
        push(&mut text, &format!("\n## {}\n", plain(&chart.title)));
        points(&mut text, chart);
        push(&mut text, &format!("\n{}", plain(&chart.note)));
    }
    for entry in &report.entries {
        for table in &entry.tables {
            push(&mut text, &format!("\n## {}{}\n", of(report, entry), plain(&table.title)));
            push_table(&mut text, table);
        }
    }
    lists(&mut text, report, "Warnings", |entry| {
        let line = |w: &Remark| format!("{}: {}", code(&w.code), plain(&w.message));
        entry.warnings.iter().map(line).collect()
    });
    let pairs = |pairs: &[(String, String)]| -> Vec<String> {
        pairs.iter().map(|(key, value)| format!("{}: {}", plain(key), plain(value))).collect()
    };
    lists(&mut text, report, "Environment", |entry| pairs(&entry.environment));
    lists(&mut text, report, "Settings", |entry| pairs(&entry.settings));
    let commands: Vec<&ResultEntry> =
        report.entries.iter().filter(|e| e.command.is_some()).collect();
    if !commands.is_empty() {
        let lines = |entry: &&ResultEntry| {
            let command = entry.command.as_deref().unwrap_or_default();
            format!("# {}\n{command}\n", entry.label)
        };
        let lines: String = commands.iter().map(lines).collect();
        // Longer than whatever backticks the commands hold, for such a line would end the block.
        let fence = "`".repeat(3.max(longest_run(&lines, '`') + 1));
        push(&mut text, &format!("\n## How to reproduce\n\n{fence}sh\n{lines}{fence}"));
    }
    text
}

fn of(report: &Report, entry: &ResultEntry) -> String {
    if report.entries.len() > 1 { format!("{}: ", entry.label) } else { String::new() }
}

fn numbers(text: &mut String, entries: &[ResultEntry]) {
    let mut columns = vec![String::new()];
    for (at, entry) in entries.iter().enumerate() {
        columns.push(entry.label.clone());
        if at > 0 {
            columns.push("change".to_owned());
        }
    }
    let rows = compare::rows(entries);
    let row = |row: &compare::Row<'_>| {
        let mut cells = vec![row.metric.label.clone()];
        let first = row.values.first().copied().flatten();
        for (at, value) in row.values.iter().enumerate() {
            cells.push(value.map_or("–".to_owned(), |m| m.unit.show(m.value)));
            if at > 0 {
                let change = first.zip(*value).and_then(|(a, b)| compare::change(a, b));
                cells.push(change.map_or(String::new(), |change| change.text));
            }
        }
        cells
    };
    let rows = rows.iter().map(row).collect();
    push_table(text, &TextTable { title: String::new(), columns, rows, picked: None });
}

fn points(text: &mut String, chart: &Chart) {
    let mut columns = vec![chart.x.label.clone()];
    columns.extend(chart.series.iter().map(|series| series.name.clone()));
    let mut xs: Vec<f64> = Vec::new();
    for (x, _) in chart.series.iter().flat_map(|series| &series.points) {
        if !xs.contains(x) && xs.len() <= POINTS_MAX {
            xs.push(*x);
        }
    }
    xs.sort_by(f64::total_cmp);
    let show = |value: Option<f64>| value.map_or("–".to_owned(), |y| chart.y.unit.show(y));
    let rows = if xs.len() <= POINTS_MAX {
        let row = |x: &f64| {
            let mut cells = vec![chart.position(*x)];
            cells.extend(chart.series.iter().map(|series| {
                show(series.points.iter().find(|point| point.0 == *x).map(|point| point.1))
            }));
            cells
        };
        xs.iter().map(row).collect()
    } else {
        let over = |name: &str, of: fn(&[f64]) -> f64| {
            let mut cells = vec![name.to_owned()];
            cells.extend(chart.series.iter().map(|series| {
                let ys: Vec<f64> = series.points.iter().map(|point| point.1).collect();
                show((!ys.is_empty()).then(|| of(&ys)))
            }));
            cells
        };
        vec![
            over("least", |ys| ys.iter().copied().fold(f64::INFINITY, f64::min)),
            over("mean", |ys| ys.iter().sum::<f64>() / ys.len() as f64),
            over("most", |ys| ys.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        ]
    };
    push_table(text, &TextTable { title: String::new(), columns, rows, picked: None });
    if let Some(level) = &chart.level {
        push(text, &format!("\n{}: {}", plain(&level.name), chart.y.unit.show(level.at)));
    }
}

fn push_table(text: &mut String, table: &TextTable) {
    let columns = table.columns.len();
    let cell = |at: usize| table.rows.iter().map(move |row| row.get(at));
    let width = |at: usize| {
        let cells = cell(at).flatten().map(|cell| plain(cell).chars().count());
        cells.chain([plain(&table.columns[at]).chars().count(), 3]).max().unwrap_or(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |text: &mut String, cells: &[String], picked: bool| {
        let mut line = "|".to_owned();
        for (at, width) in widths.iter().enumerate() {
            let cell = cells.get(at).map(|cell| plain(cell)).unwrap_or_default();
            let written =
                if at == 0 { format!(" {cell:<width$} |") } else { format!(" {cell:>width$} |") };
            line.push_str(&written);
        }
        if picked {
            line.push_str(" ←");
        }
        push(text, &line);
    };
    line(text, &table.columns, false);
    let rule: Vec<String> = widths
        .iter()
        .enumerate()
        .map(
            |(at, width)| {
                if at == 0 { "-".repeat(*width) } else { format!("{}:", "-".repeat(width - 1)) }
            },
        )
        .collect();
    line(text, &rule, false);
    for (at, row) in table.rows.iter().enumerate() {
        line(text, row, table.picked == Some(at));
    }
}

fn lists(
    text: &mut String,
    report: &Report,
    title: &str,
    of_entry: impl Fn(&ResultEntry) -> Vec<String>,
) {
    let all: Vec<(&ResultEntry, Vec<String>)> = report
        .entries
        .iter()
        .map(|entry| (entry, of_entry(entry)))
        .filter(|(_, lines)| !lines.is_empty())
        .collect();
    if all.is_empty() {
        return;
    }
    push(text, &format!("\n## {title}\n"));
    for (entry, lines) in all {
        for line in lines {
            push(text, &format!("- {}{line}", of(report, entry)));
        }
    }
}

fn push(text: &mut String, line: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "{line}");
}

/// Text in a line as code. It has no backticks of its own.
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // Two backticks with nothing between them would begin a longer code.
    let text = if text.is_empty() { " ".to_owned() } else { text.replace('`', "'") };
    format!("`{text}`")
}

/// The most of `c` that follow each other.
fn longest_run(text: &str, c: char) -> usize {
    text.split(|other| other != c).map(|run| run.chars().count()).max().unwrap_or(0)
}

/// Text that is neither markup nor the end of a cell.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '<' | '>' | '*' | '_' | '[' | ']' | '`' | '\\' => plain.extend(['\\', c]),
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(plain("a|b_c<d>\n"), "a\\|b\\_c\\<d\\> ");
    }

    #[test]
    fn code_ends_where_it_should() {
        assert_eq!(code("a`b\n# c"), "`a'b # c`");
        assert_eq!(code(""), "` `");
        assert_eq!([longest_run("a``b````", '`'), longest_run("ab", '`')], [4, 0]);
    }

    #[test]
    fn tables_line_up() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let table = TextTable {
            title: String::new(),
            columns: row(["name", "n"]),
            rows: vec![row(["größe", "1"]), row(["x", "1234"])],
            picked: Some(1),
        };
        let mut text = String::new();
        push_table(&mut text, &table);
        let expect = "| name  |    n |\n| ----- | ---: |\n| größe |    1 |\n| x     | 1234 | ←\n";
        assert_eq!(text, expect);
    }
}
