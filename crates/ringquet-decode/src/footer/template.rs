//! Column chunks of one column look alike from row group to row group: the same fields, numbers of as many bytes, strings
//! of the same length. So the one before is kept as a template, and a chunk whose structure is that of the template byte
//! for byte is known to end where the template ends, without a look at its fields.
//!
//! ```text
//! bytes     26 08 1c 15 0a 19 35 00 06 10 19 18 0b 66 65 61 …
//! what      f. n. f. f. n. l. l. n. n. n. l. l. L. o. o. o. …   field, number, list, length, opaque
//! mask      ff 80 ff ff 80 ff ff 80 80 80 ff ff ff 00 00 00 …
//! ```
//!
//! Where headers and lengths are the same, and of every number the bits that say whether it goes on, a reader would take
//! the same steps. That is not a guess: it is what stepping over would have checked.

use std::ops::Range;

use crate::thrift::{Observer, ThriftFault, ThriftReader, kind};

/// Looks that may fail before a template is given up, unless more of them succeeded. Strings as statistics have any
/// length, and making a new template each time costs more than it gives.
const MISSES_MAX: u32 = 8;

/// The last column chunk of a column.
#[derive(Debug, Default)]
pub(super) struct Template {
    bytes: Vec<u8>,
    mask: Vec<u8>,
    hits: u32,
    misses: u32,
}

struct Mask<'a> {
    start: usize,
    mask: &'a mut [u8],
}

impl Mask<'_> {
    fn fill(&mut self, bytes: Range<usize>, value: u8) {
        self.mask[bytes.start - self.start..bytes.end - self.start].fill(value);
    }
}

impl Observer for Mask<'_> {
    fn number(&mut self, bytes: Range<usize>) {
        self.fill(bytes, 0x80);
    }

    fn opaque(&mut self, bytes: Range<usize>) {
        self.fill(bytes, 0);
    }
}

impl Template {
    /// Bytes of the struct that `reader` is at, if it has the structure of the template.
    #[inline]
    pub(super) fn matches(&mut self, reader: &ThriftReader<'_>) -> Option<usize> {
        let length = self.bytes.len();
        let bytes = reader.rest().get(..length).filter(|bytes| !bytes.is_empty())?;
        let template = self.bytes.iter().zip(&self.mask);
        let difference = bytes
            .iter()
            .zip(template)
            .fold(0, |difference, (byte, (old, mask))| difference | ((byte ^ old) & mask));
        if difference == 0 {
            self.hits += 1;
            Some(length)
        } else {
            self.misses += 1;
            None
        }
    }

    /// Keeps the struct that `before` was at and `after` has left behind.
    pub(super) fn keep(
        &mut self,
        before: &ThriftReader<'_>,
        after: &ThriftReader<'_>,
    ) -> Result<(), ThriftFault> {
        self.bytes.clear();
        if self.misses > MISSES_MAX && self.misses > self.hits {
            return Ok(());
        }
        let start = before.position();
        let length = after.position() - start;
        self.bytes.extend_from_slice(&before.rest()[..length]);
        self.mask.clear();
        self.mask.resize(length, u8::MAX);
        let mut mask = Mask { start, mask: &mut self.mask };
        before.clone().skip_observed(kind::STRUCT, &mut mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Struct { 1: i64 = 300, 2: string, 3: list of i32 [1, 2] }, and a byte of something else.
    const BYTES: [u8; 13] = [0x16, 0xd8, 0x04, 0x18, 2, b'a', b'b', 0x19, 0x25, 2, 4, 0, 0x77];

    fn check(position: usize, byte: u8, expect: bool) {
        let reader = ThriftReader::new(&BYTES);
        let mut after = reader.clone();
        after.skip(kind::STRUCT).unwrap();
        let mut template = Template::default();
        template.keep(&reader, &after).unwrap();
        let mut bytes = BYTES;
        bytes[position] = byte;
        let matched = template.matches(&ThriftReader::new(&bytes));
        assert_eq!(matched.is_some(), expect, "byte {position} = {byte:#x}");
        if let Some(length) = matched {
            let mut stepped = ThriftReader::new(&bytes);
            stepped.skip(kind::STRUCT).unwrap();
            assert_eq!(stepped.position(), length);
        }
    }

    #[test]
    fn values_may_differ_structure_may_not() {
        check(1, 0xff, true); // another number of two bytes
        check(1, 0x58, false); // a number of one byte
        check(2, 0x84, false); // a number that goes on
        check(5, 0xff, true); // another string
        check(4, 3, false); // of another length
        check(8, 0x35, false); // a longer list
        check(8, 0x26, false); // a list of something else
        check(9, 0x7f, true);
        check(10, 0x80, false);
        check(11, 0x15, false); // one more field
        check(12, 0, true); // behind the struct
    }

    #[test]
    fn a_cut_struct_does_not_match() {
        let reader = ThriftReader::new(&BYTES);
        let mut after = reader.clone();
        after.skip(kind::STRUCT).unwrap();
        let mut template = Template::default();
        template.keep(&reader, &after).unwrap();
        assert_eq!(template.matches(&ThriftReader::new(&BYTES[..11])), None);
        assert_eq!(template.matches(&ThriftReader::new(&BYTES[..12])), Some(12));
    }
}
