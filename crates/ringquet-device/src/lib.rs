//! Measures a storage device, and checks the set-up of the machine.
//!
//! [`characterize()`](characterize::characterize) measures throughput and latency over block sizes, queue depths and threads, and
//! the throughput of decoding Parquet. [`doctor`] checks kernel, limits, memory and the path to the drives.

pub mod doctor;

pub mod characterize;
