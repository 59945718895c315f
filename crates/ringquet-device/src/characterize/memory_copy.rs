//! How fast memory is copied: the roof above everything that moves bytes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::Serialize;

/// Bytes of each of a thread's two buffers: together beyond the caches of a core's share.
const BUFFER_BYTES: usize = 32 << 20;

/// How long each number of threads copies.
const TIME: Duration = Duration::from_millis(300);

/// Bytes copied per second (each is read once and written once).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemoryCopy {
    /// By one core.
    pub one_core_bytes_per_second: f64,
    /// By all cores together.
    pub all_cores_bytes_per_second: f64,
    /// How many those are.
    pub cores: usize,
}

/// Copies with one thread, then with one per entry of `cpus`.
pub(super) fn measure(cpus: &[Option<usize>]) -> MemoryCopy {
    let one_core_bytes_per_second = copy(&cpus[..cpus.len().min(1)]);
    let all_cores_bytes_per_second =
        if cpus.len() > 1 { copy(cpus) } else { one_core_bytes_per_second };
    MemoryCopy { one_core_bytes_per_second, all_cores_bytes_per_second, cores: cpus.len() }
}

fn copy(cpus: &[Option<usize>]) -> f64 {
    std::thread::scope(|scope| {
        let threads: Vec<_> = cpus
            .iter()
            .map(|cpu| {
                scope.spawn(move || {
                    if let Some(cpu) = cpu {
                        ringquet_io::cpus::pin_current_thread(*cpu);
                    }
                    copy_for_a_while()
                })
            })
            .collect();
        // A thread that panicked must not become a lower number.
        let rate = |thread: std::thread::ScopedJoinHandle<'_, f64>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(rate).sum()
    })
}

/// Bytes per second of this thread.
fn copy_for_a_while() -> f64 {
    let source = vec![1_u8; BUFFER_BYTES];
    // Not zeroed lazily: every page is touched before the clock runs.
    let mut target = vec![2_u8; BUFFER_BYTES];
    let begun = Instant::now();
    let mut copied = 0_u64;
    while begun.elapsed() < TIME {
        target.copy_from_slice(black_box(&source));
        black_box(&mut target);
        copied += BUFFER_BYTES as u64;
    }
    copied as f64 / begun.elapsed().as_secs_f64()
}
