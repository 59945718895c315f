//! The codecs: codec and length of the target, then the compressed bytes.

use std::cell::RefCell;

use crate::Input;
use ringquet_decode::fuzzing::{UsedDecompressor, decompress};

thread_local! {
    static USED: RefCell<UsedDecompressor> = RefCell::default();
}

/// Runs the target on `bytes`.
///
/// # Panics
/// When what must hold does not.
pub fn codecs(bytes: &[u8]) {
    let mut input = Input(bytes);
    let codec = input.u8();
    let target_bytes = usize::from(input.u16());
    USED.with_borrow_mut(|used| decompress(used, codec, input.rest(), target_bytes));
}
