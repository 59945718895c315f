//! Overrides on the command line: one a line, on top of a sound workload.

use super::workload::check_workload;

/// What the overrides change.
const WORKLOAD: &str = include_str!("../../../../workloads/flux_smoke.yaml");

/// More are of no interest: each is applied to what the ones before left.
const OVERRIDES_MAX: usize = 16;

/// Runs the target on `bytes`.
///
/// # Panics
/// When what must hold does not.
pub fn overrides(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let overrides: Vec<String> =
            text.split('\n').take(OVERRIDES_MAX).map(str::to_owned).collect();
        check_workload(WORKLOAD, &overrides);
    }
}
