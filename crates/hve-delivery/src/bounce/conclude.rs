//! From an attempt to its settlement: who is given up, and the notice that goes with it.

use std::time::Duration;

use bytes::Bytes;
use hve_store::Notice;
use hve_types::{AccountId, Address, Notify, QueueId, TenantId};
use time::UtcDateTime;
use tracing::warn;

use super::{NoticeForm, Told, compose, wanted};
use crate::{
    Content, Due, Host, Limits, Outcome, Queue, QueueError, Retry, RetrySchedule, Settlement,
};

/// What notices need of the host.
pub struct Notices {
    /// The name of this host, which reports (RFC 3464 §2.2.2).
    pub name: Box<str>,
    /// Who hears of what becomes of an account's mail; `None` is nobody. May block.
    pub bounce_to: BounceTo,
}

/// See [`Notices::bounce_to`].
pub type BounceTo =
    Box<dyn Fn(TenantId, AccountId) -> Result<Option<Address>, QueueError> + Send + Sync>;

/// Is there anything to decide or to tell, beyond what the settlements say?
pub(crate) fn concern<'a>(
    mut dues: impl Iterator<Item = &'a Due>,
    settlements: &[Settlement],
) -> bool {
    let plain = |(_, outcome): &(usize, Outcome)| {
        matches!(outcome, Outcome::Delivered | Outcome::Relayed { .. })
    };
    let asks = |due: &Due| {
        let mut recipients = due.envelope.recipients.iter();
        recipients.any(|to| matches!(to.notify, Some(Notify::On { success: true, .. })))
    };
    !settlements.iter().all(|of| of.outcomes.iter().all(plain)) || dues.any(asks)
}

/// Gives up who has had his time, and adds the notices. Blocks: it asks the host who hears of it,
/// and reads the messages.
///
/// Where the host cannot tell, nobody is given up: it is tried again in a minute.
pub(crate) fn conclude(
    queue: &impl Queue,
    host: &Host,
    limits: &Limits,
    dues: &[Due],
    settlements: Vec<Settlement>,
) -> Vec<Settlement> {
    let one = |settlement: Settlement| match dues.iter().find(|due| due.id == settlement.id) {
        Some(due) => conclude_one(queue, host, limits, due, settlement),
        None => settlement,
    };
    settlements.into_iter().map(one).collect()
}

fn conclude_one(
    queue: &impl Queue,
    host: &Host,
    limits: &Limits,
    due: &Due,
    settlement: Settlement,
) -> Settlement {
    let now = (host.clock)();
    let settlement = expire(due, settlement, limits, now);
    let waits = settlement.next_attempt.is_some();
    let late = waits && !due.delay_told && due.accepted_at + limits.delay_notice <= now;
    let told = wanted(&due.envelope, &settlement.outcomes, late);
    if told.is_empty() {
        return settlement;
    }
    match recipient(host, due) {
        Ok(None) => settlement,
        Ok(Some(to)) => {
            let notice = notice(queue, host, limits, due, &to, &told, now);
            Settlement {
                notice: Some(Box::new(notice)),
                ..settlement
            }
        }
        Err(error) => {
            warn!(queue_id = %due.id, %error, "nobody is given up while nobody can be told");
            postpone(settlement, now)
        }
    }
}

/// Who hears of it: inside at this very moment, whatever was set some time ago.
fn recipient(host: &Host, due: &Due) -> Result<Option<Address>, QueueError> {
    let Some(to) = (host.notices.bounce_to)(due.tenant, due.account)? else {
        return Ok(None);
    };
    if (host.accepts)(due.tenant, &to.domain())? {
        return Ok(Some(to));
    }
    warn!(queue_id = %due.id, domain = %to.domain(), "no notice: its address is outside");
    Ok(None)
}

/// Whoever still waits at the end of the message's life is given up; nobody waits beyond it.
fn expire(due: &Due, settlement: Settlement, limits: &Limits, now: UtcDateTime) -> Settlement {
    // Held, not waiting: somebody is to look at it.
    let Some(next) = settlement.next_attempt else {
        return settlement;
    };
    let attempts = due.attempts.saturating_add(1);
    let retry = limits.retries.after(attempts, due.accepted_at, now, 0);
    if retry == Retry::GiveUp && attempts < attempts_min(&limits.retries) {
        return settlement;
    }
    if let Retry::At(_) = retry {
        let end = limits.retries.ends_at(due.accepted_at);
        return Settlement {
            next_attempt: Some(end.map_or(next, |end| next.min(end))),
            ..settlement
        };
    }
    let give_up = |(index, outcome)| match outcome {
        Outcome::Deferred { mut reason } if reason.stage.as_deref() != Some(HELD) => {
            reason.words = format!("given up, it was tried for too long: {}", reason.words);
            // RFC 3463 §3.5: delivery time expired.
            reason.status = Some([5, 4, 7]);
            (index, Outcome::Failed { reason })
        }
        other => (index, other),
    };
    let outcomes: Vec<_> = settlement.outcomes.into_iter().map(give_up).collect();
    let waits = |(_, outcome): &(usize, Outcome)| matches!(outcome, Outcome::Deferred { .. });
    let held = outcomes.iter().any(waits);
    if !held {
        warn!(queue_id = %due.id, "given up, it was tried for too long");
    }
    Settlement {
        outcomes,
        next_attempt: held.then_some(next),
        ..settlement
    }
}

fn postpone(settlement: Settlement, now: UtcDateTime) -> Settlement {
    let wait = |(index, outcome)| match outcome {
        Outcome::Failed { reason } => (index, Outcome::Deferred { reason }),
        other => (index, other),
    };
    let soon = now.saturating_add(time::Duration::MINUTE);
    Settlement {
        outcomes: settlement.outcomes.into_iter().map(wait).collect(),
        next_attempt: Some(settlement.next_attempt.map_or(soon, |next| next.min(soon))),
        ..settlement
    }
}

fn notice(
    queue: &impl Queue,
    host: &Host,
    limits: &Limits,
    due: &Due,
    to: &Address,
    told: &[Told<'_>],
    now: UtcDateTime,
) -> Notice {
    let random = || u128::from((host.random)()) << 64 | u128::from((host.random)());
    let millis = now.unix_timestamp_nanos() / 1_000_000;
    let id = QueueId::new(u64::try_from(millis).unwrap_or_default(), random());
    let content = content(queue, due);
    let composed = compose(&NoticeForm {
        name: &host.notices.name,
        to,
        id,
        now,
        of: due.id,
        envelope: &due.envelope,
        content: &content,
        accepted_at: due.accepted_at,
        retry_until: limits.retries.ends_at(due.accepted_at),
        told,
        boundary: random(),
    });
    Notice {
        id,
        recipient: to.clone(),
        body: composed.body,
        content: composed.content,
        message_id: composed.message_id,
        about: told.iter().map(|told| told.index).collect(),
        delay: told
            .iter()
            .any(|told| told.action == super::Action::Delayed),
    }
}

/// A message that cannot be read must not keep the news of it from anybody.
fn content(queue: &impl Queue, due: &Due) -> Bytes {
    match &due.content {
        Content::InMemory(content) => content.clone(),
        Content::InQueue => match queue.content(due.id) {
            Ok(content) => content.unwrap_or_default(),
            Err(error) => {
                warn!(queue_id = %due.id, %error, "a notice without the header of its message");
                Bytes::new()
            }
        },
    }
}

/// So often a message is tried in any case, unless its life is too short for that: after an outage
/// of days this server may be up before its next hops are.
fn attempts_min(retries: &RetrySchedule) -> u32 {
    let until_then: Duration = (1..ATTEMPTS_MIN)
        .map(|attempt| retries.wait(attempt, u64::MAX / 2))
        .sum();
    let fits = retries.lifetime().is_none_or(|life| until_then < life);
    if fits { ATTEMPTS_MIN } else { 1 }
}

/// By the default schedule over some twenty minutes.
const ATTEMPTS_MIN: u32 = 5;

/// The stage of mail that an operator's route holds: nobody tried it, and nobody gives it up.
pub(crate) const HELD: &str = "hold";

/// How long a message may wait before somebody is told of it. RFC 5321 §4.5.4.1 leaves it to us.
pub(crate) const DELAY_NOTICE: Duration = Duration::from_hours(4);
