//! What goes into a commit, and what comes out.

use std::{fmt, net::IpAddr, sync::Arc};

use bytes::Bytes;
use hve_policy::QuotaExceeded;
use hve_types::{AccountId, Address, BodyKind, Envelope, QueueId, Suspension, TenantId};
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
    /// Mail to those who are to hear of it. It goes into the queue in the very commit that settles
    /// what it tells of, so that none is lost and none is sent twice.
    pub notice: Option<Box<Notice>>,
}

/// A notice of delivery status (RFC 3461 §5), on its way into the queue. It has the null return
/// path, belongs to the account of the message it tells of, and counts in no quota and no report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its own name.
    pub id: QueueId,
    /// To whom.
    pub recipient: Address,
    /// How its body is encoded.
    pub body: BodyKind,
    /// Its text.
    pub content: Bytes,
    /// Its Message-ID.
    pub message_id: String,
    /// Whom it tells of, by the index in the envelope of the message that is settled.
    pub about: Vec<usize>,
    /// It tells of a delay: of each message there is at most one such notice.
    pub delay: bool,
}

/// What came of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a recipient is delivered, passed on, waits, or is given up: there is no fifth"
)]
pub enum Outcome {
    /// Not now; it waits on.
    Deferred {
        /// Why.
        reason: Reason,
    },
    /// It has arrived: in its mailbox, or with a next hop that keeps it there.
    Delivered,
    /// Given up.
    Failed {
        /// Why.
        reason: Reason,
    },
    /// Handed to a next hop that passes it on.
    Relayed {
        /// The next hop has also taken over what the client wants to be told (RFC 3461 §5.2.1).
        dsn_passed_on: bool,
    },
}

/// Why a recipient was not delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reason {
    /// Words for the operator.
    pub words: String,
    /// What was going on with the next hop, as a stable key such as `rcpt`.
    pub stage: Option<Box<str>>,
    /// The next hop's name.
    pub hop: Option<Box<str>>,
    /// The three numbers of RFC 3463 §2.
    pub status: Option<[u16; 3]>,
    /// The next hop's reply, as it said it: code and words.
    pub reply: Option<Box<str>>,
}

/// A reason that is nothing but words.
impl From<String> for Reason {
    fn from(words: String) -> Self {
        Self {
            words,
            ..Self::default()
        }
    }
}

/// A reason that is nothing but words.
impl From<&str> for Reason {
    fn from(words: &str) -> Self {
        words.to_owned().into()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}
