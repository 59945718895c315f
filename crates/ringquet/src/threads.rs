//! Reader threads: one per CPU, pinned.

use ringquet_io::cpus;
use ringquet_result::OptionError;

use crate::error::Error;
use crate::panics;

/// Runs `work` once per entry of `cpus`, each on its own pinned thread, and gives the results in order. `end_others` is
/// called as soon as one of them panics or cannot be started: the others must not go on for nothing.
///
/// # Errors
/// [`Error::Panicked`] if one of them panicked, [`Error::Options`] if one could not be started.
pub(crate) fn run<T: Send>(
    cpus: &[Option<usize>],
    end_others: impl Fn() + Sync,
    work: impl Fn(usize) -> T + Sync,
) -> Result<Vec<T>, Error> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = cpus
            .iter()
            .enumerate()
            .map(|(index, &cpu)| {
                let (work, end_others) = (&work, &end_others);
                let body = move || {
                    let done = panics::caught(|| {
                        pin(cpu);
                        work(index)
                    });
                    if done.is_err() {
                        end_others();
                    }
                    done
                };
                let started =
                    std::thread::Builder::new().name(name(index)).spawn_scoped(scope, body);
                if started.is_err() {
                    end_others();
                }
                started
            })
            .collect();
        let ends = threads.into_iter().map(|thread| {
            let thread = thread.map_err(|error| {
                Error::Options(OptionError::new(
                    "threads",
                    cpus.len(),
                    format!("cannot start a reader thread: {error}; lower it"),
                ))
            })?;
            // A panic that is not caught above is one of `end_others`, which only sets flags.
            let done = thread.join().unwrap_or_else(|_| Err("it could not be ended".to_owned()));
            done.map_err(Error::Panicked)
        });
        // All of them are waited for, whichever fails.
        ends.collect::<Vec<Result<T, Error>>>().into_iter().collect()
    })
}

/// Pins the calling thread where there is a CPU to pin it to. A CPU that went away meanwhile leaves it free.
pub(crate) fn pin(cpu: Option<usize>) {
    if let Some(cpu) = cpu {
        cpus::pin_current_thread(cpu);
    }
}

/// As it is shown by `top -H`.
pub(crate) fn name(index: usize) -> String {
    format!("ringquet-{index}")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    use super::*;

    /// The others went on until they had read everything; only then the panic was reported.
    #[test]
    fn one_that_panics_ends_the_others_at_once() {
        let ended = AtomicBool::new(false);
        let work = |index| {
            assert!(index != 1, "thread {index} has a defect");
            let begun = Instant::now();
            while !ended.load(Ordering::Relaxed) {
                assert!(begun.elapsed() < Duration::from_secs(20), "nothing ends this thread");
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        let error = run(&[None; 3], || ended.store(true, Ordering::Relaxed), work).unwrap_err();
        assert!(error.to_string().contains("thread 1 has a defect"), "{error}");
    }
}
