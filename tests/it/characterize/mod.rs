//! What a device gives: documents, refusals, and that nothing is left behind.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, and its line says why")]

mod points; // the library's points, on files of known content
mod refusals; // each kind of bad input: one clear line
mod stops; // Ctrl-C and worse
mod sweeps; // whole calls of the binary

/// A sweep of a second or two: what it measures is worth nothing, what it says has to be right.
const SHORT: &str =
    "--test-file-size 16MiB --round 0.03 --rounds 5 --threads 1,2 --queue-depths 1,4";
