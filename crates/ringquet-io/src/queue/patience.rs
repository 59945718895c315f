//! What a queue does about a kernel that refuses for a moment or does not answer: it tries again with pauses, and
//! every wait has an end.

use std::io;
use std::time::{Duration, Instant};

use crate::driver::{Driver, is_momentary};
use crate::options::Patience;

/// The first pause between two tries; each one after it is twice as long.
const PAUSE_MIN: Duration = Duration::from_micros(20);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// Time between two tries that counts at most. More goes by when the caller is away, decoding or waiting for its consumer: that
/// says nothing about the kernel.
const STEP_MAX: Duration = Duration::from_secs(1);

/// Refusals in a row.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Refusals {
    last: Option<Instant>,
    /// Time since the first one, as far as it counts.
    lasted: Duration,
    count: u32,
}

impl Refusals {
    /// One more: how long to wait before the next try. `None` once they have lasted for `limit`.
    pub(crate) fn again(&mut self, now: Instant, limit: Duration) -> Option<Duration> {
        let last = self.last.replace(now).unwrap_or(now);
        self.lasted += now.duration_since(last).min(STEP_MAX);
        if self.lasted >= limit && self.count > 0 {
            return None;
        }
        self.count += 1;
        // The first try comes at once: most refusals are of one moment.
        Some(match self.count {
            1 => Duration::ZERO,
            count => PAUSE_MIN.saturating_mul(1 << (count - 2).min(16)).min(PAUSE_MAX),
        })
    }
}

/// Entering the kernel, with pauses where it refuses and an end to waiting without an answer.
#[derive(Debug, Default)]
pub(crate) struct Entering {
    refusals: Refusals,
    silent: Duration,
}

/// What one [`Entering::enter`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entered {
    /// System calls.
    pub(crate) enters: u32,
    /// The kernel took what was pushed. If not, it waits in the submission queue for the next time.
    pub(crate) is_taken: bool,
}

impl Entering {
    /// [`Driver::enter`], where a refusal of a moment is waited out: reap, then come back.
    ///
    /// # Errors
    /// What makes the driver unusable, refusals for [`Patience::retry`] in a row among it.
    pub(crate) fn enter(
        &mut self,
        driver: &mut dyn Driver,
        wait: Option<Duration>,
        patience: &Patience,
    ) -> io::Result<Entered> {
        match driver.enter(wait) {
            Ok(enters) => {
                self.refusals = Refusals::default();
                Ok(Entered { enters, is_taken: true })
            }
            // A signal: the caller looks at its own flags and comes back.
            Err(error) if error.raw_os_error() == Some(libc::EINTR) => {
                Ok(Entered { enters: 1, is_taken: false })
            }
            Err(error) if error.raw_os_error().is_some_and(is_momentary) => {
                let Some(pause) = self.refusals.again(Instant::now(), patience.retry) else {
                    return Err(error);
                };
                std::thread::sleep(pause.min(wait.unwrap_or(pause)));
                Ok(Entered { enters: 1, is_taken: false })
            }
            Err(error) => Err(error),
        }
    }

    /// A completion came. A refusal after it is a first one again: with a full completion queue the kernel refuses as often
    /// as it has been emptied, until all that was kept back is there.
    pub(crate) fn heard(&mut self) {
        self.silent = Duration::ZERO;
        self.refusals = Refusals::default();
    }

    /// `waited` has gone by without any: whether that makes `limit`.
    pub(crate) fn is_too_long(&mut self, waited: Duration, limit: Duration) -> bool {
        self.silent += waited;
        self.silent >= limit
    }

    /// How long the kernel has not answered.
    pub(crate) fn silent(&self) -> Duration {
        self.silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_refusals_end() {
        let begun = Instant::now();
        let limit = Duration::from_secs(1);
        let mut refusals = Refusals::default();
        let mut now = begun;
        let mut pauses = Vec::new();
        while let Some(pause) = refusals.again(now, limit) {
            pauses.push(pause);
            now += pause + Duration::from_micros(1);
        }
        assert_eq!(pauses[0], Duration::ZERO);
        assert!(pauses.windows(2).all(|two| two[0] <= two[1]), "{pauses:?}");
        assert_eq!(pauses.last(), Some(&PAUSE_MAX));
        assert!(now - begun >= limit && now - begun < limit + 2 * PAUSE_MAX, "{:?}", now - begun);
    }

    /// A caller that was away for longer than refusals may last gave a read up at its second refusal.
    #[test]
    fn time_that_the_caller_was_away_hardly_counts() {
        let limit = Duration::from_secs(10);
        let mut refusals = Refusals::default();
        let mut now = Instant::now();
        for tries in 1..=10 {
            assert!(refusals.again(now, limit).is_some(), "{tries}");
            now += Duration::from_secs(60);
        }
        assert_eq!(refusals.again(now, limit), None);
    }

    /// A completion queue of one entry paused for up to 20 ms at each completion.
    #[test]
    fn after_a_completion_a_refusal_is_a_first_one() {
        let mut entering = Entering::default();
        let now = Instant::now();
        for _ in 0..20 {
            entering.refusals.again(now, Duration::MAX);
        }
        assert_eq!(entering.refusals.again(now, Duration::MAX), Some(PAUSE_MAX));
        entering.heard();
        assert_eq!(entering.refusals.again(now, Duration::MAX), Some(Duration::ZERO));
    }

    #[test]
    fn the_first_refusal_is_never_the_last() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.again(Instant::now(), Duration::ZERO), Some(Duration::ZERO));
        assert_eq!(refusals.again(Instant::now(), Duration::ZERO), None);
    }
}
