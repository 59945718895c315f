//! The inner loops: free functions over slices, one kernel per file, each held against a plain version.
//!
//! Kernels that have a version for x86-64 say so in their `*_x86` file; which one runs is decided when it is first
//! needed, by what the CPU can do. The portable version is always there and gives the same.

pub(crate) mod ascending;
#[cfg(target_arch = "x86_64")]
mod ascending_x86;
pub(crate) mod bit_unpack;
#[cfg(target_arch = "x86_64")]
mod bit_unpack_x86;
pub(crate) mod bitmap;
pub(crate) mod byte_stream_split;
pub(crate) mod convert;
pub(crate) mod counting;
pub(crate) mod delta;
pub(crate) mod gather;
#[cfg(target_arch = "x86_64")]
mod gather_x86;
pub(crate) mod join_strings;
pub(crate) mod spread;
pub(crate) mod spread_bits;
#[cfg(target_arch = "x86_64")]
mod spread_x86;
