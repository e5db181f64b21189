//! Which recipients a notice tells of.

use hve_store::{Outcome, Reason};
use hve_types::{Envelope, Notify, Recipient};

/// What became of a recipient, in the word of a notice (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the RFC has one more, `expanded`, and there are no lists to expand"
)]
pub enum Action {
    /// It waits, longer than anybody expects.
    Delayed,
    /// It is in its mailbox.
    Delivered,
    /// It was given up.
    Failed,
    /// A next hop has it that passes no news of it back.
    Relayed,
}

impl Action {
    /// The word of the RFC.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Relayed => "relayed",
        }
    }
}

/// A recipient that a notice tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a host may tell of a recipient in its own way"
)]
pub struct Told<'a> {
    /// Its index in the envelope.
    pub index: usize,
    /// Who it is.
    pub recipient: &'a Recipient,
    /// What became of it.
    pub action: Action,
    /// Why, where it was not delivered.
    pub reason: Option<&'a Reason>,
}

/// Of whom a notice tells after an attempt; nobody is no notice.
///
/// NOTIFY decides (RFC 3461 §4.1); a client that gave none hears of failures, and of a delay, as
/// the RFC lets us choose. `late`: the message has waited so long that a delay is to be told, and
/// it was not told before. What a next hop was asked to tell is not told here (RFC 3461 §5.2.1).
#[must_use]
pub fn wanted<'a>(
    envelope: &'a Envelope,
    outcomes: &'a [(usize, Outcome)],
    late: bool,
) -> Vec<Told<'a>> {
    if envelope.sender.is_none() {
        return Vec::new();
    }
    let told = |(index, outcome): &'a (usize, Outcome)| {
        let recipient = envelope.recipients.get(*index)?;
        let (action, reason) = match outcome {
            Outcome::Failed { reason } => (Action::Failed, Some(reason)),
            Outcome::Deferred { reason } if late => (Action::Delayed, Some(reason)),
            Outcome::Delivered => (Action::Delivered, None),
            Outcome::Relayed {
                dsn_passed_on: false,
            } => (Action::Relayed, None),
            Outcome::Deferred { .. } | Outcome::Relayed { .. } => return None,
        };
        wants(recipient.notify, action).then_some(Told {
            index: *index,
            recipient,
            action,
            reason,
        })
    };
    outcomes.iter().filter_map(told).collect()
}

fn wants(notify: Option<Notify>, action: Action) -> bool {
    let (success, failure, delay) = match notify {
        None => (false, true, true),
        Some(Notify::On {
            success,
            failure,
            delay,
        }) => (success, failure, delay),
        Some(_) => (false, false, false),
    };
    match action {
        Action::Delayed => delay,
        Action::Delivered | Action::Relayed => success,
        Action::Failed => failure,
    }
}
