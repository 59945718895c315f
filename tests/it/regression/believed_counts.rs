//! Target `delta`, then `file`: DELTA_BYTE_ARRAY starts with the number of its prefixes. The `parquet` crate makes room
//! for as many before it looks at the first, so a page of 100 bytes could ask for 386 MB, and another for so much that
//! the process ended: a failed allocation is no panic that could be caught. Pages now are held against the number of
//! values in their header before the crate sees them.

use super::support::check_refused;

#[test]
fn prefixes_of_arrays_of_fixed_length() {
    check_refused(include_bytes!("files/prefix-count.parquet"));
}

#[test]
fn prefixes_of_strings() {
    check_refused(include_bytes!("files/prefix-count-of-strings.parquet"));
}
