//! Which dictionary entries values are.

use arrow_array::ArrayRef;

/// Which entries of their chunk's dictionary leaf values are. Entries are numbered as they first appear in the chunk: who
/// makes values can say so without looking one up.
#[derive(Debug)]
pub(crate) enum EntryNumbers {
    /// All new: they follow those before.
    Fresh,
    /// New and old.
    Listed {
        /// Number of each; those above 2^32, which no dictionary reaches, are not distinguished.
        numbers: Vec<u32>,
        /// The number that the first new one has.
        first: u64,
        /// The values of the new ones, each once.
        new: ArrayRef,
    },
}
