//! What can go wrong between an open file and a filled slot.

use std::io;
use std::path::PathBuf;

use ringquet_result::OptionError;

/// Why bytes did not come. Every arm names the file (where there is one), the numbers and the way out.
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    /// The file could not be opened.
    #[error("{path}: cannot open: {source}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// `statx` on an open file failed.
    #[error("{path}: cannot stat: {source}", path = path.display())]
    Stat {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A directory, a pipe, a socket: something that has no offsets.
    #[error("{path}: is {kind}, not a regular file or a block device: it cannot be read at offsets{advice}", path = path.display(), advice = save_it(kind))]
    NotSeekable {
        /// The file.
        path: PathBuf,
        /// What it is, e.g. `a FIFO (named pipe)`.
        kind: &'static str,
    },
    /// `direct` is on and this file system does not support O_DIRECT.
    #[error("{path}: O_DIRECT is refused by this file system ({source}); use `direct` auto or off", path = path.display())]
    DirectRefused {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A read failed for good.
    #[error("{path}: read of {length} bytes at offset {offset} failed{on}: {source}{advice}", path = path.display(), on = on_device(device.as_deref()))]
    Read {
        /// The file.
        path: PathBuf,
        /// First byte of the read that failed.
        offset: u64,
        /// Requested bytes.
        length: u64,
        /// The block device below, where known.
        device: Option<String>,
        /// The kernel's answer (EIO, …).
        source: io::Error,
        /// What to do about it, where that is known; empty or beginning with a semicolon.
        advice: &'static str,
    },
    /// A write failed for good.
    #[error("{path}: write of {length} bytes at offset {offset} failed: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// First byte of the write that failed.
        offset: u64,
        /// Bytes that were to be written.
        length: u64,
        /// The kernel's answer (ENOSPC, EIO, …).
        source: io::Error,
    },
    /// The file ended before the bytes that it had when it was opened.
    #[error(
        "{path}: unexpected end of file: {missing} of {length} bytes at offset {offset} are missing (it was {file_len} bytes long when it was opened); was it truncated during the scan?",
        path = path.display()
    )]
    UnexpectedEof {
        /// The file.
        path: PathBuf,
        /// First byte of the read.
        offset: u64,
        /// Requested bytes.
        length: u64,
        /// Bytes that did not come.
        missing: u64,
        /// Length of the file when it was opened.
        file_len: u64,
    },
    /// The file is not the one that was opened before.
    #[error("{path}: changed during the scan: {what}; the results of this file are unreliable, run again", path = path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Which property differs, with both values.
        what: String,
    },
    /// io_uring was requested by name and is not available.
    #[error("io_uring is not available: {reason}; {remedy}")]
    UringUnavailable {
        /// What the probe met.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
    /// The kernel refused to take or to wait for reads; the queue is unusable afterwards.
    #[error("{driver}: entering the kernel failed: {source}")]
    Enter {
        /// Name of the driver.
        driver: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Nothing came back for as long as [`crate::Patience::answer`]; the queue is unusable afterwards.
    #[error(
        "{path}: no answer for {seconds} seconds to a request of {length} bytes at offset {offset}{on}, nor to the {others} others in flight; is the device or its server still there? (see dmesg)",
        path = path.display(),
        on = on_device(device.as_deref())
    )]
    NoAnswer {
        /// The file of the oldest request.
        path: PathBuf,
        /// Its first byte.
        offset: u64,
        /// Its bytes.
        length: u64,
        /// The block device below, where known.
        device: Option<String>,
        /// How long nothing came.
        seconds: u64,
        /// Other requests that have no answer.
        others: usize,
    },
    /// A file could not be registered with the ring.
    #[error("{path}: io_uring_register refuses the file: {source}; use `driver` pread if this persists", path = path.display())]
    Register {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The arena could not be mapped.
    #[error(
        "cannot map an arena of {bytes} bytes: {source}; lower `memory_budget_bytes` or `threads`"
    )]
    Arena {
        /// Requested size.
        bytes: usize,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Options that contradict each other or are out of range.
    #[error("{0}")]
    Options(OptionError),
}

fn save_it(kind: &str) -> &'static str {
    if kind == "a directory" { "" } else { "; save its content to a file first" }
}

fn on_device(device: Option<&str>) -> String {
    device.map(|d| format!(" on {d}")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
