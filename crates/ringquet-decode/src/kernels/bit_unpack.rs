//! Bit-packed integers, least significant bit first, into `u32`s.

/// Widest values that [`unpack`] reads.
pub(crate) const WIDTH_MAX: u32 = 32;

/// Unpacks `out.len()` values of `width` bits from `bytes`, the first at its first bit. Bits beyond the bytes are 0.
///
/// # Panics
/// When `width` is more than [`WIDTH_MAX`].
pub(crate) fn unpack(bytes: &[u8], width: u32, out: &mut [u32]) {
    assert!(width <= WIDTH_MAX, "bit widths are checked where they are read");
    if width == 0 {
        return out.fill(0);
    }
    // Whole groups of eight, as long as their bytes are there; the rest from a copy with zeros behind it.
    let width_bytes = width as usize;
    let groups = (out.len() / 8).min(bytes.len() / width_bytes);
    let (out_groups, out_rest) = out.split_at_mut(groups * 8);
    let (group_bytes, rest_bytes) = bytes.split_at(groups * width_bytes);
    let done = unpack_groups_fast(bytes, width, out_groups);
    unpack_groups(&group_bytes[done * width_bytes..], width, &mut out_groups[done * 8..]);
    if out_rest.is_empty() {
        return;
    }
    for (group, out) in out_rest.chunks_mut(8).enumerate() {
        let start = (group * width_bytes).min(rest_bytes.len());
        let mut padded = [0; WIDTH_MAX as usize];
        let present = (rest_bytes.len() - start).min(width_bytes);
        padded[..present].copy_from_slice(&rest_bytes[start..start + present]);
        let mut values = [0; 8];
        unpack_groups(&padded[..width_bytes], width, &mut values);
        out.copy_from_slice(&values[..out.len()]);
    }
}

/// Groups done by the widest kernel that this CPU has; it may leave the last ones. It may read all of `bytes`.
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
fn unpack_groups_fast(bytes: &[u8], width: u32, out: &mut [u32]) -> usize {
    super::bit_unpack_x86::unpack_groups(bytes, width, out)
}

#[cfg(any(not(target_arch = "x86_64"), feature = "portable"))]
fn unpack_groups_fast(_bytes: &[u8], _width: u32, _out: &mut [u32]) -> usize {
    0
}

/// The portable version, for whole groups.
pub(crate) fn unpack_groups(bytes: &[u8], width: u32, out: &mut [u32]) {
    macro_rules! by_width {
        ($($width:literal)*) => {
            match width {
                $($width => groups_of::<$width>(bytes, out),)*
                _ => out.fill(0),
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
}

fn groups_of<const WIDTH: usize>(bytes: &[u8], out: &mut [u32]) {
    let mask = u64::MAX >> (64 - WIDTH);
    for (group, out) in bytes.chunks_exact(WIDTH).zip(out.chunks_exact_mut(8)) {
        // 64 bits of zeros behind the group, so that every window is whole.
        let mut padded = [0_u8; 40];
        padded[..WIDTH].copy_from_slice(group);
        for (index, out) in out.iter_mut().enumerate() {
            let bit = index * WIDTH;
            let window = padded[bit / 8..bit / 8 + 8].first_chunk::<8>();
            let window = u64::from_le_bytes(*window.expect("the slice has 8 bytes"));
            // A `u32` holds what a mask of at most 32 bits lets through.
            #[expect(clippy::cast_possible_truncation, reason = "masked to 32 bits or fewer")]
            let value = ((window >> (bit % 8)) & mask) as u32;
            *out = value;
        }
    }
}

/// One value of up to 64 bits at `bit` of `bytes`. Bits beyond the bytes are 0.
pub(crate) fn bits_at(bytes: &[u8], bit: usize, width: u32) -> u64 {
    if width == 0 {
        return 0;
    }
    let start = (bit / 8).min(bytes.len());
    // Most values lie in the eight bytes from the one that they start in.
    if width <= 56
        && let Some(window) = bytes[start..].first_chunk::<8>()
    {
        return (u64::from_le_bytes(*window) >> (bit % 8)) & (u64::MAX >> (64 - width));
    }
    let mut window = [0; 16];
    let present = (bytes.len() - start).min(9);
    window[..present].copy_from_slice(&bytes[start..start + present]);
    let window = u128::from_le_bytes(window) >> (bit % 8);
    #[expect(clippy::cast_possible_truncation, reason = "the lower 64 bits are wanted")]
    let value = window as u64;
    value & (u64::MAX >> (64 - width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(bytes: &[u8], width: u32, length: usize) -> Vec<u32> {
        let bit = |bit: usize| bytes.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1);
        let value = |index: usize| {
            (0..width as usize)
                .fold(0, |value, b| value | (u32::from(bit(index * width as usize + b)) << b))
        };
        (0..length).map(value).collect()
    }

    proptest! {
        #[test]
        fn equals_the_plain_version(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            width in 0_u32..=32,
            length in 0_usize..200,
        ) {
            let expect = plain(&bytes, width, length);
            let mut out = vec![7; length];
            unpack(&bytes, width, &mut out);
            prop_assert_eq!(&out, &expect);
            for (index, value) in expect.iter().enumerate() {
                let at = bits_at(&bytes, index * width as usize, width);
                prop_assert_eq!(at, u64::from(*value));
            }
        }

        #[test]
        fn portable_groups(bytes in proptest::collection::vec(any::<u8>(), 320), width in 1_u32..=32) {
            let length = 320 / width as usize * 8;
            let mut out = vec![7; length];
            unpack_groups(&bytes, width, &mut out);
            prop_assert_eq!(out, plain(&bytes, width, length));
        }
    }
}
