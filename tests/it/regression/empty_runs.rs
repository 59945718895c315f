//! Target `dictionary`: among the indices lay a run of no values, `0x00 0x50`. We took it to be two bytes long, as the
//! specification's grammar has it; the `parquet` crate took the zero alone for padding, and went on at the 0x50. The two
//! decoded different values, both without an error. No writer makes such runs and Arrow C++ refuses them: so do we.

use ringquet_decode::DecoderChoice;

use super::support::read;

#[test]
fn a_run_of_no_values_is_refused() {
    let file = include_bytes!("files/empty-run.parquet");
    let error = read(file, DecoderChoice::Auto, 8192).unwrap_err().to_string();
    assert!(error.contains("a run of no values"), "{error}");
}
