//! A thrift struct by which others are known: its bytes, and which of them another must have.
//!
//! ```text
//! bytes     26 08 1c 15 0a 19 35 00 06 10 19 18 0b 66 65 61 …
//! what      f. n. f. f. n. l. l. n. n. n. l. l. L. o. o. o. …   field, number, list, length, opaque
//! mask      ff 80 ff ff 80 ff ff 80 80 80 ff ff ff 00 00 00 …   with any numbers
//! ```
//!
//! Where headers and lengths are the same, and of every number the bits that mark whether it continues, a reader would take
//! the same steps. That is not a guess: it is what stepping over would have checked.

use std::ops::Range;

use crate::thrift::kind;
use crate::thrift::reader::{Observer, ThriftFault, ThriftReader};

/// What numbers another struct may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// Any of as many bytes.
    Any,
    /// The same.
    Same,
}

/// A struct and its mask. Strings may differ, their lengths may not.
#[derive(Debug)]
pub(crate) struct MaskedStruct {
    bytes: Vec<u8>,
    mask: Vec<u8>,
}

struct Mask<'a> {
    mask: &'a mut [u8],
    numbers: Numbers,
}

impl Observer for Mask<'_> {
    fn number(&mut self, bytes: Range<usize>) {
        if self.numbers == Numbers::Any {
            self.mask[bytes].fill(0x80);
        }
    }

    fn opaque(&mut self, bytes: Range<usize>) {
        self.mask[bytes].fill(0);
    }
}

impl MaskedStruct {
    /// The struct that `bytes` are, from its first field to its end.
    pub(crate) fn new(bytes: &[u8], numbers: Numbers) -> Result<Self, ThriftFault> {
        let mut mask = vec![u8::MAX; bytes.len()];
        let mut observer = Mask { mask: &mut mask, numbers };
        ThriftReader::new(bytes).skip_observed(kind::STRUCT, &mut observer)?;
        Ok(Self { bytes: bytes.to_vec(), mask })
    }

    /// Its bytes, and those of every struct that it is known by.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether `bytes` begin with a struct like it.
    #[inline]
    pub(crate) fn is_like(&self, bytes: &[u8]) -> bool {
        let Some(bytes) = bytes.get(..self.bytes.len()) else { return false };
        let known = self.bytes.iter().zip(&self.mask);
        let differences =
            bytes.iter().zip(known).fold(0, |all, (byte, (old, mask))| all | ((byte ^ old) & mask));
        differences == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Struct { 1: i64 = 300, 2: string, 3: list of i32 [1, 2] }, and a byte of something else.
    const BYTES: [u8; 13] = [0x16, 0xd8, 0x04, 0x18, 2, b'a', b'b', 0x19, 0x25, 2, 4, 0, 0x77];

    fn check(position: usize, byte: u8, any_number: bool, same_number: bool) {
        let mut bytes = BYTES;
        bytes[position] = byte;
        for (numbers, expect) in [(Numbers::Any, any_number), (Numbers::Same, same_number)] {
            let known = MaskedStruct::new(&BYTES[..12], numbers).unwrap();
            let is_like = known.is_like(&bytes);
            assert_eq!(is_like, expect, "byte {position} = {byte:#x}, {numbers:?}");
            if is_like {
                let mut stepped = ThriftReader::new(&bytes);
                stepped.skip(kind::STRUCT).unwrap();
                assert_eq!(stepped.position(), known.len());
            }
        }
    }

    #[test]
    fn values_may_differ_structure_may_not() {
        check(1, 0xff, true, false); // another number of two bytes
        check(1, 0x58, false, false); // a number of one byte
        check(2, 0x84, false, false); // a number that goes on
        check(5, 0xff, true, true); // another string
        check(4, 3, false, false); // of another length
        check(8, 0x35, false, false); // a longer list
        check(8, 0x26, false, false); // a list of something else
        check(9, 0x7f, true, false);
        check(10, 0x80, false, false);
        check(11, 0x15, false, false); // one more field
        check(12, 0, true, true); // behind the struct
    }

    #[test]
    fn a_cut_struct_is_not_like_it() {
        let known = MaskedStruct::new(&BYTES[..12], Numbers::Any).unwrap();
        assert!(!known.is_like(&BYTES[..11]));
        assert!(known.is_like(&BYTES[..12]));
        assert!(MaskedStruct::new(&BYTES[..11], Numbers::Any).is_err());
    }
}
