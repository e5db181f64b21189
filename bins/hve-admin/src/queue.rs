//! `queue`: messages that are accepted and not yet delivered.

mod change;
mod headers;
mod route;
mod stats;

use hve_store::{
    Names, Progress, QueueChange, QueueFilter, QueueState, QueuedMessage, RecipientFilter,
};
use hve_types::QueueId;
use serde_json::{Value, json};

use crate::{
    account,
    cli::{QueueList, QueueVerb, QueueWhich},
    desk::Desk,
    failure::{Failure, Result},
    output::{self, Answer},
    size::show_octets,
    when::{Clock, rfc3339},
};

/// Messages that are listed for eyes at one time.
const PAGE: usize = 100;

pub(crate) fn run(verb: QueueVerb, desk: &Desk) -> Result<Answer> {
    match verb {
        QueueVerb::List(list) => self::list(&list, desk),
        QueueVerb::Show { id, headers } => show(id, headers, desk),
        QueueVerb::Stats(which) => stats::show(&which, desk),
        QueueVerb::Retry(targets) => change::run(QueueChange::Retry, targets, desk),
        QueueVerb::Hold(targets) => change::run(QueueChange::Hold, targets, desk),
        QueueVerb::Release(targets) => change::run(QueueChange::Release, targets, desk),
        QueueVerb::Cancel(targets) => change::run(QueueChange::Cancel, targets, desk),
    }
}

/// The messages that are meant, without a bound on their number.
fn filter(which: &QueueWhich, desk: &Desk) -> Result<QueueFilter> {
    let account = account::filter(which.account.as_ref(), desk)?;
    let tenant = match &which.tenant {
        Some(domain) => Some(desk.tenant(Some(domain))?.id),
        None => None,
    };
    let recipient = match (&which.recipient, &which.domain) {
        (Some(address), _) => Some(RecipientFilter::Address(address.clone())),
        (None, Some(domain)) => Some(RecipientFilter::Domain(domain.clone())),
        (None, None) => match &which.route {
            Some(words) => Some(route::recipients(words, desk)?),
            None => None,
        },
    };
    let ago = |length| desk.clock.now.checked_sub(length);
    Ok(QueueFilter {
        tenant,
        account: account.map(|account| account.id),
        only: which.state.map(Into::into),
        recipient,
        reason: which.reason.clone(),
        // A time before all times is longer ago than anything.
        accepted_until: which
            .older
            .map(|length| ago(length).unwrap_or(time::UtcDateTime::MIN)),
        accepted_from: which.newer.and_then(ago),
        after: None,
        limit: usize::MAX,
    })
}

fn list(args: &QueueList, desk: &Desk) -> Result<Answer> {
    let limit = desk.limit(args.limit, PAGE);
    // One more than is shown tells whether there are more.
    let filter = QueueFilter {
        after: args.after,
        limit: limit.saturating_add(1),
        ..filter(&args.which, desk)?
    };
    let mut messages = desk.store.queue(&filter)?;
    let more = messages.len() > limit;
    messages.truncate(limit);
    let next = messages
        .last()
        .filter(|_| more)
        .map(|last| last.id.to_string());
    let names = desk.store.names()?;

    let mut text = if messages.is_empty() {
        if args.which.is_everything() {
            "the queue is empty\n".to_owned()
        } else {
            "no message in the queue is meant\n".to_owned()
        }
    } else {
        let header = [
            "id", "account", "accepted", "next", "reason", "waiting", "tried", "octets",
        ];
        let rows = messages.iter().map(|message| {
            [
                message.id.to_string(),
                account_name(message, &names),
                desk.clock.show(message.accepted_at),
                state_text(&message.state, &desk.clock),
                reason_text(message).to_owned(),
                format!("{} of {}", waiting(message), message.progress.len()),
                message.attempts.to_string(),
                message.octets.to_string(),
            ]
        });
        output::table(&header, 5, rows)
    };
    if let Some(next) = &next {
        text.push_str(&format!("… there are more: --after {next}\n"));
    }
    let values: Vec<Value> = messages
        .iter()
        .map(|message| message_json(message, &names))
        .collect();
    Ok(Answer::new(text, values.into()))
}

fn show(id: QueueId, headers: bool, desk: &Desk) -> Result<Answer> {
    let Some(message) = desk.store.queued(id)? else {
        return Err(
            Failure::not_found(format!("no message {id} is in the queue")).hint(
                "it was delivered, cancelled or never accepted: `hve-admin usage report` has the \
                 figures, `hve-admin audit list` who cancelled",
            ),
        );
    };
    let names = desk.store.names()?;
    let envelope = message.envelope.as_ref();
    let sender = envelope.map_or_else(
        || "(unreadable)".to_owned(),
        |envelope| {
            envelope
                .sender
                .as_ref()
                .map_or("<>".into(), ToString::to_string)
        },
    );
    let client = message
        .client
        .map_or("-".into(), |client| client.to_string());
    let mut text = output::pairs(&[
        ("message", id.to_string()),
        ("account", account_name(&message, &names)),
        ("sender", sender),
        ("client", client),
        ("message id", message.message_id.clone()),
        ("size", show_octets(message.octets)),
        ("accepted", desk.clock.show(message.accepted_at)),
        ("tried", message.attempts.to_string()),
        ("next", state_text(&message.state, &desk.clock)),
    ]);
    text.push('\n');
    let recipients = envelope.map_or(&[][..], |envelope| &envelope.recipients);
    let rows = recipients
        .iter()
        .zip(&message.progress)
        .map(|(to, progress)| {
            let (word, reason) = progress_words(progress);
            [
                to.address.to_string(),
                word.to_owned(),
                reason.unwrap_or("").to_owned(),
            ]
        });
    text.push_str(&output::table(&["recipient", "state", "reason"], 3, rows));
    let mut json = message_json(&message, &names);
    if headers {
        let content = desk.store.content(id)?.unwrap_or_default();
        let lines = headers::lines(&content);
        text.push('\n');
        for line in &lines {
            text.push_str(&format!("{}\n", output::clean(line)));
        }
        if let Value::Object(members) = &mut json {
            members.insert("headers".to_owned(), lines.into());
        }
    }
    Ok(Answer::new(text, json))
}

fn message_json(message: &QueuedMessage, names: &Names) -> Value {
    let envelope = message.envelope.as_ref();
    let recipients: Vec<Value> = envelope
        .map_or(&[][..], |envelope| &envelope.recipients)
        .iter()
        .zip(&message.progress)
        .map(|(to, progress)| {
            let (state, reason) = progress_words(progress);
            json!({"address": to.address.as_str(), "state": state, "reason": reason})
        })
        .collect();
    let (state, next, reason) = match &message.state {
        QueueState::Held { .. } => ("held", None, None),
        QueueState::Parked { reason } => ("parked", None, Some(reason.as_str())),
        QueueState::Waiting { until } => ("waiting", Some(rfc3339(*until)), None),
        _ => ("unknown", None, None),
    };
    let held = match &message.state {
        QueueState::Held { by: Some(holder) } => {
            json!({"by": holder.actor, "since": rfc3339(holder.since)})
        }
        _ => Value::Null,
    };
    let sender = envelope.and_then(|envelope| envelope.sender.as_ref());
    json!({
        "id": message.id.to_string(),
        "tenant": names.tenant(message.tenant).map(hve_types::Domain::as_str),
        "account": names.account(message.account).map(hve_types::Address::as_str),
        "sender": sender.map(hve_types::Address::as_str),
        "recipients": recipients,
        "octets": message.octets,
        "message_id": message.message_id,
        "client": message.client.map(|client| client.to_string()),
        "accepted_at": rfc3339(message.accepted_at),
        "attempts": message.attempts,
        "state": state,
        "held": held,
        "next_attempt": next,
        "reason": reason,
    })
}

fn account_name(message: &QueuedMessage, names: &Names) -> String {
    names.account(message.account).map_or_else(
        || format!("account {}", message.account.0),
        ToString::to_string,
    )
}

fn waiting(message: &QueuedMessage) -> usize {
    let waits = |progress: &&Progress| matches!(progress, Progress::Waiting { .. });
    message.progress.iter().filter(waits).count()
}

/// Why the first recipient that waits does; a message that is parked says why in its state.
fn reason_text(message: &QueuedMessage) -> &str {
    let mut reasons = message
        .progress
        .iter()
        .filter_map(|progress| match progress {
            Progress::Waiting { reason } => reason.as_deref(),
            _ => None,
        });
    reasons.next().unwrap_or_default()
}

fn state_text(state: &QueueState, clock: &Clock) -> String {
    match state {
        QueueState::Held { by: None } => "held".to_owned(),
        QueueState::Held { by: Some(holder) } => {
            format!(
                "held by {} since {}",
                holder.actor,
                clock.show(holder.since)
            )
        }
        QueueState::Parked { reason } => format!("parked: {reason}"),
        QueueState::Waiting { until } if *until <= clock.now => "due".to_owned(),
        QueueState::Waiting { until } => clock.show(*until),
        _ => "unknown".to_owned(),
    }
}

fn progress_words(progress: &Progress) -> (&'static str, Option<&str>) {
    match progress {
        Progress::Delivered => ("delivered", None),
        Progress::Expanded { .. } => ("expanded", None),
        Progress::Failed { reason } => ("failed", Some(reason)),
        Progress::Waiting { reason } => ("waiting", reason.as_deref()),
        _ => ("unknown", None),
    }
}
