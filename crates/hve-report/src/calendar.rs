//! Which moments a report covers, and which day a moment belongs to.

use std::fmt;

use time::{Date, UtcDateTime, UtcOffset};

/// A span of time: from its first moment up to, and without, its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first moment that belongs to it.
    pub from: UtcDateTime,
    /// The first moment that no longer does.
    pub to: UtcDateTime,
}

impl Period {
    /// True where `at` belongs to it. A period that ends before it begins holds nothing.
    #[must_use]
    pub fn contains(&self, at: UtcDateTime) -> bool {
        self.from <= at && at < self.to
    }
}

/// Says on which day something happened: the days of UTC, of a fixed offset, or of a time zone.
pub struct Calendar(Kind);

enum Kind {
    Fixed(UtcOffset),
    Zone(Box<dyn Fn(UtcDateTime) -> UtcOffset + Send + Sync>),
}

impl Calendar {
    /// Days from midnight to midnight UTC.
    #[must_use]
    pub const fn utc() -> Self {
        Self(Kind::Fixed(UtcOffset::UTC))
    }

    /// Days of a place that never changes its clocks.
    #[must_use]
    pub const fn fixed(offset: UtcOffset) -> Self {
        Self(Kind::Fixed(offset))
    }

    /// Days of a time zone: `offset_at` tells the offset in force at a moment, so that the days
    /// on which clocks change have their 23 or 25 hours.
    #[must_use]
    pub fn zone(offset_at: impl Fn(UtcDateTime) -> UtcOffset + Send + Sync + 'static) -> Self {
        Self(Kind::Zone(Box::new(offset_at)))
    }

    /// The day on which `at` lies.
    #[must_use]
    pub fn day(&self, at: UtcDateTime) -> Date {
        let offset = match &self.0 {
            Kind::Fixed(offset) => *offset,
            Kind::Zone(offset_at) => offset_at(at),
        };
        // Only the first and the last day that `time` can express may have no such moment.
        at.checked_to_offset(offset)
            .map_or_else(|| at.date(), |local| local.date())
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Fixed(offset) => write!(f, "Calendar({offset})"),
            Kind::Zone(_) => f.write_str("Calendar(zone)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, offset, utc_datetime};

    #[test]
    fn a_period_ends_just_before_its_end() {
        let period = Period {
            from: utc_datetime!(2026-11-01 0:00),
            to: utc_datetime!(2026-12-01 0:00),
        };
        assert!(period.contains(utc_datetime!(2026-11-01 0:00)));
        assert!(period.contains(utc_datetime!(2026-11-30 23:59:59)));
        assert!(!period.contains(utc_datetime!(2026-12-01 0:00)));
        assert!(!period.contains(utc_datetime!(2026-10-31 23:59:59)));
    }

    #[test]
    fn an_offset_moves_midnight() {
        let evening = utc_datetime!(2026-11-24 23:30);
        assert_eq!(Calendar::utc().day(evening), date!(2026 - 11 - 24));
        let east = Calendar::fixed(offset!(+1));
        assert_eq!(east.day(evening), date!(2026 - 11 - 25));
        let west = Calendar::fixed(offset!(-8));
        assert_eq!(
            west.day(utc_datetime!(2026-11-24 7:59)),
            date!(2026 - 11 - 23)
        );
    }

    #[test]
    fn row_62_the_day_of_a_clock_change_has_25_hours() {
        // Berlin leaves summer time on 2026-10-25 at 01:00 UTC.
        let berlin = Calendar::zone(|at| {
            if at < utc_datetime!(2026-10-25 1:00) {
                offset!(+2)
            } else {
                offset!(+1)
            }
        });
        let day = date!(2026 - 10 - 25);
        assert_ne!(berlin.day(utc_datetime!(2026-10-24 21:59:59)), day);
        assert_eq!(berlin.day(utc_datetime!(2026-10-24 22:00)), day);
        assert_eq!(berlin.day(utc_datetime!(2026-10-25 22:59:59)), day);
        assert_ne!(berlin.day(utc_datetime!(2026-10-25 23:00)), day);
    }

    #[test]
    fn the_ends_of_time_have_a_day_too() {
        let west = Calendar::fixed(offset!(-8));
        assert_eq!(west.day(UtcDateTime::MIN), UtcDateTime::MIN.date());
    }
}
