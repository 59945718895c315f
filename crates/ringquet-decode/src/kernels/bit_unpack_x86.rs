//! Bit-unpacking with AVX2 and AVX-512: a byte shuffle brings the bytes of each value into its lane, a variable shift
//! brings its first bit to the bottom, a mask cuts the rest.
//!
//! ```text
//! width 13, four values per 128-bit lane     bytes 0 1 2 3 4 5 6 …
//! lane  ← bytes        shift     value i starts at bit 13·i, byte 13·i / 8,
//!   0     0 1 2 3        0       and needs 13 + 7 bits: three bytes, four are taken
//!   1     1 2 3 4        5
//!   2     3 4 5 6        2
//! ```
//!
//! Four bytes hold a value at any shift up to 25 bits wide; wider ones take eight, in lanes of 64 bits, with AVX-512 only.

#![expect(unsafe_code, reason = "vector instructions")]

use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_loadu_si128, _mm256_and_si256, _mm256_castsi128_si256,
    _mm256_inserti128_si256, _mm256_loadu_si256, _mm256_set1_epi32, _mm256_shuffle_epi8,
    _mm256_srlv_epi32, _mm256_storeu_si256, _mm512_and_si512, _mm512_cvtepi64_epi32,
    _mm512_loadu_si512, _mm512_permutexvar_epi8, _mm512_set1_epi32, _mm512_srlv_epi32,
    _mm512_srlv_epi64, _mm512_storeu_si512,
};

/// Widest values that four bytes hold at any shift.
pub(super) const WIDTH_MAX: u32 = 25;

/// Bytes that one step reads from the start of its groups, whatever the width.
const AVX2_READ_BYTES: usize = 32;
pub(super) const AVX512_READ_BYTES: usize = 64;

/// Where the lanes of two groups of eight values (16 lanes) find their bytes and bits, for each width.
pub(super) struct Lanes {
    /// For `vpermb`: byte indices from the first byte of the first group.
    pub(super) permute: [u8; 64],
    /// For `vpshufb`: byte indices within the 16 bytes loaded for each half of a group.
    shuffle: [u8; 32],
    pub(super) shifts: [u32; 16],
}

#[expect(clippy::cast_possible_truncation, reason = "every number in the table is below 64")]
pub(super) static LANES: [Lanes; WIDTH_MAX as usize + 1] = {
    const EMPTY: Lanes = Lanes { permute: [0; 64], shuffle: [0; 32], shifts: [0; 16] };
    let mut lanes = [EMPTY; WIDTH_MAX as usize + 1];
    let mut width = 1;
    while width <= WIDTH_MAX as usize {
        let mut lane = 0;
        while lane < 16 {
            let bit = lane * width;
            lanes[width].shifts[lane] = (bit % 8) as u32;
            let mut byte = 0;
            while byte < 4 {
                lanes[width].permute[lane * 4 + byte] = ((bit / 8 + byte) % 64) as u8;
                if lane < 8 {
                    // The second half of a group is loaded from the byte in which its first value starts.
                    let base = if lane < 4 { 0 } else { 4 * width / 8 };
                    lanes[width].shuffle[lane * 4 + byte] = (bit / 8 + byte - base) as u8;
                }
                byte += 1;
            }
            lane += 1;
        }
        width += 1;
    }
    lanes
};

/// Unpacks as many whole groups of eight values as it can and returns how many.
pub(super) fn unpack_groups(bytes: &[u8], width: u32, out: &mut [u32]) -> usize {
    if width > WIDTH_MAX {
        if super::has_avx512_vbmi() {
            // SAFETY: the CPU has AVX-512 VBMI.
            return unsafe { unpack_wide_avx512(bytes, width, out) };
        }
        return 0;
    }
    let mut done = 0;
    if super::has_avx512_vbmi() {
        // SAFETY: the CPU has AVX-512 VBMI.
        done = unsafe { unpack_avx512(bytes, width, out) };
    }
    if is_x86_feature_detected!("avx2") {
        let (bytes, out) = (&bytes[done * width as usize..], &mut out[done * 8..]);
        // SAFETY: the CPU has AVX2.
        done += unsafe { unpack_avx2(bytes, width, out) };
    }
    done
}

/// Steps of `step_bytes` that can read `read_bytes` each without leaving `bytes`.
pub(super) fn whole_steps(bytes: usize, step_bytes: usize, read_bytes: usize) -> usize {
    match bytes.checked_sub(read_bytes.max(step_bytes)) {
        Some(room) => room / step_bytes + 1,
        None => 0,
    }
}

#[target_feature(enable = "avx2")]
fn unpack_avx2(bytes: &[u8], width: u32, out: &mut [u32]) -> usize {
    let lanes = &LANES[width as usize];
    let width_bytes = width as usize;
    let half = 4 * width_bytes / 8;
    // Two loads of 16 bytes, the second from `half`: never more than 12 + 16 bytes.
    let groups = whole_steps(bytes.len(), width_bytes, AVX2_READ_BYTES).min(out.len() / 8);
    // SAFETY: the table has 32 bytes.
    let shuffle = unsafe { _mm256_loadu_si256(lanes.shuffle.as_ptr().cast::<__m256i>()) };
    // SAFETY: the table has 16 words, of which 8 are read.
    let shifts = unsafe { _mm256_loadu_si256(lanes.shifts.as_ptr().cast::<__m256i>()) };
    let mask = _mm256_set1_epi32((u32::MAX >> (32 - width)).cast_signed());
    for (group, out) in out.chunks_exact_mut(8).enumerate().take(groups) {
        let window = &bytes[group * width_bytes..][..AVX2_READ_BYTES];
        // SAFETY: the window has 32 bytes.
        let low = unsafe { _mm_loadu_si128(window.as_ptr().cast::<__m128i>()) };
        // SAFETY: `half` is at most 12, so 16 bytes from it lie in the window.
        let high = unsafe { _mm_loadu_si128(window[half..].as_ptr().cast::<__m128i>()) };
        let both = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high);
        let values = _mm256_srlv_epi32(_mm256_shuffle_epi8(both, shuffle), shifts);
        let values = _mm256_and_si256(values, mask);
        // SAFETY: `out` has eight values, 32 bytes.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast::<__m256i>(), values) };
    }
    groups
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn unpack_avx512(bytes: &[u8], width: u32, out: &mut [u32]) -> usize {
    let lanes = &LANES[width as usize];
    // Two groups, 16 values, per step.
    let step_bytes = 2 * width as usize;
    let steps = whole_steps(bytes.len(), step_bytes, AVX512_READ_BYTES).min(out.len() / 16);
    // SAFETY: the table has 64 bytes.
    let permute = unsafe { _mm512_loadu_si512(lanes.permute.as_ptr().cast::<__m512i>()) };
    // SAFETY: the table has 16 words, 64 bytes.
    let shifts = unsafe { _mm512_loadu_si512(lanes.shifts.as_ptr().cast::<__m512i>()) };
    let mask = _mm512_set1_epi32((u32::MAX >> (32 - width)).cast_signed());
    for (step, out) in out.chunks_exact_mut(16).enumerate().take(steps) {
        let window = &bytes[step * step_bytes..][..AVX512_READ_BYTES];
        // SAFETY: the window has 64 bytes.
        let window = unsafe { _mm512_loadu_si512(window.as_ptr().cast::<__m512i>()) };
        let values = _mm512_srlv_epi32(_mm512_permutexvar_epi8(permute, window), shifts);
        let values = _mm512_and_si512(values, mask);
        // SAFETY: `out` has 16 values, 64 bytes.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast::<__m512i>(), values) };
    }
    steps * 2
}

/// [`unpack_avx512`] for values wider than [`WIDTH_MAX`], a group at a time in lanes of eight bytes.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn unpack_wide_avx512(bytes: &[u8], width: u32, out: &mut [u32]) -> usize {
    let step_bytes = width as usize;
    let steps = whole_steps(bytes.len(), step_bytes, AVX512_READ_BYTES).min(out.len() / 8);
    let (mut permute, mut shifts) = ([0_u8; 64], [0_u64; 8]);
    for (lane, shift) in shifts.iter_mut().enumerate() {
        let bit = lane * step_bytes;
        *shift = bit as u64 % 8;
        for byte in 0..8 {
            permute[lane * 8 + byte] = u8::try_from(bit / 8 + byte).unwrap_or(0);
        }
    }
    // SAFETY: the array has 64 bytes.
    let permute = unsafe { _mm512_loadu_si512(permute.as_ptr().cast::<__m512i>()) };
    // SAFETY: the array has eight words of eight bytes.
    let shifts = unsafe { _mm512_loadu_si512(shifts.as_ptr().cast::<__m512i>()) };
    let mask = _mm256_set1_epi32((u32::MAX >> (32 - width)).cast_signed());
    for (step, out) in out.chunks_exact_mut(8).enumerate().take(steps) {
        let window = &bytes[step * step_bytes..][..AVX512_READ_BYTES];
        // SAFETY: the window has 64 bytes.
        let window = unsafe { _mm512_loadu_si512(window.as_ptr().cast::<__m512i>()) };
        let values = _mm512_srlv_epi64(_mm512_permutexvar_epi8(permute, window), shifts);
        let values = _mm256_and_si256(_mm512_cvtepi64_epi32(values), mask);
        // SAFETY: `out` has eight values, 32 bytes.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast::<__m256i>(), values) };
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::bit_unpack;

    /// Both versions, where the CPU has them, on every width and on lengths around the ends of their steps.
    #[test]
    fn equals_the_portable_version() {
        let bytes: Vec<u8> =
            (0..3000_u32).map(|i| u8::try_from(i * i % 249 + i % 7).unwrap()).collect();
        for width in 1..=32 {
            for groups in [1, 2, 3, 4, 5, 8, 17, 39, 90] {
                let bytes = &bytes[..groups * width as usize];
                let mut expect = vec![0; groups * 8];
                bit_unpack::unpack_groups(bytes, width, &mut expect);
                let check = |name: &str, kernel: fn(&[u8], u32, &mut [u32]) -> usize| {
                    let mut out = vec![0; groups * 8];
                    let done = kernel(bytes, width, &mut out) * 8;
                    assert_eq!(
                        out[..done],
                        expect[..done],
                        "{name}, width {width}, {groups} groups"
                    );
                    assert!(out[done..].iter().all(|value| *value == 0), "{name} wrote beyond");
                    assert!(groups < 90 || done > 0, "{name}, width {width}: nothing done");
                };
                if width > WIDTH_MAX {
                    if crate::kernels::has_avx512_vbmi() {
                        // SAFETY: the CPU has AVX-512 VBMI.
                        check("wide", |b, w, o| unsafe { unpack_wide_avx512(b, w, o) });
                    }
                    continue;
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the CPU has AVX2.
                    check("avx2", |b, w, o| unsafe { unpack_avx2(b, w, o) });
                }
                if crate::kernels::has_avx512_vbmi() {
                    // SAFETY: the CPU has AVX-512 VBMI.
                    check("avx512", |b, w, o| unsafe { unpack_avx512(b, w, o) });
                }
            }
        }
    }
}
