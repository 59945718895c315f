//! The thrift header in front of every page.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| ringquet_decode::fuzzing::page_header(bytes));
