//! The delta family: DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringquet_hostile::{targets, watch_panics};

fuzz_target!(init: watch_panics(), |bytes: &[u8]| targets::delta(bytes));
