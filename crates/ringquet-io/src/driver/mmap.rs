//! Copies out of a mapping of the file: what a program without an I/O engine does. For comparison, and for
//! tmpfs, where there is nothing to read around.
//!
//! A file that shrinks under a mapping kills the process with SIGBUS when it is touched. The range is
//! populated first with `MADV_POPULATE_READ` (available since 5.14), which answers EFAULT instead; what
//! remains is the moment between that and the copy, which is why `auto` never picks this driver.

use std::collections::HashMap;
use std::io;

use memmap2::{Advice, Mmap, MmapOptions};

use crate::driver::RawRead;
use crate::driver::one_by_one::ReadOne;

/// Maps each file once, copies at each read.
#[derive(Default)]
pub(crate) struct MmapCopy {
    maps: HashMap<u32, Mmap>,
}

impl ReadOne for MmapCopy {
    unsafe fn read_one(&mut self, read: &RawRead) -> i32 {
        match self.copy(read) {
            Ok(count) => i32::try_from(count).expect("a read is at most read_size_bytes long"),
            Err(error) => -error.raw_os_error().unwrap_or(libc::EIO),
        }
    }

    fn forget_file(&mut self, index: u32) {
        self.maps.remove(&index);
    }
}

impl MmapCopy {
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
                // A kernel before 5.14 does not have the advice.
                Some(libc::EINVAL) => {}
                _ => return Err(error),
            }
        }
        // SAFETY: source lies in the map, target is promised by `push`, and they are different mappings.
        unsafe { std::ptr::copy_nonoverlapping(map[start..].as_ptr(), read.address, len) };
        Ok(len)
    }
}
