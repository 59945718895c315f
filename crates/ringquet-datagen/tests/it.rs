#![allow(missing_docs, clippy::unwrap_used, reason = "temporary")]
#[path = "../../../tests/it/datagen/mod.rs"]
mod datagen;
