//! When to try again, and when no more: a pure function of what has been tried.

use std::time::Duration;

use thiserror::Error;
use time::UtcDateTime;

/// The waits between attempts, and how long a message is tried at all.
///
/// The default is 1, 2, 5, 10, 15 and 30 minutes, then hourly, until 24 hours have passed since
/// the message was accepted. RFC 5321 §4.5.4.1 asks for four to five days in general; this mail
/// is internal, and of an alarm that could not be delivered for a day somebody should know.
///
/// ```
/// use std::time::Duration;
/// use hve_delivery::RetrySchedule;
///
/// let middle = u64::MAX / 2;
/// let schedule = RetrySchedule::default();
/// assert_eq!(schedule.wait(1, middle), Duration::from_mins(1));
/// assert_eq!(schedule.wait(1000, middle), Duration::from_hours(1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySchedule {
    /// After the first attempt, after the second, and so on; the last is repeated.
    waits: Vec<Duration>,
    /// From acceptance to the last attempt; `None` is without end.
    lifetime: Option<Duration>,
}

/// What follows an attempt that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// Another attempt is due then.
    At(UtcDateTime),
    /// The message has had its time; whoever sent it is told.
    GiveUp,
}

impl RetrySchedule {
    /// A schedule; the last wait is repeated.
    ///
    /// # Errors
    /// Names what would make of it no schedule.
    pub fn new(waits: Vec<Duration>, lifetime: Option<Duration>) -> Result<Self, ScheduleError> {
        if waits.is_empty() {
            return Err(ScheduleError::NoWaits);
        }
        if let Some(short) = waits.iter().find(|wait| **wait < SHORTEST_WAIT) {
            return Err(ScheduleError::WaitTooShort(*short));
        }
        if let Some(long) = waits.iter().find(|wait| **wait > LONGEST_WAIT) {
            return Err(ScheduleError::WaitTooLong(*long));
        }
        if waits.len() > WAITS_MAX {
            return Err(ScheduleError::TooManyWaits);
        }
        if lifetime.is_some_and(|lifetime| lifetime < SHORTEST_WAIT) {
            return Err(ScheduleError::LifetimeTooShort);
        }
        Ok(Self { waits, lifetime })
    }

    /// The same waits, without an end.
    #[must_use]
    pub fn endless(self) -> Self {
        Self {
            lifetime: None,
            ..self
        }
    }

    /// How long to wait after the `attempts`-th attempt (the first is 1), to the second. No
    /// attempt yet (0) waits for nothing.
    ///
    /// `random` spreads the wait evenly over 90 % to 110 %, so that what failed together does not
    /// come back together.
    #[must_use]
    pub fn wait(&self, attempts: u32, random: u64) -> Duration {
        let Some(place) = attempts.checked_sub(1) else {
            return Duration::ZERO;
        };
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let full = self.waits.get(place).or(self.waits.last());
        let full = full.copied().unwrap_or(SHORTEST_WAIT).as_millis();
        // A wait has at most a week, so nothing here overflows.
        let spread = (full / 5).saturating_mul(u128::from(random)) / u128::from(u64::MAX);
        let milliseconds = (full - full / 10).saturating_add(spread);
        // To the second: that is what the queue keeps.
        let seconds = milliseconds.saturating_add(500) / 1000;
        Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX))
    }

    /// When a message is tried again whose `attempts`-th attempt ended at `now`, were it never
    /// given up.
    #[must_use]
    pub fn next(&self, attempts: u32, now: UtcDateTime, random: u64) -> UtcDateTime {
        // At the end of the calendar a message is due at once, rather than never.
        later(now, self.wait(attempts, random))
    }

    /// After the first attempt, after the second, and so on; the last is repeated.
    #[must_use]
    pub fn waits(&self) -> &[Duration] {
        &self.waits
    }

    /// From acceptance to the last attempt; `None` is without end.
    #[must_use]
    pub const fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// When a message accepted at `accepted` is given up; `None` is never.
    #[must_use]
    pub fn ends_at(&self, accepted: UtcDateTime) -> Option<UtcDateTime> {
        self.lifetime.map(|lifetime| later(accepted, lifetime))
    }

    /// What follows the `attempts`-th attempt of a message accepted at `accepted`, which ended at
    /// `now`. The last attempt is made when the lifetime ends, however the waits fall; one that
    /// ends then or later is not repeated.
    #[must_use]
    pub fn after(
        &self,
        attempts: u32,
        accepted: UtcDateTime,
        now: UtcDateTime,
        random: u64,
    ) -> Retry {
        let last = self.ends_at(accepted);
        if last.is_some_and(|last| now >= last) {
            return Retry::GiveUp;
        }
        let next = self.next(attempts, now, random);
        Retry::At(last.map_or(next, |last| next.min(last)))
    }
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self {
            waits: [1, 2, 5, 10, 15, 30, 60].map(Duration::from_mins).to_vec(),
            lifetime: Some(Duration::from_hours(24)),
        }
    }
}

/// Why a list of waits is no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The lifetime is over before the first wait could be.
    #[error("a message has to be tried for at least 10 seconds")]
    LifetimeTooShort,
    /// Nothing there.
    #[error("a schedule needs at least one wait")]
    NoWaits,
    /// More than anybody can mean.
    #[error("a schedule has at most 100 waits; the last one is repeated")]
    TooManyWaits,
    /// Nobody waits that long for mail.
    #[error("a wait lasts at most 7 days, not {0:?}")]
    WaitTooLong(Duration),
    /// It would hammer a next hop that is down.
    #[error("a wait has to last at least 10 seconds, not {0:?}")]
    WaitTooShort(Duration),
}

/// `wait` after `from`, or `from` itself at the end of the calendar.
fn later(from: UtcDateTime, wait: Duration) -> UtcDateTime {
    wait.try_into()
        .ok()
        .and_then(|wait| from.checked_add(wait))
        .unwrap_or(from)
}

/// Below the time in which the queue is looked through, a wait means nothing.
const SHORTEST_WAIT: Duration = Duration::from_secs(10);

/// Longer than any lifetime in use.
const LONGEST_WAIT: Duration = Duration::from_hours(7 * 24);

/// More than a day of the default has, several times over.
const WAITS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::utc_datetime;

    const MIDDLE: u64 = u64::MAX / 2;
    const START: UtcDateTime = utc_datetime!(2026-01-02 0:00);

    #[test]
    fn waits_grow_to_an_hour_and_never_end() {
        let schedule = RetrySchedule::default();
        let waits = (0..10).map(|attempts| schedule.wait(attempts, MIDDLE).as_secs() / 60);
        let waits: Vec<u64> = waits.collect();
        assert_eq!(waits, [0, 1, 2, 5, 10, 15, 30, 60, 60, 60]);
        assert_eq!(schedule.wait(u32::MAX, MIDDLE), Duration::from_hours(1));
    }

    #[test]
    fn row_57_jitter_is_a_tenth_each_way() {
        let schedule = RetrySchedule::default();
        assert_eq!(schedule.wait(7, 0), Duration::from_mins(54));
        assert_eq!(schedule.wait(7, u64::MAX), Duration::from_mins(66));
        assert_eq!(schedule.wait(1, 0), Duration::from_secs(54));
        let weekly = RetrySchedule::new(vec![LONGEST_WAIT], None).unwrap();
        assert_eq!(weekly.wait(1, u64::MAX), LONGEST_WAIT + LONGEST_WAIT / 10);
    }

    /// Plays attempts that take no time, until it is given up; returns the minutes of each.
    fn play(schedule: &RetrySchedule, random: u64) -> Vec<i64> {
        let (mut now, mut minutes) = (START, vec![0]);
        for attempt in 1..1_000 {
            match schedule.after(attempt, START, now, random) {
                Retry::GiveUp => return minutes,
                Retry::At(next) => {
                    assert!(next > now, "time goes on");
                    now = next;
                    minutes.push((now - START).whole_minutes());
                }
            }
        }
        panic!("it never ends");
    }

    #[test]
    fn a_message_is_tried_for_a_day_and_once_at_its_end() {
        let schedule = RetrySchedule::default();
        let minutes = play(&schedule, MIDDLE);
        assert_eq!(minutes[..9], [0, 1, 3, 8, 18, 33, 63, 123, 183]);
        assert_eq!(minutes[minutes.len() - 2..], [1383, 1440]);
        for random in [0, u64::MAX] {
            assert_eq!(play(&schedule, random).last(), Some(&1440));
        }
        let once = RetrySchedule::new(vec![Duration::from_hours(9)], Some(Duration::from_mins(1)));
        assert_eq!(play(&once.unwrap(), MIDDLE), [0, 1]);
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_second_life() {
        let schedule = RetrySchedule::default();
        let day = START + time::Duration::DAY;
        assert_eq!(schedule.after(9, START, day, MIDDLE), Retry::GiveUp);
        let before = START - time::Duration::HOUR;
        let Retry::At(next) = schedule.after(9, START, before, MIDDLE) else {
            panic!("it has its day");
        };
        assert!(next <= day);
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let new = |waits: &[u64], lifetime| {
            let waits = waits.iter().copied().map(Duration::from_secs).collect();
            RetrySchedule::new(waits, lifetime).map(|_| ())
        };
        assert_eq!(new(&[], None), Err(ScheduleError::NoWaits));
        let short = Err(ScheduleError::WaitTooShort(Duration::from_secs(9)));
        assert_eq!(new(&[60, 9], None), short);
        let week = LONGEST_WAIT.as_secs();
        let long = Err(ScheduleError::WaitTooLong(Duration::from_secs(week + 1)));
        assert_eq!(new(&[week, week + 1], None), long);
        assert_eq!(new(&[60; 101], None), Err(ScheduleError::TooManyWaits));
        let none = Some(Duration::ZERO);
        assert_eq!(new(&[60], none), Err(ScheduleError::LifetimeTooShort));
        assert_eq!(new(&[10], Some(Duration::from_secs(10))), Ok(()));
    }

    #[test]
    fn the_waits_alone_have_no_end() {
        let schedule = RetrySchedule::default();
        let check = |attempts, expected| {
            assert_eq!(schedule.next(attempts, START, MIDDLE), expected);
        };
        check(1, utc_datetime!(2026-01-02 0:01));
        check(6, utc_datetime!(2026-01-02 0:30));
        check(1_000_000, utc_datetime!(2026-01-02 1:00));
        assert_eq!(schedule.next(1, UtcDateTime::MAX, MIDDLE), UtcDateTime::MAX);
    }
}
