//! PLAIN, BYTE_STREAM_SPLIT, and RLE as booleans have it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringquet_hostile::{targets, watch_panics};

fuzz_target!(init: watch_panics(), |bytes: &[u8]| targets::plain(bytes));
