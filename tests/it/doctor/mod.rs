//! The examination of a machine: recorded trees of several, and this one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, and its line says why")]

mod live; // this machine, through the binary
mod recorded; // an array, a drive, a virtual disk, a container
mod tree_file; // trees/*.tree as directories
