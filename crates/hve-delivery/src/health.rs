//! Whether a next hop is worth a connection now: one that is down is probed, not hammered.

use std::time::Duration;

/// What is known of one next hop. It knows nothing of messages: a refusal of one is no failure
/// of the hop.
///
/// All is well until a connection fails. Then nobody connects for a while, and when that is over
/// one connection is tried, by one transaction; the others wait for how it goes. Each failure
/// doubles the while, from 5 seconds up to 5 minutes, and the first success ends it.
///
/// ```
/// use std::time::Duration;
/// use hve_delivery::{Admission, HopHealth};
///
/// let mut hop = HopHealth::default();
/// let start = Duration::from_secs(100);
/// assert_eq!(hop.admit(start), Admission::Open);
/// hop.failed(start, u64::MAX / 2);
/// let again = start + Duration::from_secs(5);
/// assert_eq!(hop.admit(start), Admission::Closed { until: again });
/// assert_eq!(hop.admit(again), Admission::Probe);
/// hop.succeeded();
/// assert_eq!(hop.admit(again), Admission::Open);
/// ```
#[derive(Clone, Debug, Default)]
pub struct HopHealth {
    down: Option<Down>,
}

/// Since a connection failed and none has succeeded.
#[derive(Clone, Copy, Debug)]
struct Down {
    /// In a row, of those that count.
    failures: u32,
    /// Until then nobody connects; while a probe is under way, when it is taken for lost.
    closed_until: Duration,
    /// Whoever fails beside the probe was admitted before the hop went down.
    probing: bool,
}

/// May a connection be tried? All times are monotonic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// No; ask again then.
    Closed {
        /// When.
        until: Duration,
    },
    /// Yes.
    Open,
    /// Yes, this one: it must say [`HopHealth::succeeded`] or [`HopHealth::failed`].
    Probe,
}

impl HopHealth {
    /// Asks for a connection at `now`.
    pub fn admit(&mut self, now: Duration) -> Admission {
        let Some(down) = &mut self.down else {
            return Admission::Open;
        };
        if now < down.closed_until {
            return Admission::Closed {
                until: down.closed_until,
            };
        }
        // A probe whose end nobody told, such as one that ended in a panic, closes the way for
        // no longer than this.
        down.closed_until = now.saturating_add(PROBE_LOST_AFTER);
        down.probing = true;
        Admission::Probe
    }

    /// A connection was made and a transaction is possible on it.
    pub const fn succeeded(&mut self) {
        self.down = None;
    }

    /// A connection could not be made, or was lost before a transaction was possible. `random`
    /// spreads the while by a tenth each way, so that several hosts do not probe together.
    pub fn failed(&mut self, now: Duration, random: u64) {
        let failures = match self.down {
            None => 1,
            Some(down) if down.probing => down.failures.saturating_add(1),
            // Many connections that fail together are one failure.
            Some(_) => return,
        };
        let doublings = failures.saturating_sub(1).min(DOUBLINGS_MAX);
        let full = FIRST_WHILE
            .saturating_mul(1 << doublings)
            .min(LONGEST_WHILE)
            .as_millis();
        let whole = u128::from(u64::MAX);
        let spread = (full / 5 * u128::from(random) + whole / 2) / whole;
        let milliseconds = u64::try_from(full - full / 10 + spread).unwrap_or(u64::MAX);
        self.down = Some(Down {
            failures,
            closed_until: now.saturating_add(Duration::from_millis(milliseconds)),
            probing: false,
        });
    }

    /// Failures in a row, of those that count; zero while all is well.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.down.map_or(0, |down| down.failures)
    }
}

/// Long enough for a server to restart.
const FIRST_WHILE: Duration = Duration::from_secs(5);

/// Mail flows again within so much of the hop's return.
const LONGEST_WHILE: Duration = Duration::from_mins(5);

/// Enough doublings to get from the first while to the longest.
const DOUBLINGS_MAX: u32 = 6;

/// More than greeting and EHLO may take (RFC 5321 §4.5.3.2.1).
const PROBE_LOST_AFTER: Duration = Duration::from_mins(15);

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: u64 = u64::MAX / 2;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn closed_until(hop: &mut HopHealth, now: Duration) -> u64 {
        match hop.admit(now) {
            Admission::Closed { until } => until.as_secs(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_hop_that_stays_down_is_asked_more_and_more_rarely() {
        let (mut hop, mut now, mut whiles) = (HopHealth::default(), at(1_000), Vec::new());
        for failures in 1..=9 {
            hop.failed(now, MIDDLE);
            assert_eq!(hop.failures(), failures);
            let until = closed_until(&mut hop, now);
            whiles.push(until - now.as_secs());
            now = at(until);
            assert_eq!(hop.admit(now), Admission::Probe);
        }
        assert_eq!(whiles, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    }

    #[test]
    fn one_probe_at_a_time() {
        let mut hop = HopHealth::default();
        hop.failed(at(0), MIDDLE);
        assert_eq!(hop.admit(at(5)), Admission::Probe);
        for now in [5, 6, 60] {
            assert_eq!(closed_until(&mut hop, at(now)), 5 + 900);
        }
        hop.succeeded();
        assert_eq!(hop.admit(at(61)), Admission::Open);
        assert_eq!(hop.admit(at(61)), Admission::Open);
    }

    #[test]
    fn a_probe_that_is_never_heard_of_again_closes_the_way_for_a_while_only() {
        let mut hop = HopHealth::default();
        hop.failed(at(0), MIDDLE);
        assert_eq!(hop.admit(at(5)), Admission::Probe);
        assert_eq!(hop.admit(at(905)), Admission::Probe);
        assert_eq!(hop.failures(), 1);
    }

    #[test]
    fn row_57_a_hundred_connections_that_fail_together_are_one_failure() {
        let mut hop = HopHealth::default();
        for _ in 0..100 {
            assert_eq!(hop.admit(at(0)), Admission::Open);
        }
        for _ in 0..100 {
            hop.failed(at(1), MIDDLE);
        }
        assert_eq!(hop.failures(), 1);
        assert_eq!(closed_until(&mut hop, at(1)), 6);
    }

    #[test]
    fn jitter_is_a_tenth_each_way_and_times_do_not_overflow() {
        let until = |random| {
            let mut hop = HopHealth::default();
            hop.failed(at(0), random);
            match hop.admit(at(0)) {
                Admission::Closed { until } => until.as_millis(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((until(0), until(u64::MAX)), (4_500, 5_500));
        let mut hop = HopHealth::default();
        hop.failed(Duration::MAX, u64::MAX);
        assert_eq!(hop.admit(Duration::MAX), Admission::Probe);
    }
}
