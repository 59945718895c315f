//! `ringquet completions`: the completion script for a shell, generated from the arguments.

use std::fmt;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use serde::Serialize;

use crate::args::{Cli, CompletionsArgs};
use crate::console::Console;
use crate::exit::Exit;

pub(crate) fn run(args: &CompletionsArgs, console: &mut Console) -> Result<Exit> {
    let shell = args.shell.to_string();
    console.set_options(&Options { shell: &shell });
    let mut script = Vec::new();
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    let script = String::from_utf8(script).context("the script is not UTF-8")?;
    let report = CompletionScript { shell, script };
    console.report(&report, &report)?;
    Ok(Exit::Done)
}

/// `options` of the document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Options<'a> {
    /// Shell that the script is for.
    shell: &'a str,
}

/// A completion script.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct CompletionScript {
    /// Shell that the script is for.
    shell: String,
    /// The script.
    script: String,
}

impl fmt::Display for CompletionScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.script)
    }
}
