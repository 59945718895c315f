//! Folders of results, as `check` and `report` read them: the files of two runs of a model.

use ringquet_report::check::check;

use super::documents::check_report;
use crate::folder::{in_folder, parts};

/// Runs the target on `bytes`.
///
/// # Panics
/// When what must hold does not.
pub fn results(bytes: &[u8]) {
    let first = "training/dlrm/run/20261122_144646";
    let second = "training/dlrm/run/20261122_151200";
    let names = [
        "summary.json",
        "ringquet.json",
        "dlio_config/config.yaml",
        "dlio_config/overrides.yaml",
        "0_output.json",
        "1_output.json",
    ];
    let mut files = Vec::new();
    for (name, text) in parts(bytes, &names) {
        files.push((format!("{first}/{name}"), text));
        // The same run again: rules on all runs have two to look at.
        files.push((format!("{second}/{name}"), text));
    }
    in_folder(&files, |dir| {
        if files.iter().any(|(name, _)| name.ends_with("summary.json")) {
            let report = check(dir).expect("a folder with a summary is checked");
            assert_eq!(report.runs.len(), 2);
            let findings = report.runs.iter().flat_map(|run| &run.findings);
            let findings = findings.chain(report.models.iter().flat_map(|model| &model.findings));
            assert_eq!(report.passed, report.fails == 0);
            for finding in findings {
                assert!(!finding.asks.is_empty(), "{}", finding.rule);
            }
        } else {
            let _ = check(dir);
        }
        let first = dir.join(first);
        if first.exists() {
            check_report(dir, &[first, dir.join(second)]);
        }
    });
}
