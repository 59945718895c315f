//! Panics: those of the `parquet` crate that the decoder turns into errors are no finding, all others are.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Mutex, Once, PoisonError};

/// Where our own code lies. A panic there is a finding even if the guard around the `parquet` crate would hide it.
const OURS: [&str; 2] = ["ringquet", "tests/hostile"];

/// What this thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It has never run a target itself: a thread that a target started, or one of a test of something else.
    Other,
    /// It runs a target now.
    Runs,
    /// It ran one before.
    Rests,
}

thread_local! {
    static ROLE: Cell<Role> = const { Cell::new(Role::Other) };
    /// The last panic of our own code on this thread, while a target ran.
    static SEEN: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The last panic of our own code on a thread that a target started. Whichever target ends next reports it.
static ELSEWHERE: Mutex<Option<String>> = Mutex::new(None);

fn is_finding(info: &PanicHookInfo<'_>) -> bool {
    let file = info.location().map_or("", |location| location.file());
    let third_party = file.contains("/registry/src/") || file.contains("/rustc/");
    !third_party || OURS.iter().any(|ours| file.contains(ours))
}

/// Replaces libFuzzer's hook, which ends the process on every panic, caught or not. To be called in `init`.
///
/// A panic that nobody catches still ends the process: libFuzzer's own frame does that.
pub fn watch_panics() {
    let abort = panic::take_hook();
    let verbose = std::env::var_os("RINGQUET_FUZZ_VERBOSE").is_some();
    panic::set_hook(Box::new(move |info| {
        if is_finding(info) {
            abort(info);
        }
        if verbose {
            eprintln!("{info}");
        }
    }));
}

fn elsewhere() -> std::sync::MutexGuard<'static, Option<String>> {
    ELSEWHERE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `target` on `bytes` without libFuzzer; the panic, if there was one that is a finding.
pub fn finding(target: fn(&[u8]), bytes: &[u8]) -> Option<String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| match ROLE.get() {
            Role::Runs if is_finding(info) => SEEN.set(Some(info.to_string())),
            Role::Runs => {}
            Role::Rests => print(info),
            Role::Other => {
                if is_finding(info) {
                    *elsewhere() = Some(info.to_string());
                }
                print(info);
            }
        }));
    });
    SEEN.set(None);
    ROLE.set(Role::Runs);
    let result = panic::catch_unwind(AssertUnwindSafe(|| target(bytes)));
    ROLE.set(Role::Rests);
    let seen = SEEN.take().or_else(|| elsewhere().take());
    match result {
        Ok(()) => seen,
        Err(_) => Some(seen.unwrap_or_else(|| "a panic of another crate".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_are_found_wherever_they_are_caught() {
        assert_eq!(finding(|_| {}, b""), None);
        assert!(finding(|_| panic!("not caught"), b"").is_some_and(|found| found.contains("not")));
        let caught = |_: &[u8]| drop(panic::catch_unwind(|| panic!("caught")));
        assert!(finding(caught, b"").is_some_and(|found| found.contains("caught")));
        let joined = |_: &[u8]| drop(std::thread::spawn(|| panic!("joined")).join());
        assert!(finding(joined, b"").is_some_and(|found| found.contains("joined")));
        assert_eq!(finding(|_| {}, b""), None);
    }
}
