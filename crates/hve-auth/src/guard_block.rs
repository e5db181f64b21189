//! What the guard answers to who has guessed too much.

use std::{fmt, time::Duration};

use thiserror::Error;

use crate::SignInRefusal;

/// No password is looked at until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("too many different wrong passwords for this {by}; wait, then try the right one")]
#[non_exhaustive]
pub struct Blocked {
    /// The monotonic time at which it is over.
    pub until: Duration,
    /// What is blocked: for the log rather than for the client.
    pub by: BlockedBy,
}

impl Blocked {
    /// How long it still lasts at `now`, in whole seconds, rounded up.
    #[must_use]
    pub fn seconds(&self, now: Duration) -> u64 {
        let rest = self.until.saturating_sub(now);
        rest.as_secs() + u64::from(rest.subsec_nanos() > 0)
    }
}

impl From<Blocked> for SignInRefusal {
    fn from(blocked: Blocked) -> Self {
        Self::Blocked {
            until: blocked.until,
        }
    }
}

/// What too many wrong passwords were tried for, or from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockedBy {
    /// The user name.
    Account,
    /// The client's address or /64.
    Address,
}

impl fmt::Display for BlockedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "user name",
            Self::Address => "address",
        })
    }
}
