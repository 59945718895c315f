//! Dictionary pages and the bit-packed indices into them, and bit-unpacking on its own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringquet_hostile::{targets, watch_panics};

fuzz_target!(init: watch_panics(), |bytes: &[u8]| targets::dictionary(bytes));
