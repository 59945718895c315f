//! Where the bytes of a file go: gathered to aligned slots, counted, hashed, handed to a queue that writes
//! them around the page cache.
//!
//! ```text
//!  encode ─▶ slot being filled ─▶ WriteQueue: io_uring, O_DIRECT ─▶ empty slots ─╮
//!            ╰────────────────────────────────────────────────────────────────────╯
//! ```
//! Encoding goes on while the device writes. The slots of the queue are all the memory there is; a sink
//! that meets none free waits for one.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ringquet::engine::DirectChoice;
use ringquet_io::WRITE_ALIGNMENT;
use ringquet_io::{IoError, WriteFile, WriteQueue, WriteSlot};
use twox_hash::XxHash3_128;

use crate::options::Progress;
use crate::partial::PartialFile;
use crate::writer::sink::ByteSink;

/// The end of a file under way.
pub(crate) struct FileSink<'a> {
    /// `None` once it is finished.
    file: Option<PartialFile>,
    out: Arc<WriteFile>,
    queue: &'a mut WriteQueue,
    /// The slot being filled; `None` before the first byte of it.
    slot: Option<WriteSlot>,
    filled: usize,
    hasher: XxHash3_128,
    position: u64,
    progress: &'a dyn Progress,
}

/// What became of a file.
pub(crate) struct Finished {
    pub(crate) file: PartialFile,
    pub(crate) bytes: u64,
    pub(crate) bytes_hash: u128,
    /// Whether it was written around the page cache.
    pub(crate) direct: bool,
}

impl<'a> FileSink<'a> {
    /// A sink for `file`, which will be at `path`.
    pub(crate) fn new(
        path: &Path,
        file: PartialFile,
        choice: DirectChoice,
        queue: &'a mut WriteQueue,
        progress: &'a dyn Progress,
    ) -> io::Result<Self> {
        let out = WriteFile::new(path, file.file().try_clone()?, choice).map_err(wrapped)?;
        Ok(Self {
            file: Some(file),
            out: Arc::new(out),
            queue,
            slot: None,
            filled: 0,
            hasher: XxHash3_128::new(),
            position: 0,
            progress,
        })
    }

    /// Hands the slot to the queue: what is filled, and zeros up to `length`.
    fn send(&mut self, length: usize) -> io::Result<()> {
        let Some(mut slot) = self.slot.take() else { return Ok(()) };
        let bytes = slot.bytes_mut();
        bytes[self.filled..length].fill(0);
        let offset = self.position - self.filled as u64;
        self.queue.write(&self.out, offset, slot, length).map_err(wrapped)?;
        self.progress.advance(self.filled as u64, 0);
        self.filled = 0;
        Ok(())
    }

    /// Writes what is left, waits for all of it and gives the file its length.
    pub(crate) fn finish(mut self) -> io::Result<Finished> {
        // A direct write ends with a block.
        let padded = usize::try_from(WRITE_ALIGNMENT.up(self.filled as u64))
            .expect("a slot is a multiple of the alignment");
        let length = if self.out.is_direct() { padded } else { self.filled };
        self.send(length)?;
        self.queue.finish().map_err(wrapped)?;
        let file = self.file.take().expect("it is taken here and nowhere else");
        // What is too much of a block, or was reserved in vain, is cut off again.
        if file.file().metadata()?.len() != self.position {
            file.file().set_len(self.position)?;
        }
        let (bytes, bytes_hash) = (self.position, self.hasher.finish_128());
        Ok(Finished { file, bytes, bytes_hash, direct: self.out.is_direct() })
    }
}

impl ByteSink for FileSink<'_> {
    fn position(&self) -> u64 {
        self.position
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let slot_bytes = self.queue.slot_bytes();
        let mut rest = bytes;
        while !rest.is_empty() {
            let slot = match &mut self.slot {
                Some(slot) => slot,
                empty => empty.insert(self.queue.take().map_err(wrapped)?),
            };
            let length = rest.len().min(slot_bytes - self.filled);
            let (part, after) = rest.split_at(length);
            // Hashed from where it was made, which is nearer than the slot.
            self.hasher.write(part);
            slot.put(self.filled, part);
            self.filled += length;
            self.position += length as u64;
            rest = after;
            if self.filled == slot_bytes {
                self.send(slot_bytes)?;
            }
        }
        Ok(())
    }
}

impl Drop for FileSink<'_> {
    fn drop(&mut self) {
        if self.file.is_some() {
            // Nothing may be written to a file that is gone. What went wrong has been reported already.
            drop(self.queue.discard());
        }
    }
}

/// To be unwrapped again by [`crate::DatagenError::writing`].
fn wrapped(error: IoError) -> io::Error {
    io::Error::other(error)
}
