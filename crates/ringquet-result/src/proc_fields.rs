//! Files of /proc that hold a `key: value` per line: meminfo, cpuinfo, status, smaps.
//!
//! They are text here, so that a recorded tree of another machine reads as this one's. Every key may be missing: kernels
//! leave out what they were built without, and containers show some of them with lines of their own.

/// Keys and values, line by line and without the blanks around them; a line without a colon is passed over.
pub fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        Some((key.trim(), value.trim()))
    })
}

/// The value of the first line with `key`.
pub fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    fields(text).find(|(found, _)| *found == key).map(|(_, value)| value)
}

/// The bytes of the first line with `key`, whose value is in `kB`: the kernel's word for 1,024 bytes.
pub fn bytes(text: &str, key: &str) -> Option<u64> {
    bytes_of(field(text, key)?)
}

/// The bytes of a value in `kB`. A value without a unit counts pieces, and is `None`.
pub fn bytes_of(value: &str) -> Option<u64> {
    value.strip_suffix("kB")?.trim_end().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_values_and_bytes() {
        let text = "MemTotal:       24682416 kB\nHugePages_Total:       7\nodd\nmodel name\t: B: C\nVmHWM:\t 1 kB\nMemTotal: 1 kB\n";
        assert_eq!(bytes(text, "MemTotal"), Some(24_682_416 << 10));
        assert_eq!(bytes(text, "VmHWM"), Some(1024));
        assert_eq!(bytes(text, "HugePages_Total"), None, "a count");
        assert_eq!(field(text, "HugePages_Total"), Some("7"));
        assert_eq!(field(text, "model name"), Some("B: C"));
        assert_eq!(field(text, "odd"), None);
        assert_eq!(fields(text).count(), 5);
        let wrong = ["", "kB", "-1 kB", "1 MB", "18446744073709551615 kB"];
        assert!(wrong.iter().all(|value| bytes_of(value).is_none()));
    }
}
