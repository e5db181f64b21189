//! When to try again: a pure function of what has been tried.

use std::time::Duration;

use time::UtcDateTime;

/// How long to wait after the `attempts`-th attempt (the first is 1): 1, 2, 5, 10, 15 and 30
/// minutes, then hourly, without end. RFC 5321 §4.5.4.1 lets a sender give up after some days, but
/// only by telling so; as long as no such notice is sent, what was accepted is kept.
///
/// `random` spreads the wait evenly over 90 % to 110 %, so that what failed together does not
/// come back together. No attempt yet (0) waits for nothing.
///
/// ```
/// use std::time::Duration;
/// let middle = u64::MAX / 2;
/// assert_eq!(hve_delivery::schedule(1, middle), Duration::from_secs(60));
/// assert_eq!(hve_delivery::schedule(1000, middle), Duration::from_secs(60 * 60));
/// ```
#[must_use]
pub fn schedule(attempts: u32, random: u64) -> Duration {
    let minutes: u64 = match attempts {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 5,
        4 => 10,
        5 => 15,
        6 => 30,
        _ => 60,
    };
    let full = minutes * 60_000;
    let spread = u128::from(full / 5) * u128::from(random) / u128::from(u64::MAX);
    let spread = u64::try_from(spread).unwrap_or_default();
    // To the second: that is what the queue keeps.
    let milliseconds = full - full / 10 + spread;
    Duration::from_secs((milliseconds + 500) / 1000)
}

/// When a message is tried again whose `attempts`-th attempt ended at `now`.
#[must_use]
pub fn next_attempt(attempts: u32, now: UtcDateTime, random: u64) -> UtcDateTime {
    // At the end of the calendar a message is due at once, rather than never.
    schedule(attempts, random)
        .try_into()
        .ok()
        .and_then(|wait| now.checked_add(wait))
        .unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::utc_datetime;

    const MIDDLE: u64 = u64::MAX / 2;

    #[test]
    fn waits_grow_to_an_hour_and_never_end() {
        let waits = (0..10).map(|attempts| schedule(attempts, MIDDLE).as_secs() / 60);
        let waits: Vec<u64> = waits.collect();
        assert_eq!(waits, [0, 1, 2, 5, 10, 15, 30, 60, 60, 60]);
        assert_eq!(schedule(u32::MAX, MIDDLE), Duration::from_secs(60 * 60));
    }

    #[test]
    fn jitter_is_a_tenth_each_way() {
        assert_eq!(schedule(7, 0), Duration::from_secs(54 * 60));
        assert_eq!(schedule(7, u64::MAX), Duration::from_secs(66 * 60));
        assert_eq!(schedule(1, 0), Duration::from_secs(54));
    }

    #[test]
    fn there_is_always_a_next_attempt() {
        let check = |attempts, expected| {
            let now = utc_datetime!(2026-01-02 0:00);
            assert_eq!(next_attempt(attempts, now, MIDDLE), expected);
        };
        check(1, utc_datetime!(2026-01-02 0:01));
        check(6, utc_datetime!(2026-01-02 0:30));
        check(1_000_000, utc_datetime!(2026-01-02 1:00));
        assert_eq!(next_attempt(1, UtcDateTime::MAX, MIDDLE), UtcDateTime::MAX);
    }
}
