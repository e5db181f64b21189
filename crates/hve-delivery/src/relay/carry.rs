//! What one connection does from its begin to its end.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hve_smtp::{Cause, Failure, Stage, TransactionOutcome, Verdict};
use hve_types::Envelope;
use tokio::task::spawn_blocking;
use tracing::error;

use super::{
    Hop,
    wire::{Event, Lost, Wire},
    words,
};
use crate::{
    Outcome,
    content::without_return_path,
    parcel::{Outcomes, Parcel},
    stock::Prepared,
};

/// Takes parcels until none is left; opens a connection as often as it needs one.
pub(super) async fn carry(hop: &Arc<Hop>) {
    let mut next = None;
    while !hop.stop.is_cancelled() {
        let Some(parcel) = next.take().or_else(|| hop.try_take()) else {
            return;
        };
        match hop.connect().await {
            Ok((wire, name)) => next = serve(hop, wire, &name, parcel).await,
            Err(none) => parcel.defer(none.reason, none.unasked),
        }
    }
    if let Some(parcel) = next {
        parcel.abandon();
    }
}

/// Uses a connection up. What comes back is a parcel that deserves another one at once.
async fn serve(hop: &Arc<Hop>, mut wire: Wire, name: &str, first: Parcel) -> Option<Parcel> {
    let mut next = Some(first);
    loop {
        let parcel = match next.take() {
            Some(parcel) => parcel,
            None => pause(hop, &mut wire).await?,
        };
        match transact(hop, &mut wire, name, parcel).await {
            After::GoOn => {}
            After::Over => return None,
            After::Again(parcel) => return Some(parcel),
        }
        if wire.age() > AGE_MAX || hop.stop.is_cancelled() {
            wire.quit().await;
            return None;
        }
    }
}

/// Waits for the next parcel, as long as the connection lives.
async fn pause(hop: &Arc<Hop>, wire: &mut Wire) -> Option<Parcel> {
    loop {
        match wire.next().await {
            Event::Ready => {}
            Event::Outcome(_) => continue,
            Event::Closed(_) => return None,
        }
        tokio::select! {
            biased;
            () = hop.stop.cancelled() => {
                wire.quit().await;
                return None;
            }
            parcel = hop.take() => return Some(parcel),
            () = wire.read() => {}
        }
    }
}

/// What follows a transaction.
enum After {
    /// The connection takes another one.
    GoOn,
    /// It does not.
    Over,
    /// It was over before the parcel was, which is nobody's fault.
    Again(Parcel),
}

async fn transact(hop: &Arc<Hop>, wire: &mut Wire, name: &str, parcel: Parcel) -> After {
    let Some(prepared) = prepare(hop, &parcel).await else {
        parcel.crashed();
        return After::GoOn;
    };
    if prepared.withheld {
        parcel.withhold();
        return After::GoOn;
    }
    let mut outcomes = prepared.decided;
    let content = clean(prepared.content);
    let content = match &hop.setup.mark {
        Some(mark) => mark.on(&content),
        None => content,
    };
    let most = wire.recipients_max().unwrap_or(usize::MAX);
    let (mut over, mut is_first) = (None, true);
    for places in prepared.recipients.chunks(most.clamp(1, RECIPIENTS_MAX)) {
        if let Some(lost) = &over {
            outcomes.extend(untried(places, name, lost));
            continue;
        }
        let was_used = wire.transactions() > 0;
        let envelope = addressed(&parcel.due().envelope, places);
        let (outcome, lost) = attempt(wire, envelope, content.clone()).await;
        let TransactionOutcome {
            verdicts,
            dsn_passed_on,
        } = outcome;
        if is_first && was_used && lost.is_some() && verdicts.iter().all(is_untouched) {
            return After::Again(parcel);
        }
        is_first = false;
        let uncertain = verdicts.iter().filter(|v| words::is_uncertain(v)).count();
        if uncertain > 0 {
            hop.note_uncertain(&parcel, u64::try_from(uncertain).unwrap_or(u64::MAX));
        }
        if let Some(lost) = &lost {
            let unheard = places.get(verdicts.len()..).unwrap_or_default();
            outcomes.extend(untried(unheard, name, lost));
        }
        let protocol = hop.setup.client.protocol;
        let decided = verdicts
            .iter()
            .map(|verdict| words::outcome(name, protocol, dsn_passed_on, verdict));
        outcomes.extend(places.iter().copied().zip(decided));
        over = lost;
    }
    parcel.finish(outcomes);
    if over.is_some() {
        After::Over
    } else {
        After::GoOn
    }
}

/// What there is to send and to whom, as of this moment; `None` where finding out crashed.
async fn prepare(hop: &Arc<Hop>, parcel: &Parcel) -> Option<Prepared> {
    let (supply, due) = (Arc::clone(&hop.supply), parcel.due().clone());
    let recipients = parcel.recipients.clone();
    let prepared = spawn_blocking(move || match supply.withheld(&[due.id]) {
        Ok(withheld) if withheld.is_empty() => supply.prepare(&due, &recipients),
        withheld => Prepared::none(&recipients, withheld.err()),
    })
    .await;
    if let Err(error) = &prepared {
        error!(queue_id = %parcel.due().id, %error, "bug: an attempt crashed");
    }
    prepared.ok()
}

/// One transaction: the verdicts in the order of the envelope, none where it did not begin; and
/// why the connection is over, where it is.
async fn attempt(
    wire: &mut Wire,
    envelope: Envelope,
    content: Bytes,
) -> (TransactionOutcome, Option<Lost>) {
    let ended = || Lost::new(Stage::Idle, Cause::PeerClosed, "between two messages");
    let mut outcome = TransactionOutcome {
        verdicts: Vec::new(),
        dsn_passed_on: false,
    };
    if !wire.begin(envelope, content) {
        return (outcome, Some(ended()));
    }
    loop {
        match wire.next().await {
            Event::Outcome(became) => outcome = became,
            Event::Ready => return (outcome, None),
            Event::Closed(lost) => return (outcome, Some(lost.unwrap_or_else(ended))),
        }
    }
}

/// True where the peer went away and certainly has nothing of the message: it may close a
/// connection that was idle for long at any moment.
fn is_untouched(verdict: &Verdict) -> bool {
    let gone = |failure: &Failure| {
        let closing = failure
            .reply
            .as_ref()
            .is_some_and(|reply| reply.code == 421);
        !failure.uncertain && (failure.cause == Cause::PeerClosed || closing)
    };
    matches!(verdict, Verdict::Temporary(failure) if gone(failure))
}

fn untried(places: &[usize], name: &str, lost: &Lost) -> Outcomes {
    let reason = words::reason(name, &lost.failure, lost.detail.as_deref());
    let outcome = |&place: &usize| {
        let reason = reason.clone();
        (place, Outcome::Deferred { reason })
    };
    places.iter().map(outcome).collect()
}

/// The envelope for some of the recipients.
fn addressed(envelope: &Envelope, places: &[usize]) -> Envelope {
    let recipient = |&place: &usize| envelope.recipients.get(place).cloned();
    Envelope {
        sender: envelope.sender.clone(),
        recipients: places.iter().filter_map(recipient).collect(),
        body: envelope.body,
        smtputf8: envelope.smtputf8,
        ret: envelope.ret,
        envid: envelope.envid.clone(),
    }
}

/// Without a return path that the client put there: whoever delivers in the end adds one.
fn clean(content: Bytes) -> Bytes {
    match &without_return_path(&content)[..] {
        [_] => content,
        parts => parts.concat().into(),
    }
}

/// So long a connection is used, that load finds its way back to a preferred host.
const AGE_MAX: Duration = Duration::from_mins(5);

/// In one transaction: what every server takes (RFC 5321 §4.5.3.1.8).
const RECIPIENTS_MAX: usize = 100;
