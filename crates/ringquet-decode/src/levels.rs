//! Repetition and definition levels: the hybrid of runs and bit-packed groups, and the deprecated plain bit-packing.

use crate::error::Fault;
use crate::page_header::PageEncoding;

/// Bits that hold levels from 0 to `max`.
pub(crate) fn bit_width(max: i16) -> u32 {
    i16::BITS - max.max(0).leading_zeros()
}

/// A run of the hybrid encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run<'a> {
    /// `length` times the same value.
    Rle { value: u32, length: usize },
    /// `length` values of the reader's bit width, least significant bit first.
    Packed { bytes: &'a [u8], length: usize },
}

/// Walks the runs of hybrid bytes. Ends when the bytes end; the caller knows how many values it wants.
#[derive(Debug, Clone)]
pub(crate) struct Runs<'a> {
    bytes: &'a [u8],
    bit_width: u32,
}

impl<'a> Runs<'a> {
    pub(crate) fn new(bytes: &'a [u8], bit_width: u32) -> Self {
        Self { bytes, bit_width }
    }

    /// The next run; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Run<'a>>, Fault> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let (header, rest) = varint(self.bytes)?;
        if header & 1 == 1 {
            let groups = header >> 1;
            let wanted = groups
                .checked_mul(self.bit_width as usize)
                .ok_or_else(|| Fault::out_of_spec("bit-packed run longer than memory"))?;
            // Writers may leave the padding of the last group away.
            let present = wanted.min(rest.len());
            let (bytes, rest) = rest.split_at(present);
            let length = if present == wanted {
                groups.saturating_mul(8)
            } else {
                present * 8 / self.bit_width as usize
            };
            self.bytes = rest;
            Ok(Some(Run::Packed { bytes, length }))
        } else {
            let value_bytes = self.bit_width.div_ceil(8) as usize;
            let (value, rest) = rest
                .split_at_checked(value_bytes)
                .ok_or_else(|| Fault::truncated("run value", value_bytes, rest.len()))?;
            let value = value.iter().rev().fold(0, |value, byte| (value << 8) | u32::from(*byte));
            self.bytes = rest;
            Ok(Some(Run::Rle { value, length: header >> 1 }))
        }
    }
}

fn varint(bytes: &[u8]) -> Result<(usize, &[u8]), Fault> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            let value = u32::try_from(value)
                .map_err(|_| Fault::out_of_spec("run header longer than 32 bits"))?;
            return Ok((value as usize, &bytes[index + 1..]));
        }
    }
    Err(Fault::out_of_spec("run header cut or longer than 32 bits"))
}

/// Splits the levels of a v1 page off its bytes: (level bytes, rest).
pub(crate) fn split_v1(
    bytes: &[u8],
    encoding: PageEncoding,
    max_level: i16,
    num_values: u32,
) -> Result<(&[u8], &[u8]), Fault> {
    match encoding {
        PageEncoding::Rle => {
            let (length, rest) = bytes
                .split_first_chunk::<4>()
                .ok_or_else(|| Fault::truncated("length of levels", 4, bytes.len()))?;
            let length = u32::from_le_bytes(*length) as usize;
            rest.split_at_checked(length)
                .ok_or_else(|| Fault::truncated("levels", length, rest.len()))
        }
        PageEncoding::BitPacked => {
            let bits = u64::from(num_values) * u64::from(bit_width(max_level));
            let length = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX);
            bytes
                .split_at_checked(length)
                .ok_or_else(|| Fault::truncated("levels", length, bytes.len()))
        }
        other => Err(Fault::out_of_spec(format!("levels encoded as {}", other.name()))),
    }
}

/// Rows that start in a page: repetition levels that are 0, among `num_values`.
pub(crate) fn count_row_starts(
    levels: &[u8],
    encoding: PageEncoding,
    max_level: i16,
    num_values: u32,
) -> Result<u64, Fault> {
    let width = bit_width(max_level);
    let mut left = num_values as usize;
    let mut starts = 0_u64;
    if encoding == PageEncoding::BitPacked {
        // Most significant bit first.
        for index in 0..left {
            let value = (0..width as usize).fold(0, |value, bit| {
                let position = index * width as usize + bit;
                (value << 1) | ((levels[position / 8] >> (7 - position % 8)) & 1)
            });
            starts += u64::from(value == 0);
        }
        return Ok(starts);
    }
    let mut runs = Runs::new(levels, width);
    while left > 0 {
        let run = runs.next()?.ok_or_else(|| {
            Fault::out_of_spec(format!("repetition levels end {left} values before their page"))
        })?;
        match run {
            Run::Rle { value, length } => {
                let length = length.min(left);
                starts += if value == 0 { length as u64 } else { 0 };
                left -= length;
            }
            Run::Packed { bytes, length } => {
                let length = length.min(left);
                starts += zeros_packed(bytes, width as usize, length);
                left -= length;
            }
        }
    }
    Ok(starts)
}

/// How many of `length` bit-packed values are 0.
fn zeros_packed(bytes: &[u8], width: usize, length: usize) -> u64 {
    if width == 1 {
        let ones: u64 = bytes[..length / 8].iter().map(|byte| u64::from(byte.count_ones())).sum();
        let tail = length % 8;
        let tail_ones = match tail {
            0 => 0,
            _ => u64::from((bytes[length / 8] & ((1 << tail) - 1)).count_ones()),
        };
        return length as u64 - ones - tail_ones;
    }
    let zero = |index: &usize| {
        let start = index * width;
        (start..start + width).all(|bit| bytes[bit / 8] >> (bit % 8) & 1 == 0)
    };
    (0..length).filter(zero).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths() {
        assert_eq!([0, 1, 2, 3, 4, 7, 8].map(bit_width), [0, 1, 2, 2, 3, 3, 4]);
    }

    #[test]
    fn runs_of_both_kinds() {
        // 8 packed values 0,1,0,1,… then 100 times 1.
        let bytes = [0x03, 0b1010_1010, 0xc8, 0x01, 0x01];
        let mut runs = Runs::new(&bytes, 1);
        assert_eq!(runs.next().unwrap(), Some(Run::Packed { bytes: &bytes[1..2], length: 8 }));
        assert_eq!(runs.next().unwrap(), Some(Run::Rle { value: 1, length: 100 }));
        assert_eq!(runs.next().unwrap(), None);
        assert_eq!(count_row_starts(&bytes, PageEncoding::Rle, 1, 108).unwrap(), 4);
        assert_eq!(count_row_starts(&bytes, PageEncoding::Rle, 1, 3).unwrap(), 2);
        assert!(count_row_starts(&bytes, PageEncoding::Rle, 1, 109).is_err());
    }

    #[test]
    fn zeros_of_wider_levels() {
        // Width 2: 0, 1, 2, 3, 0, 0, 1, 0
        let bytes = [0x05, 0b1110_0100, 0b0001_0000];
        assert!(count_row_starts(&bytes, PageEncoding::Rle, 3, 9).is_err());
        let bytes = [0x03, 0b1110_0100, 0b0001_0000];
        assert_eq!(count_row_starts(&bytes, PageEncoding::Rle, 3, 8).unwrap(), 4);
    }

    #[test]
    fn deprecated_bit_packing_is_most_significant_bit_first() {
        // Width 1: 0, 1, 1, 1, 0, 1, 1, 1, 0
        let bytes = [0b0111_0111, 0b0000_0000];
        assert_eq!(count_row_starts(&bytes, PageEncoding::BitPacked, 1, 9).unwrap(), 3);
    }
}
