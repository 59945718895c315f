//! Workload files: YAML text.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use ringquet_hostile::{mutate_text, targets, watch_panics};

fuzz_target!(init: watch_panics(), |bytes: &[u8]| targets::workload(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate_text(data, size, max_size, seed, fuzzer_mutate)
});
