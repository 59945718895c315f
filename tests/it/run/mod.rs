//! Emulated training: what is measured, what is written, what is refused.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, and its line says why")]

mod folder;
mod golden;
mod refusals;
mod search;
mod semantics;
mod stops;
mod support;
