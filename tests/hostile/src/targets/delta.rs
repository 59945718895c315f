//! The delta family: DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY.

use crate::{Encoding, Input, ValueColumn};

/// Integers of every stored and shown width.
const INTEGERS: [usize; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 9];
/// Byte arrays, strings, decimals in byte arrays.
const BYTE_ARRAYS: [usize; 3] = [13, 14, 21];
/// The same and arrays of fixed length.
const ARRAYS: [usize; 6] = [13, 14, 16, 17, 18, 21];

/// Runs the target on `bytes`.
///
/// # Panics
/// When what must hold does not.
pub fn delta(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (encoding, leaves) = match input.u8() % 3 {
        0 => (Encoding::DeltaBinaryPacked, &INTEGERS[..]),
        1 => (Encoding::DeltaLengthByteArray, &BYTE_ARRAYS[..]),
        _ => (Encoding::DeltaByteArray, &ARRAYS[..]),
    };
    let column = ValueColumn::take(&mut input);
    column.check_rest(leaves, encoding, &mut input);
}
