//! DELTA_BINARY_PACKED: integers as differences, in blocks of miniblocks that each have a bit width of their own.
//!
//! ```text
//! header  block size │ miniblocks per block │ number of values │ first value
//! block   smallest difference │ one width byte per miniblock │ miniblock │ miniblock │ …
//! ```
//!
//! A [`DeltaCursor`] goes on where it stopped, so a page is never decoded further than the batch needs.

use super::bit_unpack::{bits_at, unpack};
use super::running_sum::running_sum;
use crate::error::Fault;
use crate::thrift::varint::{self, VarintFault, unzigzag};
use crate::words::Word;

/// Differences unpacked at a time; miniblocks have 32 or 64 values.
const DIFFERENCES: usize = 64;

/// Integers that delta-encoded values come out as. All arithmetic wraps, so the lower bits are right at any width.
pub(crate) trait Number: Word {
    /// The lower bits.
    fn cut(value: i64) -> Self;
    /// The sum, wrapped.
    fn plus(self, other: Self) -> Self;
    /// With its sign or without: only what [`Self::cut`] takes matters.
    fn widen(self) -> i64;
}

impl Number for i64 {
    fn cut(value: i64) -> Self {
        value
    }
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    fn widen(self) -> i64 {
        self
    }
}

impl Number for u32 {
    fn cut(value: i64) -> Self {
        (value.cast_unsigned() & 0xffff_ffff) as u32
    }
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    fn widen(self) -> i64 {
        i64::from(self)
    }
}

/// Longest block that is read, in values. PyArrow writes 128, the specification gives no bound; the cursor allocates
/// nothing for it, so this only keeps the arithmetic far from overflow.
const BLOCK_VALUES_MAX: u64 = 1 << 31;

/// A position in delta-encoded integers.
#[derive(Debug, Clone)]
pub(crate) struct DeltaCursor {
    position: usize,
    miniblocks: usize,
    miniblock_values: usize,
    /// Values not decoded yet.
    left: usize,
    /// The first value stands in the header, without a difference.
    at_first: bool,
    last: i64,
    min_difference: i64,
    /// Where the widths of the current block start, and which miniblock of it is next.
    widths: usize,
    next_miniblock: usize,
    /// Of the current miniblock: its width, its first bit, and how much of it is left.
    width: u32,
    bit: usize,
    miniblock_left: usize,
}

impl DeltaCursor {
    /// Reads the header at `position` of `bytes`.
    pub(crate) fn new(bytes: &[u8], position: usize) -> Result<Self, Fault> {
        let mut position = position;
        let block_values = number(bytes, &mut position)?;
        let miniblocks = number(bytes, &mut position)?;
        let left = number(bytes, &mut position)?;
        let first = unzigzag(number(bytes, &mut position)?);
        let miniblock_values = block_values.checked_div(miniblocks).unwrap_or(0);
        if block_values > BLOCK_VALUES_MAX
            || miniblock_values == 0
            || miniblock_values % 8 != 0
            || miniblock_values * miniblocks != block_values
        {
            return Err(Fault::out_of_spec(format!(
                "delta-encoded blocks of {block_values} values in {miniblocks} miniblocks"
            )));
        }
        let size = |value: u64| {
            usize::try_from(value)
                .map_err(|_| Fault::out_of_spec(format!("{value} delta-encoded values in a page")))
        };
        Ok(Self {
            position,
            miniblocks: size(miniblocks)?,
            miniblock_values: size(miniblock_values)?,
            left: size(left)?,
            at_first: true,
            last: first,
            min_difference: 0,
            widths: position,
            next_miniblock: size(miniblocks)?,
            width: 0,
            bit: 0,
            miniblock_left: 0,
        })
    }

    /// Values not decoded yet.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Decodes the next `out.len()` values.
    pub(crate) fn decode<T: Number>(&mut self, bytes: &[u8], out: &mut [T]) -> Result<(), Fault> {
        if out.len() > self.left {
            let what =
                format!("{} values wanted, {} delta-encoded ones left", out.len(), self.left);
            return Err(Fault::out_of_spec(what));
        }
        self.left -= out.len();
        let mut out = out;
        if self.at_first && !out.is_empty() {
            out[0] = T::cut(self.last);
            self.at_first = false;
            out = &mut out[1..];
        }
        let mut differences = [0; DIFFERENCES];
        while !out.is_empty() {
            if self.miniblock_left == 0 {
                self.start_miniblock(bytes, out.len() + self.left)?;
            }
            let (now, later) = out.split_at_mut(out.len().min(self.miniblock_left));
            self.decode_in_miniblock(bytes, &mut differences, now);
            self.miniblock_left -= now.len();
            self.bit += now.len() * self.width as usize;
            out = later;
        }
        Ok(())
    }

    /// First byte behind the values that are left.
    pub(crate) fn end(&self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut cursor = self.clone();
        // The first value is not in a block.
        cursor.left -= usize::from(cursor.at_first && cursor.left > 0);
        while cursor.left > 0 {
            if cursor.miniblock_left == 0 {
                cursor.start_miniblock(bytes, cursor.left)?;
            }
            let skipped = cursor.left.min(cursor.miniblock_left);
            cursor.left -= skipped;
            cursor.miniblock_left -= skipped;
        }
        Ok(cursor.position)
    }

    /// Takes up the next miniblock, with `values_left` values still to come from here to the end.
    fn start_miniblock(&mut self, bytes: &[u8], values_left: usize) -> Result<(), Fault> {
        if self.next_miniblock == self.miniblocks {
            self.min_difference = unzigzag(number(bytes, &mut self.position)?);
            self.widths = self.position;
            self.next_miniblock = 0;
            self.position = self.position.saturating_add(self.miniblocks);
            if self.position > bytes.len() {
                let what = "widths of delta-encoded miniblocks";
                return Err(Fault::truncated(what, self.position, bytes.len()));
            }
        }
        let width = u32::from(bytes[self.widths + self.next_miniblock]);
        if width > 64 {
            return Err(Fault::out_of_spec(format!("delta-encoded differences of {width} bits")));
        }
        self.next_miniblock += 1;
        self.width = width;
        self.bit = self.position * 8;
        self.miniblock_left = self.miniblock_values;
        let whole = self.miniblock_values / 8 * width as usize;
        let present = bytes.len() - self.position;
        // The last miniblock may be cut where no value needs its bits.
        let wanted = (values_left.min(self.miniblock_values) * width as usize).div_ceil(8);
        if present < whole.min(wanted) {
            return Err(Fault::truncated("delta-encoded miniblock", wanted, present));
        }
        self.position += whole.min(present);
        Ok(())
    }

    fn decode_in_miniblock<T: Number>(
        &mut self,
        bytes: &[u8],
        differences: &mut [u32; DIFFERENCES],
        out: &mut [T],
    ) {
        let min_difference = T::cut(self.min_difference);
        let mut last = T::cut(self.last);
        let width = self.width as usize;
        if width == 0 {
            for out in out {
                last = last.plus(min_difference);
                *out = last;
            }
        } else {
            // Where the last call stopped inside a group of eight, one by one up to its end.
            let taken = self.miniblock_values - self.miniblock_left;
            let head = match width {
                1..=32 => (taken.next_multiple_of(8) - taken).min(out.len()),
                _ => out.len(),
            };
            let (head_out, out) = out.split_at_mut(head);
            for (index, out) in head_out.iter_mut().enumerate() {
                let difference = bits_at(bytes, self.bit + index * width, self.width).cast_signed();
                last = last.plus(T::cut(difference).plus(min_difference));
                *out = last;
            }
            let start = (self.bit + head * width) / 8;
            for (chunk, out) in out.chunks_mut(DIFFERENCES).enumerate() {
                let start = start + chunk * DIFFERENCES / 8 * width;
                let differences = &mut differences[..out.len()];
                unpack(&bytes[start.min(bytes.len())..], self.width, differences);
                last = running_sum(differences, min_difference, last, out);
            }
        }
        self.last = last.widen();
    }
}

/// A number of a header. Of one that has more than 64 bits the lower ones count, as with other readers.
fn number(bytes: &[u8], position: &mut usize) -> Result<u64, Fault> {
    match varint::read(bytes, position) {
        Ok(value) | Err(VarintFault::Overflow(value)) => Ok(value),
        Err(VarintFault::Truncated) => {
            Err(Fault::truncated("delta header", *position + 1, bytes.len()))
        }
        Err(VarintFault::TooLong) => {
            Err(Fault::out_of_spec("delta header: number longer than 64 bits"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
        while value >= 0x80 {
            bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        bytes.push(u8::try_from(value).unwrap());
    }

    fn put_zigzag(bytes: &mut Vec<u8>, value: i64) {
        put_varint(bytes, ((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    /// A plain encoder with blocks of 64 values in two miniblocks.
    fn encode(values: &[i64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        [64, 2, values.len() as u64].iter().for_each(|n| put_varint(&mut bytes, *n));
        put_zigzag(&mut bytes, values.first().copied().unwrap_or(0));
        let differences: Vec<i64> = values.windows(2).map(|w| w[1].wrapping_sub(w[0])).collect();
        for block in differences.chunks(64) {
            let min = *block.iter().min().unwrap();
            put_zigzag(&mut bytes, min);
            let widths: Vec<u32> = (0..2)
                .map(|m| {
                    let miniblock = block.chunks(32).nth(m).unwrap_or(&[]);
                    let max = miniblock.iter().map(|d| d.wrapping_sub(min).cast_unsigned()).max();
                    64 - max.unwrap_or(0).leading_zeros()
                })
                .collect();
            bytes.extend(widths.iter().map(|width| u8::try_from(*width).unwrap()));
            for (miniblock, width) in block.chunks(32).zip(widths) {
                let mut bits = vec![0; 4 * width as usize];
                for (index, difference) in miniblock.iter().enumerate() {
                    let value = difference.wrapping_sub(min).cast_unsigned();
                    for bit in (0..width as usize).filter(|bit| value >> bit & 1 == 1) {
                        let position = index * width as usize + bit;
                        bits[position / 8] |= 1 << (position % 8);
                    }
                }
                bytes.extend(bits);
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn undoes_the_encoder(
            values in prop_oneof![
                proptest::collection::vec(any::<i64>(), 0..300),
                proptest::collection::vec(-100_i64..1000, 0..300),
                proptest::collection::vec(any::<i32>().prop_map(i64::from), 0..300),
            ],
            steps in proptest::collection::vec(1_usize..90, 0..20),
        ) {
            let bytes = encode(&values);
            let mut cursor = DeltaCursor::new(&bytes, 0).unwrap();
            prop_assert_eq!(cursor.end(&bytes).unwrap(), bytes.len());
            let mut decoded = Vec::new();
            for step in steps.into_iter().chain([usize::MAX]) {
                let mut out = vec![0_i64; step.min(cursor.left())];
                cursor.decode(&bytes, &mut out).unwrap();
                decoded.extend(out);
            }
            prop_assert_eq!(decoded, values);
        }

        #[test]
        fn damaged_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(mut cursor) = DeltaCursor::new(&bytes, 0) {
                let _ = cursor.end(&bytes);
                let mut out = vec![0_i64; cursor.left().min(1000)];
                let _ = cursor.decode(&bytes, &mut out);
            }
        }
    }

    #[test]
    fn cut_bytes_are_errors() {
        let values: Vec<i64> = (0..200).map(|i| i * i).collect();
        let bytes = encode(&values);
        for cut in 0..bytes.len() - 40 {
            let result = DeltaCursor::new(&bytes[..cut], 0)
                .and_then(|mut cursor| cursor.decode(&bytes[..cut], &mut [0_i64; 200]));
            assert!(result.is_err(), "cut at {cut} of {}", bytes.len());
        }
    }
}
