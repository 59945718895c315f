//! Bits appended to bitmaps, least significant first, in runs and in copies.

/// Sets `length` bits from `start` on to `value`.
///
/// # Panics
/// When the bits do not fit into `bits`.
pub(crate) fn fill(bits: &mut [u8], start: usize, length: usize, value: bool) {
    if length == 0 {
        return;
    }
    let end = start + length;
    let (first, last) = (start / 8, (end - 1) / 8);
    let head = u8::MAX << (start % 8);
    let tail = u8::MAX >> (7 - (end - 1) % 8);
    let mut set = |byte: usize, mask: u8| {
        bits[byte] = if value { bits[byte] | mask } else { bits[byte] & !mask };
    };
    if first == last {
        return set(first, head & tail);
    }
    set(first, head);
    set(last, tail);
    bits[first + 1..last].fill(if value { u8::MAX } else { 0 });
}

/// Up to 64 bits of `bits` from `start` on, in a word; bits beyond `length` are 0.
///
/// # Panics
/// When the bits reach beyond `bits`.
#[inline]
pub(crate) fn word_at(bits: &[u8], start: usize, length: usize) -> u64 {
    debug_assert!((1..=64).contains(&length), "a word holds 1 to 64 bits");
    let (byte, shift) = (start / 8, start % 8);
    let word = match bits[byte..].first_chunk::<9>() {
        Some(bytes) => {
            let low = bytes.first_chunk::<8>().expect("nine bytes have eight");
            let low = u64::from_le_bytes(*low) >> shift;
            // The ninth byte only matters when the first is not whole.
            if shift == 0 { low } else { low | (u64::from(bytes[8]) << (64 - shift)) }
        }
        None => {
            let mut window = [0; 16];
            let bytes = &bits[byte..(start + length).div_ceil(8)];
            window[..bytes.len()].copy_from_slice(bytes);
            #[expect(clippy::cast_possible_truncation, reason = "the lower 64 bits are wanted")]
            let word = (u128::from_le_bytes(window) >> shift) as u64;
            word
        }
    };
    word & (u64::MAX >> (64 - length))
}

/// Bits from `start` on, at most `length` of them, in front of the one that would be the `ones + 1`-th set.
///
/// # Panics
/// When the bits reach beyond `bits`.
pub(crate) fn until_ones(bits: &[u8], start: usize, length: usize, ones: usize) -> usize {
    let (mut done, mut room) = (0, ones);
    while done < length {
        let now = (length - done).min(64);
        let mut word = word_at(bits, start + done, now);
        let set = word.count_ones() as usize;
        if set > room {
            (0..room).for_each(|_| word &= word - 1);
            return done + word.trailing_zeros() as usize;
        }
        room -= set;
        done += now;
    }
    length
}

/// Writes the lower `length` bits of `word` at `start`.
///
/// # Panics
/// When the bits reach beyond `bits`.
#[inline]
pub(crate) fn put_word(bits: &mut [u8], start: usize, word: u64, length: usize) {
    debug_assert!((1..=64).contains(&length), "a word holds 1 to 64 bits");
    let (byte, shift) = (start / 8, start % 8);
    let mask = u128::from(u64::MAX >> (64 - length)) << shift;
    let value = (u128::from(word) << shift) & mask;
    let bytes = (shift + length).div_ceil(8);
    let window = &mut bits[byte..byte + bytes];
    let mut wide = [0; 16];
    wide[..bytes].copy_from_slice(window);
    let wide = ((u128::from_le_bytes(wide) & !mask) | value).to_le_bytes();
    window.copy_from_slice(&wide[..bytes]);
}

/// Copies `length` bits and returns how many of them are set.
///
/// # Panics
/// When the bits reach beyond `source` or `target`.
pub(crate) fn copy(
    source: &[u8],
    source_start: usize,
    target: &mut [u8],
    target_start: usize,
    length: usize,
) -> usize {
    let mut ones = 0;
    for start in (0..length).step_by(64) {
        let bits = (length - start).min(64);
        let word = word_at(source, source_start + start, bits);
        ones += word.count_ones() as usize;
        put_word(target, target_start + start, word, bits);
    }
    ones
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_buffer::bit_util::get_bit;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fills_and_copies_touch_their_bits_only(
            source in proptest::collection::vec(any::<u8>(), 40),
            target in proptest::collection::vec(any::<u8>(), 40),
            source_start in 0_usize..100,
            target_start in 0_usize..100,
            length in 0_usize..200,
            value in any::<bool>(),
        ) {
            let inside = |bit: usize| (target_start..target_start + length).contains(&bit);
            let mut copied = target.clone();
            let ones = copy(&source, source_start, &mut copied, target_start, length);
            let mut filled = target.clone();
            fill(&mut filled, target_start, length, value);
            let mut expect_ones = 0;
            for bit in 0..320 {
                let old = get_bit(&target, bit);
                let from = |bit: usize| get_bit(&source, source_start + bit - target_start);
                expect_ones += usize::from(inside(bit) && from(bit));
                prop_assert_eq!(get_bit(&copied, bit), if inside(bit) { from(bit) } else { old });
                prop_assert_eq!(get_bit(&filled, bit), if inside(bit) { value } else { old });
            }
            prop_assert_eq!(ones, expect_ones);
        }
    }
}
