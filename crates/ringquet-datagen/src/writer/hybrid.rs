//! The RLE / bit-packed hybrid of levels and dictionary indices, cut into runs as Arrow cuts it.
//!
//! Values are taken in groups of eight. A group of eight equal values begins a repeated run, which
//! goes on as long as the value does; other groups are packed, up to 63 of them behind one header:
//!
//! ```text
//! values 0..6144, width 13     │127│ 63 · 13 bytes │127│ 63 · 13 bytes │ … │ 25│ 12 · 13 bytes │
//! levels 3 · 6144, width 2     │varint 6144 << 1│ 3 │
//! ```
//! A last group that is not full is a repeated run if its values are equal and no packed group is
//! open; otherwise it is filled up with zeros.

use ringquet_decode::thrift::write_varint;

/// Groups behind one header, whose count then fits in its byte.
const GROUPS_MAX: u8 = 63;

/// Writes runs.
struct RunWriter<'a> {
    out: &'a mut Vec<u8>,
    width: u32,
    /// Where the header of the open packed run is.
    header_at: usize,
    groups: u8,
}

impl<'a> RunWriter<'a> {
    fn new(out: &'a mut Vec<u8>, width: u32) -> Self {
        Self { out, width, header_at: 0, groups: 0 }
    }

    /// Packed groups.
    fn packed(&mut self, groups: &[[u32; 8]]) {
        let mut rest = groups;
        while !rest.is_empty() {
            if self.groups == 0 {
                self.header_at = self.out.len();
                self.out.push(0);
            }
            let room = usize::from(GROUPS_MAX - self.groups);
            let (taken, after) = rest.split_at(rest.len().min(room));
            pack(self.out, self.width, taken);
            self.groups += u8::try_from(taken.len()).expect("at most 63");
            rest = after;
            if self.groups == GROUPS_MAX {
                self.close();
            }
        }
    }

    /// Writes the header of the open packed run.
    fn close(&mut self) {
        if self.groups > 0 {
            self.out[self.header_at] = self.groups << 1 | 1;
            self.groups = 0;
        }
    }

    fn repeated(&mut self, value: u32, count: u64) {
        self.close();
        write_varint(self.out, count << 1);
        let bytes = self.width.div_ceil(8) as usize;
        self.out.extend_from_slice(&value.to_le_bytes()[..bytes]);
    }
}

/// Appends groups of eight values of `width` bits, `width` bytes each.
fn pack(out: &mut Vec<u8>, width: u32, groups: &[[u32; 8]]) {
    match width {
        8 => out.extend(groups.as_flattened().iter().map(|value| value.to_le_bytes()[0])),
        1..=16 => pack_short(out, width, groups),
        _ => groups.iter().for_each(|group| pack_long(out, width, *group)),
    }
}

/// [`pack`] where a group has 16 bytes at most: it is made in a register and written with what is
/// behind it, which the next one overwrites.
fn pack_short(out: &mut Vec<u8>, width: u32, groups: &[[u32; 8]]) {
    const WORD_BYTES: usize = size_of::<u128>();
    let (start, step) = (out.len(), width as usize);
    let end = start + groups.len() * step;
    out.resize(end + WORD_BYTES, 0);
    let half = |values: &[u32]| {
        values.iter().rev().fold(0, |word: u64, value| word << width | u64::from(*value))
    };
    for (at, [a, b, c, d, e, f, g, h]) in (start..).step_by(step).zip(groups) {
        let (low, high) = (half(&[*a, *b, *c, *d]), half(&[*e, *f, *g, *h]));
        let word = u128::from(low) | u128::from(high) << (4 * width);
        out[at..at + WORD_BYTES].copy_from_slice(&word.to_le_bytes());
    }
    out.truncate(end);
}

fn pack_long(out: &mut Vec<u8>, width: u32, group: [u32; 8]) {
    let (mut word, mut bits) = (0_u64, 0);
    let start = out.len();
    for value in group {
        word |= u64::from(value) << bits;
        bits += width;
        if bits >= 32 {
            out.extend_from_slice(&word.to_le_bytes()[..4]);
            word >>= 32;
            bits -= 32;
        }
    }
    let rest = start + width as usize - out.len();
    out.extend_from_slice(&word.to_le_bytes()[..rest]);
}

/// Bits that hold indices below `count`: at least 1, and 0 for none.
pub(crate) fn index_width(count: usize) -> u32 {
    match count {
        0 => 0,
        1 => 1,
        count => usize::BITS - (count - 1).leading_zeros(),
    }
}

/// What Arrow takes for the size of so many encoded indices: that of packed groups, each with a
/// header of its own, and one more run at its longest.
pub(crate) fn indices_bytes_estimated(width: u32, count: usize) -> usize {
    let groups = count.div_ceil(8);
    let width = width as usize;
    let value_bytes = width.div_ceil(8);
    let runs = (groups * (1 + width)).max(groups * (1 + value_bytes));
    let one_more = (1 + usize::from(GROUPS_MAX) * width).max(5 + value_bytes);
    1 + runs + one_more
}

/// Appends `values` of `width` bits.
pub(crate) fn encode(out: &mut Vec<u8>, width: u32, values: &[u32]) {
    let mut runs = RunWriter::new(out, width);
    let mut rest = values;
    loop {
        let (groups, _) = rest.as_chunks::<8>();
        let is_repeated = |group: &[u32; 8]| group[1..].iter().all(|value| *value == group[0]);
        let packed = groups.iter().position(is_repeated).unwrap_or(groups.len());
        runs.packed(&groups[..packed]);
        rest = &rest[8 * packed..];
        let Some((group, after)) = rest.split_first_chunk::<8>() else { break };
        let more = after.iter().take_while(|value| **value == group[0]).count();
        runs.repeated(group[0], 8 + more as u64);
        rest = &after[more..];
    }
    if let Some(first) = rest.first() {
        if runs.groups == 0 && rest.iter().all(|value| value == first) {
            runs.repeated(*first, rest.len() as u64);
        } else {
            let mut group = [0; 8];
            group[..rest.len()].copy_from_slice(rest);
            runs.packed(&[group]);
        }
    }
    runs.close();
}

/// Appends `first`, `first` + 1, … , `count` values of `width` bits.
pub(crate) fn encode_counting(out: &mut Vec<u8>, width: u32, first: u32, count: usize) {
    if count == 1 {
        return encode(out, width, &[first]);
    }
    let mut runs = RunWriter::new(out, width);
    let mut value = first;
    for _ in 0..count / 8 {
        runs.packed(&[std::array::from_fn(|index| value + index_u32(index))]);
        value += 8;
    }
    let rest = count % 8;
    if rest == 1 && runs.groups == 0 {
        runs.repeated(value, 1);
    } else if rest > 0 {
        let one = |index| if index < rest { value + index_u32(index) } else { 0 };
        runs.packed(&[std::array::from_fn(one)]);
    }
    runs.close();
}

fn index_u32(index: usize) -> u32 {
    u32::try_from(index).expect("below 8")
}

/// Appends `count` times `value`.
pub(crate) fn encode_repeated(out: &mut Vec<u8>, width: u32, value: u32, count: u64) {
    if count > 0 {
        RunWriter::new(out, width).repeated(value, count);
    }
}

/// Appends the repetition levels of `rows` lists of `size` values: 0 where a list begins, 1 in it.
pub(crate) fn encode_list_starts(out: &mut Vec<u8>, rows: u64, size: u64) {
    let mut runs = RunWriter::new(out, 1);
    let total = rows * size;
    if size == 1 {
        return encode_repeated(runs.out, 1, 0, total);
    }
    let mut position = 0;
    while position < total {
        let left = total - position;
        let next_start = position.next_multiple_of(size).min(total);
        // Levels up to the next start of a list are ones.
        let ones = next_start - position;
        if ones >= 8 {
            runs.repeated(1, ones);
            position = next_start;
            continue;
        }
        if left < 8 && ones == left && runs.groups == 0 {
            runs.repeated(1, left);
            break;
        }
        let level = |offset: usize| {
            let at = position + offset as u64;
            u32::from(at < total && !at.is_multiple_of(size))
        };
        if left == 1 && ones == 0 && runs.groups == 0 {
            runs.repeated(0, 1);
            break;
        }
        runs.packed(&[std::array::from_fn(level)]);
        position += 8;
    }
    runs.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An independent reading of the runs: it shares no code with what is tested.
    fn decode(bytes: &[u8], width: u32, count: usize) -> Vec<u32> {
        let mut values = Vec::new();
        let mut at = 0;
        while values.len() < count {
            let (mut header, mut shift) = (0_u64, 0);
            loop {
                let byte = bytes[at];
                at += 1;
                header |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            if header & 1 == 1 {
                let length = usize::try_from(header >> 1).unwrap() * width as usize;
                let bit = |index: usize| u32::from(bytes[at + index / 8] >> (index % 8) & 1);
                for value in 0..length * 8 / width as usize {
                    let base = value * width as usize;
                    values.push((0..width as usize).map(|b| bit(base + b) << b).sum());
                }
                at += length;
            } else {
                let length = width.div_ceil(8) as usize;
                let mut value = [0; 4];
                value[..length].copy_from_slice(&bytes[at..at + length]);
                at += length;
                let repeats = usize::try_from(header >> 1).unwrap();
                values.extend(std::iter::repeat_n(u32::from_le_bytes(value), repeats));
            }
        }
        assert_eq!(at, bytes.len(), "all bytes are runs");
        assert!(values[count..].iter().all(|value| *value == 0), "padding is zero");
        values.truncate(count);
        values
    }

    #[test]
    fn runs_hold_what_was_put_in() {
        for width in 1..=20 {
            let mask = (1_u32 << width) - 1;
            for length in (0..40).chain([503, 504, 505, 511, 512, 1000]) {
                let scattered: Vec<u32> =
                    (0..length).map(|n: u32| n.wrapping_mul(0x9e37_79b9) >> 3 & mask).collect();
                let runny: Vec<u32> = (0..length).map(|n| (n / 11) & mask).collect();
                for values in [scattered, runny, vec![mask; length as usize]] {
                    let mut out = Vec::new();
                    encode(&mut out, width, &values);
                    assert_eq!(decode(&out, width, values.len()), values, "width {width}");
                }
            }
        }
    }

    #[test]
    fn counting_is_encoding_of_counted_values() {
        for count in (0..30).chain([504, 505, 506, 6144]) {
            for first in [0, 7] {
                let values: Vec<u32> = (first..).take(count).collect();
                let width = index_width(count + first as usize);
                let (mut plain, mut counted) = (Vec::new(), Vec::new());
                encode(&mut plain, width, &values);
                encode_counting(&mut counted, width, first, count);
                assert_eq!(counted, plain, "{count} from {first}");
            }
        }
    }

    #[test]
    fn list_starts_are_the_levels_of_lists() {
        for size in [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 409, 1000] {
            for rows in [1_u64, 2, 3, 8, 9, 100] {
                let levels: Vec<u32> =
                    (0..rows * size).map(|at| u32::from(at % size != 0)).collect();
                let (mut plain, mut arithmetic) = (Vec::new(), Vec::new());
                encode(&mut plain, 1, &levels);
                encode_list_starts(&mut arithmetic, rows, size);
                assert_eq!(arithmetic, plain, "{rows} rows of {size}");
            }
        }
    }

    #[test]
    fn widths() {
        let widths = [0, 1, 2, 3, 4, 5, 256, 257, 6144].map(index_width);
        assert_eq!(widths, [0, 1, 1, 2, 2, 3, 8, 9, 13]);
    }
}
