//! What a storage device can do, and whether the machine lets it.
//!
//! [`characterize()`](characterize::characterize) measures one: throughput and latency over block sizes, queue depths and threads, and
//! what of it is left when Parquet is decoded. [`doctor`] looks at kernel, limits, memory and the way to the drives.

pub mod doctor;

pub mod characterize;
