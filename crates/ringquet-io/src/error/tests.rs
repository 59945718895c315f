//! Every message of [`IoError`], and every option that is refused, kept in `snapshots/`.

use ringquet_messages::{assert_messages, assert_text, listed};

use super::*;
use crate::{DirectChoice, IoOptions};

fn path() -> PathBuf {
    PathBuf::from("data/part-0.parquet")
}

fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

#[test]
fn messages() {
    assert_messages!(IoError {
        Open { path: path(), source: errno(libc::ENOENT) },
        Stat { path: path(), source: errno(libc::EACCES) },
        NotSeekable { path: path(), kind: "a directory" },
        NotSeekable { path: path(), kind: "a FIFO (named pipe)" },
        DirectRefused { path: path(), source: errno(libc::EINVAL) },
        Read {
            path: path(),
            offset: 4096,
            length: 524_288,
            device: Some("nvme0n1".to_owned()),
            source: errno(libc::EIO),
            advice: "; see dmesg",
        },
        Read {
            path: path(),
            offset: 4096,
            length: 524_288,
            device: None,
            source: errno(libc::EIO),
            advice: "",
        },
        Write { path: path(), offset: 1_048_576, length: 524_288, source: errno(libc::ENOSPC) },
        UnexpectedEof {
            path: path(),
            offset: 4096,
            length: 524_288,
            missing: 1000,
            file_len: 1_048_576,
        },
        Changed { path: path(), what: "length was 1000, is 2000".to_owned() },
        UringUnavailable {
            reason: "io_uring_setup failed: Operation not permitted (os error 1)".to_owned(),
            remedy: "try 'sysctl -w kernel.io_uring_disabled=0'".to_owned(),
        },
        Enter { driver: "uring", source: errno(libc::EBADF) },
        NoAnswer {
            path: path(),
            offset: 4096,
            length: 524_288,
            device: Some("nvme0n1".to_owned()),
            seconds: 30,
            others: 31,
        },
        Register { path: path(), source: errno(libc::ENOMEM) },
        Arena { bytes: 201_326_592, source: errno(libc::ENOMEM) },
        Options(OptionError::new("queue_depth", 0, "must be 1 to 4096")),
    });
}

#[test]
fn refused_options() {
    let defaults = IoOptions::default;
    let refused = [
        IoOptions { queue_depth: 0, ..defaults() },
        IoOptions { read_size_bytes: 5000, ..defaults() },
        IoOptions { submit_batch: 0, ..defaults() },
        IoOptions { open_files: 0, ..defaults() },
        IoOptions { iopoll: true, direct: DirectChoice::Off, ..defaults() },
    ];
    let message = |options: IoOptions| options.check().expect_err("an option is wrong").to_string();
    let messages = refused.map(|options| ("IoOptions", message(options)));
    assert_text!("options", listed(messages));
}
