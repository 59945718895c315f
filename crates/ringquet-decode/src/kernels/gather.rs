//! Dictionary lookup: one value per index.

#![expect(
    unsafe_code,
    reason = "indices are held against the dictionary once per block, not once each"
)]

use crate::words::Word;

/// `out[i] = dictionary[indices[i]]`; the index that is out of range, if one is.
///
/// # Panics
/// When `indices` and `out` differ in length.
pub(crate) fn gather<T: Word>(dictionary: &[T], indices: &[u32], out: &mut [T]) -> Result<(), u32> {
    assert_eq!(indices.len(), out.len(), "one value per index");
    let max = max_fast(indices);
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
    let done = lookup_fast(table, indices, out);
    for (index, out) in indices[done..].iter().zip(&mut out[done..]) {
        *out = table[usize::from(*index)];
    }
    Ok(())
}

#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
fn max_fast(indices: &[u32]) -> u32 {
    super::gather_x86::max(indices)
}

#[cfg(any(not(target_arch = "x86_64"), feature = "portable"))]
fn max_fast(indices: &[u32]) -> u32 {
    indices.iter().copied().fold(0, u32::max)
}

/// Values looked up by the kernel that this CPU has for their width; it may leave the last ones.
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
fn lookup_fast<T: Word>(table: &[T; 256], indices: &[u8], out: &mut [T]) -> usize {
    use crate::words::{bytes_of, words_as};
    match bytes_of(table).first_chunk::<256>() {
        Some(table) if size_of::<T>() == 1 => {
            super::gather_x86::lookup(table, indices, words_as(out))
        }
        _ => 0,
    }
}

#[cfg(any(not(target_arch = "x86_64"), feature = "portable"))]
fn lookup_fast<T: Word>(_table: &[T; 256], _indices: &[u8], _out: &mut [T]) -> usize {
    0
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
        /// Tables of single bytes have a kernel of their own.
        #[test]
        fn bytes_equal_the_plain_version(
            table in proptest::collection::vec(any::<u8>(), 256),
            indices in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            let table: [u8; 256] = table.try_into().unwrap();
            let mut out = vec![0; indices.len()];
            prop_assert_eq!(gather_8(&table, 256, &indices, &mut out), Ok(()));
            let expect: Vec<u8> = indices.iter().map(|index| table[usize::from(*index)]).collect();
            prop_assert_eq!(out, expect);
        }

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
