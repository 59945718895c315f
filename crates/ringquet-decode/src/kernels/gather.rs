//! Dictionary lookup: one value per index.

#![expect(
    unsafe_code,
    reason = "indices are held against the dictionary once per block, not once each"
)]

use crate::pool::Word;

/// `out[i] = dictionary[indices[i]]`; the index that is out of range, if one is.
///
/// # Panics
/// When `indices` and `out` differ in length.
pub(crate) fn gather<T: Word>(dictionary: &[T], indices: &[u32], out: &mut [T]) -> Result<(), u32> {
    assert_eq!(indices.len(), out.len(), "one value per index");
    let max = indices.iter().copied().fold(0, u32::max);
    if max as usize >= dictionary.len() && !indices.is_empty() {
        return Err(max);
    }
    for (index, out) in indices.iter().zip(out) {
        // SAFETY: `max`, the largest of the indices, is less than the length of the dictionary.
        *out = unsafe { *dictionary.get_unchecked(*index as usize) };
    }
    Ok(())
}

/// [`gather`] for indices of eight bits, which need no unpacking: a table of all 256 takes every one of them. `entries` of
/// it are the dictionary.
///
/// # Panics
/// When `indices` and `out` differ in length.
pub(crate) fn gather_8<T: Word>(
    table: &[T; 256],
    entries: usize,
    indices: &[u8],
    out: &mut [T],
) -> Result<(), u32> {
    assert_eq!(indices.len(), out.len(), "one value per index");
    if entries < 256 {
        let max = indices.iter().copied().fold(0, u8::max);
        if usize::from(max) >= entries && !indices.is_empty() {
            return Err(u32::from(max));
        }
    }
    for (index, out) in indices.iter().zip(out) {
        *out = table[usize::from(*index)];
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_plain_version(
            length in 1_u32..300,
            indices in proptest::collection::vec(0_u32..300, 0..400),
            beyond in proptest::option::of(0_u32..2),
        ) {
            let dictionary: Vec<u64> = (0..u64::from(length)).map(|i| i * i + 7).collect();
            let mut indices: Vec<u32> = indices.into_iter().map(|index| index % length).collect();
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
                    prop_assert_eq!(&out, &expect);
                    prop_assert_eq!(out_bytes, expect_bytes);
                }
            }
            // Indices of eight bits reach no further than the table.
            let small: Result<Vec<u8>, _> = indices.iter().map(|i| u8::try_from(*i)).collect();
            if let Ok(small) = small {
                let mut out_8 = vec![0; small.len()];
                let mut table = [0; 256];
                let entries = dictionary.len().min(256);
                table[..entries].copy_from_slice(&dictionary[..entries]);
                prop_assert_eq!(gather_8(&table, entries, &small, &mut out_8), result);
                if result.is_ok() {
                    prop_assert_eq!(out_8, out);
                }
            }
        }
    }
}
