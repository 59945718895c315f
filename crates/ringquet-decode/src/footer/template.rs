//! Column chunks look alike from row group to row group and from column to column: the same fields, numbers of as many
//! bytes, strings of the same length. So a few are kept as templates, and a chunk whose structure is that of a template
//! byte for byte is known to end where the template ends, without a look at its fields.
//! See [`crate::thrift::masked`].

use crate::thrift::masked::{MaskedStruct, Numbers};
use crate::thrift::reader::{ThriftFault, ThriftReader};

/// Looks that may fail before templates are given up for a column, unless more of them succeeded. Strings as statistics
/// have any length, and making a new template each time costs more than it gives.
const MISSES_MAX: u32 = 8;

/// Templates that are kept: types, and offsets of one byte more or less, times two. All of them stay in the first-level
/// cache. Met: the one made longest ago is made anew.
const TEMPLATES_MAX: usize = 16;

/// Templates, and which of them each column looked like last.
#[derive(Debug, Default)]
pub(super) struct Templates {
    templates: Vec<MaskedStruct>,
    oldest: usize,
    columns: Vec<KeptColumn>,
}

#[derive(Debug, Clone, Default)]
struct KeptColumn {
    template: usize,
    hits: u32,
    misses: u32,
}

impl KeptColumn {
    fn is_given_up(&self) -> bool {
        self.misses > MISSES_MAX && self.misses > self.hits
    }
}

impl Templates {
    /// None yet, for as many columns.
    pub(super) fn new(columns: usize) -> Self {
        Self { columns: vec![KeptColumn::default(); columns], ..Self::default() }
    }

    /// Bytes of the struct that `reader` is at, if it has the structure of a template.
    #[inline]
    pub(super) fn matches(&mut self, column: usize, reader: &ThriftReader<'_>) -> Option<usize> {
        let column = &mut self.columns[column];
        if column.is_given_up() {
            return None;
        }
        let last = self.templates.get(column.template);
        let of = |template: &MaskedStruct| template.is_like(reader.rest()).then(|| template.len());
        let mut found = last.and_then(of);
        if found.is_none() {
            let mut others = self.templates.iter().enumerate();
            found = others.find_map(|(index, template)| {
                let length = of(template)?;
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
        let length = after.position() - before.position();
        let template = MaskedStruct::new(&before.rest()[..length], Numbers::Any)?;
        if self.templates.len() < TEMPLATES_MAX {
            column.template = self.templates.len();
            self.templates.push(template);
        } else {
            column.template = self.oldest;
            self.templates[self.oldest] = template;
            self.oldest = (self.oldest + 1) % TEMPLATES_MAX;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thrift::kind;

    /// Struct { 1: i64 = 300, 2: string, 3: list of i32 [1, 2] }, and a byte of something else.
    const BYTES: [u8; 13] = [0x16, 0xd8, 0x04, 0x18, 2, b'a', b'b', 0x19, 0x25, 2, 4, 0, 0x77];

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
}
