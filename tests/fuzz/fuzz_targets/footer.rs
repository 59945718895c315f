//! The footer: any bytes in front of a tail that fits them, in a file of 64 KiB more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringquet_hostile::{targets, watch_panics};

fuzz_target!(init: watch_panics(), |bytes: &[u8]| targets::footer(bytes));
