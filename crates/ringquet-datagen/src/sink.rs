//! Where the bytes of a file go: gathered to aligned blocks, counted, hashed, written around the
//! page cache by a thread of their own.
//!
//! ```text
//!  encode ─▶ block being filled ─▶ queue of full blocks ─▶ pwrite, O_DIRECT ─▶ empty blocks ─╮
//!            ╰───────────────────────────────────────────────────────────────────────────────╯
//! ```
//! Encoding goes on while the device writes. Both wait for each other through [`BLOCKS`], which is
//! all the memory there is. Where the file system has no O_DIRECT the same blocks go through the
//! page cache.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use memmap2::MmapMut;
use ringquet::DirectChoice;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use xxhash_rust::xxh3::Xxh3;

use crate::options::Progress;
use crate::partial::PartialFile;

/// Bytes of a block, one write: at this size the calls do not show on any device that we know, and
/// four blocks still fit in most level-2 caches.
const BLOCK_BYTES: usize = 1 << 20;
/// Blocks of a file: one is filled, one is written, two wait, so that neither side waits for a
/// hiccup of the other.
const BLOCKS: usize = 4;
/// Of offsets, lengths and memory: the largest logical block of current devices and file systems.
const ALIGNMENT_BYTES: usize = 4096;

/// A full block and where it goes.
struct FullBlock {
    block: MmapMut,
    offset: u64,
}

/// The end of a file under way.
pub(crate) struct FileSink<'a> {
    file: PartialFile,
    choice: DirectChoice,
    /// The block being filled; anonymous mappings begin with a page.
    block: MmapMut,
    filled: usize,
    blocks_made: usize,
    pump: Option<Pump>,
    hasher: Xxh3,
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
    pub(crate) fn new(
        file: PartialFile,
        choice: DirectChoice,
        progress: &'a dyn Progress,
    ) -> io::Result<Self> {
        let set = match choice {
            DirectChoice::Off => Ok(()),
            DirectChoice::Auto | DirectChoice::On => set_direct(file.file(), true),
        };
        if choice == DirectChoice::On {
            set?;
        }
        Ok(Self {
            file,
            choice,
            block: MmapMut::map_anon(BLOCK_BYTES)?,
            filled: 0,
            blocks_made: 1,
            pump: None,
            hasher: Xxh3::new(),
            position: 0,
            progress,
        })
    }

    /// Bytes so far: the offset of what is written next.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.position += bytes.len() as u64;
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = rest.len().min(BLOCK_BYTES - self.filled);
            let (part, after) = rest.split_at(length);
            self.block[self.filled..self.filled + length].copy_from_slice(part);
            self.filled += length;
            rest = after;
            if self.filled == BLOCK_BYTES {
                self.send_block(self.position - rest.len() as u64)?;
            }
        }
        Ok(())
    }

    /// Hands the full block, which ends at `end`, to the writing thread and takes an empty one.
    fn send_block(&mut self, end: u64) -> io::Result<()> {
        self.hasher.update(&self.block);
        let pump = match &mut self.pump {
            Some(pump) => pump,
            pump => pump.insert(Pump::start(self.file.file().try_clone()?, self.choice)),
        };
        let empty = if self.blocks_made < BLOCKS {
            self.blocks_made += 1;
            Some(MmapMut::map_anon(BLOCK_BYTES)?)
        } else {
            pump.empty.recv().ok()
        };
        let Some(empty) = empty else { return Err(self.failure()) };
        let block = std::mem::replace(&mut self.block, empty);
        self.filled = 0;
        let full = FullBlock { block, offset: end - BLOCK_BYTES as u64 };
        let sent = pump.full.as_ref().is_some_and(|full_blocks| full_blocks.send(full).is_ok());
        if !sent {
            return Err(self.failure());
        }
        self.progress.advance(BLOCK_BYTES as u64, 0);
        Ok(())
    }

    /// Why the writing thread has ended early.
    fn failure(&mut self) -> io::Error {
        let ended = self.pump.take().map(Pump::finish);
        match ended {
            Some(Err(error)) => error,
            _ => io::Error::other("the writing thread ended without a reason"),
        }
    }

    /// Writes what is left and gives the file its length.
    pub(crate) fn finish(mut self) -> io::Result<Finished> {
        if let Some(pump) = self.pump.take() {
            pump.finish()?;
        }
        let tail = &mut self.block[..];
        self.hasher.update(&tail[..self.filled]);
        let offset = self.position - self.filled as u64;
        let file = self.file.file();
        if is_direct(file)? && !self.filled.is_multiple_of(ALIGNMENT_BYTES) {
            // A direct write ends with a block; what is too much is cut off again.
            let padded = self.filled.next_multiple_of(ALIGNMENT_BYTES);
            tail[self.filled..padded].fill(0);
            write_at(file, &tail[..padded], offset, self.choice)?;
            file.set_len(self.position)?;
        } else {
            write_at(file, &tail[..self.filled], offset, self.choice)?;
        }
        self.progress.advance(self.filled as u64, 0);
        let direct = is_direct(file)?;
        let (bytes, bytes_hash) = (self.position, self.hasher.digest128());
        Ok(Finished { file: self.file, bytes, bytes_hash, direct })
    }
}

fn set_direct(file: &File, direct: bool) -> io::Result<()> {
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, direct);
    Ok(fcntl_setfl(file, flags)?)
}

fn is_direct(file: &File) -> io::Result<bool> {
    Ok(fcntl_getfl(file)?.contains(OFlags::DIRECT))
}

/// Writes all of `bytes` at `offset`. Some file systems take the flag O_DIRECT and then refuse the
/// write, for an alignment larger than ours: from there on the file goes through the page cache.
fn write_at(file: &File, bytes: &[u8], offset: u64, choice: DirectChoice) -> io::Result<()> {
    match file.write_all_at(bytes, offset) {
        Err(error)
            if error.kind() == io::ErrorKind::InvalidInput
                && choice == DirectChoice::Auto
                && is_direct(file)? =>
        {
            set_direct(file, false)?;
            file.write_all_at(bytes, offset)
        }
        result => result,
    }
}

/// The writing thread of a file.
struct Pump {
    /// `None` once there is nothing more to write.
    full: Option<SyncSender<FullBlock>>,
    empty: Receiver<MmapMut>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Pump {
    fn start(file: File, choice: DirectChoice) -> Self {
        let (full, blocks) = sync_channel(BLOCKS);
        let (returned, empty) = channel();
        let thread = std::thread::spawn(move || run(&file, &blocks, &returned, choice));
        Self { full: Some(full), empty, thread: Some(thread) }
    }

    /// Waits until all blocks are written.
    fn finish(mut self) -> io::Result<()> {
        self.full = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        // Nothing may be written to a file that its owner thinks gone.
        self.full = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn run(
    file: &File,
    blocks: &Receiver<FullBlock>,
    empty: &Sender<MmapMut>,
    choice: DirectChoice,
) -> io::Result<()> {
    for FullBlock { block, offset } in blocks {
        write_at(file, &block, offset, choice)?;
        // The other side does not take blocks back any more once the file ends.
        drop(empty.send(block));
    }
    Ok(())
}
