//! Sizes in bytes, as people type them and as we print them.
//!
//! | typed | bytes | |
//! |---|---|---|
//! | `4096`, `4096B` | 4096 | |
//! | `4K`, `4k`, `4KiB`, `4Ki` | 4096 | powers of 1024 |
//! | `4kB`, `4KB` | 4000 | powers of 1000 |
//! | `1.5GiB` | 1 610 612 736 | a fraction must come to whole bytes |
//!
//! The same with M, G, T and P. Printed are powers of 1024 only: `512 KiB`, `1.50 GiB`.

use std::fmt;
use std::str::FromStr;

/// Digits after the point that are read; with more, no unit comes to whole bytes.
const FRACTION_DIGITS_MAX: usize = 15;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// Why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// It does not begin with a number.
    #[error(
        "'{0}' is not a size: expected a number and a unit, for example 4096, 512K, 4MiB or 1GB"
    )]
    NotASize(String),
    /// What follows the number is no unit.
    #[error(
        "'{0}' has an unknown unit: use K or KiB (1024), kB (1000), and likewise with M, G, T and P"
    )]
    Unit(String),
    /// The fraction does not come to whole bytes.
    #[error("'{0}' is not a whole number of bytes")]
    Fraction(String),
    /// It does not fit into 64 bits.
    #[error("'{0}' is more than 2^64 - 1 bytes")]
    TooLarge(String),
}

impl FromStr for ByteSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<ByteSize, SizeError> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = (&text[..end], text[end..].trim_start());
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let is_number = !whole.is_empty()
            && !fraction.contains('.')
            && number.contains('.') != fraction.is_empty();
        if !is_number {
            return Err(SizeError::NotASize(text.to_owned()));
        }
        let unit = unit_bytes(unit).ok_or_else(|| SizeError::Unit(text.to_owned()))?;
        let too_large = || SizeError::TooLarge(text.to_owned());
        let whole: u64 = whole.parse().map_err(|_| too_large())?;
        let bytes = u128::from(whole) * u128::from(unit);
        let bytes = u64::try_from(bytes + u128::from(part_of(fraction, unit, text)?));
        bytes.map(ByteSize).map_err(|_| too_large())
    }
}

/// `0.fraction` of a unit.
fn part_of(fraction: &str, unit: u64, text: &str) -> Result<u64, SizeError> {
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        return Ok(0);
    }
    let whole_bytes = || SizeError::Fraction(text.to_owned());
    if fraction.len() > FRACTION_DIGITS_MAX {
        return Err(whole_bytes());
    }
    let numerator: u128 = fraction.parse().map_err(|_| whole_bytes())?;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).expect("at most 15"));
    let scaled = numerator * u128::from(unit);
    if !scaled.is_multiple_of(scale) {
        return Err(whole_bytes());
    }
    Ok(u64::try_from(scaled / scale).expect("less than the unit"))
}

/// Bytes of a unit, in upper or lower case.
fn unit_bytes(unit: &str) -> Option<u64> {
    let unit = unit.to_ascii_lowercase();
    let mut letters = unit.chars();
    let power = match letters.next() {
        None => return Some(1),
        Some('b') if letters.as_str().is_empty() => return Some(1),
        Some('k') => 1,
        Some('m') => 2,
        Some('g') => 3,
        Some('t') => 4,
        Some('p') => 5,
        Some(_) => return None,
    };
    match letters.as_str() {
        "" | "i" | "ib" => Some(1024_u64.pow(power)),
        "b" => Some(1000_u64.pow(power)),
        _ => None,
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&iec(self.0))
    }
}

/// `512 KiB`, `1.50 GiB`, `17 B`.
fn iec(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let Some(power) = Some(bytes.max(1).ilog2() / 10).filter(|power| *power > 0) else {
        return format!("{bytes} B");
    };
    let unit = 1_u64 << (10 * power);
    let name = UNITS[power as usize - 1];
    if bytes.is_multiple_of(unit) {
        return format!("{} {name}", bytes / unit);
    }
    format!("{:.2} {name}", bytes as f64 / unit as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_sizes() {
        let check =
            |text: &str, bytes: u64| assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        check("0", 0);
        check("4096", 4096);
        check("17B", 17);
        check("4K", 4096);
        check("4k", 4096);
        check("4Ki", 4096);
        check("4KiB", 4096);
        check("4 KiB", 4096);
        check("4kB", 4000);
        check("4KB", 4000);
        check("512K", 512 << 10);
        check("4MiB", 4 << 20);
        check("1GB", 1_000_000_000);
        check("256GiB", 256 << 30);
        check("1.5GiB", 3 << 29);
        check("0.5kB", 500);
        check("2.50K", 2560);
        check("2T", 2 << 40);
        check("18446744073709551615", u64::MAX);
        check("15.5P", 31 << 49);
    }

    #[test]
    fn what_is_no_size() {
        let check = |text: &str, expect: &str| {
            let error = text.parse::<ByteSize>().unwrap_err().to_string();
            assert!(error.contains(expect), "{text}: {error}");
        };
        check("", "is not a size");
        check("K", "is not a size");
        check("-1", "is not a size");
        check("1.", "is not a size");
        check("1.2.3", "is not a size");
        check(".5K", "is not a size");
        check("4X", "has an unknown unit");
        check("4KiBs", "has an unknown unit");
        check("4Kb ytes", "has an unknown unit");
        check("1.5", "whole number of bytes");
        check("0.1K", "whole number of bytes");
        check("1.0000000000000001P", "whole number of bytes");
        check("18446744073709551616", "more than 2^64");
        check("16384P", "more than 2^64");
    }

    #[test]
    fn printed_sizes() {
        let check = |bytes: u64, expect: &str| assert_eq!(ByteSize(bytes).to_string(), expect);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1024, "1 KiB");
        check(512 << 10, "512 KiB");
        check(1536, "1.50 KiB");
        check(3 << 29, "1.50 GiB");
        check(5 << 40, "5 TiB");
        check(u64::MAX, "16.00 EiB");
        assert_eq!(format!("{:>10}", ByteSize(1024)), "     1 KiB");
    }
}
