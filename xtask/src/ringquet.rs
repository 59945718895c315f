//! The binary `ringquet`: built by cargo, called with `--json`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::Value;
use xshell::cmd;

use crate::workshop::Workshop;

/// With which of the workspace's profiles the binary is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// What `cargo test` builds: checks its own arithmetic, slow.
    Dev,
    /// What is measured.
    Release,
}

impl Profile {
    /// The name for cargo's `--profile`, and of our directories.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Profile::Dev => "dev",
            Profile::Release => "release",
        }
    }
}

/// A built binary.
pub(crate) struct Ringquet<'w> {
    workshop: &'w Workshop,
    pub(crate) profile: Profile,
    pub(crate) path: PathBuf,
}

/// What a call with `--json` left behind.
pub(crate) struct Answer {
    /// The exit code was 0.
    pub(crate) succeeded: bool,
    /// The document on stdout.
    pub(crate) document: Value,
}

impl<'w> Ringquet<'w> {
    /// Builds the binary; cargo's progress and errors go to stderr.
    pub(crate) fn build(workshop: &'w Workshop, profile: Profile) -> Result<Ringquet<'w>> {
        let name = profile.name();
        let sh = &workshop.sh;
        // Beside `cargo test` everything is built together, since cargo chooses the features of dependencies by what
        // is: the binary alone would have them all built once more.
        // For the same reason the release build names the Python package, of which it builds nothing: the wheel of
        // this host then shares all else.
        let what: &[&str] = match profile {
            Profile::Dev => &["--workspace", "--all-targets"],
            Profile::Release => {
                &["--package", "ringquet-cli", "--package", "ringquet-python", "--bin", "ringquet"]
            }
        };
        // The messages say where the binary is, which depends on cargo's configuration too.
        let messages = cmd!(
            sh,
            "cargo build {what...} --profile {name} --message-format json-render-diagnostics"
        )
        .read()?;
        let path = executable(&messages).context("cargo named no executable `ringquet`")?;
        Ok(Ringquet { workshop, profile, path })
    }

    /// Runs a verb without `--json`, its output as it comes.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: &[A]) -> Result<()> {
        let path = &self.path;
        Ok(cmd!(self.workshop.sh, "{path} {args...}").run()?)
    }

    /// Runs a verb with `--json`; anything but exit code 0 is an error.
    pub(crate) fn json<A: AsRef<OsStr>>(&self, args: &[A]) -> Result<Value> {
        let answer = self.answer(args)?;
        if !answer.succeeded {
            bail!("`{}` failed, its last lines are above", self.line(args));
        }
        Ok(answer.document)
    }

    /// Runs a verb with `--json`, whatever the exit code; stdout must be one document.
    pub(crate) fn answer<A: AsRef<OsStr>>(&self, args: &[A]) -> Result<Answer> {
        let path = &self.path;
        let output =
            cmd!(self.workshop.sh, "{path} {args...} --json").quiet().ignore_status().output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !said.trim().is_empty() {
            println!("{}", said.trim_end());
        }
        let document = serde_json::from_slice(&output.stdout).with_context(|| {
            format!(
                "`{}` ended with {}, stdout is no JSON document",
                self.line(args),
                output.status
            )
        })?;
        Ok(Answer { succeeded: output.status.success(), document })
    }

    /// The command as one would type it, for messages.
    fn line<A: AsRef<OsStr>>(&self, args: &[A]) -> String {
        let args: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy()).collect();
        format!("{} {} --json", self.path.display(), args.join(" "))
    }
}

/// `dataset.data_folder=DIR`, the override that every verb over a workload takes.
pub(crate) fn data_folder(dir: &Path) -> String {
    format!("dataset.data_folder={}", dir.display())
}

/// The path of the binary in cargo's messages, one JSON document a line.
fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "ringquet")
        // The library and the unit tests of the binary have the same name.
        .filter(|message| {
            message["target"]["kind"][0] == "bin" && message["profile"]["test"] == false
        })
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"ringquet","kind":["lib"]},"profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","target":{"name":"ringquet","kind":["bin"]},"profile":{"test":false},"executable":"/t/release/ringquet"}
{"reason":"compiler-artifact","target":{"name":"ringquet","kind":["bin"]},"profile":{"test":true},"executable":"/t/release/deps/ringquet-1"}
{"reason":"compiler-artifact","target":{"name":"other","kind":["bin"]},"profile":{"test":false},"executable":"/t/release/other"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages), Some(PathBuf::from("/t/release/ringquet")));
        assert_eq!(executable(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
