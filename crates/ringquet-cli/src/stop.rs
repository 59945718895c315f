//! Ctrl-C: the first stops the command, which cleans up; the second ends the process at once.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use ringquet::StopFlag;

/// A flag that Ctrl-C, SIGTERM and SIGHUP set.
///
/// # Errors
/// If the handler cannot be installed.
#[expect(clippy::exit, reason = "the second Ctrl-C ends the process wherever its threads are")]
pub(crate) fn on_signals() -> Result<StopFlag> {
    let stop = StopFlag::default();
    let flag = stop.clone();
    let asked_before = AtomicBool::new(false);
    let handler = move || {
        flag.stop();
        if asked_before.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
    };
    ctrlc::set_handler(handler).context("cannot install a handler for Ctrl-C")?;
    Ok(stop)
}
