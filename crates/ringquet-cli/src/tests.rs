//! Texts of the command line, kept in `snapshots/`: every help page, and every error of its own.

use std::ffi::OsString;
use std::io;

use clap::{Command, CommandFactory as _, Parser as _};
use ringquet_messages::{assert_messages, assert_text, listed};

use crate::args::Cli;
use crate::caller::Caller;
use crate::exit::{Interrupted, defect, one_line};
use crate::flags;
use crate::size::SizeError;

/// Width of the pages, whatever the terminal of the test.
const PAGE_COLUMNS: usize = 110;

fn built() -> Command {
    let mut command = Cli::command().term_width(PAGE_COLUMNS);
    command.build();
    command
}

/// `ringquet --help` and `ringquet VERB --help` of every verb that there is.
#[test]
fn help_of_every_verb() {
    fn keep(command: &Command) {
        let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
        let page = command.clone().render_long_help().to_string();
        let page: Vec<&str> = page.lines().map(str::trim_end).collect();
        assert_text!(format!("help-{name}"), page.join("\n"));
        for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
            keep(verb);
        }
    }
    keep(&built());
}

/// What `-h` shows: the first sentences only.
#[test]
fn short_help() {
    assert_text!("short-help-ringquet", built().render_help().to_string());
}

#[test]
fn messages_of_sizes() {
    assert_messages!(SizeError {
        NotASize("4..0K".to_owned()),
        Unit("4X".to_owned()),
        Fraction("0.3K".to_owned()),
        TooLarge("20000000P".to_owned()),
    });
}

#[test]
fn ends_of_a_command() {
    let ends = [
        ("interrupted", anyhow::Error::new(Interrupted)),
        (
            "a panic",
            defect("index out of bounds: the len is 3 but the index is 7 (src/plan.rs:41)"),
        ),
        (
            "a cause",
            anyhow::Error::new(io::Error::from_raw_os_error(28)).context("out.arrow: cannot write"),
        ),
    ];
    let ends = ends.map(|(name, error)| (name, flags::spelt(&one_line(&error))));
    assert_text!("ends", listed(ends));
}

/// The codes that a caller gets, and what the caller says of standard output.
#[test]
fn codes_of_commands() {
    let code = |line: &str, stdout_closed: bool| {
        let caller = Caller { stdout_closed, ..Caller::deaf() };
        crate::run(line.split(' ').map(OsString::from), caller)
    };
    assert_eq!(code("a/name --version", false), 0);
    assert_eq!(code("a/name --version", true), 1);
    assert_eq!(code("a/name man scan --json", true), 1);
    assert_eq!(code("a/name scan /nowhere", false), 1);
    assert_eq!(code("a/name scna", false), 2);
}

/// Wrong command lines that clap refuses, and the value parsers of ours that it calls.
#[test]
fn refused_command_lines() {
    let lines = [
        "",
        "scna",
        "scan",
        "scan a.parquet --raw --digest",
        "scan a.parquet --queue-depth many",
        "scan a.parquet --driver floppy",
        "scan a.parquet --read-size 4X",
        "scan a.parquet --read-size",
        "scan a.parquet --cpus 3-1",
        "scan a.parquet --sqpoll=one",
        "scan a.parquet --int96 ms",
        "scan a.parquet --queue-dept 8",
        "cat a.parquet --rows 7",
        "cat a.parquet --rows 5..4",
        "run w.yaml --accelerators 1",
        "run w.yaml --results-dir r",
        "run w.yaml --results-dir r --accelerators 1 --accelerators-max 2",
        "run w.yaml --results-dir r --find-max-accelerators --round-seconds soon",
        "run w.yaml --results-dir r --find-max-accelerators --round-seconds 0",
        "datagen w.yaml --resume --force",
        "datagen w.yaml --threads 0",
        "completions tcsh",
        "man scan -o man1",
    ];
    let said = lines.map(|line| {
        let words = std::iter::once("ringquet").chain(line.split_whitespace());
        let answer = Cli::try_parse_from(words).expect_err(line).to_string();
        // `ringquet` alone shows its help page, which is kept already.
        let text = answer.lines().take_while(|line| !line.starts_with("Usage:"));
        let text: Vec<&str> = text.map(str::trim).filter(|line| !line.is_empty()).collect();
        (format!("ringquet {line}"), text.join("\n    "))
    });
    assert_text!("refused", listed(said));
}
