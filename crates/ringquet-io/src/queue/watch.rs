//! What is known of when reads begin and end: a completion carries no time of its own.
//!
//! ```text
//!  pushed     submitted         completed         reaped
//!  ──┼────────────┼─────────────────┼───────────────┼──▶
//!                 ├──────────── latency ────────────┤
//!                            look ├── reap delay ────┤   the completion came after the last look
//! ```

use std::time::{Duration, Instant};

use crate::driver::Begins;
use crate::queue::piece::Piece;
use crate::queue::slab::Slab;

/// The clock of a queue's reads.
pub(crate) struct Watch {
    begins: Begins,
    /// When the last wait began: the begin of a read that the wait itself carries out.
    wait_begun: Instant,
    /// No completion that is still to be reaped is older than this: the last look that found all there was, moved on by the
    /// time of waits.
    seen: Instant,
}

impl Watch {
    /// From now on, over a driver whose reads begin as `begins` states.
    pub(crate) fn new(begins: Begins) -> Watch {
        let now = Instant::now();
        Watch { begins, wait_begun: now, seen: now }
    }

    /// An enter follows that hands these reads over.
    pub(crate) fn enters(&self, unsubmitted: &[u64], pieces: &mut Slab<Piece>) {
        if self.begins != Begins::AtEnter || unsubmitted.is_empty() {
            return;
        }
        let now = Instant::now();
        for token in unsubmitted {
            if let Some(piece) = pieces.find_mut(*token) {
                piece.submitted = now;
            }
        }
    }

    /// A wait begins.
    pub(crate) fn waits(&mut self, begun: Instant) {
        self.wait_begun = begun;
    }

    /// It lasted this long. The kernel ends a wait with the first completion: none has waited for this thread meanwhile.
    pub(crate) fn waited(&mut self, span: Duration) {
        self.seen += span;
    }

    /// All completions up to this moment were taken.
    pub(crate) fn looked(&mut self, at: Instant) {
        self.seen = at;
    }

    /// Latency of a read that is reaped at `now`, and how much of it its completion can have waited at most.
    pub(crate) fn latency(&self, piece: &Piece, now: Instant) -> (Duration, Duration) {
        let begun = match self.begins {
            Begins::AtWait => self.wait_begun,
            Begins::AtPush | Begins::AtEnter => piece.submitted,
        };
        let latency = now.saturating_duration_since(begun);
        // It cannot have been complete before it was submitted.
        (latency, now.saturating_duration_since(self.seen).min(latency))
    }
}
