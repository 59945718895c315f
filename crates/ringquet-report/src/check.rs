//! Results against the rules of MLPerf Storage, as far as results show.
//!
//! ```text
//!  DIR ─▶ tree: folders with summary.json ─▶ run_folder: what one run says ─▶ rules of a run
//!                  training/MODEL/run/TIME    parameters, published             rules of all runs of a model
//! ```
//! Every rule is reported with the value that was found and `pass`, `fail`, `unknown` (with what is
//! missing) or `note`. Nothing that could not be seen passes.
//!
//! What passes here is prepared well, and is not thereby a submission: a CLOSED one runs the official
//! code, which its checker finds by checksum.

mod error;

mod run_folder;
mod tree;

mod parameters;
mod published;

mod all_runs;
mod one_run;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub use error::CheckError;
pub use parameters::Eligibility;

/// What came of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Kept.
    Pass,
    /// Broken.
    Fail,
    /// The results do not show it.
    Unknown,
    /// Not a rule, but useful information.
    Note,
}

/// A rule on some results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleCheck {
    /// Stable word for scripts.
    pub rule: &'static str,
    /// What the rule requires.
    pub asks: String,
    /// What was found.
    pub value: String,
    /// What came of it.
    pub verdict: Verdict,
}

impl RuleCheck {
    fn new(
        rule: &'static str,
        verdict: Verdict,
        asks: impl Into<String>,
        value: impl Into<String>,
    ) -> RuleCheck {
        RuleCheck { rule, asks: asks.into(), value: value.into(), verdict }
    }

    /// Pass or fail.
    fn judged(
        rule: &'static str,
        is_kept: bool,
        asks: impl Into<String>,
        value: impl Into<String>,
    ) -> RuleCheck {
        let verdict = if is_kept { Verdict::Pass } else { Verdict::Fail };
        RuleCheck::new(rule, verdict, asks, value)
    }

    /// What is missing for a judgement.
    fn unknown(
        rule: &'static str,
        asks: impl Into<String>,
        missing: impl Into<String>,
    ) -> RuleCheck {
        RuleCheck::new(rule, Verdict::Unknown, asks, missing)
    }
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunCheck {
    /// Its folder.
    #[serde(serialize_with = "ringquet_result::path_text::serialize_path")]
    pub folder: PathBuf,
    /// By what was changed in the workload; `None` if the results do not show it.
    pub standing: Option<Eligibility>,
    /// The rules.
    pub findings: Vec<RuleCheck>,
}

/// The runs of one model in one tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelCheck {
    /// The folder of its runs.
    #[serde(serialize_with = "ringquet_result::path_text::serialize_path")]
    pub folder: PathBuf,
    /// Its name, as the tree has it.
    pub model: String,
    /// Rules on all runs together.
    pub findings: Vec<RuleCheck>,
}

/// The rules applied to a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckReport {
    /// As given.
    #[serde(serialize_with = "ringquet_result::path_text::serialize_path")]
    pub dir: PathBuf,
    /// No rule is broken.
    pub passed: bool,
    /// Rules that were kept.
    pub passes: usize,
    /// Rules that were broken.
    pub fails: usize,
    /// Rules that the results do not show.
    pub unknowns: usize,
    /// Models in trees.
    pub models: Vec<ModelCheck>,
    /// Every run, in the order of their folders.
    pub runs: Vec<RunCheck>,
}

/// Checks the results in and below `dir`.
///
/// # Errors
/// [`CheckError`] if `dir` cannot be read or holds no results. A result that is damaged is no
/// error but a finding.
pub fn check(dir: &Path) -> Result<CheckReport, CheckError> {
    let found = tree::find(dir)?;
    let runs: Vec<RunCheck> = found.iter().map(one_run::check).collect();
    let models = all_runs::check(&found);
    let of_models = models.iter().flat_map(|model| &model.findings);
    let findings: Vec<&RuleCheck> =
        runs.iter().flat_map(|run| &run.findings).chain(of_models).collect();
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    Ok(CheckReport {
        dir: dir.to_owned(),
        passed: count(Verdict::Fail) == 0,
        passes: count(Verdict::Pass),
        fails: count(Verdict::Fail),
        unknowns: count(Verdict::Unknown),
        models,
        runs,
    })
}
