//! The binary, as a person or a script uses it: what is typed, what comes back, and how it ends.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, and its line says why")]

pub(crate) mod binary; // finds it, runs it, takes its answer apart
pub(crate) mod schema; // the schemas in docs/schema, which every document keeps to
pub(crate) mod sets; // small files and workloads to run it on

mod documents;
mod usage; // help, wrong usage, exit codes // the keys of `--json` that scripts rely on

mod cat;
mod inspect;
mod memory; // what files hold
mod plan; // the reads of a scan
mod scan;
mod shell; // reading everything once // rows as a table, as a document, as an Arrow file

mod datagen; // generate, resume, verify; what an interrupted call leaves
mod run; // sizing and playing a workload

mod odd_files; // files that other readers stumble over

mod bad_input; // each kind of bad input: one clear line, no panic
mod one_of_many; // one bad file among good ones, verb by verb
mod places; // where files lie and what they are called: names, links, FIFOs, file systems
pub(crate) mod refused;
mod stdout; // reports that cannot be written // a machine that refuses io_uring
