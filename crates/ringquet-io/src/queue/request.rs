//! What a queue of reads keeps of each read.

use std::io;
use std::ops::Range;
use std::time::Instant;

use crate::arena::{Filled, Slot};
use crate::device;
use crate::error::IoError;
use crate::file::DataFile;
use crate::patience::Refusals;

/// What the caller requested.
pub(super) struct Request {
    pub(super) tag: u64,
    pub(super) slot: Slot,
    pub(super) file_index: u32,
    pub(super) range: Range<u64>,
    pub(super) pieces_left: u32,
    pub(super) error: Option<IoError>,
}

/// A part of it that one SQE reads. `done` bytes of `wanted` are there; `asked` is `wanted` rounded up to the
/// alignment.
pub(super) struct Piece {
    pub(super) request: u32,
    pub(super) offset: u64,
    pub(super) wanted: u32,
    pub(super) asked: u32,
    pub(super) done: u32,
    pub(super) refusals: Refusals,
    /// When the kernel got it; before that, when it was pushed.
    pub(super) submitted: Instant,
    pub(super) in_kernel: bool,
}

impl Piece {
    /// The error of a read that the kernel refused for good.
    pub(super) fn failed(&self, file: &DataFile, errno: i32, polled: bool) -> IoError {
        IoError::Read {
            path: file.path().to_owned(),
            offset: self.offset + u64::from(self.done),
            length: u64::from(self.asked - self.done),
            device: device::name_of(file.identity().device),
            source: io::Error::from_raw_os_error(errno),
            advice: if polled && errno == libc::EOPNOTSUPP {
                "; `iopoll` needs a device with poll queues (for NVMe, the module option nvme.poll_queues); remove it otherwise"
            } else {
                ""
            },
        }
    }
}

/// A read that ended.
#[derive(Debug)]
pub struct Completed {
    /// The caller's tag.
    pub tag: u64,
    /// The bytes of the requested range, or why there are none.
    pub result: Result<Filled, IoError>,
}
