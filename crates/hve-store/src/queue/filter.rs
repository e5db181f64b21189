//! Which messages of the queue are meant.

use hve_types::{AccountId, Address, Domain, QueueId, TenantId};
use time::UtcDateTime;

use super::{Progress, QueueState, QueuedMessage};

/// Which messages are meant; what is set has to hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueFilter {
    /// One tenant's only.
    pub tenant: Option<TenantId>,
    /// One account's only.
    pub account: Option<AccountId>,
    /// Only those in this state.
    pub only: Option<QueueStanding>,
    /// Only those with a recipient that waits and is meant by this.
    pub recipient: Option<RecipientFilter>,
    /// Only those with a recipient that waits for a reason that has these words in it, in whatever
    /// case, or that are parked for such a reason. Together with `recipient` it is one and the
    /// same recipient that has to fit, and a reason for parking fits each.
    pub reason: Option<String>,
    /// Only those accepted at this moment or before.
    pub accepted_until: Option<UtcDateTime>,
    /// Only those accepted at this moment or later.
    pub accepted_from: Option<UtcDateTime>,
    /// Only those whose id is above this one: where the page before ended.
    pub after: Option<QueueId>,
    /// At most so many.
    pub limit: usize,
}

/// The states of [`QueueState`], without their figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a message is tried, or an operator or its damage keeps it from it"
)]
pub enum QueueStanding {
    /// [`QueueState::Held`].
    Held,
    /// [`QueueState::Parked`].
    Parked,
    /// [`QueueState::Waiting`].
    Waiting,
}

/// Which recipients are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecipientFilter {
    /// This one, compared by [`Address::key`].
    Address(Address),
    /// All of a domain.
    Domain(Domain),
    /// All of these domains.
    OneOf(Vec<Domain>),
    /// All but those of these domains.
    NoneOf(Vec<Domain>),
}

impl RecipientFilter {
    fn means(&self, address: &Address) -> bool {
        match self {
            Self::Address(wanted) => wanted.key() == address.key(),
            Self::Domain(domain) => address.domain_str() == domain.as_str(),
            Self::OneOf(domains) => has(domains, address),
            Self::NoneOf(domains) => !has(domains, address),
        }
    }
}

fn has(domains: &[Domain], address: &Address) -> bool {
    let of = address.domain_str();
    domains.iter().any(|domain| domain.as_str() == of)
}

impl QueueState {
    /// The state without its figures.
    #[must_use]
    pub const fn standing(&self) -> QueueStanding {
        match self {
            Self::Held { .. } => QueueStanding::Held,
            Self::Parked { .. } => QueueStanding::Parked,
            Self::Waiting { .. } => QueueStanding::Waiting,
        }
    }
}

impl QueueFilter {
    /// Is the message meant? Neither `after` nor `limit` is asked.
    #[must_use]
    pub fn means(&self, message: &QueuedMessage) -> bool {
        self.tenant.is_none_or(|it| it == message.tenant)
            && self.account.is_none_or(|it| it == message.account)
            && self.only.is_none_or(|it| it == message.state.standing())
            && self
                .accepted_until
                .is_none_or(|it| message.accepted_at <= it)
            && self
                .accepted_from
                .is_none_or(|it| message.accepted_at >= it)
            && self.means_a_recipient(message)
    }

    fn means_a_recipient(&self, message: &QueuedMessage) -> bool {
        if self.recipient.is_none() && self.reason.is_none() {
            return true;
        }
        let wanted = self.reason.as_ref().map(|words| words.to_lowercase());
        let says = |reason: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| {
                reason.is_some_and(|reason| reason.to_lowercase().contains(wanted))
            })
        };
        let parked = match &message.state {
            QueueState::Parked { reason } => says(Some(reason)),
            _ => false,
        };
        if self.recipient.is_none() && parked {
            return true;
        }
        message.waiting().any(|(address, reason)| {
            self.recipient.as_ref().is_none_or(|it| it.means(address)) && (parked || says(reason))
        })
    }
}

impl QueuedMessage {
    /// The recipients that wait, each with why its last attempt did not succeed. None where the
    /// envelope cannot be read.
    pub fn waiting(&self) -> impl Iterator<Item = (&Address, Option<&str>)> {
        let recipients = self.envelope.as_ref().map(|it| it.recipients.iter());
        let recipients = recipients.into_iter().flatten();
        recipients
            .zip(&self.progress)
            .filter_map(|(recipient, progress)| match progress {
                Progress::Waiting { reason } => Some((&recipient.address, reason.as_deref())),
                _ => None,
            })
    }
}
