//! The binary `ringquet`, built from the same sources as this test, and what a call of it says.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

use super::schema;

/// Where the binary is. The first call has cargo build it: `cargo test` builds the binaries of the tested package only,
/// and an old one would be tested as if it were new. All of the workspace is named, as in `cargo xtask test`: cargo
/// chooses the features of dependencies by what is built together, and another choice would build them all again.
pub(crate) fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        // target/debug/deps/it-0123456789abcdef
        let test = std::env::current_exe().expect("this process has an executable");
        let profile_dir = test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps");
        build(profile_dir);
        let binary = profile_dir.join("ringquet");
        assert!(binary.is_file(), "{}: cargo did not put it there", binary.display());
        binary
    })
}

fn build(profile_dir: &Path) {
    let profile = match profile_dir.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let target_dir = profile_dir.parent().expect("target/PROFILE has a parent");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--all-targets"])
        .args(["--profile", profile, "--target-dir"])
        .arg(target_dir)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be started");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

/// A call of the binary in `dir`, which a test makes for itself.
pub(crate) fn command(dir: &Path, line: &str) -> Command {
    let mut command = Command::new(path());
    command.current_dir(dir).args(line.split_whitespace());
    command.env_remove("RUST_BACKTRACE");
    command
}

/// As [`command`]; `DIR` at the start of an argument stands for `dir`, whatever bytes that has.
pub(crate) fn command_in(dir: &Path, line: &str) -> Command {
    let mut command = Command::new(path());
    command.current_dir(dir).env_remove("RUST_BACKTRACE");
    for word in line.split_whitespace() {
        match word.strip_prefix("DIR") {
            None => command.arg(word),
            Some(rest) => command.arg(dir.join(rest.trim_start_matches('/'))),
        };
    }
    command
}

/// Runs the binary in `dir`; arguments are separated by blanks.
pub(crate) fn ringquet(dir: &Path, line: &str) -> Answer {
    Answer::of(line, command(dir, line))
}

/// What a call said.
pub(crate) struct Answer {
    pub(crate) line: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    /// Runs a call. It must end by itself and must not have panicked, and a document keeps to its schema.
    pub(crate) fn of(line: &str, command: Command) -> Answer {
        let output = assert_cmd::Command::from_std(command)
            .timeout(std::time::Duration::from_secs(120))
            .output();
        Answer::from_output(line, &output.expect("the binary can be started"))
    }

    #[track_caller]
    pub(crate) fn from_output(line: &str, output: &Output) -> Answer {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("output is UTF-8");
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let code = output.status.code();
        let code =
            code.unwrap_or_else(|| panic!("`{line}` ended with {}\n{stderr}", output.status));
        assert!(!stderr.contains("panicked") && !stderr.contains("a bug in"), "{line}\n{stderr}");
        // Text never begins so.
        if stdout.starts_with('{') {
            let document = serde_json::from_str(&stdout);
            schema::check(&document.unwrap_or_else(|error| panic!("`{line}`: {error}\n{stdout}")));
        }
        Answer { line: line.to_owned(), code, stdout, stderr }
    }

    /// It ended with this code.
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Answer {
        let Answer { line, stdout, stderr, .. } = &self;
        assert_eq!(self.code, code, "`ringquet {line}`\n{stdout}\n{stderr}");
        self
    }

    /// It succeeded and had nothing to say about it.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Answer {
        let answer = self.ends_with(0);
        let said_error = answer.stderr.lines().any(|line| line.starts_with("error"));
        assert!(!said_error, "`{}`\n{}", answer.line, answer.stderr);
        answer
    }

    /// Its document; there is nothing else on standard output.
    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("`{}`: {error}\n{}\n{}", self.line, self.stdout, self.stderr)
        })
    }

    /// The one line that begins with `error: `, without that.
    #[track_caller]
    pub(crate) fn error(&self) -> &str {
        let mut errors = self.stderr.lines().filter_map(|line| line.strip_prefix("error: "));
        match (errors.next(), errors.next()) {
            (Some(error), None) => error,
            _ => panic!("`{}` should say one error\n{}", self.line, self.stderr),
        }
    }
}
