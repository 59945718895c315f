//! Counts, times and rates as people read them: `12,345`, `1.25 ms`, `2.31 GiB/s`, `431 k/s`.

use ringquet_io::throughput::{three_digits, throughput_text};

/// Digits in groups of three.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `2 files`, `1,024 files`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A span of time in nanoseconds, three digits and the unit that fits.
pub(crate) fn nanoseconds(ns: u64) -> String {
    let in_unit = |unit: f64, name: &str| format!("{} {name}", three_digits(ns as f64 / unit));
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => in_unit(1e3, "µs"),
        1_000_000..1_000_000_000 => in_unit(1e6, "ms"),
        _ => in_unit(1e9, "s"),
    }
}

/// A span of time in seconds.
pub(crate) fn seconds(seconds: f64) -> String {
    format!("{} s", three_digits(seconds))
}

/// Bytes per second in GiB/s; `-` if no time passed.
pub(crate) fn byte_rate(bytes: u64, seconds: f64) -> String {
    if seconds <= 0.0 {
        return "-".to_owned();
    }
    throughput_text(bytes as f64 / seconds)
}

/// Something per second, with k or M; `-` if no time passed.
pub(crate) fn rate(number: u64, seconds: f64) -> String {
    if seconds <= 0.0 {
        return "-".to_owned();
    }
    let per_second = number as f64 / seconds;
    match per_second {
        1e6.. => format!("{} M/s", three_digits(per_second / 1e6)),
        1e3.. => format!("{} k/s", three_digits(per_second / 1e3)),
        _ => format!("{} /s", three_digits(per_second)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "file"), "1 file");
        assert_eq!(counted(1_024, "file"), "1,024 files");
    }

    #[test]
    fn times() {
        assert_eq!(nanoseconds(0), "0 ns");
        assert_eq!(nanoseconds(1_500), "1.50 µs");
        assert_eq!(nanoseconds(123_400_000), "123 ms");
        assert_eq!(nanoseconds(2_000_000_000), "2.00 s");
        assert_eq!(seconds(0.0416), "0.042 s");
    }

    #[test]
    fn rates() {
        assert_eq!(byte_rate(1 << 30, 2.0), "0.500 GiB/s");
        assert_eq!(byte_rate(1, 0.0), "-");
        assert_eq!(rate(4_310_000, 10.0), "431 k/s");
        assert_eq!(rate(30, 2.0), "15.0 /s");
        assert_eq!(rate(3_000_000, 2.0), "1.50 M/s");
    }
}
