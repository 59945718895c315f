//! Values as Parquet stores them, into values as Arrow has them, where the two differ.

use crate::words::{Word, words_mut};

/// How the bytes of a stored value become those of an Arrow value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Convert {
    /// They are the same.
    Same,
    /// Four bytes to the lowest one: 8-bit integers.
    Narrow8,
    /// Four bytes to the lower two: 16-bit integers.
    Narrow16,
    /// A 32-bit integer to 128 bits: decimals.
    Widen32,
    /// A 64-bit integer to 128 bits: decimals.
    Widen64,
    /// Big-endian integers of up to 16 bytes to 128 bits: decimals.
    BigEndian128,
    /// Big-endian integers of up to 32 bytes to 256 bits: decimals.
    BigEndian256,
}

/// Converts values of `stored` bytes each from `source` into `out`, which has as many values.
///
/// # Panics
/// When the two do not hold the same number of values.
pub(crate) fn convert(kind: Convert, stored: usize, source: &[u8], out: &mut [u8]) {
    match kind {
        Convert::Same => out.copy_from_slice(source),
        Convert::Narrow8 => narrow(source, out, |value: u32| (value & 0xff) as u8),
        Convert::Narrow16 => narrow(source, words_mut::<u16>(out), |value| (value & 0xffff) as u16),
        Convert::Widen32 => {
            let (source, _) = source.as_chunks::<4>();
            widen(source, out, |value| i128::from(i32::from_le_bytes(value)));
        }
        Convert::Widen64 => {
            let (source, _) = source.as_chunks::<8>();
            widen(source, out, |value| i128::from(i64::from_le_bytes(value)));
        }
        Convert::BigEndian128 => big_endian::<16>(source, stored, out),
        Convert::BigEndian256 => big_endian::<32>(source, stored, out),
    }
}

fn narrow<T: Word>(source: &[u8], out: &mut [T], cut: impl Fn(u32) -> T) {
    let (source, _) = source.as_chunks::<4>();
    assert_eq!(source.len(), out.len(), "one value each");
    for (value, out) in source.iter().zip(out) {
        *out = cut(u32::from_le_bytes(*value));
    }
}

fn widen<const N: usize>(source: &[[u8; N]], out: &mut [u8], extend: impl Fn([u8; N]) -> i128) {
    let (out, _) = out.as_chunks_mut::<16>();
    assert_eq!(source.len(), out.len(), "one value each");
    for (value, out) in source.iter().zip(out) {
        *out = extend(*value).to_le_bytes();
    }
}

/// Sign-extends and turns round.
fn big_endian<const N: usize>(source: &[u8], stored: usize, out: &mut [u8]) {
    let (out, _) = out.as_chunks_mut::<N>();
    for (value, out) in source.chunks_exact(stored.max(1)).zip(out) {
        let sign = if value.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        out[stored.min(N)..].fill(sign);
        for (byte, out) in value.iter().rev().zip(out) {
            *out = *byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::BufferPool;

    fn check(kind: Convert, stored: usize, source: &[u8], expect: &[u8]) {
        let mut buffer = BufferPool::new().take(expect.len());
        let out = &mut buffer.bytes_mut()[..expect.len()];
        out.fill(0x55);
        convert(kind, stored, source, out);
        assert_eq!(out, expect, "{kind:?}");
    }

    #[test]
    fn each_kind() {
        let numbers = [1_i32, -2, 300, i32::MIN];
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        check(Convert::Same, 4, &bytes, &bytes);
        check(Convert::Narrow8, 4, &bytes, &[1, 0xfe, 44, 0]);
        check(Convert::Narrow16, 4, &bytes, &[1, 0, 0xfe, 0xff, 44, 1, 0, 0]);
        let wide: Vec<u8> = numbers.iter().flat_map(|n| i128::from(*n).to_le_bytes()).collect();
        check(Convert::Widen32, 4, &bytes, &wide);
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| i64::from(*n).to_le_bytes()).collect();
        check(Convert::Widen64, 8, &bytes, &wide);
        // Five bytes, big-endian.
        let bytes: Vec<u8> =
            numbers.iter().flat_map(|n| i64::from(*n).to_be_bytes().into_iter().skip(3)).collect();
        check(Convert::BigEndian128, 5, &bytes, &wide);
        let wider: Vec<u8> = numbers
            .iter()
            .flat_map(|n| {
                let sign = if *n < 0 { 0xff } else { 0 };
                i128::from(*n).to_le_bytes().into_iter().chain([sign; 16])
            })
            .collect();
        check(Convert::BigEndian256, 5, &bytes, &wider);
    }
}
