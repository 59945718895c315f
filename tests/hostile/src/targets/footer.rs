//! The footer: any bytes in front of a tail that fits them, in a file of 64 KiB more.

use crate::check_footer;

/// Runs the target on `bytes`.
///
/// # Panics
/// When what must hold does not.
pub fn footer(bytes: &[u8]) {
    check_footer(bytes, bytes.len() as u64 + 8 + (1 << 16));
}
