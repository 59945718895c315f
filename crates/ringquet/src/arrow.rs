//! The Arrow crates whose types this library takes and gives: [`mod@array`] is `arrow-array`, [`mod@schema`] is `arrow-schema`.
//!
//! Both are of version 60, [`VERSION_MAJOR`]. A program that uses them through here has the same types as the library; one
//! that names the crates itself needs this version of them. Another major version here is a breaking change of `ringquet`.

pub use arrow_array as array;
pub use arrow_schema as schema;

/// Major version of the Arrow crates.
pub const VERSION_MAJOR: u32 = 60;

#[cfg(test)]
mod tests {
    use super::VERSION_MAJOR;

    #[test]
    fn the_version_that_is_stated_is_the_one_that_is_built() {
        let workspace = include_str!("../../../Cargo.toml");
        for name in ["arrow-array", "arrow-schema"] {
            let line = format!("{name} = \"{VERSION_MAJOR}\"");
            assert!(workspace.lines().any(|it| it == line), "no line {line} in Cargo.toml");
        }
    }
}
