//! What a queue of reads keeps of each read.

use std::io;
use std::ops::Range;
use std::time::Instant;

use crate::error::IoError;
use crate::memory::{Filled, Slot};
use crate::queue::patience::Refusals;
use crate::storage::device;
use crate::storage::file::DataFile;

/// What the caller asked for.
pub(crate) struct Request {
    pub(crate) tag: u64,
    pub(crate) slot: Slot,
    pub(crate) file_index: u32,
    pub(crate) range: Range<u64>,
    pub(crate) pieces_left: u32,
    pub(crate) error: Option<IoError>,
}

/// A part of it that one SQE reads. `done` bytes of `wanted` are there; `asked` is `wanted` rounded up to the
/// alignment.
pub(crate) struct Piece {
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
    /// The error of a read that the kernel refused for good.
    pub(crate) fn failed(&self, file: &DataFile, errno: i32, polled: bool) -> IoError {
        IoError::Read {
            path: file.path().to_owned(),
            offset: self.offset + u64::from(self.done),
            length: u64::from(self.asked - self.done),
            device: device::name_of(file.identity().device),
            source: io::Error::from_raw_os_error(errno),
            advice: if polled && errno == libc::EOPNOTSUPP {
                "; `iopoll` needs a device with poll queues (for NVMe, the module option nvme.poll_queues): leave it out"
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
    /// The bytes of the range asked for, or why there are none.
    pub result: Result<Filled, IoError>,
}
