//! Loaders in Python, ours and its peers, in one process that times its own passes.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::pairs::Sample;
use crate::python_process::PythonProcess;

/// A Python process with loaders in it: `python/loaders.py`.
pub struct Loaders {
    process: PythonProcess,
}

impl Loaders {
    /// `None`, and a line that says so, where `RINGQUET_PYTHON_TORCH` names no Python with the package and PyTorch: `cargo xtask bench
    /// python` sets it.
    ///
    /// # Errors
    /// What starting the process gave.
    #[expect(clippy::print_stdout, reason = "a bench prints what it leaves out")]
    pub fn start() -> Result<Option<Loaders>> {
        let Some(python) = std::env::var_os("RINGQUET_PYTHON_TORCH") else {
            println!(
                "left out: RINGQUET_PYTHON_TORCH is not set ('cargo xtask bench python' sets it)"
            );
            return Ok(None);
        };
        Ok(Some(Loaders { process: PythonProcess::start(&python, "loaders.py")? }))
    }

    fn ask(&mut self, command: &Value) -> Result<Value> {
        let answer = self.process.ask(&command.to_string())?;
        serde_json::from_str(&answer).with_context(|| format!("answer of Python: {answer}"))
    }

    /// Opens a loader under a name, with its arguments.
    ///
    /// # Errors
    /// If the process ended.
    pub fn open(&mut self, name: &str, loader: &str, arguments: &Value) -> Result<()> {
        let mut command = arguments.clone();
        for (key, value) in [("do", "open"), ("name", name), ("loader", loader)] {
            command[key] = json!(value);
        }
        self.ask(&command).map(drop)
    }

    /// Closes a loader, whose memory would count against those that follow.
    ///
    /// # Errors
    /// If the process ended.
    pub fn close(&mut self, name: &str) -> Result<()> {
        self.ask(&json!({"do": "close", "name": name})).map(drop)
    }

    /// One pass of a loader; the work is `work` for each of its rows.
    ///
    /// # Errors
    /// If the process ended.
    pub fn pass(&mut self, name: &str, work_per_row: f64) -> Result<Sample> {
        let answer = self.ask(&json!({"do": "pass", "name": name}))?;
        let number =
            |key: &str| answer[key].as_f64().with_context(|| format!("no {key}: {answer}"));
        Ok(Sample {
            work: number("rows")? * work_per_row,
            seconds: number("seconds")?,
            cpu_seconds: number("cpu_seconds")?,
        })
    }
}
