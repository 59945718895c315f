//! Alignment of offsets, lengths and memory, a power of two that cannot be zero.

use std::ops::Range;

/// A power of two between 1 and 1 MiB. O_DIRECT requires offsets, lengths and memory to be multiples of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alignment(u32);

impl Alignment {
    /// No constraint: buffered I/O.
    pub const BYTE: Alignment = Alignment(1);
    /// A page of memory, and the granule of the arena: what every O_DIRECT device takes.
    pub const PAGE: Alignment = Alignment(4096);

    /// Largest accepted value; a larger answer of the kernel is a mistake.
    const MAX: u32 = 1 << 20;

    /// `None` unless `bytes` is a power of two in 1..=1 MiB.
    pub fn new(bytes: u32) -> Option<Alignment> {
        (bytes.is_power_of_two() && bytes <= Self::MAX).then_some(Alignment(bytes))
    }

    /// In bytes.
    pub fn bytes(self) -> u64 {
        u64::from(self.0)
    }

    /// Largest multiple that is not above `offset`.
    pub fn down(self, offset: u64) -> u64 {
        offset & !(self.bytes() - 1)
    }

    /// Smallest multiple that is not below `offset`; saturates at the largest multiple of `u64`.
    pub fn up(self, offset: u64) -> u64 {
        self.down(offset.saturating_add(self.bytes() - 1))
    }

    /// The smallest aligned range around `range`.
    pub fn around(self, range: Range<u64>) -> Range<u64> {
        self.down(range.start)..self.up(range.end)
    }

    /// Is `offset` a multiple?
    pub fn divides(self, offset: u64) -> bool {
        offset & (self.bytes() - 1) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_multiples() {
        let a = Alignment::new(512).unwrap();
        assert_eq!(a.around(513..1024), 512..1024);
        assert_eq!(a.around(0..1), 0..512);
        assert_eq!(a.up(u64::MAX), u64::MAX - 511);
        assert!(a.divides(1024) && !a.divides(1));
        assert_eq!(Alignment::new(0), None);
        assert_eq!(Alignment::new(48), None);
        assert_eq!(Alignment::new(1 << 21), None);
    }
}
