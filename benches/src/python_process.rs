//! A Python process that answers one line for each line that it is given: the peers in Python.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The process. Dropping it ends it: it waits for commands, and has nothing to save.
pub(crate) struct PythonProcess {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl PythonProcess {
    /// Starts a script of `benches/python`.
    pub(crate) fn start(python: &OsStr, script: &str) -> Result<PythonProcess> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(script);
        let mut child = Command::new(python)
            .arg("-B")
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting Python")?;
        let commands = child.stdin.take().context("stdin is piped")?;
        let answers = BufReader::new(child.stdout.take().context("stdout is piped")?);
        Ok(PythonProcess { child, commands, answers })
    }

    /// Gives it a line and waits for its answer.
    pub(crate) fn ask(&mut self, command: &str) -> Result<String> {
        writeln!(self.commands, "{command}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(!answer.is_empty(), "the Python process ended, see its messages above");
        Ok(answer.trim().to_owned())
    }
}

impl Drop for PythonProcess {
    fn drop(&mut self) {
        // Its end is of no interest to the bench.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
