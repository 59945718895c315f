//! The values of a data set, from its seed.

pub(crate) mod column;
pub(crate) mod domain;
pub(crate) mod ordinals;
pub(crate) mod random;
