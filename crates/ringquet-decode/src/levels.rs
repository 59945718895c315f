//! Repetition and definition levels: the hybrid of runs and bit-packed groups, and the deprecated plain bit-packing.

use crate::encoding::PageEncoding;
use crate::error::Fault;
use crate::kernels::ascending::leading_ascending;
use crate::kernels::bit_unpack::{bits_at, unpack};
use crate::thrift::varint::{self, VarintFault};

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

/// Walks the runs of hybrid bytes. Ends when the bytes end; the caller counts the values.
#[derive(Debug, Clone)]
pub(crate) struct Runs<'a> {
    bytes: &'a [u8],
    bit_width: u32,
}

impl<'a> Runs<'a> {
    pub(crate) fn new(bytes: &'a [u8], bit_width: u32) -> Self {
        Self { bytes, bit_width }
    }

    /// The next run, never an empty one; `None` at the end.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Run<'a>>, Fault> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let (header, rest) = run_header(self.bytes)?;
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
            check_length(length)?;
            Ok(Some(Run::Packed { bytes, length }))
        } else {
            let value_bytes = self.bit_width.div_ceil(8) as usize;
            let (value, rest) = rest
                .split_at_checked(value_bytes)
                .ok_or_else(|| Fault::truncated("run value", value_bytes, rest.len()))?;
            let value = value.iter().rev().fold(0, |value, byte| (value << 8) | u32::from(*byte));
            self.bytes = rest;
            check_length(header >> 1)?;
            Ok(Some(Run::Rle { value, length: header >> 1 }))
        }
    }
}

/// No one writes empty runs, and readers differ in how many bytes they take them to have: Arrow C++ refuses them, the
/// `parquet` crate steps over their header alone.
fn check_length(length: usize) -> Result<(), Fault> {
    if length == 0 { Err(Fault::out_of_spec("a run of no values")) } else { Ok(()) }
}

/// The header of a run, and what follows it.
#[inline]
fn run_header(bytes: &[u8]) -> Result<(usize, &[u8]), Fault> {
    match bytes {
        [byte, rest @ ..] if *byte < 0x80 => Ok((usize::from(*byte), rest)),
        _ => long_run_header(bytes),
    }
}

/// [`run_header`] of more than the one byte that most have.
fn long_run_header(bytes: &[u8]) -> Result<(usize, &[u8]), Fault> {
    let mut end = 0;
    match varint::read::<VarintFault>(bytes, &mut end) {
        Ok(header) if end <= RUN_HEADER_BYTES_MAX => {
            let header = u32::try_from(header)
                .map_err(|_| Fault::out_of_spec("run header longer than 32 bits"))?;
            Ok((header as usize, &bytes[end..]))
        }
        _ => Err(Fault::out_of_spec("run header cut or longer than 32 bits")),
    }
}

/// Bytes of 32 bits.
const RUN_HEADER_BYTES_MAX: usize = 5;

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

/// A position in hybrid bytes that can be put aside and taken up again: it holds no reference. Positions are in the bytes
/// that every call is given, always the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HybridCursor {
    position: usize,
    end: usize,
    bit_width: u32,
    run: HybridRun,
    /// Values left in the current run.
    left: usize,
}

/// What the current run of a [`HybridCursor`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HybridRun {
    /// The same value again and again.
    Rle(u32),
    /// Bit-packed values; the next one starts at this bit.
    Packed(usize),
}

impl HybridCursor {
    /// A cursor over `start..end` of the bytes.
    pub(crate) fn new(start: usize, end: usize, bit_width: u32) -> Self {
        Self { position: start, end, bit_width, run: HybridRun::Rle(0), left: 0 }
    }

    /// A cursor that gives 0 without end: levels that are not written because there is only one.
    pub(crate) fn zeros() -> Self {
        Self { position: 0, end: 0, bit_width: 0, run: HybridRun::Rle(0), left: usize::MAX }
    }

    /// The current run and how many of its values are left, always some.
    #[inline]
    pub(crate) fn run(&mut self, bytes: &[u8]) -> Result<(HybridRun, usize), Fault> {
        if self.left == 0 {
            self.next_run(bytes)?;
        }
        Ok((self.run, self.left))
    }

    /// Leaves `count` values of the current run behind.
    #[inline]
    pub(crate) fn advance(&mut self, count: usize) {
        debug_assert!(count <= self.left, "values of the current run only");
        self.left -= count;
        if let HybridRun::Packed(bit) = &mut self.run {
            *bit += count * self.bit_width as usize;
        }
    }

    #[inline]
    fn next_run(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let window = bytes.get(self.position..self.end).unwrap_or(&[]);
        let mut runs = Runs::new(window, self.bit_width);
        let run = runs
            .next()?
            .ok_or_else(|| Fault::out_of_spec("levels or indices end before their page"))?;
        let consumed = window.len() - runs.bytes.len();
        match run {
            Run::Rle { value, length } => {
                self.run = HybridRun::Rle(value);
                self.left = length;
            }
            Run::Packed { bytes: packed, length } => {
                let start = self.position + consumed - packed.len();
                self.run = HybridRun::Packed(start * 8);
                self.left = length;
            }
        }
        self.position += consumed;
        Ok(())
    }

    /// The next `out.len()` values, over as many runs as that takes.
    pub(crate) fn read(&mut self, bytes: &[u8], out: &mut [u32]) -> Result<(), Fault> {
        let mut out = out;
        while !out.is_empty() {
            let (run, left) = self.run(bytes)?;
            let (mut now, later) = out.split_at_mut(left.min(out.len()));
            out = later;
            match run {
                HybridRun::Rle(value) => now.fill(value),
                HybridRun::Packed(_) => {
                    self.read_packed(bytes, now);
                    // `read_packed` has advanced the cursor.
                    now = &mut [];
                }
            }
            self.advance(now.len());
        }
        Ok(())
    }

    /// Bits of each value.
    pub(crate) fn bit_width(&self) -> u32 {
        self.bit_width
    }

    /// The next `count` values of a packed run of eight bits, which are its bytes.
    pub(crate) fn take_bytes<'b>(&mut self, bytes: &'b [u8], count: usize) -> &'b [u8] {
        let HybridRun::Packed(bit) = self.run else { return &[] };
        self.advance(count);
        &bytes[bit / 8..bit / 8 + count]
    }

    /// The next value of a packed run, and how many of the next `count` count up from it: see
    /// [`leading_ascending`]. None, when they do not start with a byte.
    pub(crate) fn leading_ascending(&self, bytes: &[u8], count: usize) -> (u32, usize) {
        match self.run {
            HybridRun::Packed(bit) if bit.is_multiple_of(8) => {
                leading_ascending(&bytes[bit / 8..self.end], self.bit_width, count)
            }
            _ => (0, 0),
        }
    }

    /// Whether the next `count` values of a packed run, which has as many, are `first`, `first` + 1, and so on.
    #[inline]
    pub(crate) fn counts_from(&self, bytes: &[u8], first: usize, count: usize) -> bool {
        matches!(self.run, HybridRun::Packed(_))
            && u32::try_from(first)
                .is_ok_and(|first| self.leading_ascending(bytes, count) == (first, count))
    }

    /// The next values of a packed run, which has as many.
    pub(crate) fn read_packed(&mut self, bytes: &[u8], out: &mut [u32]) {
        let HybridRun::Packed(bit) = self.run else { return };
        let width = self.bit_width;
        // Up to the next byte that a value starts with, one by one; from there on in groups.
        let head = match bit % 8 {
            0 => 0,
            _ => (0..8)
                .find(|n| (bit + n * width as usize).is_multiple_of(8))
                .unwrap_or(8)
                .min(out.len()),
        };
        let (first, rest) = out.split_at_mut(head);
        for (index, out) in first.iter_mut().enumerate() {
            let value = bits_at(&bytes[..self.end], bit + index * width as usize, width);
            #[expect(clippy::cast_possible_truncation, reason = "widths are 32 bits or fewer")]
            let value = value as u32;
            *out = value;
        }
        let start = (bit + head * width as usize) / 8;
        unpack(&bytes[start.min(self.end)..self.end], width, rest);
        self.advance(out.len());
    }
}

/// Rewrites levels of the deprecated encoding, packed from the most significant bit, as a run of the hybrid one.
pub(crate) fn from_bit_packed(levels: &[u8], width: u32, num_values: u32) -> Vec<u8> {
    let groups = num_values.div_ceil(8);
    let mut hybrid = Vec::with_capacity(levels.len() + 16);
    varint::write(&mut hybrid, (u64::from(groups) << 1) | 1);
    let start = hybrid.len();
    hybrid.resize(start + groups as usize * width as usize, 0);
    let width = width as usize;
    for bit in 0..(num_values as usize * width).min(levels.len() * 8) {
        // Bit `bit` counts from the top of its value there, from the bottom here.
        if levels[bit / 8] >> (7 - bit % 8) & 1 == 1 {
            let (value, from_top) = (bit / width, bit % width);
            let bit = value * width + (width - 1 - from_top);
            hybrid[start + bit / 8] |= 1 << (bit % 8);
        }
    }
    hybrid
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    }

    #[test]
    fn deprecated_bit_packing_of_wider_levels() {
        // Width 2: 3, 1, 0, 2, 1
        let hybrid = from_bit_packed(&[0b1101_0010, 0b0100_0000], 2, 5);
        let mut out = [9; 5];
        HybridCursor::new(0, hybrid.len(), 2).read(&hybrid, &mut out).unwrap();
        assert_eq!(out, [3, 1, 0, 2, 1]);
    }

    proptest! {
        #[test]
        fn a_cursor_goes_on_where_it_stopped(
            width in 1_u32..=20,
            runs in proptest::collection::vec((any::<u32>(), 1_usize..40, any::<bool>()), 1..12),
            steps in proptest::collection::vec(1_usize..50, 0..20),
        ) {
            let mask = u32::MAX >> (32 - width);
            let mut bytes = vec![0xee; 3];
            let mut expect = Vec::new();
            for (seed, length, packed) in runs {
                if packed {
                    let groups = length.div_ceil(8);
                    bytes.push(u8::try_from(groups << 1 | 1).unwrap());
                    let start = bytes.len();
                    bytes.resize(start + groups * width as usize, 0);
                    for index in 0..groups * 8 {
                        let value = seed.wrapping_mul(u32::try_from(index).unwrap() + 1) & mask;
                        for bit in (0..width as usize).filter(|bit| value >> bit & 1 == 1) {
                            let bit = index * width as usize + bit;
                            bytes[start + bit / 8] |= 1 << (bit % 8);
                        }
                        expect.push(value);
                    }
                } else {
                    bytes.push(u8::try_from(length << 1).unwrap());
                    let value = seed & mask;
                    bytes.extend(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
                    expect.extend(std::iter::repeat_n(value, length));
                }
            }
            let mut cursor = HybridCursor::new(3, bytes.len(), width);
            let mut read = Vec::new();
            for step in steps.into_iter().chain([expect.len()]) {
                let mut out = vec![0; step.min(expect.len() - read.len())];
                cursor.read(&bytes, &mut out).unwrap();
                read.extend(out);
            }
            prop_assert_eq!(read, expect);
            prop_assert!(cursor.read(&bytes, &mut [0]).is_err());
        }
    }
}
