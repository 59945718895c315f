//! Keeps the texts that a user reads in snapshots, so that a change of wording shows in a diff.
//!
//! - [`assert_messages!`] renders each variant of an error enum. It does not compile while a variant has no sample.
//! - [`assert_text!`] keeps any other text: a help page, a list of messages.
//! - [`literals`] finds the string literals of a source file. `tests/literals.rs` keeps those of every crate; messages that are put
//!   together where they occur are found only there.
//!
//! Snapshots are in `snapshots/` of the crate whose texts they hold. After a change of wording, run
//! `INSTA_UPDATE=always cargo test -p CRATE` and read the diff.

pub mod literals;

use std::fmt::Write as _;

pub use insta;

/// Compares a text with `snapshots/NAME.snap` of the calling crate.
#[macro_export]
macro_rules! assert_text {
    ($name:expr, $text:expr) => {{
        let mut settings = $crate::insta::Settings::clone_current();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| $crate::insta::assert_snapshot!($name, $text));
    }};
}

/// Renders a sample of each variant and compares the list with `snapshots/ENUM.snap`. A variant may have several samples, and one
/// without fields is written `Variant {}`. The enum must be in scope under its own name, in its own crate.
#[macro_export]
macro_rules! assert_messages {
    ($enum:ident { $($variant:ident $fields:tt),* $(,)? }) => {{
        #[allow(unreachable_patterns, dead_code, reason = "a variant may have several samples; only compiled")]
        fn every_variant_has_a_sample(sample: &$enum) {
            match sample {
                $($enum::$variant { .. } => {})*
            }
        }
        let samples = [$((stringify!($variant), ($enum::$variant $fields).to_string())),*];
        $crate::assert_text!(stringify!($enum), $crate::listed(samples));
    }};
}

/// Messages under their names, one below the other.
pub fn listed(messages: impl IntoIterator<Item = (impl AsRef<str>, String)>) -> String {
    let mut list = String::new();
    for (name, message) in messages {
        writeln!(list, "{}\n    {message}", name.as_ref()).expect("a string takes any text");
    }
    list
}
