//! One test binary over all of ringquet, so that the crates are linked once.
//! The modules stand in the order in which bytes flow.

mod plan; // from row groups to reads, as text and by property
mod submit; // one list of cases that every driver passes
mod complete; // faults: what becomes of reads that fail, come short or never come
mod decode; // bytes to columns, against the parquet crate
mod deliver; // whole data sets: digests, streams, budgets, many files
mod workload; // YAML, overrides, names, shuffles
// mod datagen; // what is written, resumed, verified

mod scratch; // files for the tests above
