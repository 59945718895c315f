//! Seeing that packed indices count up, with AVX-512: unpacked in a register, compared with what they should be, and
//! never written.

#![expect(unsafe_code, reason = "vector instructions")]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_and_si512, _mm512_cmpneq_epi32_mask, _mm512_loadu_si512,
    _mm512_permutexvar_epi8, _mm512_set_epi32, _mm512_set1_epi32, _mm512_srlv_epi32,
};

use super::ascending::{Leading, STEP};
use super::bit_unpack_x86::{AVX512_READ_BYTES, LANES, WIDTH_MAX, whole_steps};

/// Leading values that count up, as far as whole vectors can be read.
pub(super) fn leading(bytes: &[u8], width: u32, first: u32, count: usize) -> Leading {
    let nothing = Leading { values: 0, is_end: false };
    // Values that could wrap round are left to the portable version.
    let last = u32::try_from(count).ok().and_then(|count| first.checked_add(count));
    if width == 0 || width > WIDTH_MAX || last.is_none() {
        return nothing;
    }
    if super::has_avx512_vbmi() {
        // SAFETY: the CPU has AVX-512 VBMI.
        return unsafe { leading_avx512(bytes, width, first, count) };
    }
    nothing
}

/// Values of a step, 16 but for the last one.
#[inline]
fn lanes_left(count: usize, step: usize) -> u32 {
    u32::try_from((count - step * STEP).min(STEP)).unwrap_or(16)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn leading_avx512(bytes: &[u8], width: u32, first: u32, count: usize) -> Leading {
    let lanes = &LANES[width as usize];
    let step_bytes = STEP / 8 * width as usize;
    let readable = whole_steps(bytes.len(), step_bytes, AVX512_READ_BYTES);
    let steps = readable.min(count.div_ceil(STEP));
    // SAFETY: the table has 64 bytes.
    let permute = unsafe { _mm512_loadu_si512(lanes.permute.as_ptr().cast::<__m512i>()) };
    // SAFETY: the table has 16 words, 64 bytes.
    let shifts = unsafe { _mm512_loadu_si512(lanes.shifts.as_ptr().cast::<__m512i>()) };
    let mask = _mm512_set1_epi32((u32::MAX >> (32 - width)).cast_signed());
    let counting = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    let mut expect = _mm512_add_epi32(_mm512_set1_epi32(first.cast_signed()), counting);
    let next = _mm512_set1_epi32(16);
    for step in 0..steps {
        let window = &bytes[step * step_bytes..][..AVX512_READ_BYTES];
        // SAFETY: the window has 64 bytes.
        let window = unsafe { _mm512_loadu_si512(window.as_ptr().cast::<__m512i>()) };
        let values = _mm512_srlv_epi32(_mm512_permutexvar_epi8(permute, window), shifts);
        let values = _mm512_and_si512(values, mask);
        // The last step may have fewer values.
        let beyond = u16::MAX.checked_shl(lanes_left(count, step)).unwrap_or(0);
        if _mm512_cmpneq_epi32_mask(values, expect) & !beyond != 0 {
            return Leading { values: step * STEP, is_end: true };
        }
        expect = _mm512_add_epi32(expect, next);
    }
    Leading { values: (steps * STEP).min(count), is_end: false }
}
