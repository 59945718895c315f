//! Columns whose values are the fuzzer's and whose levels are right: for the targets of the encodings.

use crate::column::{Column, Encoding, Page, PageKind, Shape};
use crate::input::Input;
use crate::leaf::LEAVES;
use crate::levels::{hybrid_of_mask, prefixed};

/// What the first bytes of an input say about its column; [`ValueColumn::take`] has them in order.
#[derive(Debug, Clone, Copy)]
pub struct ValueColumn {
    leaf: u8,
    /// 1: optional. 2: pages of the second version. 4: bytes come as late as they may. 8: two pages, where a target has it.
    pub flags: u8,
    /// Which slots have a value, eight by eight.
    mask: u8,
    batch_rows: usize,
}

impl ValueColumn {
    /// Reads the first four bytes.
    pub fn take(input: &mut Input<'_>) -> Self {
        Self {
            leaf: input.u8(),
            flags: input.u8(),
            mask: input.u8(),
            batch_rows: input.choose(&[8192, 100, 7, 64, 1000]),
        }
    }

    /// A data page with these values.
    pub fn page(&self, encoding: Encoding, num_values: u16, values: &[u8]) -> Page {
        let definition = match self.flags & 1 {
            0 => Vec::new(),
            _ => hybrid_of_mask(self.mask, usize::from(num_values)),
        };
        let nulls = match self.flags & 1 {
            0 => 0,
            _ => (0..num_values).filter(|index| self.mask >> (index % 8) & 1 == 0).count(),
        };
        let (kind, levels) = if self.flags & 2 == 2 {
            let kind = PageKind::V2 {
                num_nulls: nulls as u32,
                num_rows: u32::from(num_values),
                definition_bytes: definition.len() as u32,
                repetition_bytes: 0,
            };
            (kind, definition)
        } else {
            let kind = PageKind::V1 {
                definition_encoding: Encoding::Rle,
                repetition_encoding: Encoding::Rle,
            };
            (kind, if definition.is_empty() { definition } else { prefixed(&definition) })
        };
        let bytes = [&levels, values].concat();
        Page { kind, encoding, num_values: u32::from(num_values), bytes }
    }

    /// Checks the file of which the rest of the input has the values, in one page or, as a flag says, in two; `leaves` as in
    /// [`Self::check`].
    pub fn check_rest(&self, leaves: &[usize], encoding: Encoding, input: &mut Input<'_>) {
        let num_values = input.u16() & 0x7ff;
        let mut pages = Vec::new();
        if self.flags & 8 == 8 {
            let first_bytes = usize::from(input.u16());
            pages.push(self.page(encoding, num_values, input.take(first_bytes)));
        }
        pages.push(self.page(encoding, num_values, input.rest()));
        self.check(leaves, pages);
    }

    /// Checks the file with these pages; `leaves` are the indices in [`LEAVES`] to choose from.
    pub fn check(&self, leaves: &[usize], pages: Vec<Page>) {
        let rows = pages
            .iter()
            .filter(|page| !matches!(page.kind, PageKind::Dictionary))
            .map(|page| u64::from(page.num_values))
            .sum();
        let leaf = LEAVES[leaves[usize::from(self.leaf) % leaves.len()]];
        let shape = if self.flags & 1 == 1 { Shape::Optional } else { Shape::Required };
        let file = Column { leaf, shape, rows, pages }.file();
        crate::check_file(&file, self.batch_rows, self.flags & 4 == 4);
    }
}
