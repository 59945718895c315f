//! What a bench prints, line by line. Every line of a kept run is one that is known here, or the run is refused: a table made
//! from half of a run would leave out what was not meant to be left out.

use anyhow::{Context, Result, bail, ensure};

/// Median, smallest and largest, as in `7.710 (7.317–11.095)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

/// Two contenders in turn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) ours: f64,
    pub(super) unit: String,
    pub(super) peer: String,
    pub(super) theirs: f64,
    pub(super) ratio: Spread,
    /// The least that the ratio is to be.
    pub(super) bar: Option<f64>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Line {
    Pair(Pair),
    /// CPU time per unit of work, ours ÷ the peer's, of the pair before.
    Cpu(Spread),
    /// GiB/s of memcpy: to fresh lines, and to a buffer that is used again.
    Memcpy {
        fresh: f64,
        reused: f64,
    },
    /// By how many percent the pair before differs, and by how many it may.
    OffBy {
        percent: f64,
        bar: f64,
    },
    /// A row of a Markdown table, without heading and rule.
    Row(Vec<String>),
    /// A sweep: how many times the cost of its best point its worst has, and how many it may have.
    Flat {
        name: String,
        worst: f64,
        bar: f64,
    },
    /// fio and we lie on reserved huge pages.
    ReservedPages,
    /// A point of a curve, a progress line: known, and in no table.
    Detail,
}

/// The lines of a bench's output.
///
/// # Errors
/// The first line that is not known, with its number.
pub(super) fn parse(bench: &str, text: &str) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    let mut table = Table::None;
    for (at, text) in text.lines().enumerate() {
        let line =
            line(bench, text, &mut table).with_context(|| format!("line {}: {text:?}", at + 1))?;
        lines.push(line);
    }
    Ok(lines)
}

/// The table of points that a line may belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    None,
    /// Options of `io`, with four numbers.
    Options,
    /// A sweep of `scaling`.
    Sweep,
}

fn line(bench: &str, text: &str, table: &mut Table) -> Result<Line> {
    if text.trim().is_empty() {
        return Ok(Line::Detail);
    }
    if text.contains("   ratio ") && !text.contains("   fio clat ") {
        return Ok(Line::Pair(pair(text)?));
    }
    let trimmed = text.trim();
    if trimmed.starts_with("reserved ") && trimmed.contains(" huge pages for both contenders") {
        return Ok(Line::ReservedPages);
    }
    if let Some(spread) = trimmed.strip_prefix("CPU per unit, ours ÷ peer: ") {
        return Ok(Line::Cpu(self::spread(spread)?));
    }
    if ["generating ", "no huge pages could be reserved"].iter().any(|s| trimmed.starts_with(s)) {
        return Ok(Line::Detail);
    }
    match bench {
        "decode" => of_decode(trimmed),
        "io" => of_io(trimmed, table),
        "characterize" => of_characterize(trimmed),
        "train" => of_train(trimmed),
        "scaling" => of_scaling(trimmed, table),
        _ => bail!("a line that the bench {bench} is not known to print"),
    }
}

fn of_decode(text: &str) -> Result<Line> {
    if text.starts_with("in memory afterwards: ") {
        return Ok(Line::Detail);
    }
    let rates = text.strip_prefix("memcpy of ").context("not a line of decode")?;
    let (_, rates) = rates.split_once(": ").context("no rates of memcpy")?;
    let (fresh, reused) = rates.split_once(" to fresh lines, ").context("no rates")?;
    let rate = |rate: &str| {
        let (number_text, unit) = rate.split_once(' ').context("no unit")?;
        let unit = unit.split(' ').next().unwrap_or_default();
        Ok::<f64, anyhow::Error>(per_gib(number(number_text)?, unit).0)
    };
    Ok(Line::Memcpy { fresh: rate(fresh)?, reused: rate(reused)? })
}

fn of_io(text: &str, table: &mut Table) -> Result<Line> {
    if text.starts_with("option ")
        && ["raw CPU s/GB", "raw CPU s/GiB"].iter().any(|end| text.ends_with(end))
    {
        *table = Table::Options;
        return Ok(Line::Detail);
    }
    if text.contains("   fio clat ") && text.contains("  bar 1 ± ") {
        return latency(text);
    }
    if text.starts_with("reap delay p99 at most ") {
        return Ok(Line::Detail);
    }
    if text.contains(" footers of ") && text.contains(" of it parsing ") {
        return Ok(Line::Detail);
    }
    ensure!(*table == Table::Options, "not a line of io");
    numbers(text.split_whitespace().rev().take(4))?;
    Ok(Line::Detail)
}

/// `NAME p50 ours X ms   fio clat Y ms, lat Z ms   ratio R (A–B)  bar 1 ± W: VERDICT`.
fn latency(text: &str) -> Result<Line> {
    let (name, rest) = text.split_once(" ours ").context("no `ours`")?;
    let (ours, rest) = rest.split_once(" ms   fio clat ").context("no clat")?;
    let (_, rest) = rest.split_once("   ratio ").context("no ratio")?;
    let (ratio, bar) = rest.split_once("  bar 1 ± ").context("no bar")?;
    let (_, verdict) = bar.split_once(": ").context("no verdict")?;
    ensure!(["met", "MISSED"].contains(&verdict), "no verdict");
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let cells = [name, format!("{} ms", number(ours)?), ratio.to_owned(), verdict.to_owned()];
    Ok(Line::Row(cells.to_vec()))
}

/// A throughput per GiB, with its unit: runs of before show GB.
fn per_gib(rate: f64, unit: &str) -> (f64, &str) {
    if unit == "GB/s" { (rate * 1e9 / f64::from(1 << 30), "GiB/s") } else { (rate, unit) }
}

fn of_characterize(text: &str) -> Result<Line> {
    let (percent, bar) = text
        .strip_prefix("off by ")
        .and_then(|text| text.split_once(" %  bar ≤ "))
        .context("not a line of characterize")?;
    let (bar, verdict) = bar.split_once(" %: ").context("no verdict")?;
    let line = Line::OffBy { percent: number(percent)?, bar: number(bar)? };
    ensure!(["met", "MISSED"].contains(&verdict), "no verdict");
    Ok(line)
}

fn of_train(text: &str) -> Result<Line> {
    if let Some(row) = text.strip_prefix('|') {
        let row = row.strip_suffix('|').context("a row of a table that does not end")?;
        let cells: Vec<String> = row.split('|').map(|cell| cell.trim().to_owned()).collect();
        ensure!(cells.len() == 6, "{} cells instead of 6", cells.len());
        let is_head = cells[0] == "workload" || cells[0].starts_with("---");
        return Ok(if is_head { Line::Detail } else { Line::Row(cells) });
    }
    let known = ["a step of ", "a busy reader thread delivers ", "python/", "python: "];
    let is_case = text.split_once("  ").is_some_and(|(name, rest)| {
        name.contains('/') && (rest.contains("AU ") || rest.trim().starts_with("most "))
    });
    let is_point = text.contains(" accelerators  AU ") || text.contains(" × cores, ");
    ensure!(
        is_case || is_point || known.iter().any(|known| text.starts_with(known)),
        "not a line of train"
    );
    Ok(Line::Detail)
}

fn of_scaling(text: &str, table: &mut Table) -> Result<Line> {
    if let Some((name, worst)) = text.split_once(" within ") {
        let (worst, bar) = worst.split_once("x  bar ≤ ").context("no bar")?;
        let (bar, _) = bar.split_once(": ").context("no verdict")?;
        *table = Table::None;
        return Ok(Line::Flat { name: name.to_owned(), worst: number(worst)?, bar: number(bar)? });
    }
    if text.contains(": µs per ") {
        *table = Table::Sweep;
        return Ok(Line::Detail);
    }
    let is_head = text.contains("parts") && text.contains("seconds");
    if !is_head {
        ensure!(*table == Table::Sweep, "not a line of scaling");
        numbers(text.split_whitespace().take(4))?;
    }
    Ok(Line::Detail)
}

/// `NAME  ours X UNIT   PEER Y UNIT   ratio R (A–B)`, and `  bar ≥ Z: met` where there is a bar.
fn pair(text: &str) -> Result<Pair> {
    let (contenders, ratio) = text.split_once("   ratio ").context("no ratio")?;
    // Names may hold the word; what follows the last one is ours.
    let (name, rates) = contenders.rsplit_once(" ours ").context("no `ours`")?;
    let (ours, rates) = rates.trim_start().split_once(' ').context("no unit")?;
    let (unit, theirs) = rates.split_once("   ").context("no peer")?;
    let theirs = theirs.strip_suffix(unit).context("the peer has another unit")?.trim_end();
    let (peer, theirs) = theirs.rsplit_once(' ').context("no number of the peer")?;
    let (ratio, bar) = match ratio.split_once("  bar ≥ ") {
        None => (ratio, None),
        Some((ratio, bar)) => {
            let (bar, verdict) = bar.split_once(": ").context("no verdict")?;
            ensure!(["met", "MISSED"].contains(&verdict), "no verdict");
            (ratio, Some(number(bar)?))
        }
    };
    let (ours, shown) = per_gib(number(ours)?, unit);
    let (theirs, _) = per_gib(number(theirs)?, unit);
    Ok(Pair {
        name: name.trim_end().to_owned(),
        ours,
        unit: shown.to_owned(),
        peer: peer.trim().to_owned(),
        theirs,
        ratio: spread(ratio)?,
        bar,
    })
}

fn spread(text: &str) -> Result<Spread> {
    let (median, range) = text.trim().split_once(" (").context("no range")?;
    let range = range.strip_suffix(')').context("the range does not end")?;
    let (min, max) = range.split_once('–').context("no range")?;
    Ok(Spread { median: number(median)?, min: number(min)?, max: number(max)? })
}

fn number(text: &str) -> Result<f64> {
    text.trim().parse().with_context(|| format!("{text:?} is not a number"))
}

fn numbers<'a>(words: impl Iterator<Item = &'a str>) -> Result<()> {
    words.filter(|word| *word != "–").try_for_each(|word| number(word).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair_of(text: &str) -> Pair {
        match &parse("decode", text).unwrap()[..] {
            [Line::Pair(pair)] => pair.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_pair_has_its_names_numbers_and_bar() {
        let text = "dlrm ÷ PyArrow                               ours     8.424 GB/s   PyArrow     0.655 GB/s   ratio 12.844 (11.512–13.605)  bar ≥ 20: MISSED";
        let pair = pair_of(text);
        assert_eq!((pair.name.as_str(), pair.peer.as_str()), ("dlrm ÷ PyArrow", "PyArrow"));
        assert_eq!((pair.ours * 1.073_741_824).round(), 8.0);
        assert_eq!((pair.theirs * 1.073_741_824 * 1000.0).round(), 655.0);
        assert_eq!(pair.unit, "GiB/s");
        assert_eq!(pair.ratio, Spread { median: 12.844, min: 11.512, max: 13.605 });
        assert_eq!(pair.bar, Some(20.0));
        let text = "half_null_i64_dictionary ÷ arrow-rs, batches as ours ours    11.570 GiB/s   arrow-rs     4.688 GiB/s   ratio 2.473 (2.443–2.493)";
        assert_eq!(pair_of(text).name, "half_null_i64_dictionary ÷ arrow-rs, batches as ours");
        let text = "  … raw, ours on transparent huge pages      ours     2.487 GiB/s   fio     2.466 GiB/s   ratio 0.997 (0.918–1.058)";
        assert_eq!(pair_of(text).name, "  … raw, ours on transparent huge pages");
        let text = "DLRM datagen, 2 threads                      ours     2.687 GiB/s   fio write     1.681 GiB/s   ratio 1.599 (1.395–1.866)  bar ≥ 0.5: met";
        assert_eq!((pair_of(text).peer.as_str(), pair_of(text).theirs), ("fio write", 1.681));
        let text = "256 footers together ÷ one by one, 1 threads ours     1.455 GiB/s   one by one     1.271 GiB/s   ratio 1.144 (1.108–1.426)";
        assert_eq!(pair_of(text).peer, "one by one");
        let text = "4 KiB random, 1 threads                      ours   184.306 kIOPS   fio   194.679 kIOPS   ratio 0.952 (0.903–1.013)  bar ≥ 0.95: met";
        assert_eq!((pair_of(text).unit.as_str(), pair_of(text).theirs), ("kIOPS", 194.679));
        let text = "bit_unpack  1: kernel 20.09 G/s; in pages    ours     0.906 G values/s   arrow-rs     1.158 G values/s   ratio 0.788 (0.753–0.803)";
        assert_eq!((pair_of(text).unit.as_str(), pair_of(text).theirs), ("G values/s", 1.158));
    }

    /// Each kept run is read, and what is not known is refused with its place.
    #[test]
    fn lines_that_are_not_known_are_refused() {
        let check = |bench, text: &str| parse(bench, text).map_err(|error| format!("{error:#}"));
        for (bench, text) in [
            ("decode", "dlrm: fast"),
            ("io", "default: registered buffers 1 2 3 4"),
            ("train", "| too | few | cells |"),
            ("scaling", "40  60000  0.1  0.002"),
            ("characterize", "off by 3 %"),
            ("snappy", "a line"),
            ("decode", "x  ours 1 GiB/s   y 2 MB/s   ratio 1.0 (1.0–1.0)"),
            ("decode", "x  ours 1 GiB/s   y 2 GiB/s   ratio 1.0"),
            ("decode", "x  ours 1 GiB/s   y 2 GiB/s   ratio 1.0 (1.0–1.0)  bar ≥ 2: perhaps"),
        ] {
            let error = check(bench, &format!("\n{text}\n")).unwrap_err();
            assert!(error.starts_with("line 2: "), "{error}");
        }
        assert!(check("io", "option  x raw CPU s/GB\nbatch 1  1 2 3 4\n").is_ok());
    }
}
