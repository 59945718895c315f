//! The command `ringquet` inside Python: the script of the wheel, and `python -m ringquet`.

use std::ffi::OsString;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use ringquet::StopFlag;
use ringquet_cli::Caller;

/// How often Python's signal handlers get a chance to run: far below the 100 ms within which Ctrl-C ends a command.
const SIGNALS_EVERY: Duration = Duration::from_millis(20);

/// The stack of the command's thread: as large as that of a main thread, on which the binary runs.
const STACK_BYTES: usize = 8 << 20;

/// Runs one command of the command line and returns its exit code. `args[0]` is the name of the program.
///
/// Reports go to file descriptor 1 and errors to 2, not to `sys.stdout` and `sys.stderr`. If a signal handler raises an exception
/// (Ctrl-C raises KeyboardInterrupt), a command with something to clean up does so and returns; any other command, and any command
/// at the second exception, is left behind, and the exception is raised: end the process then.
#[pyfunction]
pub(crate) fn run_cli(py: Python<'_>, args: Vec<OsString>) -> PyResult<u8> {
    let requested: Arc<OnceLock<StopFlag>> = Arc::default();
    let caller = Caller {
        // Python has no stream for a descriptor that was closed when it started.
        stdout_closed: py.import("sys")?.getattr("__stdout__")?.is_none(),
        stop_on_signals: {
            let requested = Arc::clone(&requested);
            Box::new(move |stop| {
                // A command has one flag.
                let _ = requested.set(stop);
                Ok(())
            })
        },
    };
    let (sender, mut receiver) = sync_channel(1);
    // A thread of its own: Python's signal handlers run on the main thread alone, which must therefore wait here.
    let command = thread::Builder::new().name("ringquet".to_owned()).stack_size(STACK_BYTES);
    command.spawn(move || {
        // Where the receiver is gone, an exception has ended the wait.
        let _ = sender.send(ringquet_cli::run(args, caller));
    })?;
    loop {
        let received;
        (received, receiver) = py.detach(move || (receiver.recv_timeout(SIGNALS_EVERY), receiver));
        match received {
            Ok(code) => return Ok(code),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(PyRuntimeError::new_err(
                    "the command panicked while it reported an error",
                ));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Err(exception) = py.check_signals() {
            match requested.get() {
                Some(stop) if !stop.is_stopped() => stop.stop(),
                _ => return Err(exception),
            }
        }
    }
}
