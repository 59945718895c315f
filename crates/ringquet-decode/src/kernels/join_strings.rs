//! Strings put side by side, with the end of each: from Parquet's layout to Arrow's.
//!
//! A short string is copied as [`SHORT_BYTES`] bytes, whatever its length: two moves instead of a call, and what is
//! copied too much is written over by the next string.
//!
//! ```text
//! source  │len│abc│len│de│len│…            target  abcdexyz        ends  3 5 …
//! ```

use crate::error::Fault;
use crate::words::Word;

/// Strings up to this many bytes are short.
pub(crate) const SHORT_BYTES: usize = 32;

/// A PLAIN string has its length before it.
const LENGTH_BYTES: usize = 4;

/// Where a string lies: its first byte and its length.
pub(crate) type Span = (u32, u32);

/// Arrow's offset of a string, 32 or 64 bits.
pub(crate) trait End: Word {
    /// Largest offset.
    const END_MAX: usize;
    /// `end`, which is at most [`Self::END_MAX`].
    fn of(end: usize) -> Self;
    /// The offset as an index.
    fn index(self) -> usize;
}

impl End for i32 {
    const END_MAX: usize = i32::MAX.unsigned_abs() as usize;

    #[inline]
    fn of(end: usize) -> Self {
        debug_assert!(end <= Self::END_MAX, "the target is no longer than ends reach");
        #[expect(clippy::cast_possible_truncation, reason = "at most END_MAX")]
        let end = end as u32;
        end.cast_signed()
    }

    #[inline]
    fn index(self) -> usize {
        self.cast_unsigned() as usize
    }
}

impl End for i64 {
    /// No slice is longer.
    const END_MAX: usize = isize::MAX.unsigned_abs();

    #[inline]
    fn of(end: usize) -> Self {
        (end as u64).cast_signed()
    }

    #[inline]
    fn index(self) -> usize {
        usize::try_from(self).unwrap_or(0)
    }
}

/// Where strings go: `bytes` of which the first `used` are taken.
pub(crate) struct Target<'a> {
    pub(crate) bytes: &'a mut [u8],
    pub(crate) used: usize,
}

impl Target<'_> {
    /// Room for a short string, and then some.
    #[inline]
    fn short_room(&mut self) -> Option<&mut [u8; SHORT_BYTES]> {
        self.bytes.get_mut(self.used..)?.first_chunk_mut()
    }

    /// Appends a string of any length, if there is room.
    #[inline]
    fn push(&mut self, string: &[u8]) -> bool {
        let Some(room) = self.bytes.get_mut(self.used..self.used + string.len()) else {
            return false;
        };
        room.copy_from_slice(string);
        self.used += string.len();
        true
    }
}

/// How far a kernel came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Joined {
    /// Strings that are done.
    pub(crate) strings: usize,
    /// Bytes of the next one, for which there was no room; 0 when all are done.
    pub(crate) wants_room: usize,
}

/// Appends PLAIN strings from `position` of `source` on, until there is an end for each of `ends`.
pub(crate) fn plain<T: End>(
    source: &[u8],
    position: &mut usize,
    target: &mut Target<'_>,
    ends: &mut [T],
) -> Result<Joined, Fault> {
    let mut at = *position;
    for (index, end) in ends.iter_mut().enumerate() {
        let rest = source.get(at..).unwrap_or(&[]);
        if let Some((length, window)) = rest.split_first_chunk::<LENGTH_BYTES>()
            && let length = u32::from_le_bytes(*length) as usize
            && length <= SHORT_BYTES
            && let Some(window) = window.first_chunk::<SHORT_BYTES>()
            && let Some(room) = target.short_room()
        {
            *room = *window;
            target.used += length;
            at += LENGTH_BYTES + length;
        } else {
            let string = plain_string(rest)?;
            if !target.push(string) {
                *position = at;
                return Ok(Joined { strings: index, wants_room: string.len() });
            }
            at += LENGTH_BYTES + string.len();
        }
        *end = T::of(target.used);
    }
    *position = at;
    Ok(Joined { strings: ends.len(), wants_room: 0 })
}

/// The PLAIN string at the start of `rest`.
#[inline]
pub(crate) fn plain_string(rest: &[u8]) -> Result<&[u8], Fault> {
    let (length, bytes) = rest
        .split_first_chunk::<LENGTH_BYTES>()
        .ok_or_else(|| Fault::truncated("length of a string", LENGTH_BYTES, rest.len()))?;
    let length = u32::from_le_bytes(*length) as usize;
    bytes.get(..length).ok_or_else(|| Fault::truncated("string", length, bytes.len()))
}

/// Appends the dictionary entries that `indices` name; which one is out of range, if one is. Each of `spans` lies inside
/// of `dictionary`.
///
/// # Panics
/// When `indices` and `ends` differ in length.
pub(crate) fn gather<T: End>(
    dictionary: &[u8],
    spans: &[Span],
    indices: &[u32],
    target: &mut Target<'_>,
    ends: &mut [T],
) -> Result<Joined, u32> {
    assert_eq!(indices.len(), ends.len(), "one string per index");
    for (done, (index, end)) in indices.iter().zip(ends.iter_mut()).enumerate() {
        let (start, length) = *spans.get(*index as usize).ok_or(*index)?;
        let (start, length) = (start as usize, length as usize);
        if length <= SHORT_BYTES
            && let Some(window) = dictionary.get(start..).and_then(<[u8]>::first_chunk)
            && let Some(room) = target.short_room()
        {
            *room = *window;
            target.used += length;
        } else if !target.push(&dictionary[start..start + length]) {
            return Ok(Joined { strings: done, wants_room: length });
        }
        *end = T::of(target.used);
    }
    Ok(Joined { strings: indices.len(), wants_room: 0 })
}

/// Appends strings that already lie side by side in `strings`, of the given lengths, which add up to that. All or none.
pub(crate) fn side_by_side<T: End>(
    strings: &[u8],
    lengths: &[i64],
    target: &mut Target<'_>,
    ends: &mut [T],
) -> Joined {
    let mut end = target.used;
    if !target.push(strings) {
        return Joined { strings: 0, wants_room: strings.len() };
    }
    for (length, out) in lengths.iter().zip(ends) {
        end += usize::try_from(*length).unwrap_or(0);
        *out = T::of(end);
    }
    Joined { strings: lengths.len(), wants_room: 0 }
}

/// Whether strings that end at `ends` of `bytes`, the first starting at `start`, are UTF-8, each on its own.
pub(crate) fn are_text<T: End>(bytes: &[u8], start: usize, ends: &[T]) -> bool {
    let end = ends.last().map_or(start, |end| end.index());
    let joined = &bytes[start..end];
    if joined.is_ascii() {
        return true;
    }
    // Joined text could be cut inside a character; a byte 10xxxxxx goes on with one.
    let goes_on = |byte: &u8| byte & 0xc0 == 0x80;
    simdutf8::basic::from_utf8(joined).is_ok()
        && !ends.iter().any(|cut| cut.index() < end && goes_on(&bytes[cut.index()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let short = proptest::collection::vec(any::<u8>(), 0..20);
        let long = proptest::collection::vec(any::<u8>(), 20..200);
        proptest::collection::vec(prop_oneof![3 => short, 1 => long], 0..40)
    }

    /// Runs a kernel with little room, and more each time it needs some.
    fn join(
        count: usize,
        mut kernel: impl FnMut(&mut Target<'_>, &mut [i32], usize) -> Joined,
    ) -> (Vec<u8>, Vec<i32>) {
        let (mut bytes, mut used, mut ends, mut done) = (vec![0; 50], 0, vec![0_i32; count], 0);
        loop {
            let mut target = Target { bytes: &mut bytes, used };
            let joined = kernel(&mut target, &mut ends[done..], done);
            used = target.used;
            done += joined.strings;
            if done == count {
                bytes.truncate(used);
                return (bytes, ends);
            }
            bytes.resize(used + joined.wants_room, 0);
        }
    }

    fn expect(strings: &[Vec<u8>]) -> (Vec<u8>, Vec<i32>) {
        let mut end = 0;
        let ends = strings.iter().map(|string| {
            end += i32::try_from(string.len()).unwrap();
            end
        });
        (strings.concat(), ends.collect())
    }

    proptest! {
        #[test]
        fn plain_strings(strings in texts(), slack in 0_usize..50) {
            let mut source = Vec::new();
            for string in &strings {
                source.extend(u32::try_from(string.len()).unwrap().to_le_bytes());
                source.extend(string);
            }
            let whole = source.len();
            source.resize(whole + slack, 9);
            let mut position = 0;
            let joined = join(strings.len(), |target, ends, _| {
                plain(&source, &mut position, target, ends).unwrap()
            });
            prop_assert_eq!(joined, expect(&strings));
            prop_assert_eq!(position, whole);
            // Cut anywhere, they end too early.
            for cut in 0..whole {
                let mut bytes = vec![0; whole];
                let mut target = Target { bytes: &mut bytes, used: 0 };
                let mut ends = vec![0_i32; strings.len()];
                prop_assert!(plain(&source[..cut], &mut 0, &mut target, &mut ends).is_err());
            }
        }

        #[test]
        fn gathered_strings(
            strings in texts(),
            picks in proptest::collection::vec(any::<proptest::sample::Index>(), 0..60),
        ) {
            prop_assume!(!strings.is_empty());
            let dictionary = strings.concat();
            let mut start = 0;
            let spans: Vec<Span> = strings
                .iter()
                .map(|string| {
                    let length = u32::try_from(string.len()).unwrap();
                    start += length;
                    (start - length, length)
                })
                .collect();
            let indices: Vec<u32> = picks
                .iter()
                .map(|pick| u32::try_from(pick.index(strings.len())).unwrap())
                .collect();
            let joined = join(indices.len(), |target, ends, done| {
                gather(&dictionary, &spans, &indices[done..], target, ends).unwrap()
            });
            let picked: Vec<Vec<u8>> =
                indices.iter().map(|index| strings[*index as usize].clone()).collect();
            prop_assert_eq!(joined, expect(&picked));
            let beyond = u32::try_from(strings.len()).unwrap();
            let mut target = Target { bytes: &mut [0; 8], used: 0 };
            let result = gather(&dictionary, &spans, &[beyond], &mut target, &mut [0_i32]);
            prop_assert_eq!(result, Err(beyond));
        }

        #[test]
        fn text_is_what_is_text_string_by_string(
            strings in proptest::collection::vec(
                prop_oneof![
                    "[a-z]{0,9}".prop_map(String::into_bytes),
                    "[äß€a]{0,9}".prop_map(String::into_bytes),
                    Just(vec![0xc3]),
                    Just(vec![0xa4]),
                ],
                0..8,
            ),
        ) {
            let (mut bytes, mut ends) = expect(&strings);
            bytes.splice(0..0, *b"??");
            ends.iter_mut().for_each(|end| *end += 2);
            bytes.push(0xa4);
            let all = strings.iter().all(|string| std::str::from_utf8(string).is_ok());
            prop_assert_eq!(are_text(&bytes, 2, &ends), all);
        }
    }
}
