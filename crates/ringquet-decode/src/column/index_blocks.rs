//! Dictionary indices of a page, in blocks.

use crate::error::Fault;
use crate::levels::{HybridCursor, HybridRun};

/// Indices or differences decoded at a time: their scratch stays in the first-level cache.
pub(super) const BLOCK: usize = 1024;

/// Some indices of a page.
pub(super) enum IndexBlock<'a> {
    /// One index for all.
    Repeated(u32),
    /// One index for each.
    Indices(&'a [u32]),
}

/// What went wrong with an index.
pub(super) enum IndexFault {
    Fault(Fault),
    /// No such dictionary entry.
    OutOfRange(u32),
}

impl IndexFault {
    pub(super) fn with_entries(self, entries: usize) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::OutOfRange(index) => {
                Fault::out_of_spec(format!("dictionary index {index} among {entries} entries"))
            }
        }
    }
}

/// Hands out the next `count` indices in blocks, with the range of values that each stands for.
pub(super) fn each_block(
    cursor: &mut HybridCursor,
    bytes: &[u8],
    count: usize,
    mut take: impl FnMut(IndexBlock<'_>, std::ops::Range<usize>) -> Result<(), u32>,
) -> Result<(), IndexFault> {
    let mut scratch = [0_u32; BLOCK];
    let mut done = 0;
    while done < count {
        let (run, left) = cursor.run(bytes).map_err(IndexFault::Fault)?;
        let taken = match run {
            HybridRun::Rle(index) => {
                let now = left.min(count - done);
                cursor.advance(now);
                take(IndexBlock::Repeated(index), done..done + now).map(|()| now)
            }
            HybridRun::Packed(_) => {
                let now = left.min(count - done).min(BLOCK);
                let indices = &mut scratch[..now];
                cursor.read_packed(bytes, indices);
                take(IndexBlock::Indices(indices), done..done + now).map(|()| now)
            }
        };
        done += taken.map_err(IndexFault::OutOfRange)?;
    }
    Ok(())
}
