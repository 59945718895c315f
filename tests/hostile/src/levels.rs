//! Levels, written and read the plain way: what is read is held against the reader of `ringquet-decode`, so nothing is shared.

use crate::thrift;

/// Hybrid bytes of width 1 whose `count` levels repeat the eight bits of `mask`.
pub fn hybrid_of_mask(mask: u8, count: usize) -> Vec<u8> {
    let groups = count.div_ceil(8);
    let mut bytes = Vec::with_capacity(groups + 3);
    thrift::varint(&mut bytes, (groups << 1 | 1) as u64);
    bytes.resize(bytes.len() + groups, mask);
    bytes
}

/// Levels with their length in front, as a v1 page has them.
pub fn prefixed(levels: &[u8]) -> Vec<u8> {
    [&(levels.len() as u32).to_le_bytes()[..], levels].concat()
}

/// The first `count` levels of hybrid bytes, bit by bit; `None` when there are fewer.
pub fn plain_levels(bytes: &[u8], width: usize, count: usize) -> Option<Vec<u32>> {
    let mut levels = Vec::new();
    let mut rest = bytes;
    while levels.len() < count {
        let mut header = 0_u64;
        for shift in (0..35).step_by(7) {
            let (byte, after) = rest.split_first()?;
            rest = after;
            header |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                break;
            }
            if shift == 28 {
                return None;
            }
        }
        let length = usize::try_from(header >> 1).ok()?;
        if header & 1 == 0 {
            let (value, after) = rest.split_at_checked(width.div_ceil(8))?;
            rest = after;
            let value = value.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
            levels.resize(levels.len() + length.min(count - levels.len()), value);
        } else {
            let packed_bytes = length.checked_mul(width)?.min(rest.len());
            let (packed, after) = rest.split_at(packed_bytes);
            rest = after;
            let present = packed.len() * 8 / width.max(1);
            let wanted = length.saturating_mul(8).min(present).min(count - levels.len());
            levels.extend((0..wanted).map(|index| {
                (0..width).fold(0, |value, bit| {
                    let at = index * width + bit;
                    value | u32::from(packed[at / 8] >> (at % 8) & 1) << bit
                })
            }));
        }
    }
    Some(levels)
}
