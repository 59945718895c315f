//! The thrift header in front of every page.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringquet_hostile::{targets, watch_panics};

fuzz_target!(init: watch_panics(), |bytes: &[u8]| targets::page_header(bytes));
