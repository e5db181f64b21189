//! What goes into a commit, and what comes out.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use hve_policy::QuotaExceeded;
use hve_types::{AccountId, Envelope, QueueId, Suspension, TenantId};
use time::UtcDateTime;

use crate::{FailedSession, GuardNotes, LastUse, RefusalCount};

/// What is made durable together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Messages to accept, in the order in which the quota is decided.
    pub submissions: Vec<NewMessage>,
    /// What became of messages accepted earlier.
    pub settlements: Vec<Settlement>,
    /// Refusals to add to the counts.
    pub refusals: Vec<RefusalCount>,
    /// Sessions that came to nothing, for the ring of those.
    pub failed_sessions: Vec<FailedSession>,
    /// What the guard against guessing has to say.
    pub guard: GuardNotes,
    /// Sign-ins, at most one for each proof.
    pub last_uses: Vec<LastUse>,
}

/// A message to accept.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Its name; a second message of that name is refused.
    pub id: QueueId,
    /// Whose quota it counts against.
    pub tenant: TenantId,
    /// Which account sends it.
    pub account: AccountId,
    /// Its envelope; each recipient counts one.
    pub envelope: Arc<Envelope>,
    /// Its text, as it is to be delivered.
    pub content: Bytes,
    /// Where it came from.
    pub client: IpAddr,
    /// Its Message-ID.
    pub message_id: String,
}

/// What became of one submission.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accepted {
    /// The account's own quota has no room.
    AccountQuota(QuotaExceeded),
    /// The account was removed meanwhile.
    AccountRemoved,
    /// The account is suspended.
    AccountSuspended(Suspension),
    /// A message of that id is in the queue, or came earlier in the batch.
    Duplicate,
    /// It is stored, counted, and survives a power cut: the only one that deserves a `250`.
    Durable,
    /// There is nobody to deliver it to.
    NoRecipients,
    /// The tenant's quota has no room.
    TenantQuota(QuotaExceeded),
    /// The tenant was removed meanwhile.
    TenantRemoved,
    /// The tenant is suspended.
    TenantSuspended(Suspension),
}

/// What came of one attempt at a queued message. A message whose recipients are all delivered or
/// failed leaves the queue with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Which message.
    pub id: QueueId,
    /// What came of which recipient, by its index in the envelope. Those that are not named go on
    /// waiting.
    pub outcomes: Vec<(usize, Outcome)>,
    /// When those that wait are tried next; with `None` the message is held, and never due.
    pub next_attempt: Option<UtcDateTime>,
}

/// What came of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a recipient is delivered, waits, or is given up: there is no fourth"
)]
pub enum Outcome {
    /// Not now; it waits on.
    Deferred {
        /// Words for the operator.
        reason: String,
    },
    /// Handed to the next hop.
    Delivered,
    /// Given up.
    Failed {
        /// Words for the operator.
        reason: String,
    },
}
