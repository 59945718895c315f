//! The package holds one test binary, `it`; see it/main.rs.
