//! The limits an operator sets, with the defaults of the service and their reasons.

use std::num::NonZeroU32;

/// An upper bound that may be absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ceiling {
    /// At most so many.
    AtMost(u64),
    /// No bound.
    Unlimited,
}

impl Ceiling {
    /// True where `total` is within the bound.
    #[must_use]
    pub const fn allows(self, total: u64) -> bool {
        match self {
            Self::AtMost(limit) => total <= limit,
            Self::Unlimited => true,
        }
    }
}

/// What one tenant may do. Every change takes effect at the next command and forgets no usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantLimits {
    /// Recipients in any 24 hours, all accounts together. Default 100,000, as the original.
    pub recipients_per_day: Ceiling,
    /// Distinct recipients of one message. Default 50, as the original.
    pub recipients_per_message: NonZeroU32,
    /// Accounts at one time. Default 20, as the original.
    pub accounts: u32,
    /// Octets of one message as it arrives. Default 10 MiB, as the original.
    pub message_octets: u64,
    /// Sessions of one account at one time. Default 50: a busy application, not a runaway one.
    pub sessions_per_account: NonZeroU32,
}

impl Default for TenantLimits {
    fn default() -> Self {
        const FIFTY: NonZeroU32 = NonZeroU32::MIN.saturating_add(49);
        Self {
            recipients_per_day: Ceiling::AtMost(100_000),
            recipients_per_message: FIFTY,
            accounts: 20,
            message_octets: 10 * 1024 * 1024,
            sessions_per_account: FIFTY,
        }
    }
}

/// What one account may do within its tenant's limits. Default: nothing beyond those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    /// Recipients in any 24 hours.
    pub recipients_per_day: Ceiling,
    /// Messages a minute, evenly; `None` is no limit.
    pub messages_per_minute: Option<NonZeroU32>,
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self {
            recipients_per_day: Ceiling::Unlimited,
            messages_per_minute: None,
        }
    }
}
