//! The list of what is free in an arena.

/// io_uring takes at most 1 GiB per registered buffer, so the arena is registered in pieces of this
/// size and no slot lies across two of them.
pub(crate) const PIECE_BYTES_MAX: usize = 1 << 30;

/// Free runs of the arena, sorted by start, never empty, never adjacent within one piece.
pub(crate) struct FreeRuns {
    runs: Vec<Run>,
    pub(crate) free_bytes: usize,
}

#[derive(Clone, Copy)]
struct Run {
    start: usize,
    len: usize,
}

impl FreeRuns {
    pub(crate) fn new(len: usize) -> FreeRuns {
        // Room for more runs than a reader thread ever has slots: no allocation later on.
        let mut runs = Vec::with_capacity(4096);
        runs.extend(
            (0..len)
                .step_by(PIECE_BYTES_MAX)
                .map(|start| Run { start, len: PIECE_BYTES_MAX.min(len - start) }),
        );
        FreeRuns { runs, free_bytes: len }
    }

    /// First fit: reads finish roughly in the order they began, so the list stays short. `align` gives the first
    /// place from an offset on where a slot may begin.
    pub(crate) fn take(&mut self, len: usize, align: impl Fn(usize) -> usize) -> Option<usize> {
        let fits = |run: &Run| {
            let start = align(run.start);
            (start.checked_add(len)? <= run.start + run.len).then_some(start)
        };
        let (at, start) =
            self.runs.iter().enumerate().find_map(|(at, run)| Some((at, fits(run)?)))?;
        let run = self.runs[at];
        let before = Run { start: run.start, len: start - run.start };
        let after = Run { start: start + len, len: run.start + run.len - (start + len) };
        match (before.len > 0, after.len > 0) {
            (false, false) => drop(self.runs.remove(at)),
            (true, false) => self.runs[at] = before,
            (false, true) => self.runs[at] = after,
            (true, true) => {
                self.runs[at] = after;
                self.runs.insert(at, before);
            }
        }
        self.free_bytes -= len;
        Some(start)
    }

    pub(crate) fn give(&mut self, start: usize, len: usize) {
        let at = self.runs.partition_point(|run| run.start < start);
        debug_assert!(at == 0 || self.runs[at - 1].start + self.runs[at - 1].len <= start);
        debug_assert!(at == self.runs.len() || start + len <= self.runs[at].start);
        let joins_left = at > 0
            && self.runs[at - 1].start + self.runs[at - 1].len == start
            && !start.is_multiple_of(PIECE_BYTES_MAX);
        let end = start + len;
        let joins_right = at < self.runs.len()
            && self.runs[at].start == end
            && !end.is_multiple_of(PIECE_BYTES_MAX);
        match (joins_left, joins_right) {
            (true, true) => {
                self.runs[at - 1].len += len + self.runs[at].len;
                self.runs.remove(at);
            }
            (true, false) => self.runs[at - 1].len += len,
            (false, true) => {
                self.runs[at].start = start;
                self.runs[at].len += len;
            }
            (false, false) => self.runs.insert(at, Run { start, len }),
        }
        self.free_bytes += len;
    }
}
