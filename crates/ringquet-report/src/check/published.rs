//! The workloads as they were published: what a run of a model has to have in common with them.

/// A published workload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Published {
    pub(crate) model: &'static str,
    pub(crate) accelerator: &'static str,
    /// Where it may be submitted in v3.0.
    pub(crate) division: Division,
    pub(crate) batch_size: u64,
    /// Seconds per step.
    pub(crate) computation_time: f64,
    pub(crate) samples_per_file: u64,
    /// The bar in percent.
    pub(crate) au_percent: f64,
    pub(crate) epochs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Division {
    ClosedAndOpen,
    WhatIf,
}

const fn published(
    names: (&'static str, &'static str),
    division: Division,
    batch_size: u64,
    computation_time: f64,
    samples_per_file: u64,
    au_percent: f64,
    epochs: u64,
) -> Published {
    let (model, accelerator) = names;
    Published {
        model,
        accelerator,
        division,
        batch_size,
        computation_time,
        samples_per_file,
        au_percent,
        epochs,
    }
}

/// MLPerf Storage v3.0, in both of its divisions.
pub(crate) const WORKLOADS: [Published; 8] = {
    use Division::{ClosedAndOpen, WhatIf};
    [
        published(("unet3d", "b200"), ClosedAndOpen, 7, 0.162, 1, 90.0, 5),
        published(("unet3d", "mi355"), ClosedAndOpen, 7, 0.162, 1, 90.0, 5),
        published(("retinanet", "b200"), ClosedAndOpen, 24, 0.04755, 1, 85.0, 8),
        published(("retinanet", "mi355"), ClosedAndOpen, 36, 0.071_325, 1, 85.0, 8),
        published(("dlrm", "b200"), WhatIf, 12_288, 0.000_375, 4_718_592, 70.0, 1),
        published(("dlrm", "mi355"), WhatIf, 18_432, 0.000_562_5, 4_718_592, 70.0, 1),
        published(("flux", "b200"), WhatIf, 48, 1.35, 288, 90.0, 1),
        published(("flux", "mi355"), WhatIf, 72, 2.025, 288, 90.0, 1),
    ]
};

/// Those of a model.
pub(crate) fn of_model(model: &str) -> Vec<&'static Published> {
    WORKLOADS.iter().filter(|workload| workload.model == model).collect()
}
