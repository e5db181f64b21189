//! What the guard answers, and about whom.

use std::{fmt, net::IpAddr, time::Duration};

use thiserror::Error;

use crate::SignInRefusal;
#[cfg(doc)]
use crate::{GuardLimits, Reservation};

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
    /// The user name, for clients of one address or /64.
    Pair,
}

impl fmt::Display for BlockedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "user name",
            Self::Address => "address",
            Self::Pair => "user name from this address",
        })
    }
}

/// What a wrong guess led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wrong {
    /// What has to be answered instead of "wrong", see [`Reservation::behind`]. Nothing was
    /// counted then.
    pub behind: Option<Blocked>,
    /// How long the answer has to wait, so that guessing in a row takes its time: see
    /// [`GuardLimits::delay`]. Nothing for a guess that was made before.
    pub delay: Duration,
    /// The block that it began, for the log.
    pub begun: Option<Blocked>,
    /// What is held against the user name by now.
    pub account: Held,
    /// What is held against the address by now.
    pub address: Held,
    /// What is held against the user name from this address by now.
    pub pair: Held,
}

impl Wrong {
    pub(crate) const fn behind(blocked: Blocked) -> Self {
        const NOTHING: Held = Held {
            guesses: 0,
            suspicious: false,
            block: None,
        };
        Self {
            behind: Some(blocked),
            delay: Duration::ZERO,
            begun: None,
            account: NOTHING,
            address: NOTHING,
            pair: NOTHING,
        }
    }
}

/// What is held against a user name, an address, or one together with the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// Distinct wrong guesses within the window.
    pub guesses: usize,
    /// They are more than somebody who mistypes makes: answers wait, or a block began.
    pub suspicious: bool,
    /// The block that this guess began: its end, and the how-manieth in a row it is.
    pub block: Option<(Duration, u32)>,
}

/// Whom an operator forgives, or who was blocked before a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the guard has no other table")]
pub enum Subject<'a> {
    /// A user name.
    Account(&'a str),
    /// An address, and all of its /64.
    Address(IpAddr),
    /// A user name from one address, and all of its /64.
    Pair(&'a str, IpAddr),
    /// Forged tokens for a user name from one address, and all of its /64.
    Tokens(&'a str, IpAddr),
}
