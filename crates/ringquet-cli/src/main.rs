//! The command line of ringquet.
fn main() {}
