//! A data page that is being taken apart: where its levels and values are, and how far they were taken. It holds no
//! reference to the page's bytes; every call is given them.

use super::value_cursor::ValueCursor;
use crate::encoding::PageEncoding;
use crate::error::Fault;
use crate::levels::{self, HybridCursor, bit_width};
use crate::page::header::PageKind;
use crate::schema::column_layout::{ColumnLayout, Leaf, Shape};

/// A position in the levels of a page.
#[derive(Debug)]
pub(super) struct Levels {
    /// The level bytes, where they had to be rewritten; otherwise they lie in the page.
    own: Option<Vec<u8>>,
    pub(super) cursor: HybridCursor,
}

impl Levels {
    /// The cursor and the bytes that it walks.
    pub(super) fn with<'a>(&'a mut self, page: &'a [u8]) -> (&'a mut HybridCursor, &'a [u8]) {
        (&mut self.cursor, self.own.as_deref().unwrap_or(page))
    }

    fn hybrid(start: usize, end: usize, max: u32) -> Self {
        Self { own: None, cursor: HybridCursor::new(start, end, u32::BITS - max.leading_zeros()) }
    }

    fn none() -> Self {
        Self { own: None, cursor: HybridCursor::zeros() }
    }

    /// Levels at the start of `bytes[start..]` of a v1 page, and where they end.
    fn v1(
        bytes: &[u8],
        start: usize,
        encoding: PageEncoding,
        max: u32,
        num_values: u32,
    ) -> Result<(Self, usize), Fault> {
        if max == 0 {
            return Ok((Self::none(), start));
        }
        let max_level = i16::try_from(max).unwrap_or(i16::MAX);
        let (level_bytes, rest) =
            levels::split_v1(&bytes[start..], encoding, max_level, num_values)?;
        let end = bytes.len() - rest.len();
        let levels = if encoding == PageEncoding::BitPacked {
            let width = bit_width(max_level);
            let own = levels::from_bit_packed(level_bytes, width, num_values);
            Self { cursor: HybridCursor::new(0, own.len(), width), own: Some(own) }
        } else {
            Self::hybrid(end - level_bytes.len(), end, max)
        };
        Ok((levels, end))
    }
}

/// A data page that is being taken apart.
#[derive(Debug)]
pub(super) struct DataPage {
    pub(super) repetition: Levels,
    pub(super) definition: Levels,
    pub(super) values: ValueCursor,
    num_values: usize,
    /// Levels taken.
    pub(super) taken: usize,
    is_decompressed: bool,
}

impl DataPage {
    /// Finds levels and values in the bytes of a page.
    pub(super) fn new(
        kind: PageKind,
        bytes: &[u8],
        layout: &ColumnLayout,
        is_decompressed: bool,
    ) -> Result<Self, Fault> {
        let (max_repetition, max_definition) = match &layout.shape {
            Shape::Flat { nullable } => (0, u32::from(*nullable)),
            Shape::List(shape) => (1, shape.value_level),
        };
        let (repetition, definition, values_start, encoding, num_values) = match kind {
            PageKind::DataV1 { num_values, encoding, definition_encoding, repetition_encoding } => {
                let (repetition, end) =
                    Levels::v1(bytes, 0, repetition_encoding, max_repetition, num_values)?;
                let (definition, end) =
                    Levels::v1(bytes, end, definition_encoding, max_definition, num_values)?;
                (repetition, definition, end, encoding, num_values)
            }
            PageKind::DataV2 {
                num_values, encoding, definition_bytes, repetition_bytes, ..
            } => {
                let repetition_end = repetition_bytes as usize;
                let end = repetition_end + definition_bytes as usize;
                if end > bytes.len() {
                    return Err(Fault::truncated("levels", end, bytes.len()));
                }
                let level = |start, end, max| match max {
                    0 => Levels::none(),
                    _ => Levels::hybrid(start, end, max),
                };
                let repetition = level(0, repetition_end, max_repetition);
                let definition = level(repetition_end, end, max_definition);
                (repetition, definition, end, encoding, num_values)
            }
            PageKind::Dictionary { .. } | PageKind::Other => {
                return Err(Fault::out_of_spec("a page without values among the data pages"));
            }
        };
        let values = ValueCursor::new(encoding, bytes, values_start, &layout.leaf)?;
        let num_values = num_values as usize;
        Ok(Self { repetition, definition, values, num_values, taken: 0, is_decompressed })
    }

    /// Levels that are not taken yet.
    pub(super) fn left(&self) -> usize {
        self.num_values - self.taken
    }

    /// The page's bytes lie in the column's own memory.
    pub(super) fn is_decompressed(&self) -> bool {
        self.is_decompressed
    }
}

impl Leaf {
    /// Whether its values must be UTF-8.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Bytes { is_text: true, .. })
    }

    /// Name for messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Fixed(_) => "values of fixed width",
            Self::Bool => "booleans",
            Self::Bytes { .. } => "byte arrays",
        }
    }
}
