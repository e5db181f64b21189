//! What every kind of hop needs: the text, whether it may be delivered, and the words for what
//! came of it.

use std::collections::HashSet;

use bytes::Bytes;
use hve_types::{Domain, QueueId, TenantId};
use time::UtcDateTime;
use tracing::{debug, error, info, warn};

use crate::{
    Content, Due, Limits, Outcome, Queue, QueueError, RetrySchedule, Settlement,
    bounce::{self, Notices},
    parcel::{Attempted, Outcomes},
};

/// What the engine asks its host for.
pub struct Host {
    /// The time of day.
    pub clock: Box<dyn Fn() -> UtcDateTime + Send + Sync>,
    /// Any number: for the jitter of the schedule, and for what keeps the parts of a notice apart,
    /// which the author of a message should not be able to guess.
    pub random: Box<dyn Fn() -> u64 + Send + Sync>,
    /// Is this domain one of the tenant's at this moment? Asked again before every attempt: mail
    /// stays inside although the directory has changed since it was accepted. May block.
    pub accepts: AcceptsDomain,
    /// What is told of failures, and to whom.
    pub notices: Notices,
}

type AcceptsDomain = Box<dyn Fn(TenantId, &Domain) -> Result<bool, QueueError> + Send + Sync>;

/// The queue and the host together.
pub(crate) struct Stock<Q> {
    pub(crate) queue: Q,
    pub(crate) host: Host,
    pub(crate) limits: Limits,
}

/// A [`Stock`], whatever its queue is.
pub(crate) trait Supply: Send + Sync {
    /// Which of these must not be tried after all, or why it cannot be known. Blocks.
    fn withheld(&self, ids: &[QueueId]) -> Result<HashSet<QueueId>, String>;
    /// What an attempt at these recipients begins with. Blocks.
    fn prepare(&self, due: &Due, recipients: &[usize]) -> Prepared;
    /// Gives up who has had his time, and adds what people are told. Blocks.
    fn conclude(&self, dues: &[Due], settlements: Vec<Settlement>) -> Vec<Settlement>;
    /// Any number.
    fn random(&self) -> u64;
    /// The time of day.
    fn utc(&self) -> UtcDateTime;
}

/// What an attempt begins with.
pub(crate) struct Prepared {
    /// The text, where anybody is left to get it.
    pub(crate) content: Bytes,
    /// Who is to get it, by place in the envelope.
    pub(crate) recipients: Vec<usize>,
    /// What is decided of the others.
    pub(crate) decided: Outcomes,
    /// An operator holds the message or took it out: nothing is to be done.
    pub(crate) withheld: bool,
}

impl Prepared {
    /// Nobody is to get anything now: because of `trouble`, or because the message is withheld.
    pub(crate) fn none(recipients: &[usize], trouble: Option<String>) -> Self {
        let deferred = |why: String| {
            let outcome = |&place: &usize| {
                (
                    place,
                    Outcome::Deferred {
                        reason: why.as_str().into(),
                    },
                )
            };
            recipients.iter().map(outcome).collect()
        };
        Self {
            content: Bytes::new(),
            recipients: Vec::new(),
            withheld: trouble.is_none(),
            decided: trouble.map(deferred).unwrap_or_default(),
        }
    }
}

impl<Q: Queue> Supply for Stock<Q> {
    fn withheld(&self, ids: &[QueueId]) -> Result<HashSet<QueueId>, String> {
        self.queue.withheld(ids).map_err(|error| error.to_string())
    }

    fn prepare(&self, due: &Due, recipients: &[usize]) -> Prepared {
        let content = self.content(due);
        let mut prepared = Prepared {
            content: content.clone().unwrap_or_default(),
            recipients: Vec::with_capacity(recipients.len()),
            decided: Vec::new(),
            withheld: false,
        };
        for &place in recipients {
            let ready = content.as_ref().map_err(String::clone);
            match ready.and_then(|_| self.check(due, place)) {
                Ok(()) => prepared.recipients.push(place),
                Err(reason) => {
                    let reason = reason.into();
                    prepared.decided.push((place, Outcome::Deferred { reason }));
                }
            }
        }
        prepared
    }

    fn conclude(&self, dues: &[Due], settlements: Vec<Settlement>) -> Vec<Settlement> {
        bounce::conclude(&self.queue, &self.host, &self.limits, dues, settlements)
    }

    fn random(&self) -> u64 {
        (self.host.random)()
    }

    fn utc(&self) -> UtcDateTime {
        (self.host.clock)()
    }
}

impl<Q: Queue> Stock<Q> {
    fn content(&self, due: &Due) -> Result<Bytes, String> {
        match &due.content {
            Content::InMemory(content) => Ok(content.clone()),
            Content::InQueue => match self.queue.content(due.id) {
                Ok(Some(content)) => Ok(content),
                Ok(None) => {
                    error!(queue_id = %due.id, "the text of a queued message is missing");
                    Err("its text is missing from the queue".into())
                }
                Err(error) => Err(error.to_string()),
            },
        }
    }

    fn check(&self, due: &Due, place: usize) -> Result<(), String> {
        let recipient = due.envelope.recipients.get(place);
        let domain = recipient
            .ok_or("no such recipient in the envelope")?
            .address
            .domain();
        match (self.host.accepts)(due.tenant, &domain) {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!(
                "held: {domain} is no longer a domain of the tenant"
            )),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// What to write down about an attempt. Whoever waits waits by the schedule, and for a hop that
/// is down never so long that its return would go unnoticed.
pub(crate) fn settlement(
    attempted: &Attempted,
    retries: &RetrySchedule,
    now: UtcDateTime,
    random: u64,
) -> Settlement {
    let attempts = attempted.due.attempts.saturating_add(1);
    let attempts = if attempted.hop_is_down {
        attempts.min(ATTEMPTS_WHILE_DOWN)
    } else {
        attempts
    };
    let outcomes = attempted.outcomes.clone();
    let waits = |(_, outcome): &(usize, Outcome)| matches!(outcome, Outcome::Deferred { .. });
    // What crashes again and again waits for an operator, not for the next time.
    let is_poison = attempted.crashed && attempts >= ATTEMPTS_OF_POISON;
    if is_poison {
        error!(queue_id = %attempted.due.id, attempts, "held: its attempts crash");
    }
    let next_attempt =
        (outcomes.iter().any(waits) && !is_poison).then(|| retries.next(attempts, now, random));
    let settlement = Settlement {
        id: attempted.due.id,
        outcomes,
        next_attempt,
        notice: None,
    };
    tell(&attempted.due, &settlement);
    settlement
}

/// The fifth wait of the usual schedule, a quarter of an hour.
const ATTEMPTS_WHILE_DOWN: u32 = 5;

/// So often a message may be tried that crashes whoever tries it: within half an hour or so.
const ATTEMPTS_OF_POISON: u32 = 5;

/// One line a message; addresses only for those who debug.
fn tell(due: &Due, settlement: &Settlement) {
    let (mut delivered, mut deferred, mut failed, mut why) = (0_u32, 0_u32, 0_u32, None);
    for (index, outcome) in &settlement.outcomes {
        match outcome {
            Outcome::Delivered | Outcome::Relayed { .. } => delivered += 1,
            Outcome::Deferred { reason } => {
                deferred += 1;
                why = why.or(Some(reason));
            }
            Outcome::Failed { reason } => {
                failed += 1;
                why = why.or(Some(reason));
            }
        }
        let recipient = due.envelope.recipients.get(*index);
        debug!(queue_id = %due.id, to = recipient.map(|to| to.address.as_str()), ?outcome, "attempt");
    }
    let id = due.id;
    match why {
        None => info!(queue_id = %id, delivered, "delivered"),
        Some(reason) => {
            warn!(queue_id = %id, delivered, deferred, failed, %reason, "not delivered")
        }
    }
}
