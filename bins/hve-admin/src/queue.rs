//! `queue`: messages that are accepted and not yet delivered.

use hve_store::{Names, Progress, QueueFilter, QueueState, QueuedMessage};
use hve_types::QueueId;
use serde_json::{Value, json};

use crate::{
    account,
    cli::{QueueList, QueueVerb},
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
        QueueVerb::Show { id } => show(id, desk),
    }
}

fn list(args: &QueueList, desk: &Desk) -> Result<Answer> {
    let account = account::filter(args.account.as_ref(), desk)?;
    let tenant = match &args.tenant {
        Some(domain) => Some(desk.tenant(Some(domain))?.id),
        None => None,
    };
    let limit = desk.limit(args.limit, PAGE);
    // One more than is shown tells whether there are more.
    let filter = QueueFilter {
        tenant,
        account: account.map(|account| account.id),
        parked_only: args.parked,
        after: args.after,
        limit: limit.saturating_add(1),
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
        "the queue is empty\n".to_owned()
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

fn show(id: QueueId, desk: &Desk) -> Result<Answer> {
    let Some(message) = desk.store.queued(id)? else {
        return Err(
            Failure::not_found(format!("no message {id} is in the queue")).hint(
                "it was delivered, or never accepted: `hve-admin usage report` has the figures",
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
    Ok(Answer::new(text, message_json(&message, &names)))
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
        QueueState::Held => ("held", None, None),
        QueueState::Parked { reason } => ("parked", None, Some(reason.as_str())),
        QueueState::Waiting { until } => ("waiting", Some(rfc3339(*until)), None),
        _ => ("unknown", None, None),
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
        QueueState::Held => "held".to_owned(),
        QueueState::Parked { reason } => format!("parked: {reason}"),
        QueueState::Waiting { until } if *until <= clock.now => "due".to_owned(),
        QueueState::Waiting { until } => clock.show(*until),
        _ => "unknown".to_owned(),
    }
}

fn progress_words(progress: &Progress) -> (&'static str, Option<&str>) {
    match progress {
        Progress::Delivered => ("delivered", None),
        Progress::Failed { reason } => ("failed", Some(reason)),
        Progress::Waiting { reason } => ("waiting", reason.as_deref()),
        _ => ("unknown", None),
    }
}
