//! Passes over a data set as training makes them: batches of a fixed number of rows, in an order that a seed decides.
//!
//! ```text
//!  files ─▶ sequence of row groups ─▶ rows of a rank ─▶ batches of a worker ─▶ batches left after a resume
//!           (shuffle, seed, epoch)    (rank, world)     (worker, workers)      (rows done)
//! ```
//! All of this is arithmetic: which rows are in which batch is a pure function of the files, the options and the number of the
//! epoch. The number of reader threads, their timing and earlier epochs have no part in it.

mod fingerprint;
mod options;

mod permutation;
mod row_order;

mod batch_builder;
mod window;

pub(crate) mod batches;

pub use batches::EpochBatches;
pub use options::{EpochOptions, Shuffle};
pub use row_order::Epoch;
