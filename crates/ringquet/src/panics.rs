//! Panics of threads that the library starts: caught where they happen, and reported with their message and, if the
//! program enables it, with file and line.
//!
//! A panic is a bug, and a bug report needs its place. Only the panic hook gets that, and the hook belongs to the
//! program, not to a library in it: so [`record_places`] is the program's to call.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// Where this thread panicked last.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on the place of each panic is part of the errors that this library makes of it. The panic hook that is there
/// is called as before, after the place was taken down; a hook that is set later ends this.
pub fn record_places() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // A thread that is at its end has no such storage any more: then there is no place.
            let _ = PLACE.try_with(|place| {
                *place.borrow_mut() = info.location().map(ToString::to_string);
            });
            before(info);
        }));
    });
}

/// Runs `work` on this thread; a panic in it is an error: its message, and its place where [`record_places`] was called.
///
/// # Errors
/// The text of the panic.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // What `work` was changing is not looked at after a panic: it ends with the thread, or is behind a lock that says so.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| text(panic.as_ref()))
}

fn text(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    let message = message.unwrap_or_else(|| "a panic without a message".to_owned());
    match PLACE.with(|place| place.borrow_mut().take()) {
        Some(place) => format!("{message} (at {place})"),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_has_its_message_and_its_place() {
        record_places();
        record_places();
        let line = line!() + 1;
        let text = caught(|| panic!("{} of {}", 1, 2)).unwrap_err();
        assert!(text.starts_with("1 of 2 (at ") && text.contains("panics.rs"), "{text}");
        assert!(text.contains(&format!(":{line}:")), "{text}");
        assert_eq!(caught(|| 7), Ok(7));
        let text = caught(|| std::panic::panic_any(7_u8)).unwrap_err();
        assert!(text.starts_with("a panic without a message (at "), "{text}");
    }
}
