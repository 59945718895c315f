//! How a command ends: exit codes, and the one line of an error.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | the command failed, or missed its target |
//! | 2 | usage error: the command line must change |

use std::fmt;

use ringquet_datagen::DatagenError;
use ringquet_io::IoError;
use ringquet_layout::LayoutError;
use ringquet_report::ReportError;
use ringquet_train::RunError;
use ringquet_workload::WorkloadError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    Usage,
}

impl Exit {
    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
        }
    }
}

/// Something on the command line that cannot work.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// Ctrl-C.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// Which end an error is.
pub(crate) fn of_error(error: &anyhow::Error) -> Exit {
    let is_usage = error.chain().any(|cause| {
        cause.is::<UsageError>()
            || cause.downcast_ref().is_some_and(of_io)
            || cause.downcast_ref().is_some_and(of_engine)
            || cause.downcast_ref().is_some_and(of_workload)
            || cause.downcast_ref().is_some_and(of_datagen)
            || cause.downcast_ref().is_some_and(of_run)
            || cause.downcast_ref().is_some_and(of_layout)
            || cause.downcast_ref().is_some_and(of_report)
    });
    if is_usage { Exit::Usage } else { Exit::Failed }
}

fn of_io(error: &IoError) -> bool {
    matches!(error, IoError::Options(_))
}

fn of_engine(error: &ringquet::Error) -> bool {
    match error {
        ringquet::Error::Options(_) => true,
        ringquet::Error::Io(error) => of_io(error),
        _ => false,
    }
}

/// Whether the fault is in the command line, as opposed to the workload file.
fn of_workload(error: &WorkloadError) -> bool {
    match error {
        WorkloadError::Override { .. } | WorkloadError::Strict { .. } => true,
        WorkloadError::Value { place, .. }
        | WorkloadError::Conflict { place, .. }
        | WorkloadError::Syntax { place, .. } => place.override_text.is_some(),
        _ => false,
    }
}

fn of_datagen(error: &DatagenError) -> bool {
    match error {
        DatagenError::Workload(error) => of_workload(error),
        DatagenError::Engine(error) => of_engine(error),
        DatagenError::Option(_) => true,
        _ => false,
    }
}

fn of_run(error: &RunError) -> bool {
    match error {
        RunError::Workload(error) => of_workload(error),
        RunError::Engine(error) => of_engine(error),
        RunError::Accelerators { .. } | RunError::NoTarget => true,
        _ => false,
    }
}

fn of_layout(error: &LayoutError) -> bool {
    match error {
        LayoutError::Workload(error) => of_workload(error),
        LayoutError::Generate { source, .. } => of_datagen(source),
        LayoutError::Read { source, .. } => of_engine(source),
        LayoutError::Option(_) => true,
        _ => false,
    }
}

fn of_report(error: &ReportError) -> bool {
    matches!(error, ReportError::TooMany { .. } | ReportError::Nothing)
}

/// A panic of our own as an error.
pub(crate) fn defect(panic: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "{panic}; this is a bug in ringquet, please report it (built with 'cargo build --profile profiling', RUST_BACKTRACE=1 prints a backtrace)"
    )
}

/// An error with its causes, in one line. Errors that print their cause themselves do not print it twice.
pub(crate) fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        append(&mut line, &cause);
    }
    line
}

/// Lines as one.
pub(crate) fn joined(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

fn append(line: &mut String, cause: &dyn fmt::Display) {
    let text = joined(&cause.to_string());
    if line.contains(&text) {
        return;
    }
    if !line.is_empty() {
        line.push_str(": ");
    }
    line.push_str(&text);
}

#[cfg(test)]
mod tests {
    use ringquet_result::OptionError;

    use super::*;

    use std::io;
    use std::path::PathBuf;

    use anyhow::Context as _;

    #[test]
    fn an_error_is_one_line_and_says_nothing_twice() {
        let missing = || io::Error::from_raw_os_error(2);
        let error = anyhow::Error::new(missing()).context("a.yaml").context("cannot load");
        assert_eq!(one_line(&error), "cannot load: a.yaml: No such file or directory (os error 2)");
        // IoError prints its source and has it as its cause, too.
        let open = IoError::Open { path: PathBuf::from("f.parquet"), source: missing() };
        let line = one_line(&open.into());
        assert_eq!(line, "f.parquet: cannot open: No such file or directory (os error 2)");
        assert_eq!(one_line(&anyhow::anyhow!("two\n  lines\n")), "two; lines");
    }

    #[test]
    fn which_errors_are_usage() {
        let check = |error: anyhow::Error, expect: Exit| assert_eq!(of_error(&error), expect);
        check(UsageError("--rows 3..1".to_owned()).into(), Exit::Usage);
        check(
            IoError::Options(OptionError::new("queue_depth", 0, "must be more")).into(),
            Exit::Usage,
        );
        check(Interrupted.into(), Exit::Failed);
        let text = "dataset.formt".to_owned();
        let reason = "has no `=`".to_owned();
        let wrong: Result<(), _> = Err(WorkloadError::Override { text, reason });
        check(wrong.context("a.yaml").unwrap_err(), Exit::Usage);
        check(
            ringquet::Error::Options(OptionError::new("threads", 0, "must be more")).into(),
            Exit::Usage,
        );
        check(ringquet::Error::Stopped.into(), Exit::Failed);
        let options = || IoError::Options(OptionError::new("read_size_bytes", 1, "must be more"));
        check(RunError::Engine(ringquet::Error::Io(options())).into(), Exit::Usage);
        check(DatagenError::Engine(Box::new(options().into())).into(), Exit::Usage);
        check(RunError::Accelerators { accelerators: 0, max: 9 }.into(), Exit::Usage);
        check(RunError::NothingToRun.into(), Exit::Failed);
        let file = PathBuf::from("a.yaml");
        check(
            WorkloadError::Read { file, source: io::ErrorKind::NotFound.into() }.into(),
            Exit::Failed,
        );
    }
}
