//! Hostile bytes for each layer of ringquet: what the fuzz targets of `tests/fuzz` run, and the test that replays their seeds.
//!
//! ```text
//!  bytes ─▶ Input ─▶ Column, Page ─▶ one file in memory ─▶ check_file       targets of the decoder
//!           numbers   one chunk        PAR1 … PAR1          both decoders: no panic, no hang,
//!                                                           equal arrays where both succeed
//!  bytes ─▶ text, or parts ─▶ a folder ─▶ load, verify, report, check       targets of what people write
//! ```

#![expect(clippy::cast_possible_truncation, reason = "made-up numbers of bounded inputs")]
#![expect(clippy::print_stderr, reason = "verbose only, and for whoever looks at one input")]

mod check;
mod column;
mod folder;
mod input;
mod leaf;
mod levels;
mod markup;
mod mutate;
#[cfg(test)]
mod pages;
mod panics;
mod thrift;
mod values;

pub mod targets;

pub use check::{CHUNK_VALUES_MAX, check_file, check_footer};
pub use column::{Column, Encoding, Page, PageKind, Shape};
pub use input::Input;
pub use leaf::{LEAVES, Leaf, Physical};
pub use levels::{hybrid_of_mask, plain_levels, prefixed};
pub use mutate::{Numbers, mutate, mutate_text};
pub use panics::{finding, watch_panics};
pub use targets::mutate_file;
pub use values::ValueColumn;
