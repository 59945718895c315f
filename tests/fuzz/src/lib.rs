//! What the fuzz targets of ringquet-decode share: small Parquet files made around hostile bytes, and the check that
//! every decoded file must pass.
//!
//! ```text
//!  bytes of the fuzzer ─▶ Input ─▶ Column, Page ─▶ one file in memory ─▶ check_file
//!                         numbers   one chunk        PAR1 … PAR1          both decoders: no panic, no hang,
//!                                                                         equal arrays where both succeed
//! ```

mod check;
mod column;
mod input;
mod leaf;
mod levels;
mod panics;
mod thrift;
mod values;

pub use check::{CHUNK_VALUES_MAX, check_file, check_footer};
pub use column::{Column, Encoding, Page, PageKind, Shape};
pub use input::Input;
pub use leaf::{LEAVES, Leaf, Physical};
pub use levels::{hybrid_of_mask, plain_levels, prefixed};
pub use panics::watch_panics;
pub use values::ValueColumn;
