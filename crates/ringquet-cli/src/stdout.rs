//! Standard output: text goes out completely or the command fails.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};

/// Standard output was closed when the process started, as in `ringquet scan . --json >&-`.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Runs before `main`. Rust's runtime, which also starts before `main`, opens /dev/null in place of a closed standard
/// descriptor; from then on writing succeeds and the text is lost.
// SAFETY: functions in `.init_array` are called once by the C library before `main`, with arguments that a C function
// without parameters may ignore. This one makes a system call and stores to an atomic; it needs nothing of the runtime.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    let closed = rustix::io::fcntl_getfd(rustix::stdio::stdout()).is_err();
    CLOSED.store(closed, Ordering::Relaxed);
}

/// Prints `text` and one line break. If the reader has gone, as in `ringquet cat FILE | head`, the command ends as it
/// would have.
///
/// # Errors
/// If the text cannot be written: standard output is closed, or its disk is full.
pub(crate) fn print(text: &dyn fmt::Display) -> Result<()> {
    let text = text.to_string();
    write(|| writeln!(io::stdout().lock(), "{}", text.trim_end_matches('\n')))
}

/// As [`print()`], for a help page or a version.
///
/// # Errors
/// As [`print()`].
pub(crate) fn print_help(help: &clap::Error) -> Result<()> {
    write(|| help.print())
}

fn write(write: impl FnOnce() -> io::Result<()>) -> Result<()> {
    if CLOSED.load(Ordering::Relaxed) {
        anyhow::bail!("cannot write to standard output: it is closed");
    }
    match write().and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}
