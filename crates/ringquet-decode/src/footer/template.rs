//! Column chunks look alike from row group to row group and from column to column: the same fields, numbers of as many
//! bytes, strings of the same length. So a few are kept as templates, and a chunk whose structure is that of a template
//! byte for byte is known to end where the template ends, without a look at its fields.
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

/// Looks that may fail before templates are given up for a column, unless more of them succeeded. Strings as statistics
/// have any length, and making a new template each time costs more than it gives.
const MISSES_MAX: u32 = 8;

/// Templates that are kept: types, and offsets of one byte more or less, times two. All of them stay in the first-level
/// cache. Met: the one made longest ago is made anew.
const TEMPLATES_MAX: usize = 16;

/// Templates, and which of them each column looked like last.
#[derive(Debug, Default)]
pub(super) struct Templates {
    templates: Vec<Template>,
    oldest: usize,
    columns: Vec<Column>,
}

#[derive(Debug, Clone, Default)]
struct Column {
    template: usize,
    hits: u32,
    misses: u32,
}

impl Column {
    fn is_given_up(&self) -> bool {
        self.misses > MISSES_MAX && self.misses > self.hits
    }
}

impl Templates {
    /// None yet, for as many columns.
    pub(super) fn new(columns: usize) -> Self {
        Self { columns: vec![Column::default(); columns], ..Self::default() }
    }

    /// Bytes of the struct that `reader` is at, if it has the structure of a template.
    #[inline]
    pub(super) fn matches(&mut self, column: usize, reader: &ThriftReader<'_>) -> Option<usize> {
        let column = &mut self.columns[column];
        if column.is_given_up() {
            return None;
        }
        let last = self.templates.get(column.template);
        let mut found = last.and_then(|template| template.matches(reader));
        if found.is_none() {
            let mut others = self.templates.iter().enumerate();
            found = others.find_map(|(index, template)| {
                let length = template.matches(reader)?;
                column.template = index;
                Some(length)
            });
        }
        match found {
            Some(_) => column.hits += 1,
            None => column.misses += 1,
        }
        found
    }

    /// Keeps the struct that `before` was at and `after` has left behind.
    pub(super) fn keep(
        &mut self,
        column: usize,
        before: &ThriftReader<'_>,
        after: &ThriftReader<'_>,
    ) -> Result<(), ThriftFault> {
        let column = &mut self.columns[column];
        if column.is_given_up() {
            return Ok(());
        }
        if self.templates.len() < TEMPLATES_MAX {
            self.templates.push(Template::default());
            column.template = self.templates.len() - 1;
        } else {
            column.template = self.oldest;
            self.oldest = (self.oldest + 1) % TEMPLATES_MAX;
        }
        self.templates[column.template].set(before, after)
    }
}

/// A column chunk as it was met.
#[derive(Debug, Default)]
struct Template {
    bytes: Vec<u8>,
    mask: Vec<u8>,
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
    fn matches(&self, reader: &ThriftReader<'_>) -> Option<usize> {
        let length = self.bytes.len();
        let bytes = reader.rest().get(..length).filter(|bytes| !bytes.is_empty())?;
        let template = self.bytes.iter().zip(&self.mask);
        let difference = bytes
            .iter()
            .zip(template)
            .fold(0, |difference, (byte, (old, mask))| difference | ((byte ^ old) & mask));
        (difference == 0).then_some(length)
    }

    fn set(
        &mut self,
        before: &ThriftReader<'_>,
        after: &ThriftReader<'_>,
    ) -> Result<(), ThriftFault> {
        self.bytes.clear();
        let start = before.position();
        let length = after.position() - start;
        self.bytes.extend_from_slice(&before.rest()[..length]);
        self.mask.clear();
        self.mask.resize(length, u8::MAX);
        let mut mask = Mask { start, mask: &mut self.mask };
        let masked = before.clone().skip_observed(kind::STRUCT, &mut mask);
        if masked.is_err() {
            // Half a mask is none.
            self.bytes.clear();
        }
        masked
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
        template.set(&reader, &after).unwrap();
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
    fn columns_share_templates_until_they_are_given_up() {
        let mut templates = Templates::new(2);
        let reader = ThriftReader::new(&BYTES);
        let mut after = reader.clone();
        after.skip(kind::STRUCT).unwrap();
        assert_eq!(templates.matches(0, &reader), None);
        templates.keep(0, &reader, &after).unwrap();
        assert_eq!(templates.matches(1, &reader), Some(12), "the other column's");
        let other = ThriftReader::new(&[0x18, 1, b'a', 0]);
        for _ in 0..=MISSES_MAX {
            assert_eq!(templates.matches(0, &other), None);
        }
        assert_eq!(templates.matches(0, &reader), None, "given up");
        assert_eq!(templates.matches(1, &reader), Some(12));
    }

    #[test]
    fn a_cut_struct_does_not_match() {
        let reader = ThriftReader::new(&BYTES);
        let mut after = reader.clone();
        after.skip(kind::STRUCT).unwrap();
        let mut template = Template::default();
        template.set(&reader, &after).unwrap();
        assert_eq!(template.matches(&ThriftReader::new(&BYTES[..11])), None);
        assert_eq!(template.matches(&ThriftReader::new(&BYTES[..12])), Some(12));
    }
}
