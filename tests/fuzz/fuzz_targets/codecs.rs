//! The codecs: codec and length of the target, then the compressed bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringquet_hostile::{targets, watch_panics};

fuzz_target!(init: watch_panics(), |bytes: &[u8]| targets::codecs(bytes));
