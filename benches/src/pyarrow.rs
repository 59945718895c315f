//! PyArrow, the peer for decoding: one Python process that times its own passes.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::python_process::PythonProcess;

/// A Python process with a file in its memory.
pub struct PyArrow {
    process: PythonProcess,
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
        Ok(Some(PyArrow { process: PythonProcess::start(&python, "decode_peer.py")? }))
    }

    /// Takes a file into its memory.
    ///
    /// # Errors
    /// What the process says.
    pub fn open(&mut self, path: &Path, columns: Option<&[String]>) -> Result<()> {
        let columns = columns.map_or_else(String::new, |columns| columns.join(","));
        let answer = self.process.ask(&format!("open {} {columns}", path.display()))?;
        ensure!(answer.starts_with("ready"), "PyArrow: {answer}");
        Ok(())
    }

    /// Seconds of one full decode on one thread.
    ///
    /// # Errors
    /// What the process says.
    pub fn pass(&mut self) -> Result<f64> {
        let answer = self.process.ask("pass")?;
        answer.parse().with_context(|| format!("PyArrow: {answer}"))
    }
}
