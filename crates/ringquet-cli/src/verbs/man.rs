//! `ringquet man`: the manual page of the program or of one of its verbs, made from the same arguments that are parsed. With
//! `-o DIR`, the pages of all of them as files: `ringquet.1`, `ringquet-scan.1`, …

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Command, CommandFactory as _};
use ringquet_result::path_text::{serialize_path_option, serialize_paths};
use serde::Serialize;

use crate::args::{Cli, ManArgs};
use crate::console::Console;
use crate::exit::{Exit, UsageError};
use crate::quantity::counted;

pub(crate) fn run(args: &ManArgs, console: &mut Console) -> Result<Exit> {
    console.set_options(&Options { verb: args.verb.as_deref(), output: args.output.as_deref() });
    // Verbs get the options that every verb has, and their full names.
    let mut command = Cli::command();
    command.build();
    let report = match (&args.output, &args.verb) {
        (Some(folder), _) => Report::Files { files: write_all(&command, folder)? },
        (None, None) => Report::ManPage(ManPage::of(&command)?),
        (None, Some(verb)) => {
            let found = verbs(&command).find(|known| known.get_name() == verb);
            let found = found.ok_or_else(|| {
                let names: Vec<&str> = verbs(&command).map(Command::get_name).collect();
                UsageError(format!("invalid value '{verb}': expected one of {}", names.join(", ")))
            })?;
            Report::ManPage(ManPage::of(found)?)
        }
    };
    console.report(&report, &report)?;
    Ok(Exit::Done)
}

/// The verbs that a page can be of. `help` has its own pages, by the name of each verb.
fn verbs(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| verb.get_name() != "help")
}

fn write_all(command: &Command, folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let commands = std::iter::once(command).chain(verbs(command));
    let write = |command: &Command| {
        let page = ManPage::of(command)?;
        let path = folder.join(&page.name);
        fs::write(&path, page.text).with_context(|| path.display().to_string())?;
        Ok(path)
    };
    commands.map(write).collect()
}

/// `options` of the document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Options<'a> {
    /// Verb that the page is of; null for ringquet itself.
    verb: Option<&'a str>,
    /// Folder that all pages were written into.
    #[serde(serialize_with = "serialize_path_option")]
    output: Option<&'a Path>,
}

/// A page, or where all of them are.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(super) enum Report {
    /// One page.
    ManPage(ManPage),
    /// All pages, as files.
    Files {
        /// The files.
        #[serde(serialize_with = "serialize_paths")]
        files: Vec<PathBuf>,
    },
}

/// A page in roff, and how its file is called.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
pub(super) struct ManPage {
    /// Name of its file, e.g. `ringquet-scan.1`.
    name: String,
    /// The page in roff.
    text: String,
}

impl ManPage {
    fn of(command: &Command) -> Result<ManPage> {
        // `ringquet scan` has its page under `man ringquet-scan`.
        let title = command.get_display_name().unwrap_or(command.get_name()).to_owned();
        let mut text = Vec::new();
        let source = concat!("ringquet ", env!("CARGO_PKG_VERSION"));
        let man = clap_mangen::Man::new(command.clone()).source(source).manual("ringquet");
        man.render(&mut text).context("cannot make the manual page")?;
        let text = String::from_utf8(text).context("the manual page is not UTF-8")?;
        Ok(ManPage { name: format!("{title}.1"), text })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::ManPage(page) => f.write_str(&page.text),
            Report::Files { files } => {
                let folder = files.first().and_then(|file| file.parent());
                let folder = folder.unwrap_or(Path::new(".")).display();
                write!(f, "{} in {folder}", counted(files.len() as u64, "manual page"))
            }
        }
    }
}
