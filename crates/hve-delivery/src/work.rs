//! The blocking part of a batch: read, check, deliver, and say what came of it.

use bytes::Bytes;
use hve_types::{Domain, TenantId};
use time::UtcDateTime;
use tracing::{debug, error, info, warn};

use crate::{
    Content, Due, Maildir, Outcome, OutgoingCopy, Queue, QueueError, Settlement, next_attempt,
};

/// What the engine asks its host for.
pub struct Host {
    /// The time of day.
    pub clock: Box<dyn Fn() -> UtcDateTime + Send + Sync>,
    /// Any number, for the jitter of the schedule; it need not be secret.
    pub random: Box<dyn Fn() -> u64 + Send + Sync>,
    /// Is this domain one of the tenant's at this moment? Asked again before every attempt: mail
    /// stays inside although the directory has changed since it was accepted. May block.
    pub accepts: AcceptsDomain,
}

type AcceptsDomain = Box<dyn Fn(TenantId, &Domain) -> Result<bool, QueueError> + Send + Sync>;

/// Everything a blocking worker needs.
pub(crate) struct Worker<Q> {
    pub(crate) queue: Q,
    pub(crate) maildir: Maildir,
    pub(crate) host: Host,
    pub(crate) octets_max: usize,
}

impl<Q: Queue> Worker<Q> {
    /// Attempts every message once, but for those an operator holds or took out, of which there is
    /// nothing to settle; `again` where an attempt from memory may have succeeded.
    pub(crate) fn attempt(&self, dues: &[Due], again: bool) -> Vec<Settlement> {
        let ids: Vec<_> = dues.iter().map(|due| due.id).collect();
        let withheld = match self.queue.withheld(&ids) {
            Ok(withheld) => withheld,
            Err(error) => return self.defer(dues, &error.to_string()),
        };
        let mut settlements = Vec::with_capacity(dues.len());
        let mut load = Vec::new();
        let mut octets = 0;
        for due in dues {
            if withheld.contains(&due.id) {
                info!(queue_id = %due.id, "not tried: an operator holds it, or took it out");
                continue;
            }
            let content = self.content(due);
            octets += content.as_ref().map_or(0, Bytes::len);
            load.push((due, content));
            if octets >= self.octets_max {
                self.deliver(&load, again, &mut settlements);
                load.clear();
                octets = 0;
            }
        }
        self.deliver(&load, again, &mut settlements);
        settlements
    }

    /// What to write down about messages whose attempt ended in a panic.
    pub(crate) fn defer(&self, dues: &[Due], reason: &str) -> Vec<Settlement> {
        dues.iter()
            .map(|due| {
                let all = due.pending.iter();
                let results = all.map(|&index| (index, Err(reason.into()))).collect();
                self.settlement(due, results)
            })
            .collect()
    }

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

    fn deliver(
        &self,
        load: &[(&Due, Result<Bytes, String>)],
        again: bool,
        settlements: &mut Vec<Settlement>,
    ) {
        let mut copies = Vec::new();
        let mut results: Vec<Vec<(usize, Attempted)>> = Vec::with_capacity(load.len());
        // Which message and which of its results each copy belongs to.
        let mut places = Vec::new();
        for (due, content) in load {
            let mut of_message = Vec::with_capacity(due.pending.len());
            for &index in &due.pending {
                let Some(recipient) = due.envelope.recipients.get(index) else {
                    of_message.push((index, Err("no such recipient in the envelope".into())));
                    continue;
                };
                let ready = content.as_ref().map_err(String::clone);
                let ready = ready.and_then(|content| {
                    self.check_domain(due.tenant, &recipient.address.domain())?;
                    Ok(content)
                });
                match ready {
                    Ok(content) => {
                        places.push((results.len(), of_message.len()));
                        copies.push(OutgoingCopy {
                            id: due.id,
                            sender: due.envelope.sender.as_ref(),
                            recipient: &recipient.address,
                            content,
                            again: again || matches!(due.content, Content::InQueue),
                        });
                        of_message.push((index, Ok(())));
                    }
                    Err(trouble) => of_message.push((index, Err(trouble))),
                }
            }
            results.push(of_message);
        }
        let answers = self.maildir.deliver(&copies);
        for ((message, recipient), answer) in places.into_iter().zip(answers) {
            let place = results
                .get_mut(message)
                .and_then(|of| of.get_mut(recipient));
            if let (Some((_, result)), Err(error)) = (place, answer) {
                *result = Err(error.to_string());
            }
        }
        for ((due, _), results) in load.iter().zip(results) {
            settlements.push(self.settlement(due, results));
        }
    }

    fn check_domain(&self, tenant: TenantId, domain: &Domain) -> Result<(), String> {
        match (self.host.accepts)(tenant, domain) {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!(
                "held: {domain} is no longer a domain of the tenant"
            )),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What cannot be delivered waits, whatever the reason: nothing that was accepted may vanish
    /// without its sender being told, and nothing here can tell it.
    fn settlement(&self, due: &Due, results: Vec<(usize, Attempted)>) -> Settlement {
        let now = (self.host.clock)();
        let attempts = due.attempts.saturating_add(1);
        let outcomes: Vec<_> = results
            .into_iter()
            .map(|(index, result)| {
                let outcome = match result {
                    Ok(()) => Outcome::Delivered,
                    Err(reason) => Outcome::Deferred {
                        reason: reason.into(),
                    },
                };
                (index, outcome)
            })
            .collect();
        let deferred = outcomes
            .iter()
            .any(|(_, outcome)| matches!(outcome, Outcome::Deferred { .. }));
        let settlement = Settlement {
            id: due.id,
            outcomes,
            next_attempt: deferred.then(|| next_attempt(attempts, now, (self.host.random)())),
            notice: None,
        };
        tell(due, &settlement);
        settlement
    }
}

/// Why an attempt did not succeed, in words for the queue.
type Attempted = Result<(), String>;

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
