//! The dictionary of a column chunk, in memory: values as Arrow has them, or where strings lie in their page.

use super::page_memory::PageMemory;
use crate::encoding::PageEncoding;
use crate::error::Fault;
use crate::kernels::convert::{Convert, convert};
use crate::kernels::join_strings::{Span, plain_string};
use crate::pool::{BufferPool, Hold, PoolBuffer};
use crate::schema::column_layout::{FixedLeaf, Leaf};

/// Entries that indices of eight bits can name.
pub(super) const TABLE: usize = 256;

/// The dictionary of a column chunk.
#[derive(Debug)]
pub(super) enum Dictionary {
    /// Values as Arrow has them, `count` of them; of up to 16 bytes each, with room for [`TABLE`] at least.
    Fixed {
        values: PoolBuffer,
        count: usize,
        _hold: Hold,
    },
    Strings(StringDictionary),
}

impl Dictionary {
    /// The dictionary in a page that lies in the memory of the source.
    pub(super) fn at_source(
        leaf: &Leaf,
        num_values: u32,
        encoding: PageEncoding,
        bytes: &[u8],
        pool: &BufferPool,
    ) -> Result<Self, Fault> {
        let count = checked_count(leaf, num_values, encoding)?;
        match leaf {
            Leaf::Fixed(leaf) => Self::fixed(leaf, count, bytes, pool),
            Leaf::Bool | Leaf::Bytes { .. } => {
                let memory = PageMemory::copied(bytes, pool)?;
                StringDictionary::new(memory, count, leaf.is_text()).map(Self::Strings)
            }
        }
    }

    /// The dictionary in a page of its own memory, which becomes the dictionary's where its values are already those of Arrow.
    pub(super) fn of_page(
        leaf: &Leaf,
        num_values: u32,
        encoding: PageEncoding,
        page: PageMemory,
        pool: &BufferPool,
    ) -> Result<Self, Fault> {
        let count = checked_count(leaf, num_values, encoding)?;
        match leaf {
            Leaf::Fixed(leaf) => {
                let fits = count.saturating_mul(leaf.width) <= page.bytes().len();
                let is_as_in_arrow = leaf.convert == Convert::Same && fits;
                if !is_as_in_arrow || room_of(leaf, count) > page.room() {
                    return Self::fixed(leaf, count, page.bytes(), pool);
                }
                match page.into_parts() {
                    Some((values, hold)) => Ok(Self::Fixed { values, count, _hold: hold }),
                    None => Self::fixed(leaf, 0, &[], pool),
                }
            }
            Leaf::Bool | Leaf::Bytes { .. } => {
                StringDictionary::new(page, count, leaf.is_text()).map(Self::Strings)
            }
        }
    }

    /// Values of fixed width, converted from `bytes`.
    fn fixed(
        leaf: &FixedLeaf,
        count: usize,
        bytes: &[u8],
        pool: &BufferPool,
    ) -> Result<Self, Fault> {
        let stored = count.saturating_mul(leaf.stored);
        let source = bytes
            .get(..stored)
            .ok_or_else(|| Fault::truncated("dictionary", stored, bytes.len()))?;
        let mut hold = pool.hold();
        hold.set(room_of(leaf, count))?;
        let mut values = pool.take(room_of(leaf, count));
        let target = &mut values.bytes_mut()[..count * leaf.width];
        convert(leaf.convert, leaf.stored, source, target);
        Ok(Self::Fixed { values, count, _hold: hold })
    }
}

/// Bytes of memory for the values of a dictionary. Those of up to 16 bytes are looked up in a table.
fn room_of(leaf: &FixedLeaf, count: usize) -> usize {
    let entries = if leaf.width <= 16 { count.max(TABLE) } else { count };
    entries.saturating_mul(leaf.width)
}

/// Entries of a dictionary, as its page states.
fn checked_count(leaf: &Leaf, num_values: u32, encoding: PageEncoding) -> Result<usize, Fault> {
    if !matches!(encoding, PageEncoding::Plain | PageEncoding::PlainDictionary) {
        let what = format!("dictionary page encoded as {}", encoding.name());
        return Err(Fault::out_of_spec(what));
    }
    if matches!(leaf, Leaf::Bool) {
        return Err(Fault::out_of_spec("a dictionary of booleans"));
    }
    Ok(num_values as usize)
}

/// Dictionary entries: the page that they are in, and where each one lies.
#[derive(Debug)]
pub(super) struct StringDictionary {
    pub(super) page: PageMemory,
    pub(super) spans: Vec<Span>,
    /// Bytes of the longest entry.
    pub(super) longest: usize,
    _spans_hold: Hold,
}

impl StringDictionary {
    pub(super) fn new(page: PageMemory, count: usize, is_text: bool) -> Result<Self, Fault> {
        let bytes = page.bytes();
        // Each entry has a length of four bytes.
        if count > bytes.len() / 4 {
            return Err(Fault::truncated("dictionary", count.saturating_mul(4), bytes.len()));
        }
        let mut spans_hold = page.new_hold();
        spans_hold.set(count * size_of::<Span>())?;
        let mut spans = Vec::with_capacity(count);
        let (mut at, mut longest) = (0, 0);
        for _ in 0..count {
            let string = plain_string(&bytes[at..])?;
            if is_text && simdutf8::basic::from_utf8(string).is_err() {
                return Err(not_text());
            }
            // Pages are shorter than 4 GiB.
            let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            spans.push((number(at + 4), number(string.len())));
            at += 4 + string.len();
            longest = longest.max(string.len());
        }
        Ok(Self { page, spans, longest, _spans_hold: spans_hold })
    }
}

#[cold]
pub(super) fn no_dictionary() -> Fault {
    Fault::out_of_spec("dictionary indices without a dictionary page")
}

#[cold]
pub(super) fn not_text() -> Fault {
    Fault::out_of_spec("a string that is not UTF-8")
}
