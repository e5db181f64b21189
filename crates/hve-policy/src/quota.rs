//! The exact rolling 24 h quota: how many recipients were accepted in the last day, when room
//! comes back, and whether this message still fits. It holds no limit: the limit comes with each
//! question, so that changing it forgets nothing.

use std::{collections::VecDeque, fmt};

use hve_types::Ceiling;
use thiserror::Error;

use crate::{Moment, Retry};

/// The seconds of the window. What was accepted in second `s` counts until second
/// `s + WINDOW_SECONDS` has passed, so the first second with room is one later. Since a stamp is
/// rounded down to its second, a day by the finest clock is never shorter than this.
pub const WINDOW_SECONDS: i64 = 86_400;

/// How far behind the last question memory reaches: twice the window, so that a clock which was a
/// day ahead can be put right without asking the store.
const MEMORY_SECONDS: i64 = 2 * WINDOW_SECONDS;

/// What one tenant or one account sent, second by second.
///
/// Stamps are seconds since 1970 and may come in any order: a clock that steps back records
/// events before the ones already there, and those ahead of `now` count as well. Therefore no
/// window of 24 h, wherever it is laid, holds more than the limit that was in force when its last
/// event was let in.
///
/// Decisions cost a few nanoseconds when time moves on (a cursor follows the window's edge); a
/// clock that jumps costs one walk over the seconds it jumped over. Memory is 16 octets for each
/// second of the last 48 hours in which something was sent: at most 2.8 MB.
///
/// ```
/// use hve_policy::RollingQuota;
/// use hve_types::Ceiling;
///
/// let mut quota = RollingQuota::new();
/// let (limit, monday_noon) = (Ceiling::AtMost(100), 1_800_000_000);
/// quota.record(monday_noon, 60);
///
/// let refused = quota.decide(limit, 50, monday_noon + 10).unwrap_err();
/// assert_eq!((refused.used, refused.room_at), (60, Some(monday_noon + 86_401)));
/// assert!(quota.decide(limit, 50, monday_noon + 86_401).is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct RollingQuota {
    /// Ascending, each second once, none empty.
    buckets: VecDeque<Bucket>,
    /// Buckets before this index are older than the window of the last question.
    start: usize,
    /// The first second of that window.
    since: i64,
    /// The sum of the buckets from `start` on: 128 bits, so that no sum of buckets overflows.
    sum: u128,
    /// Everything from this second on is known.
    known_from: i64,
}

impl RollingQuota {
    /// A quota of which nothing has been used, ever.
    #[must_use]
    pub const fn new() -> Self {
        Self::known_from(i64::MIN)
    }

    /// A quota that will be told of every event from second `since` on, but of none before:
    /// for a store that reads back only the last days. See [`RollingQuota::covers`].
    #[must_use]
    pub const fn known_from(since: i64) -> Self {
        Self {
            buckets: VecDeque::new(),
            start: 0,
            since: i64::MIN,
            sum: 0,
            known_from: since,
        }
    }

    /// Counts `recipients` as accepted in second `at`.
    ///
    /// Counters saturate; a second that reached `u64::MAX` stays there.
    pub fn record(&mut self, at: i64, recipients: u64) {
        if recipients == 0 {
            return;
        }
        match self.find(at) {
            Ok(index) => {
                let Some(bucket) = self.buckets.get_mut(index) else {
                    return;
                };
                let before = bucket.recipients;
                bucket.recipients = before.saturating_add(recipients);
                if index >= self.start {
                    self.sum += u128::from(bucket.recipients - before);
                }
            }
            Err(index) => {
                self.buckets.insert(index, Bucket { at, recipients });
                if at < self.since {
                    self.start += 1;
                } else {
                    self.sum += u128::from(recipients);
                }
                self.forget(at);
            }
        }
    }

    /// Takes back what [`RollingQuota::record`] counted, since the message was not kept after all.
    /// Of a second never recorded nothing is taken.
    pub fn undo(&mut self, at: i64, recipients: u64) {
        let Ok(index) = self.find(at) else { return };
        let Some(bucket) = self.buckets.get_mut(index) else {
            return;
        };
        if bucket.recipients == u64::MAX {
            return; // It may have saturated: what is left is not known, so it errs on the full side.
        }
        let taken = recipients.min(bucket.recipients);
        bucket.recipients -= taken;
        let empty = bucket.recipients == 0;
        if index >= self.start {
            self.sum -= u128::from(taken);
        }
        if empty {
            self.buckets.remove(index);
            if index < self.start {
                self.start -= 1;
            }
        }
    }

    /// The recipients that count at `now`, saturating.
    pub fn used(&mut self, now: i64) -> u64 {
        self.move_to(now.saturating_sub(WINDOW_SECONDS));
        clip(self.sum)
    }

    /// The same without moving the cursor: for a look at a quota that others use.
    #[must_use]
    pub fn peek(&self, now: i64) -> u64 {
        clip(self.view(now.saturating_sub(WINDOW_SECONDS)).1)
    }

    /// May `recipients` more be accepted at `now`? Records nothing.
    ///
    /// # Errors
    /// [`QuotaExceeded`] with the figures, and with the moment from which they fit.
    pub fn decide(
        &mut self,
        ceiling: Ceiling,
        recipients: u64,
        now: i64,
    ) -> Result<(), QuotaExceeded> {
        self.move_to(now.saturating_sub(WINDOW_SECONDS));
        self.judge(ceiling, recipients, now, (self.start, self.sum))
    }

    /// [`RollingQuota::decide`] without moving the cursor.
    ///
    /// # Errors
    /// As [`RollingQuota::decide`].
    pub fn peek_decide(
        &self,
        ceiling: Ceiling,
        recipients: u64,
        now: i64,
    ) -> Result<(), QuotaExceeded> {
        let view = self.view(now.saturating_sub(WINDOW_SECONDS));
        self.judge(ceiling, recipients, now, view)
    }

    /// The forecast: when how many of the recipients that count at `now` stop counting, soonest
    /// first. Exact, provided that the clock goes on evenly.
    pub fn frees(&self, now: i64) -> impl Iterator<Item = Freed> + '_ {
        let (start, _) = self.view(now.saturating_sub(WINDOW_SECONDS));
        self.buckets.range(start..).map(Bucket::freed)
    }

    /// Whether every event that counts at `now` is still known. Where it is false (a clock that
    /// was days ahead and came back), rebuild from the store before deciding.
    #[must_use]
    pub const fn covers(&self, now: i64) -> bool {
        now.saturating_sub(WINDOW_SECONDS) >= self.known_from
    }

    fn judge(
        &self,
        ceiling: Ceiling,
        wanted: u64,
        now: i64,
        (start, sum): (usize, u128),
    ) -> Result<(), QuotaExceeded> {
        let used = clip(sum);
        if ceiling.allows(used.saturating_add(wanted)) {
            return Ok(());
        }
        let limit = match ceiling {
            Ceiling::AtMost(limit) => limit,
            _ => u64::MAX,
        };
        let room_at = limit
            .checked_sub(wanted)
            .map(|may_stay| self.room_at(start, sum, may_stay).unwrap_or(now));
        Err(QuotaExceeded {
            limit,
            used,
            wanted,
            room_at,
        })
    }

    /// The first second in which no more than `may_stay` of the `sum` from bucket `start` on still
    /// count. Walks from that end from which less than half of the sum lies in the way.
    fn room_at(&self, start: usize, sum: u128, may_stay: u64) -> Option<i64> {
        let mut window = self.buckets.range(start..);
        let may_stay = u128::from(may_stay);
        let must_go = sum.saturating_sub(may_stay);
        let mut passed = 0;
        let mut pass = |bucket: &&Bucket| {
            passed += u128::from(bucket.recipients);
            passed
        };
        let last_to_go = if must_go <= may_stay {
            window.find(|bucket| pass(bucket) >= must_go)
        } else {
            window.rev().find(|bucket| pass(bucket) > may_stay)
        };
        last_to_go.map(|bucket| bucket.freed().at)
    }

    fn find(&self, at: i64) -> Result<usize, usize> {
        match self.buckets.back() {
            Some(last) if last.at == at => Ok(self.buckets.len() - 1),
            Some(last) if last.at > at => self.buckets.binary_search_by_key(&at, |b| b.at),
            _ => Err(self.buckets.len()),
        }
    }

    /// Where the window that begins at `since` starts, and what it holds.
    fn view(&self, since: i64) -> (usize, u128) {
        let (mut start, mut sum) = (self.start, self.sum);
        while let Some(bucket) = self.buckets.get(start).filter(|b| b.at < since) {
            sum -= u128::from(bucket.recipients);
            start += 1;
        }
        while let Some(before) = start.checked_sub(1)
            && let Some(bucket) = self.buckets.get(before).filter(|b| b.at >= since)
        {
            sum += u128::from(bucket.recipients);
            start = before;
        }
        (start, sum)
    }

    fn move_to(&mut self, since: i64) {
        (self.start, self.sum) = self.view(since);
        self.since = since;
    }

    /// Forgets at most two outdated seconds for each new one. That keeps memory at 48 hours, while
    /// a clock that is ahead for one message can not wipe it. A quota that was never asked forgets
    /// nothing, or a stamp far ahead would make it impossible to rebuild what lies behind.
    fn forget(&mut self, at: i64) {
        let keep_from = self.since.saturating_sub(WINDOW_SECONDS);
        let keep_from = keep_from.min(at.saturating_sub(MEMORY_SECONDS));
        for _ in 0..2 {
            let Some(oldest) = self.buckets.front().filter(|b| b.at < keep_from) else {
                return;
            };
            self.known_from = self.known_from.max(oldest.at.saturating_add(1));
            if self.start == 0 {
                self.sum -= u128::from(oldest.recipients);
            } else {
                self.start -= 1;
            }
            self.buckets.pop_front();
        }
    }
}

impl Default for RollingQuota {
    fn default() -> Self {
        Self::new()
    }
}

/// Pairs of second and recipients, oldest first where speed matters.
impl Extend<(i64, u64)> for RollingQuota {
    fn extend<T: IntoIterator<Item = (i64, u64)>>(&mut self, events: T) {
        for (at, recipients) in events {
            self.record(at, recipients);
        }
    }
}

/// Room that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a moment and a number, nothing more"
)]
pub struct Freed {
    /// The first second, since 1970, in which they no longer count.
    pub at: i64,
    /// How many.
    pub recipients: u64,
}

/// The quota has no room for this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[expect(
    clippy::exhaustive_structs,
    reason = "other crates build it from rows of their own"
)]
pub struct QuotaExceeded {
    /// Recipients allowed in 24 hours.
    pub limit: u64,
    /// Recipients that count now.
    pub used: u64,
    /// Recipients asked for.
    pub wanted: u64,
    /// The first second, since 1970, in which `wanted` fits if nothing else is accepted until
    /// then; `None` is never, as `wanted` is more than the limit.
    pub room_at: Option<i64>,
}

impl QuotaExceeded {
    /// Whether, and when, trying again makes sense.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self.room_at {
            Some(at) => Retry::At(at),
            None => Retry::Never,
        }
    }
}

impl fmt::Display for QuotaExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            limit,
            used,
            wanted,
            room_at,
        } = self;
        write!(
            f,
            "{used} of {limit} recipients are used in 24 hours and this message has {wanted}; "
        )?;
        match room_at {
            Some(at) => write!(f, "there is room from {}", Moment(*at)),
            None => f.write_str("it never fits, send it to fewer at a time"),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    at: i64,
    recipients: u64,
}

impl Bucket {
    fn freed(&self) -> Freed {
        Freed {
            at: self.at.saturating_add(WINDOW_SECONDS + 1),
            recipients: self.recipients,
        }
    }
}

fn clip(sum: u128) -> u64 {
    u64::try_from(sum).unwrap_or(u64::MAX)
}
