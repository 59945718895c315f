//! How much of a page the next step may take, so that a batch ends before it grows beyond its share of the memory.
//!
//! Encoded bytes show little about decoded ones: a dictionary index of three bits can stand for a string of a megabyte. So
//! what values decode to is added up before they are decoded, wherever it is not plain that all of them fit.

use super::data_page::DataPage;
use super::dictionary::Dictionary;
use super::output::Output;
use crate::schema::column_layout::{ColumnLayout, Leaf, ListKind, Shape};

/// Slots and values that the next step may take at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) slots: usize,
    /// Slots that are not null.
    pub(super) values: usize,
}

/// Bytes that a step may always take where the batch has no complete row yet: one row there must be, whatever it takes. Small
/// enough to end soon after the row does.
const STEP_BYTES: usize = 64 << 10;

/// Strings whose lengths are added up at a time: those of a whole page would be added up again by every batch.
const MEASURED_MAX: usize = 8192;

impl Quota {
    /// What may be taken of `page`, in whose memory `bytes` lie, for the first `rows` rows of the output, so that it takes
    /// at most `room` bytes. A first row may take more. Nothing may be taken where the output is full.
    pub(super) fn of(
        layout: &ColumnLayout,
        page: &DataPage,
        bytes: &[u8],
        dictionary: Option<&Dictionary>,
        output: &Output,
        rows: usize,
        room: usize,
    ) -> Self {
        let left = room.saturating_sub(output.bytes());
        let (left, least) = match layout.shape {
            // A single value may take any amount.
            Shape::Flat { .. } => (left, usize::from(output.rows == 0)),
            Shape::List(_) if output.rows <= 1 && left == 0 => (STEP_BYTES, 1),
            Shape::List(_) if output.rows <= 1 => (left, 1),
            Shape::List(_) => (left, 0),
        };
        let per_row = match &layout.shape {
            Shape::Flat { .. } => 0,
            Shape::List(shape) => match shape.kind {
                ListKind::Offsets32 => 4,
                ListKind::Offsets64 => 8,
                ListKind::Fixed(_) => 0,
            },
        };
        let slots_of = |width: usize| (left / (width + per_row).max(1)).max(least);
        match layout.leaf {
            Leaf::Fixed(leaf) => Self { slots: slots_of(leaf.width), values: usize::MAX },
            Leaf::Bool if per_row == 0 => {
                Self { slots: left.saturating_mul(8).max(least), values: usize::MAX }
            }
            Leaf::Bool => Self { slots: slots_of(1), values: usize::MAX },
            Leaf::Bytes { large, .. } => {
                let end_bytes = if large { 8 } else { 4 };
                let slots = slots_of(end_bytes).min(page.left());
                let slots = match layout.shape {
                    Shape::Flat { .. } => slots.min(rows - output.rows),
                    Shape::List(_) => slots,
                };
                // Ends and starts of the slots are paid for first.
                let left = left.saturating_sub(slots * (end_bytes + per_row)).max(left / 2);
                let (slots, values) = match page.values.all_fit(bytes, dictionary, left, slots) {
                    true => (slots, slots),
                    false => {
                        let slots = slots.min(MEASURED_MAX);
                        let values = page.values.fitting(bytes, dictionary, left, slots);
                        (slots, values.max(least))
                    }
                };
                Self { slots, values }
            }
        }
    }

    /// Whether the output is full.
    pub(super) fn is_nothing(self) -> bool {
        self.slots == 0 || self.values == 0
    }
}
