//! The only place of the project that asks what time it is.

use std::time::{Duration, Instant};

use hve_smtp::Now;
use time::UtcDateTime;

/// Both clocks of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock lives here and is handed down as values"
    )]
    pub(crate) fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// The time since this clock was started; never goes back.
    pub(crate) fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The moment, for tokio's timers, at which [`Clock::monotonic`] will be `at`.
    pub(crate) fn instant(&self, at: Duration) -> tokio::time::Instant {
        let at = at.min(FAR);
        self.origin.checked_add(at).unwrap_or(self.origin).into()
    }

    /// Both clocks.
    pub(crate) fn now(&self) -> Now {
        Now {
            monotonic: self.monotonic(),
            utc: utc(),
        }
    }
}

/// Later than any process lives: 30 years.
const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);

/// The time of day.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock lives here and is handed down as values"
)]
pub(crate) fn utc() -> UtcDateTime {
    UtcDateTime::now()
}
