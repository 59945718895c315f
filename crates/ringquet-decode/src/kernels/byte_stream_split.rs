//! BYTE_STREAM_SPLIT: all first bytes of the values, then all second bytes, …

/// Puts values `first..` of `width` bytes together, as many as `out` holds. `bytes` has `values` of each byte.
///
/// # Panics
/// When the requested values reach beyond `values`, or `bytes` is not `values × width` long.
pub(crate) fn join(bytes: &[u8], values: usize, width: usize, first: usize, out: &mut [u8]) {
    assert_eq!(bytes.len(), values * width, "streams have one byte of each value");
    match width {
        2 => join_of::<2>(bytes, values, first, out),
        4 => join_of::<4>(bytes, values, first, out),
        8 => join_of::<8>(bytes, values, first, out),
        _ => {
            let count = out.len() / width.max(1);
            for stream in 0..width {
                let stream_bytes = &bytes[stream * values + first..][..count];
                for (out, byte) in out.chunks_exact_mut(width).zip(stream_bytes) {
                    out[stream] = *byte;
                }
            }
        }
    }
}

fn join_of<const WIDTH: usize>(bytes: &[u8], values: usize, first: usize, out: &mut [u8]) {
    let (out, _) = out.as_chunks_mut::<WIDTH>();
    let streams: [&[u8]; WIDTH] =
        std::array::from_fn(|stream| &bytes[stream * values + first..][..out.len()]);
    for (index, out) in out.iter_mut().enumerate() {
        *out = std::array::from_fn(|stream| streams[stream][index]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn undoes_the_split(
            width in 1_usize..12,
            values in 1_usize..50,
            seed in any::<u8>(),
            cut in any::<proptest::sample::Index>(),
        ) {
            let plain: Vec<u8> = (0..width * values)
                .map(|i| u8::try_from(i % 256).unwrap().wrapping_mul(31) ^ seed)
                .collect();
            let mut split = vec![0; plain.len()];
            for value in 0..values {
                for stream in 0..width {
                    split[stream * values + value] = plain[value * width + stream];
                }
            }
            let first = cut.index(values);
            let mut out = vec![0; (values - first) * width];
            join(&split, values, width, first, &mut out);
            prop_assert_eq!(&out[..], &plain[first * width..]);
        }
    }
}
