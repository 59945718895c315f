//! One test binary over all of ringquet, so that the crates are linked once.
//! The modules stand in the order in which bytes flow.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends with a panic")]
#![expect(clippy::single_range_in_vec_init, reason = "lists of byte ranges, sometimes of one")]

// from row groups to reads, as text and by property
mod plan;

// one list of cases that every driver passes
mod submit;

// faults: what becomes of reads that fail, come short or never come
mod complete;

// bytes to columns, against the parquet crate
mod decode;

// what reader threads do about panics, lost files, changes, large blocks
mod faults;

// whole data sets: digests, streams, budgets, many files
mod deliver;
mod ordered;

// passes over a data set: order, shares, resume; rows by number
mod epoch;

// where the time of reader threads goes
mod times;

// the library as a program uses it: scans, readers, streams, its examples
mod library;

// YAML, overrides, names, shuffles
mod workload;

// what is written, resumed, verified
mod datagen;

// epochs, steps, accelerators, DLIO's output folder
mod run;

// a device measured: steadiness, knee, roofline, test files that go away
mod characterize;

// what a machine lacks, from recorded trees
mod doctor;

// the rules of a submission, from results
mod check;

// which file layout to write, measured
mod layout;

// documents as HTML, Markdown and CSV
mod report;

// what fuzzing and users found, each with its story
mod regression;

// the binary, as a user types it
mod cli;

// files for the tests above
mod scratch;
