//! What waiting for an item, for a limited time, came to.

/// What `next_within` gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Waited<T> {
    /// The next item.
    Item(T),
    /// There will be none.
    End,
    /// None came in the time given; there can still be some.
    NotYet,
}

impl<T> Waited<T> {
    /// Changes the item.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Waited<U> {
        match self {
            Waited::Item(item) => Waited::Item(change(item)),
            Waited::End => Waited::End,
            Waited::NotYet => Waited::NotYet,
        }
    }
}
