//! Numbers as people read them: three digits, the unit that fits.

use serde::Serialize;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Pieces of something.
    Count,
    /// 0 to 100.
    Percent,
    /// A quotient.
    Ratio,
    /// Seconds.
    Seconds,
    /// Nanoseconds.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Somethings per second.
    PerSecond,
}

impl Unit {
    /// As it stands in a column of a table of plain numbers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Unit::Count => "count",
            Unit::Percent => "percent",
            Unit::Ratio => "ratio",
            Unit::Seconds => "s",
            Unit::Nanoseconds => "ns",
            Unit::Bytes => "bytes",
            Unit::BytesPerSecond => "bytes/s",
            Unit::PerSecond => "1/s",
        }
    }

    /// `number` with its unit, as in `2.31 GiB/s`.
    pub(crate) fn show(self, number: f64) -> String {
        match self {
            Unit::Count if number.fract() == 0.0 && number.abs() < 1e15 => whole(number),
            Unit::Count | Unit::Ratio => digits(number),
            Unit::Percent => format!("{number:.2} %"),
            Unit::Seconds => time(number * 1e9),
            Unit::Nanoseconds => time(number),
            Unit::Bytes => bytes(number),
            Unit::BytesPerSecond => format!("{}/s", bytes(number)),
            Unit::PerSecond => match number.abs() {
                1e9.. => format!("{} G/s", digits(number / 1e9)),
                1e6.. => format!("{} M/s", digits(number / 1e6)),
                1e3.. => format!("{} k/s", digits(number / 1e3)),
                _ => format!("{} /s", digits(number)),
            },
        }
    }
}

fn time(ns: f64) -> String {
    match ns.abs() {
        0.0 => "0 s".to_owned(),
        1e9.. => format!("{} s", digits(ns / 1e9)),
        1e6.. => format!("{} ms", digits(ns / 1e6)),
        1e3.. => format!("{} µs", digits(ns / 1e3)),
        _ => format!("{} ns", digits(ns)),
    }
}

fn bytes(number: f64) -> String {
    const UNITS: [(&str, f64); 5] = [
        ("PiB", (1_u64 << 50) as f64),
        ("TiB", (1_u64 << 40) as f64),
        ("GiB", (1_u64 << 30) as f64),
        ("MiB", (1_u64 << 20) as f64),
        ("KiB", 1024.0),
    ];
    match UNITS.iter().find(|(_, unit)| number.abs() >= *unit) {
        Some((name, unit)) => format!("{} {name}", digits(number / unit)),
        None => format!("{} B", digits(number)),
    }
}

/// `1,234,567`.
fn whole(number: f64) -> String {
    let plain = format!("{:.0}", number.abs());
    let mut text = String::new();
    if number < 0.0 {
        text.push('-');
    }
    for (at, digit) in plain.chars().enumerate() {
        if at > 0 && (plain.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.123`, `1.23`, `12.3`, `123`, and `0` for nothing.
pub(crate) fn digits(number: f64) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        1e6.. => format!("{number:.2e}"),
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        1.0.. => format!("{number:.2}"),
        0.001.. => format!("{number:.3}"),
        _ => format!("{number:.1e}"),
    }
}

/// From this many times on, per cent are harder to read than times.
const TIMES_FROM: f64 = 11.0;

/// A change in per cent, with its sign; nothing if there is nothing to divide by.
pub(crate) fn change(from: f64, to: f64) -> Option<String> {
    if from == 0.0 {
        return (to == 0.0).then(|| "0.0 %".to_owned());
    }
    if to / from >= TIMES_FROM {
        return Some(format!("{} times", digits(to / from)));
    }
    let percent = 100.0 * (to - from) / from.abs();
    if percent.abs() < 0.05 {
        return Some("0.0 %".to_owned());
    }
    // A minus as wide as the plus.
    let sign = if percent < 0.0 { "−" } else { "+" };
    Some(format!("{sign}{:.1} %", percent.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_their_units() {
        let check = |unit: Unit, number: f64, expect: &str| assert_eq!(unit.show(number), expect);
        check(Unit::Count, 1_234_567.0, "1,234,567");
        check(Unit::Count, 0.5, "0.500");
        check(Unit::Percent, 90.0, "90.00 %");
        check(Unit::Seconds, 0.0125, "12.5 ms");
        check(Unit::Seconds, 90.0, "90.0 s");
        check(Unit::Nanoseconds, 13_754_367.0, "13.8 ms");
        check(Unit::Nanoseconds, 0.0, "0 s");
        check(Unit::Bytes, 1536.0, "1.50 KiB");
        check(Unit::Bytes, 17.0, "17.0 B");
        check(Unit::BytesPerSecond, 2.0 * (1_u64 << 30) as f64, "2.00 GiB/s");
        check(Unit::PerSecond, 1_465_713.0, "1.47 M/s");
        check(Unit::Ratio, 1.000_07, "1.00");
    }

    #[test]
    fn changes_in_per_cent() {
        let check = |from, to, expect: &str| assert_eq!(change(from, to).as_deref(), Some(expect));
        check(100.0, 110.0, "+10.0 %");
        check(100.0, 90.0, "−10.0 %");
        check(3.0, 3.0, "0.0 %");
        check(-10.0, -5.0, "+50.0 %");
        check(0.0, 0.0, "0.0 %");
        check(2.0, 40.0, "20.0 times");
        assert_eq!(change(0.0, 1.0), None);
    }
}
