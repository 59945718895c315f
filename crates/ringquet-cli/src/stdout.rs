//! Standard output: text goes out completely or the command fails.

use std::fmt;
use std::io::{self, Write as _};

use anyhow::{Context as _, Result};

/// Standard output of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stdout {
    /// It was closed when the process started: writing would succeed, into something else.
    pub(crate) closed: bool,
}

impl Stdout {
    /// Prints `text` and one line break. If the reader has gone, as in `ringquet cat FILE | head`, the command ends as it
    /// would have.
    ///
    /// # Errors
    /// If the text cannot be written: standard output is closed, or its disk is full.
    pub(crate) fn print(self, text: &dyn fmt::Display) -> Result<()> {
        let text = text.to_string();
        self.write(|| writeln!(io::stdout().lock(), "{}", text.trim_end_matches('\n')))
    }

    /// As [`Self::print`], for a help page or a version.
    ///
    /// # Errors
    /// As [`Self::print`].
    pub(crate) fn print_help(self, help: &clap::Error) -> Result<()> {
        self.write(|| help.print())
    }

    fn write(self, write: impl FnOnce() -> io::Result<()>) -> Result<()> {
        if self.closed {
            anyhow::bail!("cannot write to standard output: it is closed");
        }
        match write().and_then(|()| io::stdout().flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(error).context("cannot write to standard output")
            }
            _ => Ok(()),
        }
    }
}
