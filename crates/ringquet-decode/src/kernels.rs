//! The inner loops: free functions over slices, one kernel per file, each held against a plain version.
//!
//! Kernels that have a version for x86-64 say so in their `*_x86` file; which one runs is decided when it is first
//! needed, by what the CPU can do. The portable version is always there and gives the same; `cargo xtask portable` builds it in
//! place of the others, as another architecture would have it, and runs this crate's tests.

pub(crate) mod ascending;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
mod ascending_x86;
pub(crate) mod bit_unpack;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
mod bit_unpack_x86;
pub(crate) mod bitmap;
pub(crate) mod byte_stream_split;
pub(crate) mod convert;
pub(crate) mod counting;
pub(crate) mod delta;
pub(crate) mod gather;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
mod gather_x86;
pub(crate) mod join_strings;
pub(crate) mod running_sum;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
mod running_sum_x86;
pub(crate) mod spread;
pub(crate) mod spread_bits;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
mod spread_x86;
