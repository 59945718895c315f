//! The turn of an accelerator's thread on a CPU.
//!
//! A real accelerator takes no turns with reader threads: it fetches its batch when it is ready, by
//! itself. Its emulation is a thread that works for 20 to 50 µs a step, and on a machine with as many
//! reader threads as cores an ordinary thread waits for the end of a reader's time slice again and
//! again: milliseconds, where a step takes 375 µs. So it requests to run before them.

use ringquet_result::{Warning, WarningCode};
use serde::Serialize;

/// The requested priority.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AcceleratorPriority {
    /// Before reader threads, where the system allows it.
    #[default]
    Auto,
    /// As any thread.
    Normal,
}

/// What was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Granted {
    /// `SCHED_FIFO`, lowest priority: needs root, `CAP_SYS_NICE` or an rtprio limit.
    Realtime,
    /// `SCHED_FIFO` for some of the threads only.
    Mixed,
    /// As any thread.
    #[default]
    Normal,
}

impl Granted {
    /// What several threads or phases were given, as one.
    pub(crate) fn of_all(each: impl IntoIterator<Item = Granted>) -> Granted {
        each.into_iter().reduce(|a, b| if a == b { a } else { Granted::Mixed }).unwrap_or_default()
    }

    /// AU then depends on what the user may do: that has to be known where it is compared.
    pub(crate) fn warning(self) -> Option<Warning> {
        let which = match self {
            Granted::Normal => return None,
            Granted::Realtime => "the threads of accelerators",
            Granted::Mixed => "some of the threads of accelerators, and not all,",
        };
        let message = format!(
            "{which} ran with priority over reader threads (SCHED_FIFO), as root, CAP_SYS_NICE or an rtprio limit permits; without it AU is lower when all cores are busy: compare only runs with the same accelerator_priority, or use `accelerator_priority` normal"
        );
        Some(Warning::new(WarningCode::AcceleratorsRealtime, message))
    }
}

impl AcceleratorPriority {
    /// For the calling thread.
    pub(crate) fn apply(self) -> Granted {
        match self {
            Self::Normal => Granted::Normal,
            Self::Auto if realtime() => Granted::Realtime,
            Self::Auto => Granted::Normal,
        }
    }
}

fn realtime() -> bool {
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: `lowest` lives through the call, and 0 names the calling thread alone.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &lowest) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_is_always_granted() {
        assert_eq!(AcceleratorPriority::Normal.apply(), Granted::Normal);
    }

    #[test]
    fn what_is_granted_is_in_force() {
        let granted = std::thread::spawn(|| {
            let granted = AcceleratorPriority::Auto.apply();
            // SAFETY: a system call without pointers, about the calling thread.
            (granted, unsafe { libc::sched_getscheduler(0) })
        });
        let expected = match granted.join().expect("no panic") {
            (Granted::Realtime, policy) => (policy, libc::SCHED_FIFO),
            (Granted::Normal, policy) => (policy, libc::SCHED_OTHER),
            (Granted::Mixed, _) => unreachable!("one thread is given one policy"),
        };
        assert_eq!(expected.0, expected.1);
    }

    /// The same run had another AU for root than for other users, and nothing reported why.
    #[test]
    fn a_privilege_that_raises_au_is_told() {
        use Granted::{Mixed, Normal, Realtime};
        assert_eq!(Granted::of_all([]), Normal);
        assert_eq!(Granted::of_all([Realtime, Realtime]), Realtime);
        assert_eq!(Granted::of_all([Realtime, Normal, Realtime]), Mixed);
        assert_eq!(Normal.warning(), None);
        for granted in [Realtime, Mixed] {
            let warning = granted.warning().unwrap();
            assert_eq!(warning.code, WarningCode::AcceleratorsRealtime);
            assert!(warning.message.contains("`accelerator_priority` normal"));
        }
    }
}
