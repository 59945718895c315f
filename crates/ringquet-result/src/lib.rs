//! What a result is: the numbers of a run in DLIO's words, and a look into JSON documents.

mod fields;
pub mod metrics;

pub use fields::Fields;
