//! Strings that share their start with the one before, and the checks of lengths that strings have in a page.

use crate::error::Fault;

/// Makes `previous` the next DELTA_BYTE_ARRAY string: so many of its first bytes, and so many that follow at `position`.
#[inline]
pub(super) fn next_prefixed(
    previous: &mut Vec<u8>,
    (prefix, suffix): (i64, i64),
    bytes: &[u8],
    position: &mut usize,
) -> Result<(), Fault> {
    let (prefix, suffix) = (non_negative(prefix)?, non_negative(suffix)?);
    if prefix > previous.len() {
        let previous = previous.len();
        let what = format!("prefix of {prefix} bytes of a string of {previous}");
        return Err(Fault::out_of_spec(what));
    }
    previous.truncate(prefix);
    previous.extend_from_slice(split(bytes, position, suffix)?);
    Ok(())
}

/// The next `length` bytes at `position`.
pub(super) fn split<'a>(
    bytes: &'a [u8],
    position: &mut usize,
    length: usize,
) -> Result<&'a [u8], Fault> {
    let rest = &bytes[*position..];
    let string =
        rest.get(..length).ok_or_else(|| Fault::truncated("string", length, rest.len()))?;
    *position += length;
    Ok(string)
}

pub(super) fn non_negative(length: i64) -> Result<usize, Fault> {
    usize::try_from(length).map_err(|_| Fault::out_of_spec(format!("a string of {length} bytes")))
}
