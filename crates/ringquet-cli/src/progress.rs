//! Progress bars on standard error, if that is a terminal.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use crate::console::Console;

/// A bar is drawn at most this often: smooth to the eye, and cheap.
const DRAWS_PER_SECOND: u8 = 10;

/// A bar is drawn this often while nothing changes.
const TICK: Duration = Duration::from_millis(250);

/// A bar is removed at the end, also after an error, so its line is free for other output.
const GONE: ProgressFinish = ProgressFinish::AndClear;

/// A bar over bytes and files of a data set: `generating, 3 of 8 files  ███░░  1.2 GiB/4.0 GiB  1.1 GiB/s  3s left`.
pub(crate) struct FilesBar {
    bar: ProgressBar,
    what: &'static str,
    files: AtomicU64,
    files_done: AtomicU64,
}

impl FilesBar {
    pub(crate) fn new(console: &Console, what: &'static str) -> FilesBar {
        let counts = "{binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}";
        FilesBar {
            bar: bar(console, what, 0, style(counts)),
            what,
            files: AtomicU64::new(0),
            files_done: AtomicU64::new(0),
        }
    }

    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

impl ringquet_datagen::Progress for FilesBar {
    fn begin(&self, bytes_estimated: u64, files: u64) {
        self.bar.set_length(bytes_estimated);
        self.files.store(files, Ordering::Relaxed);
    }

    fn advance(&self, bytes: u64, files: u64) {
        self.bar.inc(bytes);
        // Relaxed: the counters are only displayed.
        let done = self.files_done.fetch_add(files, Ordering::Relaxed) + files;
        if files > 0 && !self.bar.is_hidden() {
            let all = self.files.load(Ordering::Relaxed);
            self.bar.set_message(format!("{}, {done} of {all} files", self.what));
        }
    }
}

/// A spinner, for work without a known length.
pub(crate) fn busy(console: &Console, what: &'static str) -> ProgressBar {
    if !console.shows_progress() {
        return ProgressBar::hidden();
    }
    let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
    let spinner = ProgressBar::with_draw_target(None, target).with_finish(GONE);
    spinner.set_style(busy_style());
    spinner.set_message(what);
    spinner.enable_steady_tick(TICK);
    spinner
}

fn busy_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg}  {elapsed}").expect("a sound template")
}

/// A bar over something counted: `generating  ███░  3/8 files  2s left`.
pub(crate) fn counted(
    console: &Console,
    what: &'static str,
    total: u64,
    noun: &str,
) -> ProgressBar {
    bar(console, what, total, style(&format!("{{human_pos}}/{{human_len}} {noun}  {{per_sec}}")))
}

/// A bar that shows progress and remaining time in its message.
pub(crate) fn with_message(console: &Console, what: &'static str) -> ProgressBar {
    bar(console, what, 0, message_style())
}

fn message_style() -> ProgressStyle {
    ProgressStyle::with_template("{msg}  {wide_bar}").expect("a sound template")
}

fn bar(console: &Console, what: &'static str, total: u64, style: ProgressStyle) -> ProgressBar {
    if !console.shows_progress() {
        return ProgressBar::hidden();
    }
    let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
    let bar = ProgressBar::with_draw_target(Some(total), target).with_finish(GONE);
    bar.set_style(style);
    bar.set_message(what);
    bar.enable_steady_tick(TICK);
    bar
}

fn style(counts: &str) -> ProgressStyle {
    let template = format!("{{msg}}  {{wide_bar}}  {counts}  {{eta}} left");
    ProgressStyle::with_template(&template).expect("the templates of this file are sound")
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::caller::Caller;

    #[test]
    fn templates_are_sound_and_a_quiet_command_has_no_bar() {
        let quiet = Console::new("scan", &[], false, true, Caller::deaf());
        assert!(busy(&quiet, "reading").is_hidden());
        assert!(counted(&quiet, "generating", 10, "files").is_hidden());
        assert!(with_message(&quiet, "preparing").is_hidden());
        busy_style();
        message_style();
        style("{human_pos}/{human_len} files  {per_sec}");
    }
}
