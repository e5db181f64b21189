//! What a submission server owes a message (RFC 6409 §8). Header only, linear, bounded.

mod header;
pub(crate) mod lenient;
pub(crate) mod mailbox;
pub(crate) mod trace;

#[cfg(test)]
mod tests;

use std::ops::Range;

use hve_types::{Address, HeaderMailbox, QueueId};
use time::UtcDateTime;

use crate::{Refusal, SessionLimits, refusals};
use header::{Field, Name};

/// What the fixes need to know.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) hostname: &'a str,
    pub(crate) queue_id: QueueId,
    pub(crate) account: &'a Address,
    pub(crate) at: UtcDateTime,
    /// Where answers to the account go, unless the message says so itself.
    pub(crate) reply_to: Option<&'a Address>,
    /// Names of fields that are the house's own word: those of a client are taken out.
    pub(crate) reserved: &'a [Box<str>],
    /// BODY=BINARYMIME: the body is not lines of text.
    pub(crate) binary: bool,
}

/// A message after its fixes.
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Fixed {
    pub(crate) content: Vec<u8>,
    pub(crate) from: HeaderMailbox,
    pub(crate) sender: HeaderMailbox,
    pub(crate) message_id: String,
}

/// Judges the header and puts right what is missing. `head` octets at the start of `content`
/// are the server's own trace line.
pub(crate) fn fix(
    mut content: Vec<u8>,
    head: usize,
    limits: &SessionLimits,
    context: &Context<'_>,
) -> Result<Fixed, Refusal> {
    // Text ends in a line end; a last chunk may have forgotten it.
    if !context.binary && content.len() > head && !content.ends_with(b"\r\n") {
        content.extend_from_slice(b"\r\n");
    }
    let message = content.get(head..).unwrap_or_default();
    let mut found = Found::default();
    let end = header::scan(message, limits, |field| {
        if is_reserved(message, &field, context.reserved) {
            found.removed.push(field.whole);
            return Ok(());
        }
        found.field(message, field, limits)
    })?;

    let mut added = Vec::new();
    let message_id = match found.message_id.take() {
        Some(message_id) => message_id,
        None => {
            // RFC 6409 §8.3.
            let message_id = format!("<{}@{}>", context.queue_id, context.hostname);
            line(&mut added, "Message-ID: ", message_id.as_bytes());
            message_id
        }
    };
    if !found.date {
        // RFC 6409 §8.2.
        let mut date = Vec::new();
        trace::date(&mut date, context.at);
        line(&mut added, "Date: ", &date);
    }
    if !found.from_seen {
        // RFC 6409 §8.1 speaks of Sender; without any author the account is the author.
        line(&mut added, "From: ", context.account.as_str().as_bytes());
    }
    if let (false, Some(address)) = (found.reply_to, context.reply_to) {
        line(&mut added, "Reply-To: ", address.as_str().as_bytes());
    }
    let (from, sender) = (found.from, found.sender);

    // Everything below changes `content` from its end to its start, so that positions stay true.
    if !end.separated {
        let separator: &[u8] = if end.complete { b"\r\n" } else { b"\r\n\r\n" };
        insert(&mut content, head + end.at, separator);
    }
    rewrite(&mut content, head, &added, &found.removed);
    Ok(Fixed {
        content,
        from,
        sender,
        message_id,
    })
}

/// What the header holds.
#[derive(Debug)]
struct Found {
    from: HeaderMailbox,
    from_seen: bool,
    sender: HeaderMailbox,
    message_id: Option<String>,
    date: bool,
    reply_to: bool,
    received: usize,
    removed: Vec<Range<usize>>,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            from: HeaderMailbox::Absent,
            from_seen: false,
            sender: HeaderMailbox::Absent,
            message_id: None,
            date: false,
            reply_to: false,
            received: 0,
            removed: Vec::new(),
        }
    }
}

impl Found {
    fn field(
        &mut self,
        message: &[u8],
        field: Field,
        limits: &SessionLimits,
    ) -> Result<(), Refusal> {
        let value = || message.get(field.value.clone()).unwrap_or_default();
        match field.name {
            // Who resends a message claims to be somebody just as its author does
            // (RFC 5322 §3.6.6), and mail programs show it: both must be the account.
            Name::From | Name::ResentFrom => {
                self.from_seen |= field.name == Name::From;
                let read = mailbox::parse(value());
                let before = std::mem::replace(&mut self.from, HeaderMailbox::Absent);
                self.from = mailbox::both(before, read);
            }
            Name::Sender | Name::ResentSender => {
                let read = mailbox::parse(value());
                let before = std::mem::replace(&mut self.sender, HeaderMailbox::Absent);
                self.sender = mailbox::both(before, read);
            }
            // RFC 5322 §3.6.3 leaves Bcc to the sender's system, and that is this one. A return
            // path is written at final delivery and nowhere else (RFC 5321 §4.4).
            Name::Bcc | Name::ResentBcc | Name::ReturnPath => self.removed.push(field.whole),
            Name::Received => {
                self.received += 1;
                // RFC 5321 §6.3.
                if self.received > limits.received_fields {
                    return Err(refusals::MAIL_LOOP);
                }
            }
            Name::MessageId => match visible(value()) {
                Some(message_id) => {
                    self.message_id.get_or_insert(message_id);
                }
                // An empty one is none: a new one takes its place.
                None => self.removed.push(field.whole),
            },
            Name::Date => self.date = true,
            Name::ReplyTo => self.reply_to = true,
            Name::Other => {}
        }
        Ok(())
    }
}

fn is_reserved(message: &[u8], field: &Field, reserved: &[Box<str>]) -> bool {
    let written = message.get(field.whole.start..field.value.start);
    let written = written.and_then(|name| name.strip_suffix(b":"));
    let same = |name: &str| written.is_some_and(|of| of.eq_ignore_ascii_case(name.as_bytes()));
    reserved.iter().any(|name| same(name))
}

/// A Message-ID for logs and the store: visible characters, at most 255 octets; `None` if there
/// are none. The field itself is left as the client wrote it.
fn visible(value: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(value);
    let mut clean = String::new();
    for c in text.trim().chars() {
        let c = if c.is_control() || c.is_whitespace() {
            '?'
        } else {
            c
        };
        if clean.len() + c.len_utf8() > 255 {
            break;
        }
        clean.push(c);
    }
    (!clean.is_empty()).then_some(clean)
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn insert(content: &mut Vec<u8>, at: usize, octets: &[u8]) {
    let at = at.min(content.len());
    content.splice(at..at, octets.iter().copied());
}

/// Puts `added` behind the trace line and takes the removed fields out, moving the body once.
fn rewrite(content: &mut Vec<u8>, head: usize, added: &[u8], removed: &[Range<usize>]) {
    let Some(last) = removed.last() else {
        if !added.is_empty() {
            insert(content, head, added);
        }
        return;
    };
    let mut fields = added.to_vec();
    let mut from = 0;
    for range in removed {
        let kept = content.get(head + from..head + range.start);
        fields.extend_from_slice(kept.unwrap_or_default());
        from = range.end;
    }
    content.splice(head..head + last.end, fields);
}
