//! Bytes per second as all text shows them: GiB/s, in powers of 1024 as sizes are. Documents hold plain bytes per second.

/// Bytes of a GiB.
pub const GIB: f64 = (1_u64 << 30) as f64;

/// `2.31 GiB/s`.
pub fn throughput_text(bytes_per_second: f64) -> String {
    format!("{} GiB/s", three_digits(bytes_per_second / GIB))
}

/// `0.123`, `1.23`, `12.3`, `123`.
pub fn three_digits(number: f64) -> String {
    match number.abs() {
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        1.0.. => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_1024_and_three_digits() {
        assert_eq!(throughput_text(GIB / 2.0), "0.500 GiB/s");
        assert_eq!(throughput_text(1e9), "0.931 GiB/s");
        assert_eq!(throughput_text(20.0 * GIB), "20.0 GiB/s");
    }
}
