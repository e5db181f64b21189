//! When to try again: a pure function of what has been tried.

use std::time::Duration;

use time::UtcDateTime;

/// After this long in the queue a message is given up. RFC 5321 §4.5.4.1 speaks of four to five
/// days; a notice or an alarm that is a day late helps nobody.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// A message that has waited through a long outage of ours is still tried this often.
pub const ATTEMPTS_MIN: u32 = 3;

/// How long to wait after the `attempts`-th attempt (the first is 1): 1, 2, 5, 10, 15 and 30
/// minutes, then hourly, until the waits add up to [`GIVE_UP_AFTER`]; then `None`.
///
/// `random` spreads the wait evenly over 90 % to 110 %, so that what failed together does not
/// come back together. No attempt yet (0) waits for nothing.
///
/// ```
/// use std::time::Duration;
/// let middle = u64::MAX / 2;
/// assert_eq!(hve_delivery::schedule(1, middle), Some(Duration::from_secs(60)));
/// assert_eq!(hve_delivery::schedule(29, middle), None);
/// ```
#[must_use]
pub fn schedule(attempts: u32, random: u64) -> Option<Duration> {
    let minutes: u64 = match attempts {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 5,
        4 => 10,
        5 => 15,
        6 => 30,
        7..=LAST_HOURLY => 60,
        _ => return None,
    };
    let full = minutes * 60_000;
    let spread = u128::from(full / 5) * u128::from(random) / u128::from(u64::MAX);
    let spread = u64::try_from(spread).unwrap_or_default();
    // To the second: that is what the queue keeps.
    let milliseconds = full - full / 10 + spread;
    Some(Duration::from_secs((milliseconds + 500) / 1000))
}

/// When a message that was accepted at `accepted_at` is tried again after its `attempts`-th
/// attempt ended at `now`; `None` is never.
#[must_use]
pub fn next_attempt(
    accepted_at: UtcDateTime,
    attempts: u32,
    now: UtcDateTime,
    random: u64,
) -> Option<UtcDateTime> {
    let too_old = now - accepted_at >= GIVE_UP_AFTER;
    if too_old && attempts >= ATTEMPTS_MIN {
        return None;
    }
    schedule(attempts, random).and_then(|wait| now.checked_add(wait.try_into().ok()?))
}

/// 63 minutes go before the first hourly wait; 22 hours more make 23 h 3 min.
const LAST_HOURLY: u32 = 6 + 22;

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::utc_datetime;

    const MIDDLE: u64 = u64::MAX / 2;

    #[test]
    fn waits_grow_and_end_within_a_day() {
        let waits: Vec<u64> = (1..)
            .map_while(|attempts| schedule(attempts, MIDDLE))
            .map(|wait| wait.as_secs() / 60)
            .collect();
        assert_eq!(waits.get(..8), Some(&[1, 2, 5, 10, 15, 30, 60, 60][..]));
        let total: u64 = waits.iter().sum();
        assert_eq!(total, 23 * 60 + 3);
        assert_eq!(schedule(u32::MAX, 0), None);
        assert_eq!(schedule(0, 0), Some(Duration::ZERO));
    }

    #[test]
    fn jitter_is_a_tenth_each_way() {
        assert_eq!(schedule(7, 0), Some(Duration::from_secs(54 * 60)));
        assert_eq!(schedule(7, u64::MAX), Some(Duration::from_secs(66 * 60)));
        assert_eq!(schedule(1, 0), Some(Duration::from_secs(54)));
    }

    #[test]
    fn an_old_message_is_given_up_but_not_before_it_was_tried() {
        let accepted = utc_datetime!(2026-01-01 0:00);
        let check = |attempts, now, expected| {
            assert_eq!(next_attempt(accepted, attempts, now, MIDDLE), expected);
        };
        let late = utc_datetime!(2026-01-02 0:00);
        check(1, late, Some(utc_datetime!(2026-01-02 0:01)));
        check(2, late, Some(utc_datetime!(2026-01-02 0:02)));
        check(3, late, None);
        let before = utc_datetime!(2026-01-01 23:59:59);
        check(20, before, Some(utc_datetime!(2026-01-02 0:59:59)));
        // A clock that was set back makes nothing old.
        let past = utc_datetime!(2025-01-01 0:00);
        check(3, past, Some(utc_datetime!(2025-01-01 0:05)));
    }
}
