//! PyArrow, the peer for decoding: one Python process that times its own passes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// A Python process with a file in its memory.
pub struct PyArrow {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl PyArrow {
    /// `None`, and a line that says so, where `RINGQUET_PYTHON` names no Python with PyArrow: `cargo xtask bench`
    /// sets it to the pinned environment under target/.
    ///
    /// # Errors
    /// What starting the process gave.
    #[expect(clippy::print_stdout, reason = "a bench prints what it leaves out")]
    pub fn start() -> Result<Option<PyArrow>> {
        let Some(python) = std::env::var_os("RINGQUET_PYTHON") else {
            println!(
                "PyArrow is left out: RINGQUET_PYTHON is not set ('cargo xtask bench decode' sets it)"
            );
            return Ok(None);
        };
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/decode_peer.py");
        let mut child = Command::new(python)
            .arg("-B")
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting Python")?;
        let commands = child.stdin.take().context("stdin is piped")?;
        let answers = BufReader::new(child.stdout.take().context("stdout is piped")?);
        Ok(Some(PyArrow { child, commands, answers }))
    }

    fn ask(&mut self, command: &str) -> Result<String> {
        writeln!(self.commands, "{command}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(!answer.is_empty(), "the Python process ended, see its messages above");
        Ok(answer.trim().to_owned())
    }

    /// Takes a file into its memory.
    ///
    /// # Errors
    /// What the process says.
    pub fn open(&mut self, path: &Path, columns: Option<&[String]>) -> Result<()> {
        let columns = columns.map_or_else(String::new, |columns| columns.join(","));
        let answer = self.ask(&format!("open {} {columns}", path.display()))?;
        ensure!(answer.starts_with("ready"), "PyArrow: {answer}");
        Ok(())
    }

    /// Seconds of one full decode on one thread.
    ///
    /// # Errors
    /// What the process says.
    pub fn pass(&mut self) -> Result<f64> {
        let answer = self.ask("pass")?;
        answer.parse().with_context(|| format!("PyArrow: {answer}"))
    }
}

impl Drop for PyArrow {
    fn drop(&mut self) {
        // Its end is of no interest to the bench.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
