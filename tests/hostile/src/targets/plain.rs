//! PLAIN, BYTE_STREAM_SPLIT, and RLE as booleans have it.

use crate::{Encoding, Input, ValueColumn};

/// All of them.
const LEAVES: [usize; 22] =
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21];
/// Numbers and arrays of fixed length.
const SPLIT: [usize; 17] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 15, 16, 17, 18, 19, 20];

/// Runs the target on `bytes`.
///
/// # Panics
/// When what must hold does not.
pub fn plain(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (encoding, leaves) = match input.u8() % 4 {
        0 | 1 => (Encoding::Plain, &LEAVES[..]),
        2 => (Encoding::ByteStreamSplit, &SPLIT[..]),
        _ => (Encoding::Rle, &LEAVES[..1]),
    };
    let column = ValueColumn::take(&mut input);
    column.check_rest(leaves, encoding, &mut input);
}
