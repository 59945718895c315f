//! Panics: those of the `parquet` crate that the decoder turns into errors are no finding, all others are.

use std::panic;

/// Where our own code lies. A panic there is a finding even if the guard around the `parquet` crate would hide it.
const OURS: [&str; 2] = ["ringquet", "tests/fuzz"];

/// Replaces libFuzzer's hook, which ends the process on every panic, caught or not. To be called in `init`.
///
/// A panic that nobody catches still ends the process: libFuzzer's own frame does that.
pub fn watch_panics() {
    let abort = panic::take_hook();
    let verbose = std::env::var_os("RINGQUET_FUZZ_VERBOSE").is_some();
    panic::set_hook(Box::new(move |info| {
        let file = info.location().map_or("", |location| location.file());
        let third_party = file.contains("/registry/src/") || file.contains("/rustc/");
        if !third_party || OURS.iter().any(|ours| file.contains(ours)) {
            abort(info);
        }
        if verbose {
            eprintln!("{info}");
        }
    }));
}
