//! The last bytes of a file: the length of its footer, and the magic.

use crate::error::{DecodeError, Fault, Place};

/// Bytes at the end of a file that hold the footer's length and the magic.
pub const TAIL_LEN: usize = 8;

/// The magic at both ends of a Parquet file.
pub(super) const MAGIC: [u8; 4] = *b"PAR1";
/// The magic of a file whose footer is encrypted.
const MAGIC_ENCRYPTED: [u8; 4] = *b"PARE";

/// Bytes of the thrift footer in front of the tail, from the last [`TAIL_LEN`] bytes of a file of `file_len` bytes.
///
/// # Errors
/// When the magic is not Parquet's, or the length does not fit between the two magics.
pub fn footer_len(tail: &[u8; TAIL_LEN], file_len: u64) -> Result<u32, DecodeError> {
    let [l0, l1, l2, l3, magic @ ..] = *tail;
    match magic {
        MAGIC => {}
        MAGIC_ENCRYPTED => return Err(DecodeError::Encrypted),
        found => return Err(DecodeError::NotParquet { found }),
    }
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    // The other magic stands at the start of the file.
    let present_bytes = file_len.saturating_sub((TAIL_LEN + MAGIC.len()) as u64);
    if u64::from(length) > present_bytes {
        let place = Place { offset: Some(file_len.saturating_sub(8)), ..Place::default() };
        let wanted_bytes = u64::from(length);
        return Err(Fault::Truncated { what: "footer", wanted_bytes, present_bytes }.at(place));
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(length: u32, magic: &[u8; 4]) -> [u8; 8] {
        let mut tail = [0; 8];
        tail[..4].copy_from_slice(&length.to_le_bytes());
        tail[4..].copy_from_slice(magic);
        tail
    }

    #[test]
    fn tails() {
        assert_eq!(footer_len(&tail(88, b"PAR1"), 100).unwrap(), 88);
        let error = footer_len(&tail(89, b"PAR1"), 100).unwrap_err();
        assert_eq!(
            error.to_string(),
            "at offset 92: footer ends early: expected 89 bytes, found 88"
        );
        assert!(matches!(footer_len(&tail(1, b"PARE"), 100), Err(DecodeError::Encrypted)));
        let error = footer_len(&tail(1, b"\0\0\0\0"), 100).unwrap_err();
        assert_eq!(
            error.to_string(),
            "not a Parquet file: it ends with bytes [00, 00, 00, 00] instead of 'PAR1'"
        );
    }
}
