//! Usage events: the one record that quota, reports and audit are computed from.

use time::UtcDateTime;

use crate::{AccountId, QueueId, TenantId};

/// Something that happened to a message, kept to the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageEvent {
    /// When, in whole seconds.
    pub at: UtcDateTime,
    /// Whose quota.
    pub tenant: TenantId,
    /// Which account.
    pub account: AccountId,
    /// Which message.
    pub message: QueueId,
    /// What.
    pub kind: UsageKind,
    /// How many recipients it concerns.
    pub recipients: u32,
    /// The message's size in octets.
    pub octets: u64,
}

/// What a usage event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum UsageKind {
    /// Accepted with a `250`. Only these count against the quota.
    Accepted,
    /// Handed to the next hop.
    Delivered,
    /// Given up for good.
    Failed,
    /// Members that took the place of a group. They count against no quota.
    Expanded,
}

impl UsageKind {
    /// `accepted`, `delivered`, `expanded` or `failed`: the word in files and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Expanded => "expanded",
            Self::Failed => "failed",
        }
    }

    /// The kind of that name, the inverse of [`UsageKind::as_str`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "accepted" => Some(Self::Accepted),
            "delivered" => Some(Self::Delivered),
            "expanded" => Some(Self::Expanded),
            "failed" => Some(Self::Failed),
            _ => None,
        }
    }
}
