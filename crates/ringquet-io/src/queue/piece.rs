//! A part of a request that one system call reads or writes.

use std::time::Instant;

use crate::queue::patience::Refusals;

/// What a piece covers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// First byte in the file.
    pub(crate) offset: u64,
    /// Bytes that are needed.
    pub(crate) wanted: u32,
    /// Bytes that are asked for: `wanted`, rounded up where the file must be read in blocks.
    pub(crate) asked: u32,
}

/// `done` bytes of `wanted` are there.
pub(crate) struct Piece {
    /// Index of its request.
    pub(crate) request: u32,
    pub(crate) offset: u64,
    pub(crate) wanted: u32,
    pub(crate) asked: u32,
    pub(crate) done: u32,
    pub(crate) refusals: Refusals,
    /// When the kernel got it; before that, when it was pushed.
    pub(crate) submitted: Instant,
    pub(crate) in_kernel: bool,
}

impl Piece {
    pub(crate) fn new(request: u32, span: Span, now: Instant) -> Piece {
        let Span { offset, wanted, asked } = span;
        let refusals = Refusals::default();
        Piece {
            request,
            offset,
            wanted,
            asked,
            done: 0,
            refusals,
            submitted: now,
            in_kernel: false,
        }
    }

    /// First byte in the file of what is left.
    pub(crate) fn position(&self) -> u64 {
        self.offset + u64::from(self.done)
    }

    /// Bytes that are left to ask for.
    pub(crate) fn rest(&self) -> u32 {
        self.asked - self.done
    }
}
