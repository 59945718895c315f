//! Found while the target `delta` was written: a cursor asked whether a miniblock was whole after it had taken the
//! values of the batch off those that it still expected. When a batch took all of them, it expected none, and a page that
//! was cut inside a miniblock was read as if zeros followed.

use super::support::check_refused;

#[test]
fn a_miniblock_that_is_cut() {
    check_refused(include_bytes!("files/cut-miniblock.parquet"));
}
