//! Dictionary pages and the bit-packed indices into them, and bit-unpacking on its own.

use crate::{Encoding, Input, Page, PageKind, ValueColumn};
use ringquet_decode::fuzzing::bit_unpack;

/// All but booleans, which have no dictionary.
const LEAVES: [usize; 21] =
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21];

/// Runs the target on `bytes`.
///
/// # Panics
/// When what must hold does not.
pub fn dictionary(bytes: &[u8]) {
    let mut input = Input(bytes);
    if input.u8() % 4 == 0 {
        let (width, count) = (input.u8(), input.u16());
        return bit_unpack(input.rest(), u32::from(width), usize::from(count));
    }
    let column = ValueColumn::take(&mut input);
    let (entries, dictionary_bytes) = (input.u16(), input.u16());
    let num_values = input.u16() & 0x7ff;
    let dictionary = Page {
        kind: PageKind::Dictionary,
        encoding: Encoding::Plain,
        num_values: u32::from(entries),
        bytes: input.take(usize::from(dictionary_bytes)).to_vec(),
    };
    let mut pages = vec![dictionary];
    // Two pages of indices, or a page of indices and a plain one: the dictionary was given up on in mid-chunk.
    if column.flags & 0x18 != 0 {
        let first_bytes = usize::from(input.u16());
        let first = input.take(first_bytes);
        pages.push(column.page(Encoding::RleDictionary, num_values, first));
    }
    let encoding = match column.flags & 0x10 {
        0 => Encoding::RleDictionary,
        _ => Encoding::Plain,
    };
    pages.push(column.page(encoding, num_values, input.rest()));
    column.check(&LEAVES, pages);
}
