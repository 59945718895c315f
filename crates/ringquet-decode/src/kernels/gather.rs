//! Dictionary lookup: one value per index.
//!
//! Writers number dictionary entries in order of first appearance, so among values that rarely repeat the indices count
//! up: 0, 1, 2, … A block of them is then a copy of a stretch of the dictionary.

use crate::pool::Word;

/// Indices looked at together. Small enough that one repeat now and then spoils little, large enough for whole vectors.
const BLOCK: usize = 64;

/// `out[i] = dictionary[indices[i]]`; the index that is out of range, if one is.
///
/// # Panics
/// When `indices` and `out` differ in length.
pub(crate) fn gather<T: Word>(dictionary: &[T], indices: &[u32], out: &mut [T]) -> Result<(), u32> {
    assert_eq!(indices.len(), out.len(), "one value per index");
    // All of it at once, as in columns without repeats.
    if let Some(values) = ascending(dictionary, indices) {
        out.copy_from_slice(values);
        return Ok(());
    }
    let max = indices.iter().copied().fold(0, u32::max);
    if max as usize >= dictionary.len() && !indices.is_empty() {
        return Err(max);
    }
    for (indices, out) in indices.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
        match ascending(dictionary, indices) {
            Some(values) => out.copy_from_slice(values),
            None => {
                for (index, out) in indices.iter().zip(out) {
                    *out = dictionary[*index as usize];
                }
            }
        }
    }
    Ok(())
}

/// [`gather`] for values of any `width` in bytes.
pub(crate) fn gather_bytes(
    dictionary: &[u8],
    width: usize,
    indices: &[u32],
    out: &mut [u8],
) -> Result<(), u32> {
    for (index, out) in indices.iter().zip(out.chunks_exact_mut(width.max(1))) {
        let start = *index as usize * width;
        out.copy_from_slice(dictionary.get(start..start + width).ok_or(*index)?);
    }
    Ok(())
}

/// The stretch of the dictionary that `indices` copy, when they count up by one within it.
#[inline]
fn ascending<'d, T>(dictionary: &'d [T], indices: &[u32]) -> Option<&'d [T]> {
    let first = *indices.first()?;
    let last = *indices.last()?;
    // A look at both ends settles most blocks that do not count up.
    let length = u32::try_from(indices.len()).ok()?;
    if last != first.checked_add(length - 1)? {
        return None;
    }
    let differences = (first..)
        .zip(indices)
        .fold(0, |differences, (expect, index)| differences | (expect ^ index));
    if differences != 0 {
        return None;
    }
    dictionary.get(first as usize..first as usize + indices.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_plain_version(
            length in 1_u32..300,
            jumps in proptest::collection::vec((0_u32..300, 1_usize..150), 0..8),
            beyond in proptest::option::of(0_u32..2),
        ) {
            let dictionary: Vec<u64> = (0..u64::from(length)).map(|i| i * i + 7).collect();
            let mut indices: Vec<u32> = jumps
                .iter()
                .flat_map(|(start, run)| (*start..).take(*run))
                .map(|index| index % length)
                .collect();
            indices.extend(beyond.map(|beyond| length + beyond));
            let mut out = vec![0; indices.len()];
            let result = gather(&dictionary, &indices, &mut out);
            let bytes: Vec<u8> = dictionary.iter().flat_map(|value| value.to_le_bytes()).collect();
            let mut out_bytes = vec![0; indices.len() * 8];
            let result_bytes = gather_bytes(&bytes, 8, &indices, &mut out_bytes);
            match beyond {
                Some(beyond) => {
                    prop_assert_eq!(result, Err(length + beyond));
                    prop_assert_eq!(result_bytes, Err(length + beyond));
                }
                None => {
                    let expect: Vec<u64> =
                        indices.iter().map(|index| dictionary[*index as usize]).collect();
                    let expect_bytes: Vec<u8> =
                        expect.iter().flat_map(|value| value.to_le_bytes()).collect();
                    prop_assert_eq!(result, Ok(()));
                    prop_assert_eq!(out, expect);
                    prop_assert_eq!(out_bytes, expect_bytes);
                }
            }
        }
    }
}
