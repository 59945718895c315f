//! Reading thrift's compact protocol.
//!
//! A [`ThriftReader`] is a cursor over a slice. It allocates nothing, copies nothing, and never trusts a length: a list
//! is not longer than the bytes that are left, and nesting is bounded.

use super::kind;
use super::varint::{self, VarintFault};

/// How deeply structs and lists may nest. Parquet's own metadata nests six levels; deeper input is an attack on the
/// stack, and an error.
const DEPTH_MAX: u32 = 32;

/// Why thrift bytes could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ThriftFault {
    /// The slice ends inside a value. With more bytes it may be fine.
    Truncated,
    /// No number of further bytes makes it right.
    OutOfSpec(&'static str),
}

impl ThriftFault {
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Truncated => "thrift bytes end inside a value",
            Self::OutOfSpec(what) => what,
        }
    }
}

impl From<VarintFault> for ThriftFault {
    fn from(fault: VarintFault) -> Self {
        match fault {
            VarintFault::Truncated => Self::Truncated,
            VarintFault::TooLong | VarintFault::Overflow(_) => {
                Self::OutOfSpec("thrift varint longer than 64 bits")
            }
        }
    }
}

/// Header of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) id: i16,
    pub(crate) kind: u8,
}

/// Receives the positions of the values that a [`ThriftReader`] steps over.
pub(crate) trait Observer {
    /// The bytes of a number: their upper bits mark where it ends, the others are its value.
    fn number(&mut self, bytes: std::ops::Range<usize>);
    /// Bytes whose place does not depend on what they are.
    fn opaque(&mut self, bytes: std::ops::Range<usize>);
    /// A boolean in a list, set or map comes next.
    fn boolean_element(&mut self) -> Result<(), ThriftFault> {
        Ok(())
    }
}

/// For callers that do not need the positions.
impl Observer for () {
    #[inline(always)]
    fn number(&mut self, _bytes: std::ops::Range<usize>) {}
    #[inline(always)]
    fn opaque(&mut self, _bytes: std::ops::Range<usize>) {}
}

/// A cursor over compact-protocol bytes.
#[derive(Debug, Clone)]
pub(crate) struct ThriftReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> ThriftReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Bytes read so far.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    #[inline(always)]
    pub(crate) fn byte(&mut self) -> Result<u8, ThriftFault> {
        let byte = *self.bytes.get(self.position).ok_or(ThriftFault::Truncated)?;
        self.position += 1;
        Ok(byte)
    }

    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Result<u64, ThriftFault> {
        varint::read(self.bytes, &mut self.position)
    }

    #[inline(always)]
    pub(crate) fn i64(&mut self) -> Result<i64, ThriftFault> {
        self.varint().map(varint::unzigzag)
    }

    #[inline(always)]
    pub(crate) fn i32(&mut self) -> Result<i32, ThriftFault> {
        i32::try_from(self.i64()?).map_err(|_| ThriftFault::OutOfSpec("thrift i32 out of range"))
    }

    fn i16(&mut self) -> Result<i16, ThriftFault> {
        i16::try_from(self.i64()?).map_err(|_| ThriftFault::OutOfSpec("thrift i16 out of range"))
    }

    /// A length-prefixed slice.
    #[inline]
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], ThriftFault> {
        let length = usize::try_from(self.varint()?)
            .map_err(|_| ThriftFault::OutOfSpec("thrift binary longer than memory"))?;
        let rest = &self.bytes[self.position..];
        let value = rest.get(..length).ok_or(ThriftFault::Truncated)?;
        self.position += length;
        Ok(value)
    }

    /// Kind of the elements and their number, which is never more than the bytes that are left.
    #[inline]
    pub(crate) fn list(&mut self) -> Result<(u8, usize), ThriftFault> {
        let header = self.byte()?;
        let length = match header >> 4 {
            15 => usize::try_from(self.varint()?)
                .map_err(|_| ThriftFault::OutOfSpec("thrift list longer than memory"))?,
            short => usize::from(short),
        };
        // Every element, even an empty struct, takes at least one byte.
        if length > self.remaining() {
            return Err(ThriftFault::Truncated);
        }
        Ok((header & 0x0f, length))
    }

    /// The next field header of a struct whose last field had the id `last`; `None` at its end.
    #[inline(always)]
    pub(crate) fn field(&mut self, last: i16) -> Result<Option<Field>, ThriftFault> {
        let header = self.byte()?;
        if header == kind::STOP {
            return Ok(None);
        }
        let id = match header >> 4 {
            0 => self.i16()?,
            delta => last
                .checked_add(i16::from(delta))
                .ok_or(ThriftFault::OutOfSpec("thrift field id out of range"))?,
        };
        Ok(Some(Field { id, kind: header & 0x0f }))
    }

    /// Leaves `count` bytes behind, of which it is known that whole values end there.
    pub(crate) fn jump(&mut self, count: usize) -> Result<(), ThriftFault> {
        self.skip_bytes(count)
    }

    /// Bytes that are left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }

    /// Steps over a value that follows a field header.
    #[inline]
    pub(crate) fn skip(&mut self, kind: u8) -> Result<(), ThriftFault> {
        self.skip_nested(kind, DEPTH_MAX, &mut ())
    }

    /// [`Self::skip`], with the positions of the values.
    pub(crate) fn skip_observed(
        &mut self,
        kind: u8,
        observer: &mut impl Observer,
    ) -> Result<(), ThriftFault> {
        self.skip_nested(kind, DEPTH_MAX, observer)
    }

    fn skip_nested<O: Observer>(
        &mut self,
        kind: u8,
        depth: u32,
        observer: &mut O,
    ) -> Result<(), ThriftFault> {
        let start = self.position;
        match kind {
            kind::TRUE | kind::FALSE => {}
            kind::I8 => {
                self.byte()?;
                observer.opaque(start..self.position);
            }
            kind::I16 | kind::I32 | kind::I64 => {
                varint::skip::<ThriftFault>(self.bytes, &mut self.position)?;
                observer.number(start..self.position);
            }
            kind::DOUBLE => {
                self.skip_bytes(8)?;
                observer.opaque(start..self.position);
            }
            kind::UUID => {
                self.skip_bytes(16)?;
                observer.opaque(start..self.position);
            }
            kind::BINARY => {
                let length = self.binary()?.len();
                observer.opaque(self.position - length..self.position);
            }
            kind::LIST | kind::SET => {
                let depth = deeper(depth)?;
                let (element, length) = self.list()?;
                for _ in 0..length {
                    self.skip_element(element, depth, observer)?;
                }
            }
            kind::MAP => {
                let depth = deeper(depth)?;
                let length = self.varint()?;
                if length == 0 {
                    return Ok(());
                }
                if length > self.remaining() as u64 {
                    return Err(ThriftFault::Truncated);
                }
                let kinds = self.byte()?;
                for _ in 0..length {
                    self.skip_element(kinds >> 4, depth, observer)?;
                    self.skip_element(kinds & 0x0f, depth, observer)?;
                }
            }
            kind::STRUCT => {
                let depth = deeper(depth)?;
                let mut last = 0;
                while let Some(field) = self.field(last)? {
                    self.skip_nested(field.kind, depth, observer)?;
                    last = field.id;
                }
            }
            _ => return Err(ThriftFault::OutOfSpec("unknown thrift kind")),
        }
        Ok(())
    }

    /// Elements of lists differ from fields in one thing: a boolean takes a byte.
    fn skip_element<O: Observer>(
        &mut self,
        kind: u8,
        depth: u32,
        observer: &mut O,
    ) -> Result<(), ThriftFault> {
        match kind {
            kind::TRUE | kind::FALSE => {
                observer.boolean_element()?;
                let start = self.position;
                self.byte()?;
                observer.opaque(start..self.position);
                Ok(())
            }
            _ => self.skip_nested(kind, depth, observer),
        }
    }

    fn skip_bytes(&mut self, length: usize) -> Result<(), ThriftFault> {
        if length > self.remaining() {
            return Err(ThriftFault::Truncated);
        }
        self.position += length;
        Ok(())
    }
}

fn deeper(depth: u32) -> Result<u32, ThriftFault> {
    depth.checked_sub(1).ok_or(ThriftFault::OutOfSpec("thrift values nest deeper than 32 levels"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zigzag_varints() {
        let check = |bytes: &[u8], expect: i64| {
            let mut reader = ThriftReader::new(bytes);
            assert_eq!(reader.i64(), Ok(expect));
            assert_eq!(reader.position(), bytes.len());
        };
        check(&[0], 0);
        check(&[1], -1);
        check(&[2], 1);
        check(&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], i64::MAX);
        check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], i64::MIN);
    }

    #[test]
    fn varints_that_are_too_long() {
        let long = [0xff; 11];
        assert!(matches!(ThriftReader::new(&long).varint(), Err(ThriftFault::OutOfSpec(_))));
        assert!(matches!(ThriftReader::new(&long).skip(kind::I64), Err(ThriftFault::OutOfSpec(_))));
        let overflow = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert!(matches!(ThriftReader::new(&overflow).varint(), Err(ThriftFault::OutOfSpec(_))));
        assert_eq!(ThriftReader::new(&[0x80]).varint(), Err(ThriftFault::Truncated));
    }

    #[test]
    fn lists_are_not_longer_than_their_bytes() {
        // 15 in the size nibble: a varint follows, here 2^28 - 1 elements.
        let bytes = [0xf5, 0xff, 0xff, 0xff, 0x7f, 0, 0];
        assert_eq!(ThriftReader::new(&bytes).list(), Err(ThriftFault::Truncated));
    }

    #[test]
    fn nesting_is_bounded() {
        // A list of a list of a list …
        let bytes = [0x19; 1000];
        assert!(matches!(
            ThriftReader::new(&bytes).skip(kind::LIST),
            Err(ThriftFault::OutOfSpec(_))
        ));
        // A struct in field 1 of a struct in field 1 …
        let bytes = [0x1c; 1000];
        assert!(matches!(
            ThriftReader::new(&bytes).skip(kind::STRUCT),
            Err(ThriftFault::OutOfSpec(_))
        ));
    }

    #[test]
    fn skips_a_struct_of_everything() {
        let bytes = [
            0x11, // 1: true
            0x13, 7, // 2: i8
            0x15, 0x80, 0x01, // 3: i32
            0x17, 0, 0, 0, 0, 0, 0, 0, 0, // 4: double
            0x18, 2, b'a', b'b', // 5: binary
            0x19, 0x21, 1, 0, // 6: list of two bools
            0x1b, 1, 0x85, 1, b'k', 9, // 7: map binary -> i32
            0x1c, 0x15, 2, 0, // 8: struct
            0x0d, 0x28, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
            16, // 20: uuid, long id
            0, 0xaa,
        ];
        let mut reader = ThriftReader::new(&bytes);
        assert_eq!(reader.skip(kind::STRUCT), Ok(()));
        assert_eq!(reader.byte(), Ok(0xaa));
        for end in 0..bytes.len() - 1 {
            assert!(ThriftReader::new(&bytes[..end]).skip(kind::STRUCT).is_err());
        }
    }
}
