//! What the benches share: pairs of contenders measured in turn, medians of their ratios, fio as the peer, data sets.
//!
//! A bench prints ratios against a named peer in the same run. Contenders take turns (A B A B …), since machines
//! drift; the ratio is taken pair by pair and its median is reported. `cargo bench -p ringquet-benches` measures;
//! under `cargo test` the same code runs once on small data.

pub mod data;
pub mod fio;
pub mod huge_pages;
pub mod latency;
pub mod loaders;
pub mod pairs;
pub mod pyarrow;
mod python_process;

/// Small and once, or as long as it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Under `cargo test`: does it still run?
    Smoke,
    /// Under `cargo bench`: how fast is it?
    Full,
}

impl Scale {
    /// Cargo passes `--bench` to bench targets when it benches, and not when it tests.
    pub fn of_this_process() -> Scale {
        if std::env::args().any(|argument| argument == "--bench") {
            Scale::Full
        } else {
            Scale::Smoke
        }
    }

    /// One of two values.
    pub fn pick<T>(self, smoke: T, full: T) -> T {
        match self {
            Scale::Smoke => smoke,
            Scale::Full => full,
        }
    }
}

impl Scale {
    /// A bar, which a small data set says nothing about.
    pub fn bar(self, bar: f64) -> Option<f64> {
        self.pick(None, Some(bar))
    }
}

/// Is the case `name` asked for? Words on the command line choose cases whose names hold one of them.
pub fn chosen(name: &str) -> bool {
    let mut words =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    words.peek().is_none() || words.any(|word| name.contains(&word))
}
