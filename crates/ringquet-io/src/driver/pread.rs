//! The driver that everyone has: one `pread` at a time on the thread that waits.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::io::ReadWriteFlags;

use crate::driver::one_by_one::ReadOne;
use crate::driver::{RawRead, RawWrite};

/// A system call for each read.
pub(crate) struct Pread;

impl ReadOne for Pread {
    unsafe fn read_one(&mut self, read: &RawRead) -> i32 {
        // SAFETY: the caller's promise is the same.
        unsafe { read_now(read) }
    }
}

/// One `preadv2`; the result as a CQE's `res`.
///
/// # Safety
/// As [`Driver::push`].
pub(crate) unsafe fn read_now(read: &RawRead) -> i32 {
    // SAFETY: `push` promises that the memory is writable and ours.
    let buffer = unsafe { std::slice::from_raw_parts_mut(read.address, read.len as usize) };
    // SAFETY: `push` promises that the file stays open.
    let fd = unsafe { BorrowedFd::borrow_raw(read.fd) };
    let flags = ReadWriteFlags::from_bits_retain(read.rw_flags);
    let answer = if flags.is_empty() {
        rustix::io::pread(fd, &mut *buffer, read.offset)
    } else {
        rustix::io::preadv2(fd, &mut [io::IoSliceMut::new(buffer)], read.offset, flags)
    };
    match answer {
        Ok(count) => i32::try_from(count).expect("a read is at most read_size_bytes long"),
        Err(errno) => -errno.raw_os_error(),
    }
}

/// One `pwrite`; the result as a CQE's `res`.
///
/// # Safety
/// As [`crate::Driver::push_write`].
pub(crate) unsafe fn write_now(write: &RawWrite) -> i32 {
    // SAFETY: `push_write` promises that the memory stays and nothing changes it.
    let bytes = unsafe { std::slice::from_raw_parts(write.address, write.len as usize) };
    // SAFETY: `push_write` promises that the file stays open.
    let fd = unsafe { BorrowedFd::borrow_raw(write.fd) };
    match rustix::io::pwrite(fd, bytes, write.offset) {
        Ok(count) => i32::try_from(count).expect("a slot has at most 64 MiB"),
        Err(errno) => -errno.raw_os_error(),
    }
}
