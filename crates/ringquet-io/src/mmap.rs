//! Copies out of a mapping of the file: what a program without an I/O engine does. For comparison, and for
//! tmpfs, where there is nothing to read around.
//!
//! A file that shrinks under a mapping kills the process with SIGBUS when it is touched. The range is
//! populated first with `MADV_POPULATE_READ` (available since 5.14), which answers EFAULT instead; what
//! remains is the moment between that and the copy, which is why `auto` never picks this driver.

use std::collections::HashMap;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use memmap2::{Advice, Mmap, MmapOptions};

use crate::driver::{Driver, DriverFacts, DriverName, RawCompletion, RawRead};

/// Maps each file once, copies at `enter`.
pub(crate) struct MmapCopy {
    facts: DriverFacts,
    maps: HashMap<u32, Mmap>,
    pushed: std::collections::VecDeque<RawRead>,
    completed: Vec<RawCompletion>,
}

impl MmapCopy {
    pub(crate) fn new(queue_depth: u32) -> MmapCopy {
        let facts = DriverFacts {
            name: DriverName::Mmap,
            registered_buffers: false,
            registered_files: false,
            setup_flags: Vec::new(),
        };
        let depth = queue_depth as usize;
        MmapCopy {
            facts,
            maps: HashMap::new(),
            pushed: std::collections::VecDeque::with_capacity(depth),
            completed: Vec::with_capacity(depth),
        }
    }

    fn copy(&mut self, read: &RawRead) -> io::Result<usize> {
        let map = match self.maps.entry(read.file_index) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                // SAFETY: the map is only read through copies of ranges that were populated just before.
                let map = unsafe { MmapOptions::new().map(read.fd)? };
                entry.insert(map)
            }
        };
        let start = usize::try_from(read.offset).unwrap_or(usize::MAX).min(map.len());
        let len = (read.len as usize).min(map.len() - start);
        if len == 0 {
            return Ok(0);
        }
        if let Err(error) = map.advise_range(Advice::PopulateRead, start, len) {
            match error.raw_os_error() {
                // The page is behind the end of a file that shrank: a read there finds nothing.
                Some(libc::EFAULT) => return Ok(0),
                // A kernel before 5.14 does not know the advice.
                Some(libc::EINVAL) => {}
                _ => return Err(error),
            }
        }
        // SAFETY: source lies in the map, target is promised by `push`, and they are different mappings.
        unsafe { std::ptr::copy_nonoverlapping(map[start..].as_ptr(), read.address, len) };
        Ok(len)
    }
}

impl Driver for MmapCopy {
    fn facts(&self) -> &DriverFacts {
        &self.facts
    }

    fn set_file(&mut self, index: u32, _fd: Option<RawFd>) -> io::Result<()> {
        self.maps.remove(&index);
        Ok(())
    }

    unsafe fn push(&mut self, read: RawRead) {
        self.pushed.push_back(read);
    }

    fn enter(&mut self, wait: Option<Duration>) -> io::Result<u32> {
        if wait.is_none() || !self.completed.is_empty() {
            return Ok(0);
        }
        let Some(read) = self.pushed.pop_front() else { return Ok(0) };
        let result = match self.copy(&read) {
            Ok(count) => i32::try_from(count).expect("a read is at most read_size_bytes long"),
            Err(error) => -error.raw_os_error().unwrap_or(libc::EIO),
        };
        self.completed.push(RawCompletion { token: read.token, result });
        Ok(1)
    }

    fn reap(&mut self, completions: &mut Vec<RawCompletion>) {
        completions.append(&mut self.completed);
    }

    fn cancel(&mut self) {
        let cancelled = self
            .pushed
            .drain(..)
            .map(|read| RawCompletion { token: read.token, result: -libc::ECANCELED });
        self.completed.extend(cancelled);
    }
}
