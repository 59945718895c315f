//! Calls into the `parquet` crate.

use crate::error::Fault;

/// Calls into the `parquet` crate. It is careful, but not written for hostile input: a panic in it becomes an error of
/// this file instead of the end of a scan over thousands.
pub(crate) fn guarded<T, E: Into<Fault>>(
    what: &'static str,
    call: impl FnOnce() -> Result<T, E>,
) -> Result<T, Fault> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(Fault::out_of_spec(format!("the parquet crate panicked on the {what}"))),
    }
}
