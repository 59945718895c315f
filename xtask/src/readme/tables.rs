//! README's tables from kept runs. Nothing is chosen: each case of each run of the days shown has its place, met or missed, won
//! or lost.

use std::fmt::Write as _;

use super::line::{Line, Pair};
use super::run::{Day, Runs};

/// A part of README: its name, and how it is made from runs.
type Part = (&'static str, fn(&Runs) -> String);

/// All parts that are made from runs.
pub(super) const PARTS: [Part; 4] =
    [("decode", decode), ("io", io), ("train", train), ("others", others)];

/// A Markdown table.
struct Table {
    text: String,
}

impl Table {
    fn new(heads: &[&str]) -> Table {
        let mut table = Table { text: String::new() };
        table.row(heads);
        table.row(&vec!["---"; heads.len()]);
        table
    }

    fn row<C: AsRef<str>>(&mut self, cells: &[C]) {
        for cell in cells {
            let cell = cell.as_ref();
            self.text.push_str("| ");
            self.text.push_str(cell);
            self.text.push_str(if cell.is_empty() { "" } else { " " });
        }
        self.text.push_str("|\n");
    }
}

/// Where and when.
fn heading(day: &Day) -> String {
    let date: Vec<&str> = day.folder.splitn(4, '-').take(3).collect();
    let folder = &day.folder;
    format!("[{}](benches/runs/{folder}), {}:\n\n", date.join("-"), day.machine)
}

/// A ratio; bold where the peer is faster.
fn ratio(pair: &Pair) -> String {
    let median = number(pair.ratio.median);
    let median = if pair.ratio.median < 1.0 { format!("**{median}**") } else { median };
    match pair.bar {
        Some(bar) => format!("{median} (bar {bar}: {})", verdict(pair.ratio.median >= bar)),
        None => median,
    }
}

/// A cost divided by the peer's; bold where ours is higher.
fn cost(ratio: f64) -> String {
    if ratio > 1.0 { format!("**{}**", number(ratio)) } else { number(ratio) }
}

fn verdict(met: bool) -> &'static str {
    if met { "*met*" } else { "*missed*" }
}

/// Three digits, or `–` for what was not measured.
fn number(value: f64) -> String {
    match value {
        value if !value.is_finite() => "–".to_owned(),
        value if value.abs() >= 100.0 => format!("{value:.0}"),
        value if value.abs() >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn pairs(day: &Day) -> impl Iterator<Item = &Pair> {
    day.runs.iter().flatten().filter_map(|line| match line {
        Line::Pair(pair) => Some(pair),
        _ => None,
    })
}

/// The same case of several runs in one cell.
fn all_of<'a>(pairs: impl Iterator<Item = &'a Pair>) -> String {
    let ratios: Vec<String> = pairs.map(ratio).collect();
    if ratios.is_empty() { "–".to_owned() } else { ratios.join(", ") }
}

/// What a case of `decode` is, for people.
fn case(name: &str) -> &str {
    match name {
        "flux" => "FLUX, all columns",
        "dlrm" => "DLRM, the 40 columns that are read",
        "dlrm_repeating" => "DLRM whose values repeat",
        "legacy_snappy" => "legacy `list<int64>`, Snappy",
        "plain_f32_required" => "float32, PLAIN, required",
        "plain_f32_optional" => "float32, PLAIN, optional",
        "half_null_i64_dictionary" => "int64, dictionary, half null",
        "strings_dictionary" => "strings, dictionary",
        "strings_plain" => "strings, PLAIN",
        "delta_i64" => "int64, DELTA_BINARY_PACKED",
        "byte_stream_split_f32" => "float32, BYTE_STREAM_SPLIT",
        "delta_length_strings" => "strings, DELTA_LENGTH_BYTE_ARRAY",
        "delta_strings" => "strings, DELTA_BYTE_ARRAY",
        "half_null_bools" => "booleans, half null",
        other => other,
    }
}

/// Widths of bit-unpacking that share a row.
const WIDTHS: [(usize, usize); 4] = [(1, 8), (9, 16), (17, 24), (25, 32)];

fn decode(runs: &Runs) -> String {
    let mut text = String::new();
    for day in runs.newest("decode") {
        text.push_str(&heading(day));
        let mut table = Table::new(&[
            "file",
            "ours, GiB/s",
            "÷ memcpy of the same bytes",
            "÷ arrow-rs, its batches",
            "÷ arrow-rs, batches as ours",
            "÷ PyArrow",
        ]);
        let mut cases: Vec<&str> = Vec::new();
        for name in pairs(day).filter_map(|pair| pair.name.split_once(" ÷ ")).map(|(name, _)| name)
        {
            if !cases.contains(&name) {
                cases.push(name);
            }
        }
        for name in cases {
            let against = |peer: &str| {
                let wanted = format!("{name} ÷ {peer}");
                all_of(pairs(day).filter(|pair| pair.name == wanted))
            };
            let ours =
                pairs(day).find(|pair| pair.name.split_once(" ÷ ").is_some_and(|n| n.0 == name));
            table.row(&[
                case(name).to_owned(),
                ours.map_or("–".to_owned(), |pair| number(pair.ours)),
                against("memcpy"),
                against("arrow-rs"),
                against("arrow-rs, batches as ours"),
                against("PyArrow"),
            ]);
        }
        for (from, to) in WIDTHS {
            let of_width = |pair: &&Pair| {
                let width =
                    pair.name.strip_prefix("bit_unpack ").and_then(|name| name.split(':').next());
                let width = width.and_then(|width| width.trim().parse::<usize>().ok());
                width.is_some_and(|width| (from..=to).contains(&width))
            };
            let ratios: Vec<f64> =
                pairs(day).filter(of_width).map(|pair| pair.ratio.median).collect();
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let most = ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if ratios.is_empty() {
                continue;
            }
            let least = if least < 1.0 { format!("**{}**", number(least)) } else { number(least) };
            let cell = format!("{least} to {}", number(most));
            let name = format!("integers packed in {from} to {to} bits, in pages");
            table.row(&[name.as_str(), "", "", "", &cell, ""]);
        }
        text.push_str(&table.text);
        for line in day.runs.iter().flatten() {
            if let Line::Memcpy { fresh, reused } = line {
                let _ = writeln!(
                    text,
                    "\nmemcpy of 256 MiB in that run: {} GiB/s to fresh memory, {} GiB/s to a buffer of 4 MiB that is used again.",
                    number(*fresh),
                    number(*reused)
                );
            }
        }
        text.push('\n');
    }
    text
}

/// One kind of reads with one number of threads, in one run.
#[derive(Default)]
struct Reads<'a> {
    raw: Option<&'a Pair>,
    transparent: Option<&'a Pair>,
    decoded: Option<&'a Pair>,
    cpu: Option<f64>,
}

fn io(runs: &Runs) -> String {
    let mut text = String::new();
    for day in runs.newest("io") {
        // A run whose contenders lay on different pages is not like with like, and no column fits it.
        let alike = day.runs.iter().filter(|run| run.contains(&Line::ReservedPages));
        let mut rows: Vec<(&str, Vec<Reads<'_>>)> = Vec::new();
        for run in alike {
            let mut at = None;
            for line in run {
                match line {
                    Line::Pair(pair) if pair.name.starts_with("  … decoded") => {
                        if let Some(reads) = last(&mut rows, at) {
                            reads.decoded = Some(pair);
                        }
                    }
                    Line::Pair(pair) if pair.name.starts_with("  … raw") => {
                        if let Some(reads) = last(&mut rows, at) {
                            reads.transparent = Some(pair);
                        }
                    }
                    Line::Pair(pair) if pair.peer == "fio" => {
                        let row = rows.iter().position(|(name, _)| *name == pair.name);
                        let row = row.unwrap_or_else(|| {
                            rows.push((&pair.name, Vec::new()));
                            rows.len() - 1
                        });
                        rows[row].1.push(Reads { raw: Some(pair), ..Reads::default() });
                        at = Some(row);
                    }
                    Line::Pair(_) => at = None,
                    Line::Cpu(spread) => {
                        if let Some(reads) = last(&mut rows, at) {
                            reads.cpu = Some(spread.median);
                        }
                    }
                    _ => {}
                }
            }
        }
        let latencies = latency(day);
        if rows.is_empty() && !latencies.is_empty() {
            text.push_str(&heading(day));
            text.push_str(&latencies);
            continue;
        }
        if rows.is_empty() {
            let _ = writeln!(
                text,
                "Not shown: {}, whose contenders lay on different pages.\n",
                day.folder
            );
            continue;
        }
        rows.sort_by_key(|(name, _)| *name);
        text.push_str(&heading(day));
        let mut table = Table::new(&[
            "reads",
            "÷ fio, both on reserved huge pages",
            "÷ fio, ours on transparent ones",
            "decoded to Arrow ÷ fio",
            "CPU time ÷ fio's",
        ]);
        for (name, reads) in rows {
            let cpu: Vec<String> = reads.iter().filter_map(|reads| reads.cpu).map(cost).collect();
            table.row(&[
                name.to_owned(),
                all_of(reads.iter().filter_map(|reads| reads.raw)),
                all_of(reads.iter().filter_map(|reads| reads.transparent)),
                all_of(reads.iter().filter_map(|reads| reads.decoded)),
                cpu.join(", "),
            ]);
        }
        text.push_str(&table.text);
        text.push('\n');
        text.push_str(&latencies);
    }
    text
}

/// Percentiles of latency beside fio's, where a run has them.
fn latency(day: &Day) -> String {
    let mut table = Table::new(&["latency of single reads", "ours", "÷ fio's clat", "within 10 %"]);
    let rows = table.text.len();
    for line in day.runs.iter().flatten() {
        if let Line::Row(cells) = line {
            table.row(cells);
        }
    }
    if table.text.len() == rows { String::new() } else { table.text + "\n" }
}

/// The reads that the lines below a pair belong to.
fn last<'a, 'b>(
    rows: &'a mut [(&str, Vec<Reads<'b>>)],
    at: Option<usize>,
) -> Option<&'a mut Reads<'b>> {
    rows.get_mut(at?)?.1.last_mut()
}

fn train(runs: &Runs) -> String {
    let mut text = String::new();
    for day in runs.newest("train") {
        text.push_str(&heading(day));
        let mut rows: Vec<([&str; 3], Vec<String>)> = Vec::new();
        for line in day.runs.iter().flatten() {
            let Line::Row(cells) = line else { continue };
            let [workload, from, reader, threads, result, bar] = &cells[..] else { continue };
            let reader = reader.as_str();
            let who = [workload.as_str(), from.as_str(), reader];
            let bar = bar.replace("MISSED", "*missed*").replace(": met", ": *met*");
            let result = if bar.is_empty() { result.clone() } else { format!("{result}; {bar}") };
            // Bold is for what was lost.
            let result = format!("{threads}: {}", result.replace("**", ""));
            match rows.iter_mut().find(|(known, _)| *known == who) {
                Some((_, results)) => results.push(result),
                None => rows.push((who, vec![result])),
            }
        }
        let mut table =
            Table::new(&["workload", "from", "reader", "threads: result of each run; target"]);
        for ([workload, from, reader], mut results) in rows {
            results.sort();
            table.row(&[workload, from, reader, &results.join("<br>")]);
        }
        text.push_str(&table.text);
        text.push('\n');
    }
    text
}

/// What has one ratio, or one bar, a case: writing, `characterize`, Snappy, opening many footers, sweeps.
fn others(runs: &Runs) -> String {
    let mut text = String::new();
    for bench in ["datagen", "characterize", "scaling", "snappy", "io"] {
        for day in runs.newest(bench) {
            let mut rows: Vec<(String, String, String)> = Vec::new();
            let mut add = |name: String, rates: String, result: String| match rows
                .iter_mut()
                .find(|(known, ..)| *known == name)
            {
                Some((_, all_rates, results)) => {
                    *all_rates = format!("{all_rates}, {rates}");
                    *results = format!("{results}, {result}");
                }
                None => rows.push((name, rates, result)),
            };
            let mut before: Option<&Pair> = None;
            let lines = day.runs.iter().flatten().peekable();
            for line in lines {
                match line {
                    Line::Pair(pair) if bench == "io" && pair.peer == "fio" => {}
                    // The line below has its verdict.
                    Line::Pair(pair) if bench == "characterize" => before = Some(pair),
                    Line::Pair(pair) => add(named(pair), rate(pair), ratio(pair)),
                    Line::OffBy { percent, bar } => {
                        let Some(pair) = before.take() else { continue };
                        let met = verdict(percent <= bar);
                        let result = format!("off by {percent} % (bar {bar} %: {met})");
                        add(named(pair), rate(pair), result);
                    }
                    Line::Flat { name, worst, bar } => {
                        let met = verdict(worst <= bar);
                        add(
                            format!("{name}, cost of a part: worst ÷ best point"),
                            String::new(),
                            format!("{} (bar {bar}: {met})", number(*worst)),
                        );
                    }
                    _ => {}
                }
            }
            if rows.is_empty() {
                continue;
            }
            let _ = write!(text, "`bench {bench}`, {}", heading(day));
            let mut table = Table::new(&["what", "ours", "ratio, or what the bar is for"]);
            for (name, rates, result) in rows {
                let rates = if rates.starts_with(',') || rates.is_empty() { "" } else { &rates };
                table.row(&[name.as_str(), rates, &result]);
            }
            text.push_str(&table.text);
            text.push('\n');
        }
    }
    text
}

/// What is compared with whom.
fn named(pair: &Pair) -> String {
    if pair.name.contains('÷') && !pair.name.ends_with("processes") {
        return pair.name.clone();
    }
    let name = pair.name.trim_end_matches(" ÷ processes");
    format!("{name} ÷ {}", pair.peer)
}

fn rate(pair: &Pair) -> String {
    format!("{} {}", number(pair.ours), pair.unit)
}

#[cfg(test)]
mod tests {
    use super::super::line::parse;
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn numbers_have_three_digits() {
        for (value, expect) in
            [(28.393, "28.4"), (0.608, "0.61"), (184.3, "184"), (f64::NAN, "–"), (1.0, "1.00")]
        {
            assert_eq!(number(value), expect);
        }
    }

    #[test]
    fn both_ratios_stand_side_by_side_and_losses_are_bold() {
        let dir = tempfile::tempdir().unwrap();
        let day = dir.path().join("2026-01-02-cpu-2core");
        fs::create_dir(&day).unwrap();
        let pair = |name: &str, peer: &str, ratio: &str, bar: &str| {
            format!(
                "{name:<44} ours     2.000 GiB/s   {peer}     1.000 GiB/s   ratio {ratio} (0.1–9.9){bar}\n"
            )
        };
        let text = [
            "memcpy of 256 MiB: 11.1 GiB/s to fresh lines, 14.9 GiB/s to a reused buffer of 4 MiB\n",
            &pair("flux ÷ arrow-rs", "arrow-rs", "3.0", "  bar ≥ 2: met"),
            &pair("flux ÷ arrow-rs, batches as ours", "arrow-rs", "0.9", ""),
            &pair("flux ÷ PyArrow", "PyArrow", "1.5", "  bar ≥ 2: met"),
            &pair("flux ÷ memcpy", "memcpy", "0.8", ""),
            &pair("bit_unpack  1: kernel 1.0 G/s; in pages", "arrow-rs", "0.7", ""),
            &pair("bit_unpack  8: kernel 1.0 G/s; in pages", "arrow-rs", "1.2", ""),
        ];
        fs::write(day.join("decode.txt"), text.concat()).unwrap();
        let text = decode(&Runs::read(dir.path()).unwrap());
        // The verdict is computed, not copied.
        let row = "| FLUX, all columns | 2.00 | **0.80** | 3.00 (bar 2: *met*) | **0.90** | 1.50 (bar 2: *missed*) |";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("1 to 8 bits, in pages | | | | **0.70** to 1.20 | |"), "{text}");
        assert!(
            text.contains("[2026-01-02](benches/runs/2026-01-02-cpu-2core), cpu-2core"),
            "{text}"
        );
    }

    #[test]
    fn reads_on_different_pages_are_not_compared() {
        let dir = tempfile::tempdir().unwrap();
        let day = dir.path().join("2026-01-02-cpu-2core");
        fs::create_dir(&day).unwrap();
        let text = "FLUX raw, 1 threads     ours 2 GiB/s   fio 1 GiB/s   ratio 2.0 (2.0–2.0)\n   CPU per unit, ours ÷ peer: 1.3 (1.0–1.5)\n";
        fs::write(day.join("io.txt"), text).unwrap();
        let of = |dir: &Path| io(&Runs::read(dir).unwrap());
        assert!(of(dir.path()).contains("Not shown: 2026-01-02-cpu-2core"));
        let alike = format!("reserved 320 huge pages for both contenders\n{text}");
        fs::write(day.join("io-again.txt"), alike).unwrap();
        assert!(of(dir.path()).contains("| FLUX raw, 1 threads | 2.00 | – | – | **1.30** |"));
    }

    /// What a bench prints for people is kept as it stands there.
    #[test]
    fn runs_of_a_case_share_a_row() {
        let dir = tempfile::tempdir().unwrap();
        let day = dir.path().join("2026-01-02-cpu-2core");
        fs::create_dir(&day).unwrap();
        let row =
            |au: &str, bar: &str| format!("| DLRM | page cache | ringquet | 2 | {au} | {bar} |\n");
        fs::write(day.join("train.txt"), row("AU 76 %", "AU ≥ 70 %: met")).unwrap();
        fs::write(day.join("train-x.txt"), row("AU 60 %", "AU ≥ 70 %: MISSED")).unwrap();
        assert!(parse("train", &row("AU 1 %", "")).is_ok());
        let text = train(&Runs::read(dir.path()).unwrap());
        let cell = "| 2: AU 60 %; AU ≥ 70 %: *missed*<br>2: AU 76 %; AU ≥ 70 %: *met* |";
        assert!(text.contains(cell), "{text}");
    }
}
