//! One file per verb.

mod datagen;
mod datasize;

mod inspect;
mod plan;

mod cat;
mod scan;

mod run;

mod verify;

mod characterize;
mod doctor;

mod layout;

mod check;
mod report;

mod completions;
mod man;

mod source;

#[cfg(test)]
mod schemas;

use anyhow::Result;

use crate::args::Verb;
use crate::console::Console;
use crate::exit::Exit;

/// Runs the command.
pub(crate) fn run(verb: Verb, console: &mut Console) -> Result<Exit> {
    match verb {
        Verb::Inspect(args) => inspect::run(&args, console),
        Verb::Plan(args) => plan::run(&args, console),
        Verb::Scan(args) => scan::run(&args, console),
        Verb::Cat(args) => cat::run(&args, console),
        Verb::Datagen(args) => datagen::run(&args, console),
        Verb::Datasize(args) => datasize::run(&args, console),
        Verb::Verify(args) => verify::run(&args, console),
        Verb::Run(args) => run::run(&args, console),
        Verb::Characterize(args) => characterize::run(&args, console),
        Verb::Doctor(args) => doctor::run(&args, console),
        Verb::Layout(args) => layout::run(&args, console),
        Verb::Report(args) => report::run(&args, console),
        Verb::Check(args) => check::run(&args, console),
        Verb::Completions(args) => completions::run(&args, console),
        Verb::Man(args) => man::run(&args, console),
    }
}
