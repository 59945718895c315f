//! The thrift header in front of every page.

/// See [`ringquet_decode::fuzzing::page_header`].
///
/// # Panics
/// When a header does not come back from its own bytes.
pub fn page_header(bytes: &[u8]) {
    ringquet_decode::fuzzing::page_header(bytes);
}
