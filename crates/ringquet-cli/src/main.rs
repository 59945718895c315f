//! The binary `ringquet`: the command line of this process. The library `ringquet_cli` does the work.

use std::panic;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use ringquet::StopFlag;
use ringquet::engine::panics;
use ringquet_cli::Caller;

fn main() -> ExitCode {
    // A panic is a bug and is reported as an error like any other. RUST_BACKTRACE prints where it came from.
    if std::env::var_os("RUST_BACKTRACE").is_none() {
        panic::set_hook(Box::new(|_| {}));
    }
    panics::record_places();
    let caller = Caller {
        stdout_closed: CLOSED.load(Ordering::Relaxed),
        stop_on_signals: Box::new(stop_on_signals),
    };
    ringquet_cli::run(std::env::args_os(), caller).into()
}

/// The first of Ctrl-C, SIGTERM and SIGHUP stops the command, which cleans up; the second ends the process at once.
#[expect(clippy::exit, reason = "the second Ctrl-C ends the process wherever its threads are")]
fn stop_on_signals(stop: StopFlag) -> std::io::Result<()> {
    let asked_before = AtomicBool::new(false);
    let handler = move || {
        stop.stop();
        if asked_before.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
    };
    ctrlc::set_handler(handler).map_err(std::io::Error::other)
}

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
