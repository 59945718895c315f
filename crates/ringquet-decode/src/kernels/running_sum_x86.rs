//! Running sums with AVX-512: within a register by adding what lies one, two, four, … lanes before.
//!
//! ```text
//! a b c d …   + 0 a b c …   = a  ab bc cd …   + 0 0 a ab …   = a ab abc abcd …
//! ```

#![expect(unsafe_code, reason = "vector instructions")]

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_loadu_si256, _mm512_add_epi32, _mm512_add_epi64, _mm512_alignr_epi32,
    _mm512_alignr_epi64, _mm512_cvtepu32_epi64, _mm512_loadu_si512, _mm512_permutexvar_epi32,
    _mm512_permutexvar_epi64, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

/// See [`super::running_sum::running_sum`]; of `add` and `last` the lower 32 bits count. Returns how many were done.
pub(super) fn sum_32(differences: &[u32], add: i64, last: i64, out: &mut [u32]) -> (usize, i64) {
    if !is_x86_feature_detected!("avx512f") {
        return (0, last);
    }
    // SAFETY: the CPU has AVX-512.
    unsafe { avx512_32(differences, add, last, out) }
}

/// [`sum_32`] of values of 64 bits.
pub(super) fn sum_64(differences: &[u32], add: i64, last: i64, out: &mut [u64]) -> (usize, i64) {
    if !is_x86_feature_detected!("avx512f") {
        return (0, last);
    }
    // SAFETY: the CPU has AVX-512.
    unsafe { avx512_64(differences, add, last, out) }
}

#[target_feature(enable = "avx512f")]
fn avx512_32(differences: &[u32], add: i64, last: i64, out: &mut [u32]) -> (usize, i64) {
    const LANES: usize = 16;
    #[expect(clippy::cast_possible_truncation, reason = "the lower bits count")]
    let (add, mut before) = (_mm512_set1_epi32(add as i32), _mm512_set1_epi32(last as i32));
    let (zero, last_lane) = (_mm512_setzero_si512(), _mm512_set1_epi32(15));
    let steps = differences.chunks_exact(LANES).zip(out.chunks_exact_mut(LANES));
    let done = steps.len() * LANES;
    for (differences, out) in steps {
        // SAFETY: the chunk has 16 values, 64 bytes.
        let sums = unsafe { _mm512_loadu_si512(differences.as_ptr().cast::<__m512i>()) };
        let sums = _mm512_add_epi32(sums, add);
        let sums = _mm512_add_epi32(sums, _mm512_alignr_epi32::<15>(sums, zero));
        let sums = _mm512_add_epi32(sums, _mm512_alignr_epi32::<14>(sums, zero));
        let sums = _mm512_add_epi32(sums, _mm512_alignr_epi32::<12>(sums, zero));
        let sums = _mm512_add_epi32(sums, _mm512_alignr_epi32::<8>(sums, zero));
        let values = _mm512_add_epi32(sums, before);
        // Not from `values`: the sum of a register does not wait for the one before.
        before = _mm512_add_epi32(before, _mm512_permutexvar_epi32(last_lane, sums));
        // SAFETY: the chunk has 16 values, 64 bytes.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast::<__m512i>(), values) };
    }
    let last = out[..done].last().map_or(last, |last| i64::from(*last));
    (done, last)
}

#[target_feature(enable = "avx512f")]
fn avx512_64(differences: &[u32], add: i64, last: i64, out: &mut [u64]) -> (usize, i64) {
    const LANES: usize = 8;
    let (add, mut before) = (_mm512_set1_epi64(add), _mm512_set1_epi64(last));
    let (zero, last_lane) = (_mm512_setzero_si512(), _mm512_set1_epi64(7));
    let steps = differences.chunks_exact(LANES).zip(out.chunks_exact_mut(LANES));
    let done = steps.len() * LANES;
    for (differences, out) in steps {
        // SAFETY: the chunk has 8 values of 4 bytes.
        let sums = unsafe { _mm256_loadu_si256(differences.as_ptr().cast::<__m256i>()) };
        let sums = _mm512_add_epi64(_mm512_cvtepu32_epi64(sums), add);
        let sums = _mm512_add_epi64(sums, _mm512_alignr_epi64::<7>(sums, zero));
        let sums = _mm512_add_epi64(sums, _mm512_alignr_epi64::<6>(sums, zero));
        let sums = _mm512_add_epi64(sums, _mm512_alignr_epi64::<4>(sums, zero));
        let values = _mm512_add_epi64(sums, before);
        before = _mm512_add_epi64(before, _mm512_permutexvar_epi64(last_lane, sums));
        // SAFETY: the chunk has 8 values, 64 bytes.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast::<__m512i>(), values) };
    }
    let last = out[..done].last().map_or(last, |last| last.cast_signed());
    (done, last)
}
