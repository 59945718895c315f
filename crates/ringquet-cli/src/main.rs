//! The binary `ringquet`: arguments, progress, exit codes. The libraries do the work.
//!
//! ```text
//!  command line ─▶ args ─▶ verbs ─▶ a library ─▶ report ─▶ console ─▶ text or one JSON document
//!                  │ engine_args     │ progress, stop        │ exit
//!                  ▼ size            ▼                       ▼ json, quantity
//! ```

mod args;
mod engine_args;
mod size;

mod verbs;

mod progress;
mod stop;

mod stdout;
mod unfinished;

mod console;
mod flags;
mod quantity;
mod table;

mod exit;

#[cfg(test)]
mod tests;

use std::panic;
use std::process::ExitCode;

use clap::Parser as _;
use ringquet::engine::panics;

use crate::args::Cli;
use crate::console::Console;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return console::answer(&answer).into(),
    };
    let mut console = Console::new(cli.verb.name(), cli.json, cli.quiet);
    // A panic is a bug and is reported as an error like any other. RUST_BACKTRACE prints where it came from.
    if std::env::var_os("RUST_BACKTRACE").is_none() {
        panic::set_hook(Box::new(|_| {}));
    }
    panics::record_places();
    let done = panics::caught(|| verbs::run(cli.verb, &mut console));
    let done = done.unwrap_or_else(|panic| Err(exit::defect(&panic)));
    match done {
        Ok(exit) => exit.into(),
        Err(error) => console.fail(&error).into(),
    }
}
