//! The part for people.

use super::{
    Action, NoticeForm, Told, status,
    words::{date, paragraph, plain},
};

/// What happened to whom, in the next hop's words, and what to do.
pub(super) fn part(form: &NoticeForm<'_>) -> String {
    let mut out = String::new();
    let sender = form.envelope.sender.as_ref();
    let about = format!(
        "This is the mail service at {}. It tells of a message that {} sent on {}, number {}.",
        plain(form.name, WORDS_MAX),
        sender.map_or("an account", |sender| sender.as_str()),
        date(form.accepted_at),
        form.of,
    );
    paragraph(&mut out, "", &about);
    for action in [
        Action::Failed,
        Action::Delayed,
        Action::Relayed,
        Action::Delivered,
    ] {
        let mut of_action = form.told.iter().filter(|told| told.action == action);
        if let Some(first) = of_action.next() {
            out.push_str("\r\n");
            paragraph(&mut out, "", &heading(form, action));
            recipient(&mut out, first);
            of_action.for_each(|told| recipient(&mut out, told));
        }
    }
    out
}

fn heading(form: &NoticeForm<'_>, action: Action) -> String {
    match (action, form.retry_until) {
        (Action::Failed, _) => {
            "It was NOT delivered to the following, and is not tried again:".into()
        }
        (Action::Delayed, Some(until)) => format!(
            "It is not delivered yet to the following. It is tried again until {}, and nothing \
             has to be sent again:",
            date(until)
        ),
        (Action::Delayed, None) => "It is not delivered yet to the following. It is tried again, \
             and nothing has to be sent again:"
            .into(),
        (Action::Relayed, _) => {
            "It was handed on for the following; whether it arrived cannot be told from here:"
                .into()
        }
        (Action::Delivered, _) => "It was delivered to the following:".into(),
    }
}

fn recipient(out: &mut String, told: &Told<'_>) {
    out.push_str("\r\n");
    paragraph(out, "  ", told.recipient.address.as_str());
    let Some(reason) = told.reason else {
        return;
    };
    let words = match (&reason.hop, &reason.reply) {
        (Some(hop), Some(reply)) => {
            let (hop, reply) = (plain(hop, WORDS_MAX), plain(reply, WORDS_MAX));
            format!("{hop} said: {reply}")
        }
        _ => plain(&reason.words, WORDS_MAX),
    };
    paragraph(out, "    ", &words);
    if told.action == Action::Failed {
        paragraph(out, "    ", &format!("What to do: {}", remedy(told)));
    }
}

/// By the subject and detail of the status (RFC 3463 §3).
fn remedy(told: &Told<'_>) -> &'static str {
    let [_, subject, detail] = status::status(told);
    match (subject, detail) {
        (1, _) => "check the address; the mail system does not know it. Then send again.",
        (2, 2) => "the mailbox is full. When its owner has made room, send again.",
        (2, 3) => "the message is too large for the mailbox. Send a smaller one.",
        (2, _) => "ask the owner of the mailbox, or who looks after it, why it takes no mail.",
        (3, 4) => "the message is too large for the mail system. Send a smaller one.",
        (4, 7) => {
            "the mail system could not be reached, or did not take the message, for too long. \
             When it works again, send again."
        }
        (6, _) => "the message has a form that the mail system cannot take. Change the form.",
        (7, _) => "the mail system does not allow it. Show its operator the words above.",
        _ => "show the words above to the operator of the mail system.",
    }
}

/// As many words of a next hop as a person reads.
const WORDS_MAX: usize = 500;
