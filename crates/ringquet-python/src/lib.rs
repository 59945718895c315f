//! The Python module `ringquet._native`. `python/ringquet` gives its names to the user.

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
}
