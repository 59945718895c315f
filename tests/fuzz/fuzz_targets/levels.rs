//! Levels: hybrid runs and bit-packed ones, on their own, and in front of the values of an INT32 column.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringquet_hostile::{targets, watch_panics};

fuzz_target!(init: watch_panics(), |bytes: &[u8]| targets::levels(bytes));
