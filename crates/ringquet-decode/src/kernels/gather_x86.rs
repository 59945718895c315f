//! What a lookup needs of vectors: the largest index, and lookups of single bytes in a table of 256. For those four registers
//! hold the table, and a permutation of two of them (AVX-512 VBMI) looks up 64 bytes at once.

#![expect(unsafe_code, reason = "vector instructions")]

use std::arch::x86_64::{
    __m512i, _mm512_loadu_si512, _mm512_mask_blend_epi8, _mm512_movepi8_mask,
    _mm512_permutex2var_epi8, _mm512_storeu_si512,
};

/// The largest index, or 0.
pub(super) fn max(indices: &[u32]) -> u32 {
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has AVX2.
        return unsafe { max_avx2(indices) };
    }
    indices.iter().copied().fold(0, u32::max)
}

/// What the compiler makes of a fold when it may use AVX2, which has a maximum of unsigned words.
#[target_feature(enable = "avx2")]
fn max_avx2(indices: &[u32]) -> u32 {
    indices.iter().copied().fold(0, u32::max)
}

/// Indices looked up together.
const STEP: usize = 64;

/// `out[i] = table[indices[i]]` for as many as whole registers take; returns how many.
pub(super) fn lookup(table: &[u8; 256], indices: &[u8], out: &mut [u8]) -> usize {
    if super::has_avx512_vbmi() {
        // SAFETY: the CPU has AVX-512 VBMI.
        return unsafe { lookup_avx512(table, indices, out) };
    }
    0
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn lookup_avx512(table: &[u8; 256], indices: &[u8], out: &mut [u8]) -> usize {
    let quarter = |index: usize| {
        let quarter = &table[index * STEP..][..STEP];
        // SAFETY: the slice has 64 bytes.
        unsafe { _mm512_loadu_si512(quarter.as_ptr().cast::<__m512i>()) }
    };
    let quarters = [quarter(0), quarter(1), quarter(2), quarter(3)];
    let steps = indices.chunks_exact(STEP).zip(out.chunks_exact_mut(STEP));
    let done = steps.len() * STEP;
    for (indices, out) in steps {
        // SAFETY: the chunk has 64 bytes.
        let index = unsafe { _mm512_loadu_si512(indices.as_ptr().cast::<__m512i>()) };
        // Seven bits choose among two registers, the eighth between the two pairs.
        let low = _mm512_permutex2var_epi8(quarters[0], index, quarters[1]);
        let high = _mm512_permutex2var_epi8(quarters[2], index, quarters[3]);
        let values = _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high);
        // SAFETY: the chunk has 64 bytes.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast::<__m512i>(), values) };
    }
    done
}
