//! Levels: hybrid runs and bit-packed ones, on their own, and in front of the values of an INT32 column.

use crate::{
    Column, Encoding, Input, LEAVES, Page, PageKind, Shape, check_file, plain_levels, prefixed,
};
use ringquet_decode::fuzzing::{hybrid, levels_of_v1};

/// Runs the target on `bytes`.
///
/// # Panics
/// When what must hold does not.
pub fn levels(bytes: &[u8]) {
    let mut input = Input(bytes);
    match input.u8() % 4 {
        0 => {
            let (width, piece) = (input.u8(), input.u8());
            hybrid(input.rest(), u32::from(width), usize::from(piece));
        }
        1 => {
            let (flags, num_values) = (input.u8(), input.u16());
            let max_level = i16::from(flags >> 1 & 0xf);
            levels_of_v1(input.rest(), flags & 1 == 1, max_level, u32::from(num_values));
        }
        _ => column(input),
    }
}

/// One or two pages; the levels are the fuzzer's, and their lengths are right.
fn column(mut input: Input<'_>) {
    let shape = input.choose(&[Shape::Optional, Shape::RequiredList, Shape::OptionalList]);
    let flags = input.u8();
    let batch_rows = input.choose(&[5, 3, 8, 64, 8192]);
    let mut rows = 0;
    let mut pages = Vec::new();
    for _ in 0..=flags & 1 {
        let num_values = usize::from(input.u16() & 0x1ff);
        let repetition_bytes = usize::from(input.u8());
        let repetition = match shape.max_repetition() {
            0 => &[],
            _ => input.take(repetition_bytes),
        };
        let definition = if flags & 1 == 1 {
            let definition_bytes = usize::from(input.u8());
            input.take(definition_bytes)
        } else {
            // All that is left: the only page.
            Input(input.0).rest()
        };
        let page_rows = match shape.max_repetition() {
            0 => num_values,
            _ => match plain_levels(repetition, 1, num_values) {
                Some(levels) => levels.iter().filter(|level| **level == 0).count(),
                None => num_values / 2,
            },
        };
        rows += page_rows as u64;
        let values: Vec<u8> = (0..num_values as u32).flat_map(u32::to_le_bytes).collect();
        let is_v2 = flags & 2 == 2;
        let kind = if is_v2 {
            PageKind::V2 {
                num_nulls: 0,
                num_rows: page_rows as u32,
                definition_bytes: definition.len() as u32,
                repetition_bytes: repetition.len() as u32,
            }
        } else {
            let encoding = if flags & 4 == 4 { Encoding::BitPacked } else { Encoding::Rle };
            PageKind::V1 { definition_encoding: encoding, repetition_encoding: encoding }
        };
        let framed = |levels: &[u8], max: u32| match (max, is_v2 || flags & 4 == 4) {
            (0, _) => Vec::new(),
            (_, true) => levels.to_vec(),
            (_, false) => prefixed(levels),
        };
        let bytes = [
            framed(repetition, shape.max_repetition()),
            framed(definition, shape.max_definition()),
            values,
        ];
        pages.push(Page {
            kind,
            encoding: Encoding::Plain,
            num_values: num_values as u32,
            bytes: bytes.concat(),
        });
    }
    let file = Column { leaf: LEAVES[1], shape, rows, pages }.file();
    check_file(&file, batch_rows, flags & 8 == 8);
}
