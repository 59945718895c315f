//! The parts below the facade, for programs that bring their own consumers: options for everything, [`Lane`]s, plans.
//!
//! ```text
//! Dataset::open_with(paths, EngineOptions) ─▶ Dataset ─▶ play(dataset, lanes, …) ─▶ your Lane::deliver
//!                                                 └────▶ Dataset::plan ─▶ plan::row_group
//! ```
//! Measurements, tests and the `ringquet` program are built on these. They follow the engine, so they change more often
//! than [`Dataset`](crate::Dataset) and [`Scan`](crate::Scan): some structs have public fields only and no
//! `#[non_exhaustive]`, and a new field of theirs is a new minor version.

pub use crate::open::footers::{OpenReport, TAIL_GUESS_BYTES};
pub use crate::open::listing::{Listing, find_files, is_hidden, keep_each_file_once};
pub use crate::options::{
    BATCH_ROWS_MAX, EngineOptions, GAP_BUFFERED_BYTES, GAP_DIRECT_BYTES,
    MEMORY_PER_THREAD_BUFFERED_BYTES, MEMORY_PER_THREAD_BYTES, MEMORY_PER_THREAD_BYTES_MIN, Picked,
    Resolved, SINGLE_BYTES_MAX,
};
pub use crate::read::lane::{Delivery, Demand, Gate, Lane, Work};
pub use crate::read::play::{Playing, play};
pub use crate::read::reader::DecodeMode;
pub use crate::shares::{BATCH_BYTES, Shares};

pub mod panics {
    //! Panics of threads that the library starts.

    pub use crate::panics::{caught, record_places};
}

pub mod plan {
    //! From (file, row group, columns) to reads: coalesced, aligned, cut. Pure: numbers in, numbers out.

    pub use crate::plan::{
        Extent, FileShape, Plan, PlanBounds, PlannedRead, RowGroupExtents, RowGroupPlan, Share,
        WantedChunk, extents, interleave, row_group, streaming_order,
    };
}

pub use ringquet_decode::{BatchGrid, DecodeError, DecoderChoice, Footer, Int96};
pub use ringquet_io::{
    Alignment, DirectChoice, DriverChoice, HugePages, Identity, IoError, IoOptions, SqPoll,
};
