//! Reader threads: one per CPU, pinned.

use ringquet_io::cpus;

use crate::error::Error;

/// Runs `work` once per entry of `cpus`, each on its own pinned thread, and gives the results in order.
///
/// # Errors
/// [`Error::Panicked`] where one of them panicked.
pub(crate) fn run<T: Send>(
    cpus: &[Option<usize>],
    work: impl Fn(usize) -> T + Sync,
) -> Result<Vec<T>, Error> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = cpus
            .iter()
            .enumerate()
            .map(|(index, &cpu)| {
                let work = &work;
                let body = move || {
                    pin(cpu);
                    work(index)
                };
                std::thread::Builder::new().name(name(index)).spawn_scoped(scope, body)
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                let thread = thread.map_err(|error| {
                    Error::Options(format!("cannot start a reader thread: {error}"))
                })?;
                thread.join().map_err(|panic| Error::Panicked(panic_text(panic.as_ref())))
            })
            .collect()
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

pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
