//! Messages a minute for each account: governor's arithmetic on a clock that the caller reads.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter, clock, middleware::NoOpMiddleware, state::keyed::DashMapStateStore,
};
use hve_types::AccountId;
use thiserror::Error;

use crate::Retry;

/// How fast each account sends.
///
/// A rate of `n` a minute is a bucket of `n` messages that refills one message every 60/`n`
/// seconds: after a pause `n` may come at once (the burst), and no minute ever holds more than
/// `2 n - 1`. An account that is given another rate starts with a full bucket of the new size.
///
/// Shared between threads; a check takes tens of nanoseconds. Accounts whose bucket is full again
/// take memory until [`MessageRates::forget_idle`]: call it every minute or so.
///
/// ```
/// use std::{num::NonZeroU32, time::Duration};
/// use hve_policy::MessageRates;
/// use hve_types::AccountId;
///
/// let (rates, printer) = (MessageRates::new(), AccountId(1));
/// let two_a_minute = NonZeroU32::MIN.saturating_add(1);
/// let start = Duration::from_secs(500);
/// assert!(rates.check(printer, two_a_minute, start).is_ok());
/// assert!(rates.check(printer, two_a_minute, start).is_ok());
/// assert_eq!(rates.check(printer, two_a_minute, start).unwrap_err().seconds, 30);
/// assert!(rates.check(printer, two_a_minute, start + Duration::from_secs(30)).is_ok());
/// ```
#[derive(Debug, Default)]
pub struct MessageRates {
    /// One limiter for each rate in use, as governor's quota belongs to the limiter.
    by_rate: RwLock<HashMap<NonZeroU32, Limiter>>,
    clock: Shown,
}

type Limiter =
    RateLimiter<AccountId, DashMapStateStore<AccountId>, Shown, NoOpMiddleware<Duration>>;

impl MessageRates {
    /// No account has sent anything yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one message of `account` at the monotonic time `now`, if the rate allows it.
    ///
    /// # Errors
    /// [`Wait`]: nothing was counted, and so long the account has to wait.
    pub fn check(
        &self,
        account: AccountId,
        per_minute: NonZeroU32,
        now: Duration,
    ) -> Result<(), Wait> {
        match self.check_many(account, per_minute, NonZeroU32::MIN, now) {
            Ok(()) => Ok(()),
            Err(RateExceeded::Later(wait)) => Err(wait),
            // One message fits into every bucket, as a rate is at least one.
            Err(RateExceeded::Never { .. }) => Err(Wait {
                seconds: 60,
                per_minute: per_minute.get(),
            }),
        }
    }

    /// Counts all of `messages` or none: for programs that hand over several at a time.
    ///
    /// # Errors
    /// [`RateExceeded::Never`] where the burst is smaller than `messages`, so that waiting is
    /// useless; else [`RateExceeded::Later`].
    pub fn check_many(
        &self,
        account: AccountId,
        per_minute: NonZeroU32,
        messages: NonZeroU32,
        now: Duration,
    ) -> Result<(), RateExceeded> {
        self.clock.show(now);
        let by_rate = self.by_rate.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(limiter) = by_rate.get(&per_minute) {
            return self.ask(limiter, account, per_minute, messages);
        }
        drop(by_rate);
        let mut by_rate = self.by_rate.write().unwrap_or_else(PoisonError::into_inner);
        let limiter = by_rate.entry(per_minute).or_insert_with(|| {
            RateLimiter::new(
                Quota::per_minute(per_minute),
                DashMapStateStore::default(),
                self.clock.clone(),
            )
        });
        self.ask(limiter, account, per_minute, messages)
    }

    /// Forgets the accounts that might send a whole burst again: nothing is lost by that.
    pub fn forget_idle(&self, now: Duration) {
        self.clock.show(now);
        let mut by_rate = self.by_rate.write().unwrap_or_else(PoisonError::into_inner);
        by_rate.retain(|_, limiter| {
            limiter.retain_recent();
            limiter.shrink_to_fit();
            !limiter.is_empty()
        });
    }

    /// How many accounts are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        let by_rate = self.by_rate.read().unwrap_or_else(PoisonError::into_inner);
        by_rate.values().map(RateLimiter::len).sum()
    }

    /// True where none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn ask(
        &self,
        limiter: &Limiter,
        account: AccountId,
        per_minute: NonZeroU32,
        messages: NonZeroU32,
    ) -> Result<(), RateExceeded> {
        match limiter.check_key_n(&account, messages) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_yet)) => {
                let wait = not_yet.wait_time_from(clock::Clock::now(&self.clock));
                let whole = wait.as_secs();
                let seconds = if wait.subsec_nanos() > 0 {
                    whole + 1
                } else {
                    whole
                };
                Err(RateExceeded::Later(Wait {
                    seconds: seconds.max(1),
                    per_minute: per_minute.get(),
                }))
            }
            Err(_) => Err(RateExceeded::Never {
                burst: per_minute.get(),
                messages: messages.get(),
            }),
        }
    }
}

/// Too fast, but only for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this account may send {per_minute} messages a minute; try again in {seconds} seconds")]
#[non_exhaustive]
pub struct Wait {
    /// Whole seconds after which the same check passes, if nothing else is sent until then.
    pub seconds: u64,
    /// The rate that was exceeded, which is the burst as well.
    pub per_minute: u32,
}

impl Wait {
    /// Always later.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        Retry::After {
            seconds: self.seconds,
        }
    }
}

/// Too fast, for now or for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[expect(clippy::exhaustive_enums, reason = "later and never are all there is")]
pub enum RateExceeded {
    /// It fits after a while.
    #[error(transparent)]
    Later(Wait),
    /// More at once than the bucket ever holds.
    #[error("{messages} messages at once never fit, as this account may send {burst} at once")]
    Never {
        /// Messages that fit at once after a pause.
        burst: u32,
        /// Messages asked for.
        messages: u32,
    },
}

impl RateExceeded {
    /// Whether, and when, trying again makes sense.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Later(wait) => wait.retry(),
            Self::Never { .. } => Retry::Never,
        }
    }
}

/// The latest time that any caller has shown, in nanoseconds; it never goes back.
#[derive(Clone, Debug, Default)]
struct Shown(Arc<AtomicU64>);

impl Shown {
    fn show(&self, now: Duration) {
        let nanoseconds = u64::try_from(now.as_nanos()).unwrap_or(LATEST).min(LATEST);
        self.0.fetch_max(nanoseconds, Ordering::AcqRel);
    }
}

impl clock::Clock for Shown {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Acquire))
    }
}

/// 292 years: half of what governor counts in, so that its sums never overflow.
const LATEST: u64 = u64::MAX / 2;
