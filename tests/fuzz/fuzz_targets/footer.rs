//! The footer: any bytes in front of a tail that fits them, in a file of 64 KiB more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringquet_fuzz::{check_footer, watch_panics};

fuzz_target!(init: watch_panics(), |bytes: &[u8]| {
    check_footer(bytes, bytes.len() as u64 + 8 + (1 << 16));
});
