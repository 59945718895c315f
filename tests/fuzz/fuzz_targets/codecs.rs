//! The codecs: codec and length of the target, then the compressed bytes.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use ringquet_decode::fuzzing::{UsedDecompressor, decompress};
use ringquet_fuzz::Input;

thread_local! {
    static USED: RefCell<UsedDecompressor> = RefCell::default();
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let codec = input.u8();
    let target_bytes = usize::from(input.u16());
    USED.with_borrow_mut(|used| decompress(used, codec, input.rest(), target_bytes));
});
