//! Plays a DLIO workload on the engine, and measures what an emulated training run gets.
//!
//! ```text
//!  workload ─▶ files ─▶ shard, shuffle ─▶ deal ─▶ reader threads ─▶ queue ─▶ accelerator 0 ─┐ barrier
//!              per rank, per epoch        streams  decode            of rank  accelerator 1 ─┘ each step
//!                                                                                  │
//!                       summary.json, N_output.json, … ◀─ metrics ◀─ recorded steps┘
//! ```
//! [`run()`] is the whole of it. What it writes equals DLIO's output folder in names, keys and types;
//! `ringquet.json` beside it holds what DLIO has no field for. [`metrics`] has DLIO's formulas as
//! pure functions.
//!
//! # What differs from DLIO, and why
//!
//! | | DLIO | here |
//! |---|---|---|
//! | accelerator | one process each, loaders of its own | one thread each; all share the reader threads |
//! | `read_threads` | processes per accelerator, 1 is sized up | reader threads per accelerator, at most one per CPU in all; `--threads` decides |
//! | `read: false` columns | read all the same | not read |
//! | `prefetch_size` | ignored for Parquet | batches held ready for each accelerator, at least 1 |
//! | `file_shuffle` | epochs from 2 on repeat the order of epoch 1 | each epoch has the order that DLIO computes for it |
//! | `sample_shuffle` | no effect for Parquet | shuffles row groups within a rank; rows in one keep their order |
//! | end of an epoch | each worker drops its incomplete batch | each rank drops its one incomplete batch |
//! | later epochs | the last file of each worker is not read again | everything is read again |
//! | before the clock | a batch is fetched, 64 row groups are read ahead | rings and threads are set up, no data is read |
//! | footers | read by each worker, each epoch, outside the clock | read once, before the first epoch |
//! | computation | sleep; oversleep counts as computation | sleep and spin; oversleep is told apart and lowers AU |
//! | `preprocess_time` | no effect for Parquet | spent by the accelerator, in the time of loading |
//! | `eval_au_percentage` | divided by the ranks once too often, an entry per rank | mean over ranks, an entry per evaluation |
//! | rows per file | not looked at; the loader ends early | must be `num_samples_per_file` |
//! | random times | one generator per process | one per rank and epoch, from `train.seed` |
//! | checkpoints | written | out of scope |

pub mod characterize;
pub mod doctor;

mod sync;

mod run;

pub mod layout;

pub mod check;
pub mod report;

pub use run::{
    ACCELERATORS_MAX, AcceleratorPriority, Ensemble, EpochReport, Granted, LostTime, Phase,
    PhaseReport, Progress, RankReport, ReaderTime, RunError, RunOptions, RunReport, TimeByCause,
    engine_options, metrics, run, run_together,
};
pub use run::{
    Bound, Capacity, Ceiling, CeilingBy, Point, Prediction, SearchOptions, SearchProgress,
    SearchReport, find_max_accelerators,
};
