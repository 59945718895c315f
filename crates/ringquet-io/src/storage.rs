//! Files, and what lies below them: devices, CPUs, memory limits and the use of them.

pub mod file;
pub(crate) mod write_file;

pub mod cpus;
pub mod device;
pub(crate) mod memory_limit;
pub mod usage;
