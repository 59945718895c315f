//! Spreading with AVX-512: one instruction puts the next values of memory into the lanes of a mask.
//!
//! ```text
//! values  a b c . . . . .      mask 1 0 0 1 0 1 0 0      →  a 0 0 b 0 c 0 0
//! ```

#![expect(unsafe_code, reason = "vector instructions")]

use std::arch::x86_64::{
    __m512i, _mm512_maskz_expandloadu_epi32, _mm512_maskz_expandloadu_epi64, _mm512_storeu_si512,
};

use super::bitmap::word_at;

/// Slots of 4 bytes done from the end of `values`, and the values that are left for the others; see
/// [`super::spread::spread`].
pub(super) fn spread_32(
    values: &mut [u32],
    present: usize,
    validity: &[u8],
    offset: usize,
) -> Option<(usize, usize)> {
    // SAFETY: the CPU has AVX-512.
    is_x86_feature_detected!("avx512f")
        .then(|| unsafe { avx512_32(values, present, validity, offset) })
}

/// [`spread_32`] of 8 bytes.
pub(super) fn spread_64(
    values: &mut [u64],
    present: usize,
    validity: &[u8],
    offset: usize,
) -> Option<(usize, usize)> {
    // SAFETY: the CPU has AVX-512.
    is_x86_feature_detected!("avx512f")
        .then(|| unsafe { avx512_64(values, present, validity, offset) })
}

#[target_feature(enable = "avx512f")]
fn avx512_32(values: &mut [u32], present: usize, validity: &[u8], offset: usize) -> (usize, usize) {
    const LANES: usize = 16;
    let (mut slot, mut next) = (values.len(), present);
    while slot >= LANES && next < slot {
        let mask = (word_at(validity, offset + slot - LANES, LANES) & 0xffff) as u16;
        let Some(first) = next.checked_sub(mask.count_ones() as usize) else { break };
        (slot, next) = (slot - LANES, first);
        let source = values[next..].as_ptr().cast::<i32>();
        // SAFETY: as many values are read as the mask has bits, and so many lie between `first` and the old `next`.
        let block: __m512i = unsafe { _mm512_maskz_expandloadu_epi32(mask, source) };
        let target = values[slot..slot + LANES].as_mut_ptr().cast::<__m512i>();
        // SAFETY: the target has 16 values. Values that are still to be read lie before `next`, which is not above `slot`.
        unsafe { _mm512_storeu_si512(target, block) };
    }
    (slot, next)
}

#[target_feature(enable = "avx512f")]
fn avx512_64(values: &mut [u64], present: usize, validity: &[u8], offset: usize) -> (usize, usize) {
    const LANES: usize = 8;
    let (mut slot, mut next) = (values.len(), present);
    while slot >= LANES && next < slot {
        let mask = (word_at(validity, offset + slot - LANES, LANES) & 0xff) as u8;
        let Some(first) = next.checked_sub(mask.count_ones() as usize) else { break };
        (slot, next) = (slot - LANES, first);
        let source = values[next..].as_ptr().cast::<i64>();
        // SAFETY: as many values are read as the mask has bits, and so many lie between `first` and the old `next`.
        let block: __m512i = unsafe { _mm512_maskz_expandloadu_epi64(mask, source) };
        let target = values[slot..slot + LANES].as_mut_ptr().cast::<__m512i>();
        // SAFETY: the target has 8 values. Values that are still to be read lie before `next`, which is not above `slot`.
        unsafe { _mm512_storeu_si512(target, block) };
    }
    (slot, next)
}
