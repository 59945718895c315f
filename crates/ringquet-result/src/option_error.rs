//! An option whose value cannot be used.

use std::fmt;

/// Names the option as the library calls it. A program with names of its own for options, as a command line has, puts those in
/// place of the names in backticks, here and in other messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionError {
    /// The option.
    pub option: &'static str,
    /// What it was given; empty if the fault is in another option or the machine.
    pub value: String,
    /// What is accepted, or what stands against it and what to do; the rest of the sentence where there is no value.
    pub accepted: String,
}

impl OptionError {
    /// `option` was given `value`, which is not `accepted`.
    pub fn new(
        option: &'static str,
        value: impl fmt::Display,
        accepted: impl Into<String>,
    ) -> OptionError {
        OptionError { option, value: value.to_string(), accepted: accepted.into() }
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OptionError { option, value, accepted } = self;
        if value.is_empty() {
            return write!(f, "`{option}` {accepted}");
        }
        write!(f, "`{option}` {value}: {accepted}")
    }
}

impl std::error::Error for OptionError {}

#[cfg(test)]
mod tests {
    use ringquet_messages::{assert_text, listed};

    use super::*;

    #[test]
    fn messages() {
        let messages = [
            ("a value", OptionError::new("queue_depth", 0, "must be 1 to 4096")),
            ("no value", OptionError::new("iopoll", "", "needs O_DIRECT: remove `direct` off")),
        ];
        let messages = messages.map(|(name, error)| (name, error.to_string()));
        assert_text!("OptionError", listed(messages));
    }
}
