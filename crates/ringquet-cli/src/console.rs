//! Output of a command: reports on standard output, warnings and errors on standard error.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Context as _, Result};
use ringquet::StopFlag;
use ringquet_result::{ErrorReport, Header, Warning, WarningCode};
use serde::Serialize;
use serde_json::Value;

use crate::caller::Caller;
use crate::exit::{self, Exit};
use crate::flags;
use crate::stdout::Stdout;

/// The output of one command, and its form.
pub(crate) struct Console {
    command: &'static str,
    argv: Vec<String>,
    json: bool,
    quiet: bool,
    options: Value,
    warnings: Vec<Warning>,
    caller: Caller,
}

impl Console {
    pub(crate) fn new(
        command: &'static str,
        argv: &[OsString],
        json: bool,
        quiet: bool,
        caller: Caller,
    ) -> Console {
        Console {
            command,
            argv: argv.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            json,
            quiet,
            options: Value::Object(Default::default()),
            warnings: Vec::new(),
            caller,
        }
    }

    /// The command line as it was typed.
    pub(crate) fn argv(&self) -> &[String] {
        &self.argv
    }

    /// A flag that Ctrl-C, SIGTERM and SIGHUP set from now on.
    ///
    /// # Errors
    /// If the handler cannot be installed.
    pub(crate) fn stop_on_signals(&self) -> Result<StopFlag> {
        let stop = StopFlag::default();
        (self.caller.stop_on_signals)(stop.clone())
            .context("cannot install a handler for Ctrl-C")?;
        Ok(stop)
    }

    /// Whether progress may be shown.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// The options in force: `options` of the document.
    pub(crate) fn set_options(&mut self, options: &impl Serialize) {
        self.options =
            serde_json::to_value(options).expect("options are objects with keys of text");
    }

    /// Adds a warning to standard error and to the document. A warning is shown once, even if several reader threads give it in
    /// the same words.
    pub(crate) fn warn(&mut self, code: WarningCode, message: impl Into<String>) {
        let warning = Warning::new(code, flags::spelt(&message.into()));
        if self.warnings.contains(&warning) {
            return;
        }
        if !self.quiet {
            self.write_line(&format_args!("warning[{}]: {}", warning.code, warning.message));
        }
        self.warnings.push(warning);
    }

    /// [`Self::warn`] for every warning of the engine.
    pub(crate) fn warn_all(&mut self, warnings: &[Warning]) {
        for warning in warnings {
            self.warn(warning.code, &*warning.message);
        }
    }

    /// A note on standard error that is not a warning.
    pub(crate) fn note(&self, note: &dyn fmt::Display) {
        if !self.quiet {
            self.write_line(&format_args!("note: {note}"));
        }
    }

    /// One of several errors, in one line. The command continues and fails at its end.
    pub(crate) fn error(&self, message: &str) {
        self.write_line(&format_args!("error: {}", flags::spelt(&exit::joined(message))));
    }

    /// Prints clap's answer: a help page, the version, or an error in the command line.
    ///
    /// # Errors
    /// If a page cannot be written.
    pub(crate) fn answer(&self, answer: &clap::Error) -> Result<Exit> {
        if answer.use_stderr() {
            // Standard error is closed: there is nowhere to print.
            let _ = answer.print();
            return Ok(Exit::Usage);
        }
        self.stdout().print_help(answer)?;
        Ok(Exit::Done)
    }

    /// The result, as text or as the document.
    pub(crate) fn report(&self, report: &impl Serialize, text: &dyn fmt::Display) -> Result<()> {
        if self.json { self.document(report) } else { self.stdout().print(text) }
    }

    /// As [`Self::report`], for a report whose texts name options.
    pub(crate) fn report_with_flags(
        &self,
        report: &impl Serialize,
        text: &dyn fmt::Display,
    ) -> Result<()> {
        if !self.json {
            return self.stdout().print(&flags::spelt(&text.to_string()));
        }
        let mut report = serde_json::to_value(report)?;
        flags::spell(&mut report);
        self.document(&report)
    }

    /// Prints the error as one line on standard error and in the document. Returns how the command ends.
    pub(crate) fn fail(&self, error: &anyhow::Error) -> Exit {
        let end = exit::of_error(error);
        let message = flags::spelt(&exit::one_line(error));
        self.error(&message);
        if self.json
            && let Err(error) = self.document(&ErrorReport::new(&*message))
        {
            // If the report could not be written either, that is the message already.
            let unwritten = exit::one_line(&error);
            if unwritten != message {
                self.error(&unwritten);
            }
        }
        end
    }

    fn document(&self, report: &impl Serialize) -> Result<()> {
        let header = Header {
            argv: &self.argv,
            command: self.command,
            options: &self.options,
            warnings: &self.warnings,
        };
        let document = ringquet_result::document(&header, report)?;
        self.stdout().print(&format_args!("{document:#}"))
    }

    fn stdout(&self) -> Stdout {
        Stdout { closed: self.caller.stdout_closed }
    }

    fn write_line(&self, line: &dyn fmt::Display) {
        // Standard error is closed: there is nowhere to print.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}
