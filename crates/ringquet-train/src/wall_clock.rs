//! Local time for files and log lines, from the one clock that also measures.
//!
//! Instants become stamps by their distance from one reading of both clocks, so the block of an
//! epoch lasts as long by its stamps as it was measured, to the microsecond, even if someone sets
//! the time meanwhile.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Zoned};

/// Turns instants into DLIO's `%Y-%m-%dT%H:%M:%S.%f`.
#[derive(Debug, Clone)]
pub(crate) struct WallClock {
    instant: Instant,
    local: Zoned,
}

impl WallClock {
    pub(crate) fn now() -> Self {
        Self { instant: Instant::now(), local: Zoned::now() }
    }

    /// `2026-11-22T10:31:07.727261`.
    pub(crate) fn stamp(&self, instant: Instant) -> String {
        self.at(instant).strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
    }

    /// 20261122 and 103107: mlpstorage's name of a run's folder is `20261122_103107`.
    pub(crate) fn folder_numbers(&self, instant: Instant) -> [u64; 2] {
        let time = self.at(instant);
        let joined = |high: i16, middle: i8, low: i8| {
            let parts = [i64::from(high) * 10_000, i64::from(middle) * 100, i64::from(low)];
            u64::try_from(parts.iter().sum::<i64>()).expect("clocks are set to years after Christ")
        };
        [
            joined(time.year(), time.month(), time.day()),
            joined(time.hour().into(), time.minute(), time.second()),
        ]
    }

    fn at(&self, instant: Instant) -> Zoned {
        let signed = |duration: Duration| SignedDuration::try_from(duration).unwrap_or_default();
        let moved = match instant.checked_duration_since(self.instant) {
            Some(later) => self.local.checked_add(signed(later)),
            None => self.local.checked_sub(signed(self.instant.duration_since(instant))),
        };
        moved.unwrap_or_else(|_| self.local.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_as_far_apart_as_instants() {
        let clock = WallClock {
            instant: Instant::now(),
            local: "2026-11-22T23:59:59.727261"
                .parse::<jiff::civil::DateTime>()
                .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC))
                .expect("a time"),
        };
        assert_eq!(clock.stamp(clock.instant), "2026-11-22T23:59:59.727261");
        let later = clock.instant + Duration::from_micros(1_500_000);
        assert_eq!(clock.stamp(later), "2026-11-23T00:00:01.227261");
        assert_eq!(clock.folder_numbers(clock.instant), [20_261_122, 235_959]);
        let half = clock.instant + Duration::from_nanos(272_739_000);
        assert_eq!(clock.stamp(half), "2026-11-23T00:00:00.000000");
    }
}
