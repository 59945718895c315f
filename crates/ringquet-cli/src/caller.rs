//! What differs between the binary and a program that has the command line inside, such as a Python interpreter.

use std::fmt;
use std::io;

use ringquet::StopFlag;

/// The program that runs a command. Exits, signals and panic hooks belong to the process, so they are here and not in the library.
pub struct Caller {
    /// Standard output was closed when the process started. Another file may have its number now, so only the program that was
    /// there from the start knows.
    pub stdout_closed: bool,
    /// Connects signals with the flag: from now on, Ctrl-C sets it. A command calls this at most once, and only if there is
    /// something to clean up. Before that, and in other commands, Ctrl-C ends the process.
    pub stop_on_signals: Box<dyn Fn(StopFlag) -> io::Result<()> + Send>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("stdout_closed", &self.stdout_closed).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Caller {
    /// For tests: an open standard output, and no signals.
    pub(crate) fn deaf() -> Caller {
        Caller { stdout_closed: false, stop_on_signals: Box::new(|_| Ok(())) }
    }
}
