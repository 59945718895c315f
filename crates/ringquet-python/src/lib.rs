//! The Python module `ringquet._native`. `python/ringquet` gives its names to the user.
//!
//! ```text
//!  arguments  options                       errors   error, interrupt
//!  objects    dataset ─▶ scan, epoch ─▶ batch ─▶ column     schema
//!  columns    tensor ─▶ dlpack, dense, nulls
//!  below      reading (one pass), stream (as an Arrow C stream), report, capsule, type_name
//!  threads    wait (without the GIL), turn (one at a time), fork (not in a child)
//! ```

#![deny(unsafe_code)]

mod fork;
mod turn;
mod wait;

mod error;
mod interrupt;
mod options;

mod capsule;
mod decoded_bytes;
mod schema;
mod type_name;

mod reading;
mod report;
mod stream;

mod dense;
mod dlpack;
mod nulls;
mod tensor;

mod batch;
mod column;
mod dataset;
mod epoch;
mod open;
mod row_group;
mod scan;

mod cli;

use pyo3::prelude::*;

/// The engine, for the package `ringquet`. Use the names of `ringquet` instead of these.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::cli::run_cli;

    /// That of the workspace.
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's name for it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use crate::batch::Batch;
    #[pymodule_export]
    use crate::column::Column;
    #[pymodule_export]
    use crate::dataset::Dataset;
    #[pymodule_export]
    use crate::epoch::{Epoch, EpochBatches};
    #[pymodule_export]
    use crate::open::open;
    #[pymodule_export]
    use crate::row_group::RowGroup;
    #[pymodule_export]
    use crate::scan::Scan;
    #[pymodule_export]
    use crate::schema::{Field, Schema};
}
