//! The command line `ringquet`: arguments, progress, exit codes. The other libraries do the work. The binary runs it, and so does
//! the Python package; what belongs to the process is theirs ([`Caller`]).
//!
//! ```text
//!  command line ─▶ args ─▶ verbs ─▶ a library ─▶ report ─▶ console ─▶ text or one JSON document
//!                  │ engine_args     │ progress              │ exit
//!                  ▼ size            ▼                       ▼ json, quantity
//! ```

mod args;
mod engine_args;
mod size;

mod verbs;

mod progress;

mod caller;
mod stdout;
mod unfinished;

mod console;
mod flags;
mod quantity;
mod table;

mod exit;

#[cfg(test)]
mod tests;

use std::ffi::OsString;

use clap::Parser as _;
use ringquet::engine::panics;

pub use crate::caller::Caller;

use crate::args::Cli;
use crate::console::Console;

/// What the command line is called on its pages, under whatever name it was started.
const NAME: &str = "ringquet";

/// Runs one command, from its arguments to its output. The first argument is the name of the program. Returns the exit code:
/// 0 success, 1 failure or target missed, 2 usage error.
///
/// Does not end the process and sets neither signal handlers nor a panic hook. A panic is reported as an error.
pub fn run(args: impl IntoIterator<Item = OsString>, caller: Caller) -> u8 {
    let argv: Vec<OsString> = args.into_iter().collect();
    let words = argv.iter().skip(1).cloned();
    let parsed =
        panics::caught(|| Cli::try_parse_from(std::iter::once(OsString::from(NAME)).chain(words)));
    let (command, json, quiet) = match &parsed {
        Ok(Ok(cli)) => (cli.verb.name(), cli.json, cli.quiet),
        _ => ("help", false, false),
    };
    let mut console = Console::new(command, &argv, json, quiet, caller);
    let done = match parsed {
        Ok(Ok(cli)) => panics::caught(|| verbs::run(cli.verb, &mut console)),
        Ok(Err(answer)) => Ok(console.answer(&answer)),
        Err(panic) => Err(panic),
    };
    let done = done.unwrap_or_else(|panic| Err(exit::defect(&panic)));
    done.unwrap_or_else(|error| console.fail(&error)).code()
}
