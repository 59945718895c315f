//! Choices that a scan takes. The engine has choices of its own, some of them for tests only.

use ringquet_io::{DirectChoice, DriverChoice};

/// Read around the page cache, or through it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direct {
    /// O_DIRECT where the file system supports it, otherwise through the page cache, with a warning.
    #[default]
    Auto,
    /// O_DIRECT, or an error.
    On,
    /// Through the page cache.
    Off,
}

impl From<Direct> for DirectChoice {
    fn from(direct: Direct) -> DirectChoice {
        match direct {
            Direct::Auto => DirectChoice::Auto,
            Direct::On => DirectChoice::On,
            Direct::Off => DirectChoice::Off,
        }
    }
}

/// How reads are given to the kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Driver {
    /// io_uring where a probe shows that it works, otherwise pread, with a warning.
    #[default]
    Auto,
    /// io_uring, or an error.
    Uring,
    /// One `pread` at a time.
    Pread,
    /// Copies out of a mapping.
    Mmap,
}

impl From<Driver> for DriverChoice {
    fn from(driver: Driver) -> DriverChoice {
        match driver {
            Driver::Auto => DriverChoice::Auto,
            Driver::Uring => DriverChoice::Uring,
            Driver::Pread => DriverChoice::Pread,
            Driver::Mmap => DriverChoice::Mmap,
        }
    }
}
